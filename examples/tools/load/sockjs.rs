//! The little of SockJS that a load generator needs: its frames, the strings in
//! them, and how a session begins on a websocket.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::socket::Socket;
use crate::wire;

/// What came in a frame.
#[derive(Clone, Copy, Debug)]
pub enum Frame<'a> {
    /// The session is open.
    Open,
    /// A JSON array of strings: the messages.
    Messages(&'a [u8]),
    /// The session is over.
    Close,
    /// Nothing that a client has to act on, a prelude among it.
    Other,
}

/// Reads a frame.
#[inline]
pub fn frame(bytes: &[u8]) -> Frame<'_> {
    match bytes.first() {
        Some(b'a') => Frame::Messages(&bytes[1..]),
        Some(b'o') => Frame::Open,
        Some(b'c') => Frame::Close,
        _ => Frame::Other,
    }
}

/// Appends a message as a JSON string.
#[inline]
pub fn put_quoted(out: &mut Vec<u8>, message: &[u8]) {
    out.push(b'"');
    for &byte in message {
        if byte == b'"' || byte == b'\\' {
            out.push(b'\\');
        }
        // JSON text, as the messages are, has no other that is to be escaped.
        out.push(byte);
    }
    out.push(b'"');
}

/// Hands out each string of an array of strings, by way of `text`. False if it is
/// none.
#[inline]
pub fn each(array: &[u8], text: &mut Vec<u8>, mut take: impl FnMut(&[u8])) -> bool {
    let Some(mut rest) = array.strip_prefix(b"[") else { return false };
    loop {
        match rest {
            [b'"', after @ ..] => rest = after,
            _ => return rest == b"]",
        }
        text.clear();
        let Some(after) = unquote(rest, text) else { return false };
        take(text);
        rest = after.strip_prefix(b",").unwrap_or(after);
    }
}

/// Appends what stands before the closing quote; what follows that.
pub fn unquote<'a>(mut rest: &'a [u8], text: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        text.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
        match rest {
            [b'"', after @ ..] => return Some(after),
            [_, b'u', after @ ..] => {
                // Nothing that is sent here has any; it must only not be lost.
                let digits = std::str::from_utf8(after.get(..4)?).ok()?;
                let unit = u32::from_str_radix(digits, 16).ok()?;
                let found = char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER);
                text.extend_from_slice(found.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &after[4..];
            }
            [_, letter, after @ ..] => {
                text.push(match letter {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'f' => 12,
                    other => *other,
                });
                rest = after;
            }
            _ => return None,
        }
    }
}

/// The path of a session that nobody else has.
pub fn session(path: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}/000/l{:x}x{number:x}", path.trim_end_matches('/'), std::process::id())
}

/// Opens a session on a websocket. Returns that, still blocking, and what followed
/// the first frame.
pub fn open_websocket(
    host: SocketAddr,
    path: &str,
    patience: Duration,
) -> io::Result<(Socket, Vec<u8>)> {
    let target = format!("{}/websocket", session(path));
    let (mut stream, mut rest) = wire::open(host, &target, patience)?;
    loop {
        if let Some(found) = wire::frame(&rest) {
            let opens = matches!(frame(&rest[found.start..found.end]), Frame::Open);
            rest.drain(..found.end);
            return if opens { Ok((stream, rest)) } else { Err(wire::refusal("no session")) };
        }
        wire::read_more(&mut stream, &mut rest)?;
    }
}
