//! The little of WebSocket (RFC 6455) and Primus that a load generator needs.
//!
//! Written anew rather than taken from the crate, so that a mistake in the
//! crate cannot hide behind the same mistake here.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use crate::deflate;
use crate::socket::Socket;

/// Opcode of a text frame.
pub const TEXT: u8 = 0x1;
/// Opcode of a close frame.
pub const CLOSE: u8 = 0x8;
/// Opcode of a ping frame.
pub const PING: u8 = 0x9;
/// Opcode of a pong frame.
pub const PONG: u8 = 0xA;

/// A request head longer than this is given up.
const MAX_HEAD: usize = 16 * 1024;

/// Every connection sends the same key, which RFC 6455 does not forbid; so the
/// expected answer is worked out once.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A frame whose head and payload are complete in the buffer. Fragments are not
/// put together: nobody sends any here, and if one did, its messages would not
/// be the expected ones.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// The opcode.
    pub opcode: u8,
    /// Whether its message is compressed.
    pub compressed: bool,
    /// The mask of a frame that a client sent.
    pub mask: Option<[u8; 4]>,
    /// Where the payload begins in the buffer.
    pub start: usize,
    /// Where the frame ends in the buffer.
    pub end: usize,
}

/// Finds the first frame in `bytes`; `None` while it is incomplete.
#[inline]
pub fn frame(bytes: &[u8]) -> Option<Frame> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let (length, mut start) = match second & 0x7F {
        126 => (u64::from(u16::from_be_bytes(array(bytes, 2)?)), 4),
        127 => (u64::from_be_bytes(array(bytes, 2)?), 10),
        short => (u64::from(short), 2),
    };
    let mask = if second & 0x80 == 0 {
        None
    } else {
        let key = array(bytes, start)?;
        start += 4;
        Some(key)
    };
    let end = usize::try_from(length).ok()?.checked_add(start)?;
    (end <= bytes.len()).then_some(Frame {
        opcode: first & 0x0F,
        compressed: first & deflate::BIT != 0,
        mask,
        start,
        end,
    })
}

#[inline]
fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// Appends a frame as a client sends it: masked with a random key.
#[inline]
pub fn put_masked(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    put_head(out, opcode, payload.len(), 0x80);
    let key = fastrand::u32(..).to_ne_bytes();
    out.extend_from_slice(&key);
    put_xor(out, payload, key);
}

/// Appends the head of a frame as a server sends it; the payload is to follow.
#[inline]
pub fn put_server_head(out: &mut Vec<u8>, opcode: u8, length: usize) {
    put_head(out, opcode, length, 0);
}

#[inline]
fn put_head(out: &mut Vec<u8>, opcode: u8, length: usize, mask_bit: u8) {
    let first = 0x80 | opcode;
    match length {
        0..126 => out.extend_from_slice(&[first, mask_bit | length as u8]),
        126..65_536 => {
            let [high, low] = (length as u16).to_be_bytes();
            out.extend_from_slice(&[first, mask_bit | 126, high, low]);
        }
        _ => {
            out.extend_from_slice(&[first, mask_bit | 127]);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// Appends `payload` with `key` applied: masks, and unmasks.
#[inline]
pub fn put_xor(out: &mut Vec<u8>, payload: &[u8], key: [u8; 4]) {
    let start = out.len();
    out.extend_from_slice(payload);
    let narrow = u32::from_ne_bytes(key);
    let wide = u64::from(narrow) << 32 | u64::from(narrow);
    let (eights, rest) = out[start..].as_chunks_mut::<8>();
    for eight in eights {
        *eight = (u64::from_ne_bytes(*eight) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.into_iter().cycle()) {
        *byte ^= key;
    }
}

/// The answer to a Primus heartbeat, if that is what a JSON message is:
/// `"primus::ping::<n>"` wants `"primus::pong::<n>"`.
#[inline]
pub fn heartbeat_answer(payload: &[u8]) -> Option<Vec<u8>> {
    let time = payload.strip_prefix(b"\"primus::ping::")?;
    Some([b"\"primus::pong::", time].concat())
}

/// Sends the upgrade request for `target`.
pub fn send_request(stream: &mut impl Write, host: SocketAddr, target: &str) -> io::Result<()> {
    let extensions = if deflate::is_on() { deflate::OFFER } else { "" };
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{extensions}\r\n"
    );
    stream.write_all(request.as_bytes())
}

/// Looks for the end of the answer to the upgrade request. Returns its length
/// once it is complete, and an error when it is not an acceptance.
pub fn accepted(bytes: &[u8]) -> io::Result<Option<usize>> {
    let Some(end) = head_end(bytes) else {
        return if bytes.len() > MAX_HEAD {
            Err(refusal("the answer is too long"))
        } else {
            Ok(None)
        };
    };
    let head = String::from_utf8_lossy(&bytes[..end]);
    let first = head.lines().next().unwrap_or_default();
    if !first.starts_with("HTTP/1.1 101") {
        return Err(refusal(first));
    }
    let answer = header(&head, "sec-websocket-accept");
    if answer == Some(ACCEPT) { Ok(Some(end)) } else { Err(refusal("wrong Sec-WebSocket-Accept")) }
}

/// Length of an HTTP head with its empty line; `None` while incomplete.
pub fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// The value of a header, by its lower-case name.
pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// The server does not want it so.
pub fn refusal(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionRefused, format!("handshake refused: {why}"))
}

/// A blocking read whose time is up says `WouldBlock`.
fn no_answer(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => {
            io::Error::new(io::ErrorKind::TimedOut, "no answer to the handshake")
        }
        _ => error,
    }
}

/// Connects and shakes hands, blocking for at most `patience` at each step.
/// Returns the socket, still blocking, and what followed the answer.
pub fn open(host: SocketAddr, target: &str, patience: Duration) -> io::Result<(Socket, Vec<u8>)> {
    let mut stream = connect(host, patience)?;
    send_request(&mut stream, host, target)?;
    let mut received = Vec::with_capacity(512);
    let end = loop {
        if let Some(end) = accepted(&received)? {
            break end;
        }
        read_more(&mut stream, &mut received)?;
    };
    received.drain(..end);
    Ok((stream, received))
}

/// Connects; each read waits for at most `patience`.
pub fn connect(host: SocketAddr, patience: Duration) -> io::Result<Socket> {
    let stream = Socket::dial(host, patience)?;
    stream.set_read_timeout(Some(patience))?;
    Ok(stream)
}

/// Reads some more of a handshake.
pub fn read_more(stream: &mut impl Read, received: &mut Vec<u8>) -> io::Result<()> {
    let mut chunk = [0; 512];
    match stream.read(&mut chunk).map_err(no_answer)? {
        0 => Err(refusal("closed without an answer")),
        count => {
            received.extend_from_slice(&chunk[..count]);
            Ok(())
        }
    }
}
