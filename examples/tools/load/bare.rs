//! The bare server: one thread per connection and nothing else. What it costs
//! is the kernel's price for that shape, the limit that a full server with the
//! same shape can come near but not pass.
//!
//! It shakes hands, then reads whatever is there, unmasks all frames that are
//! complete, and writes them back with one call. A broadcast command is a loop
//! of non-blocking sends over all sockets, on the thread that read the command.
//!
//! Left out: checks of the request and of frames (UTF-8, lengths, reserved
//! bits, fragments), Primus messages and heartbeats, JSON, deadlines, a backlog
//! for slow readers (whoever is not as fast as the broadcasts is cut), bounds,
//! any orderly end. It is fit for measurements on this machine only.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::net::{SendFlags, send};
use tungstenite::handshake::derive_accept_key;

use crate::Result;
use crate::options::Options;
use crate::wire;

/// The buffer of a connection at first, and once a read has filled it.
const SMALL: usize = 1024;
const LARGE: usize = 64 * 1024;

/// Longest frame taken, and longest piece put together for a broadcast.
const LONGEST: usize = 64 << 20;

/// Runs until it is killed.
pub fn serve(options: &Options) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
    println!("listening on http://{}", listener.local_addr()?);
    let stack = options.stack.unwrap_or(64) * 1024;
    let all = Arc::new(All { sockets: Mutex::default(), log: options.log });
    loop {
        let Ok((stream, _)) = listener.accept() else {
            // Out of descriptors, most likely.
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        let all = Arc::clone(&all);
        let connection = move || {
            let stream = Arc::new(stream);
            // However a connection ends, it ends only that connection.
            let _ = shake_hands(&stream).and_then(|rest| all.hold(&stream, rest));
        };
        // Out of threads: the socket is closed with the closure.
        let _ = thread::Builder::new().stack_size(stack).spawn(connection);
    }
}

/// Answers the request; returns what followed it.
fn shake_hands(mut stream: &TcpStream) -> io::Result<Vec<u8>> {
    stream.set_nodelay(true)?;
    let mut request = Vec::with_capacity(SMALL);
    let end = loop {
        let mut chunk = [0; SMALL];
        let count = stream.read(&mut chunk)?;
        if count == 0 || request.len() > LARGE {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        request.extend_from_slice(&chunk[..count]);
        if let Some(end) = wire::head_end(&request) {
            break end;
        }
    };
    let head = String::from_utf8_lossy(&request[..end]);
    let Some(key) = wire::header(&head, "sec-websocket-key") else {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")?;
        return Err(io::ErrorKind::InvalidData.into());
    };
    let accept = derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes())?;
    request.drain(..end);
    Ok(request)
}

/// All connections, for broadcasts.
#[derive(Debug)]
struct All {
    sockets: Mutex<Sockets>,
    /// Whether a burst of broadcasts is sent in one piece.
    log: bool,
}

/// Sockets in slots, so that leaving is as cheap as coming.
#[derive(Debug, Default)]
struct Sockets {
    slots: Vec<Option<Arc<TcpStream>>>,
    free: Vec<usize>,
}

impl All {
    /// Echoes until the connection ends.
    fn hold(&self, stream: &Arc<TcpStream>, rest: Vec<u8>) -> io::Result<()> {
        let slot = self.enter(stream);
        let ended = self.echo(stream, rest);
        let mut sockets = self.lock();
        sockets.slots[slot] = None;
        sockets.free.push(slot);
        ended
    }

    fn enter(&self, stream: &Arc<TcpStream>) -> usize {
        let mut sockets = self.lock();
        match sockets.free.pop() {
            Some(slot) => {
                sockets.slots[slot] = Some(Arc::clone(stream));
                slot
            }
            None => {
                sockets.slots.push(Some(Arc::clone(stream)));
                sockets.slots.len() - 1
            }
        }
    }

    fn echo(&self, mut stream: &TcpStream, rest: Vec<u8>) -> io::Result<()> {
        let mut filled = rest.len();
        let mut buffer = rest;
        buffer.resize(SMALL.max(filled + 1), 0);
        let mut out = Vec::new();
        loop {
            let (used, over) = self.answer(&buffer[..filled], &mut out);
            if !out.is_empty() {
                stream.write_all(&out)?;
                out.clear();
            }
            if over {
                return Ok(());
            }
            let was_full = filled == buffer.len();
            buffer.copy_within(used..filled, 0);
            filled -= used;
            if was_full {
                grow(&mut buffer, filled)?;
            }
            match stream.read(&mut buffer[filled..])? {
                0 => return Ok(()),
                count => filled += count,
            }
        }
    }

    /// Handles all complete frames: what they took, and whether one was a close.
    fn answer(&self, bytes: &[u8], out: &mut Vec<u8>) -> (usize, bool) {
        let mut used = 0;
        while let Some(frame) = wire::frame(&bytes[used..]) {
            let payload = &bytes[used + frame.start..used + frame.end];
            used += frame.end;
            let head = out.len();
            wire::put_server_head(out, frame.opcode, payload.len());
            let start = out.len();
            wire::put_xor(out, payload, frame.mask.unwrap_or_default());
            if frame.opcode == wire::CLOSE {
                return (used, true);
            }
            if let Some((count, length)) = broadcast_command(&out[start..]) {
                out.truncate(head);
                self.broadcast(count, length);
            }
        }
        (used, false)
    }

    fn broadcast(&self, count: usize, length: usize) {
        let mut message = Vec::new();
        wire::put_server_head(&mut message, wire::TEXT, length + 2);
        message.push(b'"');
        message.resize(message.len() + length, b'x');
        message.push(b'"');
        let (message, sends) = if self.log { (message.repeat(count), 1) } else { (message, count) };
        let sockets = self.lock();
        for _ in 0..sends {
            for stream in sockets.slots.iter().flatten() {
                let sent = send(stream, &message, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
                if sent != Ok(message.len()) {
                    let _ = stream.shutdown(Shutdown::Both);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sockets> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes room when a read has filled the buffer: at once up to [`LARGE`], and
/// past that only for a frame that is not complete.
fn grow(buffer: &mut Vec<u8>, filled: usize) -> io::Result<()> {
    if buffer.len() < LARGE {
        buffer.resize(LARGE, 0);
    } else if filled == buffer.len() {
        if filled >= LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        buffer.resize(2 * filled, 0);
    }
    Ok(())
}

/// Reads `"broadcast:<n>:<bytes>"`.
fn broadcast_command(payload: &[u8]) -> Option<(usize, usize)> {
    let rest = payload.strip_prefix(b"\"broadcast:")?.strip_suffix(b"\"")?;
    let (count, length) = std::str::from_utf8(rest).ok()?.split_once(':')?;
    let (count, length) = (count.parse().ok()?, length.parse().ok()?);
    let all = usize::checked_mul(count, length + 16)?;
    (all <= LONGEST).then_some((count, length))
}
