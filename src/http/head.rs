//! The heads of requests and responses, parsed without a socket.
//!
//! A head is looked at twice: [`Scan`] searches each arriving piece for the
//! end of the head, from where it stopped, and enforces the limits; the whole
//! head is then parsed once. The cost is linear however small the pieces are.
//!
//! What two parsers could read differently is refused (request smuggling):
//! both framings at once, two lengths, lengths with a sign or a list, any
//! transfer coding but `chunked`, folded lines, lines that end in a bare CR or
//! LF, white space before the colon, two hosts.

use std::io::BufRead;

use tiny_http::{HTTPVersion, Method};

use super::Bad;
use super::fields::{Fields, is_token_byte};
use crate::limits::Limits;

/// The outcome of parsing what has arrived so far.
#[derive(Debug)]
pub(crate) enum Parsed<T> {
    /// The head is not complete yet.
    Partial,
    /// The head, and the number of bytes it took.
    Complete {
        /// What was parsed.
        head: T,
        /// The bytes of the buffer that belong to it.
        consumed: usize,
    },
    /// The head cannot be accepted; answer and close.
    Bad(Bad),
}

/// How long the body after a head is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyLength {
    /// So many bytes; 0 is no body.
    Known(u64),
    /// In chunks.
    Chunked,
    /// Until the connection ends (responses only).
    UntilClose,
}

/// A request head.
#[derive(Clone, Debug)]
pub(crate) struct RequestHead {
    pub(crate) method: Method,
    pub(crate) version: HTTPVersion,
    /// The target, then the fields.
    pub(crate) fields: Fields,
    pub(crate) body: BodyLength,
}

/// A response head.
#[derive(Clone, Debug)]
pub(crate) struct ResponseHead {
    pub(crate) status: u16,
    /// Another request may follow on the connection.
    pub(crate) persistent: bool,
    /// The reason phrase, then the fields.
    pub(crate) fields: Fields,
    /// What the fields say; whether there is a body at all also depends on the
    /// method of the request and on the status.
    pub(crate) body: BodyLength,
}

/// The search for the end of a head, over any number of arrivals.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Where the head begins: after blank lines that some clients send.
    start: usize,
    /// Up to where the buffer was searched.
    at: usize,
    /// Where the present line begins.
    line: usize,
    /// Complete lines so far, without blank ones before the head.
    lines: usize,
}

impl Scan {
    /// Whether nothing of a head has arrived: at most blank lines.
    pub(crate) fn is_idle(&self, buf: &[u8]) -> bool {
        self.lines == 0 && buf.len() <= self.line
    }

    /// Looks at what has arrived since the last call; `buf` holds everything
    /// from the start. `Some(end)` when the head is complete.
    ///
    /// The outcome depends on the bytes alone, never on how they were split.
    pub(crate) fn find_end(&mut self, buf: &[u8], limits: &Limits) -> Result<Option<usize>, Bad> {
        loop {
            if self.lines == 0 && buf.get(self.line).is_some_and(|&b| !may_begin(b)) {
                return Err(Bad::new("not an HTTP request"));
            }
            let (bound, over) = self.bound(limits);
            let seen = buf.get(..bound).unwrap_or(buf);
            let Some(found) = seen.get(self.at..).and_then(newline) else {
                self.at = seen.len();
                return if seen.len() == bound { Err(over) } else { Ok(None) };
            };
            let newline = self.at + found;
            if let Some(end) = self.line_ended(buf, newline, limits)? {
                return Ok(Some(end));
            }
        }
    }

    /// Where the next line must have ended, and the refusal if it has not.
    fn bound(&self, limits: &Limits) -> (usize, Bad) {
        if self.lines == 0 {
            let long = Bad { status: 414, text: "request line too long" };
            (self.line.saturating_add(limits.request_line).saturating_add(2), long)
        } else {
            (self.start.saturating_add(limits.head), Bad::LARGE)
        }
    }

    fn line_ended(&mut self, buf: &[u8], lf: usize, limits: &Limits) -> Result<Option<usize>, Bad> {
        if lf == self.line || buf.get(lf - 1) != Some(&b'\r') {
            return Err(Bad::new("line ends in a bare LF"));
        }
        let blank = lf - 1 == self.line;
        self.line = lf + 1;
        self.at = lf + 1;
        match (blank, self.lines) {
            (true, 0) if self.line > BLANKS => return Err(Bad::new("not an HTTP request")),
            (true, 0) => self.start = self.line,
            (true, _) => return Ok(Some(self.line)),
            (false, _) if self.lines > limits.headers => {
                return Err(Bad { status: 431, text: "too many header fields" });
            }
            (false, _) => self.lines += 1,
        }
        Ok(None)
    }
}

/// The place of the next line feed. To skip to it is the one search of the standard
/// library that looks at many bytes at a time.
fn newline(mut bytes: &[u8]) -> Option<usize> {
    let all = bytes;
    let skipped = bytes.skip_until(b'\n').ok()?;
    let last = skipped.checked_sub(1)?;
    (all.get(last) == Some(&b'\n')).then_some(last)
}

/// Bytes of blank lines that are forgiven before a head (RFC 9112 section 2.2
/// asks for one line).
const BLANKS: usize = 16;

/// Whether a request or response may begin with this byte; TLS and other
/// binary protocols do not.
fn may_begin(byte: u8) -> bool {
    byte == b'\r' || byte == b'\n' || is_token_byte(byte)
}

/// Parses a request head from the start of `buf`. For pieces that arrive one
/// by one, keep the [`Scan`] between the calls.
pub(crate) fn parse_request(scan: &mut Scan, buf: &[u8], limits: &Limits) -> Parsed<RequestHead> {
    parse(scan, buf, limits, request_head)
}

/// Parses a response head from the start of `buf`, as [`parse_request`] does.
/// Interim (1xx) responses are returned like others.
pub(crate) fn parse_response(scan: &mut Scan, buf: &[u8], limits: &Limits) -> Parsed<ResponseHead> {
    parse(scan, buf, limits, response_head)
}

fn parse<T>(
    scan: &mut Scan,
    buf: &[u8],
    limits: &Limits,
    whole: fn(&[u8], usize) -> Result<T, Bad>,
) -> Parsed<T> {
    match scan.find_end(buf, limits) {
        Ok(None) => Parsed::Partial,
        Ok(Some(consumed)) => {
            let bytes = buf.get(scan.start..consumed).unwrap_or_default();
            match whole(bytes, scan.lines) {
                Ok(head) => Parsed::Complete { head, consumed },
                Err(bad) => Parsed::Bad(bad),
            }
        }
        Err(bad) => Parsed::Bad(bad),
    }
}

#[inline(never)] // what it needs would be on the stack of every connection
fn request_head(bytes: &[u8], lines: usize) -> Result<RequestHead, Bad> {
    let mut headers = vec![httparse::EMPTY_HEADER; lines];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
        Err(httparse::Error::Version) if names_other_version(bytes) => {
            return Err(Bad { status: 505, text: "only HTTP/1.0 and HTTP/1.1 are spoken here" });
        }
        Err(error) => return Err(Bad::new(fault(error))),
        Ok(_) => return Err(Bad::new("malformed request head")),
    }
    let method = request.method.unwrap_or_default().parse().map_err(|()| Bad::new("bad method"))?;
    let version = HTTPVersion(1, request.version.unwrap_or_default());
    let fields = Fields::new(request.path.unwrap_or_default().as_bytes(), request.headers)?;
    check_host(&fields, &version)?;
    let body = body_length(&fields, &version)?.unwrap_or(BodyLength::Known(0));
    Ok(RequestHead { method, version, fields, body })
}

fn response_head(bytes: &[u8], lines: usize) -> Result<ResponseHead, Bad> {
    let mut headers = vec![httparse::EMPTY_HEADER; lines];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
        Err(error) => return Err(Bad::new(fault(error))),
        Ok(_) => return Err(Bad::new("malformed response head")),
    }
    let version = HTTPVersion(1, response.version.unwrap_or_default());
    let fields = Fields::new(response.reason.unwrap_or_default().as_bytes(), response.headers)?;
    let body = body_length(&fields, &version)?.unwrap_or(BodyLength::UntilClose);
    let persistent = if version >= (1, 1) {
        !fields.lists("connection", "close")
    } else {
        fields.lists("connection", "keep-alive")
    };
    Ok(ResponseHead { status: response.code.unwrap_or_default(), persistent, fields, body })
}

fn fault(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::HeaderName => "bad header name",
        httparse::Error::HeaderValue => "bad header value",
        httparse::Error::NewLine => "bad line end",
        httparse::Error::Status => "bad status",
        httparse::Error::Token => "bad request line",
        httparse::Error::TooManyHeaders => "too many header fields",
        httparse::Error::Version => "bad HTTP version",
    }
}

/// Whether the first line ends in the name of an HTTP version that we do not
/// speak, rather than in nonsense.
fn names_other_version(bytes: &[u8]) -> bool {
    let line = bytes.split(|&b| b == b'\r').next().unwrap_or_default();
    let words: Vec<_> = line.split(|&b| b == b' ').take(4).collect();
    let [_, _, version] = words[..] else { return false };
    matches!(version.strip_prefix(b"HTTP/"), Some(&[major, b'.', minor])
        if major.is_ascii_digit() && minor.is_ascii_digit())
}

/// HTTP/1.1 demands exactly one host; no request may have two.
fn check_host(fields: &Fields, version: &HTTPVersion) -> Result<(), Bad> {
    let mut hosts = fields.all("host");
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(Bad::new("more than one Host"));
    }
    match host {
        None if *version >= (1, 1) => Err(Bad::new("Host is missing")),
        Some("") if *version >= (1, 1) => Err(Bad::new("Host is empty")),
        Some(host) if !host.bytes().all(is_host_byte) => Err(Bad::new("bad Host")),
        _ => Ok(()),
    }
}

fn is_host_byte(byte: u8) -> bool {
    matches!(byte,
        0x80.. | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z'
        | b'-' | b'.' | b'_' | b'~' | b':' | b'[' | b']' | b'%' | b'!' | b'$' | b'&' | b'\'' | b'('
        | b')' | b'*' | b'+' | b';' | b'=')
}

/// What the fields say about the body; `None` when they say nothing.
fn body_length(fields: &Fields, version: &HTTPVersion) -> Result<Option<BodyLength>, Bad> {
    let mut lengths = fields.all("content-length");
    let mut codings = fields.all("transfer-encoding");
    let (length, coding) = (lengths.next(), codings.next());
    if lengths.next().is_some() || codings.next().is_some() {
        return Err(Bad::new("body length given twice"));
    }
    match (length, coding) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(Bad::new("both Content-Length and Transfer-Encoding")),
        (Some(length), None) => decimal(length)
            .map(|n| Some(BodyLength::Known(n)))
            .ok_or(Bad::new("bad Content-Length")),
        (None, Some(_)) if *version < (1, 1) => Err(Bad::new("Transfer-Encoding on HTTP/1.0")),
        (None, Some(coding)) if coding.eq_ignore_ascii_case("chunked") => {
            Ok(Some(BodyLength::Chunked))
        }
        (None, Some(_)) => Err(Bad::new("unknown Transfer-Encoding")),
    }
}

/// Digits and nothing else; `None` also on overflow.
fn decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}
