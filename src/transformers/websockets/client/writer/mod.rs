//! The way out of an open WebSocket: many threads write, one reads.

mod pending;

use std::io;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::pending::{KEEP, Pending};
use super::packing::Packing;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::net::wait::writable;
use crate::net::{Stream, Waker};
use crate::transformers::connect::Writer;
use crate::transformers::websockets::deflate::Agreed;
use crate::transformers::websockets::frame;

/// Pongs are not worth more memory than this, in bytes, to a peer that does
/// not read them.
const PONGS_MAX: usize = 64 << 10;

/// The way out, shared between the session and the threads that write.
///
/// | lock | guards | never while held |
/// |---|---|---|
/// | `socket` | the right to send to the socket; a writer may block with it | waiting for it on the client's thread |
/// | `pending` | bytes to be sent before anything else | a system call that may block |
///
/// Order: `socket`, then `pending`.
pub(in crate::transformers) struct SocketWriter {
    stream: Arc<Stream>,
    waker: Arc<Waker>,
    socket: Mutex<Vec<u8>>,
    pending: Mutex<Pending>,
    /// Nothing is pending any more, or ever will be.
    free: Condvar,
    gone: AtomicBool,
    patience: Mutex<Option<Instant>>,
    packing: Packing,
}

/// A mask for a frame that is sent.
pub(in crate::transformers) fn mask() -> Option<[u8; 4]> {
    Some(fastrand::u32(..).to_ne_bytes())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SocketWriter {
    /// The way out through this socket.
    pub fn new(stream: Arc<Stream>, waker: Arc<Waker>, agreed: Option<Agreed>) -> Self {
        SocketWriter {
            stream,
            waker,
            socket: Mutex::default(),
            pending: Mutex::default(),
            free: Condvar::new(),
            gone: AtomicBool::new(false),
            patience: Mutex::default(),
            packing: Packing::new(agreed),
        }
    }

    /// The socket, for the thread that reads.
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// Ends the connection at once, and frees the threads that are blocked in a write.
    pub fn cut(&self) {
        self.gone.store(true, Ordering::Release);
        self.stream.shutdown(Shutdown::Both);
        self.tell(&lock(&self.pending));
    }

    /// Whether anything waits for the socket to have room, the stream's end included.
    pub fn is_waiting(&self) -> bool {
        let pending = lock(&self.pending);
        pending.ending || !pending.left().is_empty()
    }

    /// Sends as much of what is pending as the socket takes; if another thread
    /// holds the socket, that does it.
    pub fn flush(&self) -> io::Result<()> {
        while let Ok(_socket) = self.socket.try_lock() {
            let mut pending = lock(&self.pending);
            if pending.left().is_empty() {
                if std::mem::take(&mut pending.ending) {
                    self.stream.shutdown(Shutdown::Write);
                }
                return Ok(());
            }
            let sent = self.stream.offer(pending.left())?;
            if sent == 0 {
                return Ok(());
            }
            self.advance(&mut pending, sent);
        }
        Ok(())
    }

    /// Sends everything that is pending, waiting while the peer does not read.
    /// The caller holds the socket.
    fn drain(&self) -> Result<()> {
        loop {
            let mut pending = lock(&self.pending);
            if pending.left().is_empty() {
                return Ok(());
            }
            let sent = self.stream.offer(pending.left())?;
            self.advance(&mut pending, sent);
            drop(pending);
            if sent == 0 {
                self.room()?;
            }
        }
    }

    fn advance(&self, pending: &mut Pending, sent: usize) {
        pending.advance(sent);
        if pending.left().is_empty() {
            self.tell(pending);
        }
    }

    /// Wakes the threads that wait; a call to the system, if there are any.
    fn tell(&self, pending: &Pending) {
        if pending.waiters > 0 {
            self.free.notify_all();
        }
    }

    /// Waits until the socket takes more.
    fn room(&self) -> Result<()> {
        loop {
            let mut pending = lock(&self.pending);
            if pending.ending {
                self.break_off(&mut pending);
                return Err(Error::Closed);
            }
            pending.blocked = true;
            drop(pending);
            let until = *lock(&self.patience);
            let room = writable(&self.stream, until);
            lock(&self.pending).blocked = false;
            if room? {
                return Ok(());
            }
            // A heartbeat may have come meanwhile.
            if *lock(&self.patience) == until {
                self.stream.abort();
                return Err(Error::Timeout("the peer reads nothing".into()));
            }
        }
    }

    fn send(&self, bytes: &[u8]) -> Result<()> {
        let mut left = bytes;
        while !left.is_empty() {
            match self.stream.offer(left) {
                Ok(0) => self.room()?,
                Ok(sent) => left = left.get(sent..).unwrap_or_default(),
                Err(_) if left.len() == bytes.len() => return Err(Error::Closed),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The peer takes nothing more; what it sent is still to be read.
    pub fn give_up(&self) {
        self.forget(&mut lock(&self.pending));
    }

    fn forget(&self, pending: &mut Pending) {
        pending.forget();
        self.tell(pending);
    }

    /// Ends the stream where it is, which frees a writer that is blocked.
    fn break_off(&self, pending: &mut Pending) {
        self.forget(pending);
        self.stream.shutdown(Shutdown::Write);
    }

    fn is_closed(&self) -> bool {
        self.gone.load(Ordering::Acquire) || lock(&self.pending).closed
    }

    /// Answers a ping.
    pub fn pong(&self, payload: &[u8]) {
        self.answer(|out| frame::encode_pong(payload, mask(), out));
    }

    /// Sends what `encode` appends in answer to the peer, unless that does not
    /// read its answers.
    pub fn answer(&self, encode: impl FnOnce(&mut Vec<u8>)) {
        let mut pending = lock(&self.pending);
        if !pending.closed && pending.left().len() < PONGS_MAX {
            encode(&mut pending.bytes);
        }
        drop(pending);
        // A failure shows at the next read.
        let _ = self.flush();
    }

    /// Sends a close frame behind everything else; nothing follows it.
    pub fn say_close(&self, why: Option<(u16, &str)>) {
        let mut pending = lock(&self.pending);
        if !pending.closed {
            frame::encode_close(why, mask(), &mut pending.bytes);
            pending.closed = true;
            self.tell(&pending);
        }
        drop(pending);
        let _ = self.flush();
    }

    /// Ends the stream behind everything else, but waits for no peer that does not read.
    /// What a writer that holds the socket does not see to, the client's thread does.
    pub fn end(&self) {
        let mut pending = lock(&self.pending);
        if pending.blocked {
            return self.break_off(&mut pending);
        }
        pending.ending = true;
        drop(pending);
        let _ = self.flush();
    }
}

impl SocketWriter {
    /// Sends what `encode` appends, a whole message; see [`Writer::write`].
    pub fn write_encoded(&self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        if self.packing.keeps_order() {
            return self.write_in_order(encode);
        }
        let encode = self.packing.pack(encode);
        let mut scratch = lock(&self.socket);
        if self.is_closed() {
            return Err(Error::Closed);
        }
        self.drain().map_err(|_| Error::Closed)?;
        scratch.clear();
        encode(&mut scratch);
        self.send(&scratch)?;
        scratch.clear();
        scratch.shrink_to(KEEP);
        drop(scratch);
        // Pongs that came up meanwhile; if they fail, the reader will know.
        let _ = self.flush();
        Ok(())
    }

    /// The same where each message refers to those before: they are compressed in the
    /// order in which they are sent.
    fn write_in_order(&self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        let _socket = lock(&self.socket);
        let mut pending = lock(&self.pending);
        if pending.closed || self.gone.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        let (ahead, gone) = (pending.left().len(), pending.gone);
        self.packing.pack(encode)(&mut pending.bytes);
        let whole = pending.left().len();
        drop(pending);
        let Err(error) = self.drain() else { return Ok(()) };
        let mut pending = lock(&self.pending);
        let sent = pending.gone.wrapping_sub(gone);
        // What comes later may refer to what is lost.
        self.forget(&mut pending);
        if sent >= whole {
            // Only what others have queued behind it is lost.
            return Ok(());
        }
        Err(if sent > ahead { error } else { Error::Closed })
    }

    /// Queues what `encode` appends, a whole message; see [`Writer::queue`].
    pub fn queue_encoded(&self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<usize> {
        let encode = self.packing.pack(encode);
        self.queue_behind(lock(&self.pending), encode)
    }

    /// The same once nothing waits; see [`Writer::write_until`].
    pub fn write_encoded_until(
        &self,
        until: Option<Instant>,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<usize> {
        let encode = self.packing.pack(encode);
        let mut pending = lock(&self.pending);
        while !pending.left().is_empty() && !pending.closed && !self.gone.load(Ordering::Acquire) {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(Error::Timeout("the peer does not read".into()));
            }
            // Without an end it is looked at once a day.
            let left = left.unwrap_or(Duration::from_secs(86_400));
            pending.waiters += 1;
            let waited = self.free.wait_timeout(pending, left);
            pending = waited.unwrap_or_else(PoisonError::into_inner).0;
            pending.waiters -= 1;
        }
        let waiting = self.queue_behind(pending, encode)?;
        if waiting > 0 {
            // The client's thread sees to it.
            self.waker.wake();
        }
        Ok(waiting)
    }

    fn queue_behind(
        &self,
        mut pending: MutexGuard<'_, Pending>,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<usize> {
        if pending.closed || self.gone.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        encode(&mut pending.bytes);
        drop(pending);
        if self.flush().is_err() {
            self.give_up();
            return Err(Error::Closed);
        }
        Ok(self.waiting())
    }

    /// Bytes that the socket has not taken.
    pub fn waiting(&self) -> usize {
        lock(&self.pending).left().len()
    }
}

impl Writer for SocketWriter {
    fn write(&self, frame: &Frame) -> Result<()> {
        self.write_encoded(|out| frame::encode(frame, mask(), out))
    }

    fn write_until(&self, frame: &Frame, until: Option<Instant>) -> Result<usize> {
        self.write_encoded_until(until, |out| frame::encode(frame, mask(), out))
    }

    fn queue(&self, frame: &Frame) -> Result<usize> {
        self.queue_encoded(|out| frame::encode(frame, mask(), out))
    }

    fn waiting(&self) -> usize {
        SocketWriter::waiting(self)
    }

    fn drain(&self) -> Result<()> {
        let _socket = lock(&self.socket);
        SocketWriter::drain(self)
    }

    fn close(&self) {
        self.say_close(None);
        if self.is_waiting() {
            self.waker.wake();
        }
    }

    fn patience(&self, until: Option<Instant>) {
        *lock(&self.patience) = until;
    }
}

#[cfg(test)]
mod tests;
