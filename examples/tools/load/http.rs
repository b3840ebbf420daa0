//! The little of HTTP that polling needs: requests on connections that are kept,
//! and answers with a length.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::ops::Range;

use crate::wire;

/// An answer that is complete in the buffer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// Where the body is in the buffer. The answer ends where it ends.
    pub body: Range<usize>,
    /// Whether the connection takes another request.
    pub keeps: bool,
}

/// Finds the first answer in `bytes`; `None` while it is incomplete.
pub fn answer(bytes: &[u8]) -> io::Result<Option<Answer>> {
    let Some(start) = wire::head_end(bytes) else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..start]).map_err(|_| bad("a head that is no text"))?;
    let status = head.get(9..12).and_then(|digits| digits.parse().ok());
    let status = status.filter(|_| head.starts_with("HTTP/1.1 ")).ok_or_else(|| bad(head))?;
    let length = wire::header(head, "content-length").and_then(|length| length.parse().ok());
    let end = start + length.unwrap_or(0usize).min(usize::MAX / 2);
    if length.is_none() && status == 200 {
        return Err(bad("an answer without a length"));
    }
    let keeps =
        !wire::header(head, "connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    Ok((end <= bytes.len()).then_some(Answer { status, body: start..end, keeps }))
}

fn bad(what: &str) -> io::Error {
    let what = what.lines().next().unwrap_or_default();
    io::Error::new(io::ErrorKind::InvalidData, format!("not an answer: {what}"))
}

/// Appends a GET request.
pub fn put_get(out: &mut Vec<u8>, host: SocketAddr, target: &str) {
    put_head(out, "GET", host, target);
    out.extend_from_slice(b"\r\n");
}

/// Appends a POST request.
pub fn put_post(out: &mut Vec<u8>, host: SocketAddr, target: &str, body: &[u8]) {
    put_head(out, "POST", host, target);
    // Writing to a vector cannot fail.
    let _ = write!(
        out,
        "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    out.extend_from_slice(body);
}

fn put_head(out: &mut Vec<u8>, method: &str, host: SocketAddr, target: &str) {
    let _ = write!(
        out,
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: load\r\nAccept: */*\r\n\
         Connection: keep-alive\r\n"
    );
}
