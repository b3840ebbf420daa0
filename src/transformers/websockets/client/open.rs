//! An open WebSocket, driven by the thread that reads it.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::writer::SocketWriter;
use crate::close::CloseReason;
use crate::net::Waker;
use crate::net::wait::{Ready, Wants, on, wait};
use crate::transformers::connect::News;
use crate::transformers::websockets::decoder::Role;
use crate::transformers::websockets::deflate::Agreed;
use crate::transformers::websockets::session::{Heard, Session, farewell};

/// A peer that pings more often than this in a second is left.
const PINGS_MAX: u32 = 1_000;

/// See the module.
pub(in crate::transformers) struct Open {
    writer: Arc<SocketWriter>,
    session: Session,
}

impl Open {
    /// A connection that was upgraded, with the longest message in bytes, the
    /// compression that was `agreed` on, and what came behind the handshake.
    pub(super) fn new(
        writer: SocketWriter,
        max_length: usize,
        agreed: Option<&Agreed>,
        leftover: &[u8],
    ) -> Self {
        let session = Session::new(Role::Client, max_length, PINGS_MAX, agreed, leftover);
        Open { writer: Arc::new(writer), session }
    }

    /// The way out.
    pub fn writer(&self) -> &Arc<SocketWriter> {
        &self.writer
    }

    /// Begins to close, with a code and a text or without: what was written
    /// goes first.
    pub fn close(&mut self, why: Option<(u16, &str)>) {
        if self.session.close() {
            self.writer.say_close(why);
        }
    }

    /// Waits once, and tells what has come; see
    /// [`Session::next`](crate::transformers::connect::Session::next).
    pub fn next(&mut self, waker: &Waker, until: Option<Instant>, paused: bool) -> News {
        if !paused && let Some(step) = self.decoded() {
            return step;
        }
        match wait(waker, on(&self.wants(paused)), until) {
            Ok(ready) => self.proceed(ready, paused).unwrap_or(News::Waited),
            Err(error) => lost(&error.to_string()),
        }
    }

    /// What it waits for.
    pub fn wants(&self, paused: bool) -> Wants {
        let draining = self.session.is_over();
        let write = self.writer.is_waiting();
        Some((Arc::clone(self.writer.stream()) as _, Ready { read: draining || !paused, write }))
    }

    /// Goes on with what was waited for; tells the first of what has come.
    pub fn proceed(&mut self, ready: Ready, paused: bool) -> Option<News> {
        if ready.write && self.writer.is_waiting() && self.writer.flush().is_err() {
            self.writer.give_up();
        }
        if self.session.is_over() {
            return if ready.read { self.read() } else { None };
        }
        if paused || !ready.read {
            return None;
        }
        self.read().or_else(|| self.decoded())
    }

    /// Reads once; tells the end of the stream.
    fn read(&mut self) -> Option<News> {
        let stream = self.writer.stream();
        let nothing = || io::ErrorKind::WouldBlock.into();
        match self.session.read(|room| stream.read_now(room)?.ok_or_else(nothing)) {
            Ok(1..) => None,
            Ok(0) => Some(lost("end of stream")),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) => Some(lost(&error.to_string())),
        }
    }

    /// What is buffered, as long as there is something whole.
    pub fn decoded(&mut self) -> Option<News> {
        loop {
            match self.session.next(Instant::now)? {
                Heard::Message(frame) => return Some(News::Message(frame)),
                Heard::Ping(payload) => self.writer.pong(&payload),
                Heard::Answered => self.bye(None),
                Heard::Closed(reason) => {
                    self.bye(farewell(Role::Client, &reason));
                    return Some(News::Closed(reason));
                }
            }
        }
    }

    /// Says goodbye for good: a close frame, unless one was sent, and the end
    /// of the stream.
    fn bye(&self, why: Option<(u16, &str)>) {
        self.writer.say_close(why);
        self.writer.end();
    }
}

fn lost(text: &str) -> News {
    News::Closed(CloseReason::lost(text))
}

impl Drop for Open {
    /// Frees the threads that are blocked in a write.
    fn drop(&mut self) {
        self.writer.cut();
    }
}
