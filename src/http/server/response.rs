//! Answers: what is sent for a [`tiny_http::Response`].
//!
//! `raw_print` of tiny_http writes every answer; a writer behind it corrects
//! the head on its way out, so that the bytes are those of Node:
//!
//! - no `Server` field unless the application set one, `Date` after the other
//!   fields, then `Connection`, `Keep-Alive` and the framing;
//! - fields that middleware locked win over those of the response;
//! - `Content-Length` for every body whose length is known (tiny_http goes over
//!   to chunks at 32 KiB), none with 204 and 304, none for HTTP/1.0 bodies of unknown
//!   length, which end with the connection and are not collected in memory;
//! - a 426 names the protocol in `Upgrade`, which tiny_http lets no response do;
//! - a body that is longer or shorter than declared, or whose reader fails,
//!   cuts the connection instead of desynchronising it (tiny_http's chunk
//!   encoder would write a proper end after a failure);
//! - control characters in a field (response splitting) turn the answer into a
//!   500.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::time::Duration;

use tiny_http::{HTTPVersion, Response, ResponseBox, StatusCode};

use super::header_set::{HeaderSet, is_sound};

/// Bytes collected before they go to the socket.
const BUFFER: usize = 16 << 10;

/// The largest body of a refused upgrade, which is collected in memory.
const REFUSAL_BODY: u64 = 1 << 20;

/// A short answer in plain text.
pub(crate) fn text(status: u16, body: impl Into<String>) -> ResponseBox {
    typed(status, "text/plain", body.into())
}

/// An answer with a body of this content type.
pub(crate) fn typed(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> ResponseBox {
    let response = Response::from_data(body).with_status_code(status);
    match tiny_http::Header::from_bytes("Content-Type", content_type) {
        Ok(header) => response.with_header(header).boxed(),
        Err(()) => response.boxed(),
    }
}

/// A raw answer after which the connection ends, in the exact form that Primus
/// gives to refused upgrades: `Connection`, `Content-Type`, `Content-Length`,
/// then the other fields. Fields that cannot be sent are left out.
pub(crate) fn refusal(
    version: &HTTPVersion,
    status: u16,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let reason = StatusCode(status).default_reason_phrase();
    let mut head = format!("HTTP/{version} {status} {reason}\r\n");
    head.push_str(match status {
        426 => "Connection: close, Upgrade\r\nUpgrade: websocket\r\n",
        _ => "Connection: close\r\n",
    });
    let is_type = |name: &str| name.eq_ignore_ascii_case("content-type");
    let mut line = |name: &str, value: &str| {
        if is_sound(name, value) {
            head.extend([name, ": ", value, "\r\n"]);
        }
    };
    headers.iter().filter(|h| is_type(h.0)).for_each(|h| line(h.0, h.1));
    line("Content-Length", &body.len().to_string());
    headers.iter().filter(|h| !is_type(h.0)).for_each(|h| line(h.0, h.1));
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

/// The same for a response, with the fields that middleware set.
pub(crate) fn refusal_of(
    version: &HTTPVersion,
    response: ResponseBox,
    extra: &HeaderSet,
) -> Vec<u8> {
    let status = response.status_code().0;
    let owned = response.headers().to_vec();
    let mut headers: Vec<_> = owned
        .iter()
        .map(|h| (h.field.as_str().as_str(), h.value.as_str()))
        .filter(|(name, _)| !extra.locks(name))
        .collect();
    headers.extend(extra.iter());
    let mut body = Vec::new();
    let read = response.into_reader().take(REFUSAL_BODY + 1).read_to_end(&mut body);
    if read.is_err() || body.len() as u64 > REFUSAL_BODY {
        log::error!(
            "the body of a refused upgrade could not be read or is over {REFUSAL_BODY} bytes"
        );
        return refusal(version, 500, &[], b"");
    }
    refusal(version, if is_final(status) { status } else { 500 }, &headers, &body)
}

fn is_final(status: u16) -> bool {
    (200..=999).contains(&status)
}

/// What an answer depends on beside the response itself.
pub(super) struct Printing<'a> {
    pub(super) version: HTTPVersion,
    /// The request was HEAD: no body.
    pub(super) head_only: bool,
    /// The idle time that is announced when the connection stays.
    pub(super) keep_alive: Option<Duration>,
    pub(super) extra: &'a HeaderSet,
}

impl Printing<'_> {
    /// Writes the response; `Ok(true)` when the connection may stay.
    #[inline(never)] // a body is copied through room on the stack
    pub(super) fn print(&self, response: ResponseBox, out: &mut dyn Write) -> io::Result<bool> {
        let response = if sound(&response) { response } else { text(500, "unsound response") };
        let status = response.status_code().0;
        let to_end = response.data_length().is_none() && self.version < (1, 1);
        let lengthless = matches!(status, 204 | 304);
        let head_only = self.head_only || lengthless;
        let failed = Cell::new(false);
        let keep_alive = self.keep_alive.filter(|_| !to_end);
        let mut printer = Printer {
            out,
            pending: Vec::with_capacity(1024),
            body: Expect::Head,
            failed: &failed,
            edit: Edit {
                keep_alive,
                to_end,
                extra: self.extra,
                own_server: has(&response, "Server"),
                own_date: has(&response, "Date"),
                bodiless: head_only,
                lengthless,
                upgrade: status == 426,
            },
        };
        let response = guarded(response, &failed, to_end);
        response.raw_print(&mut printer, self.version.clone(), &[], head_only, None)?;
        printer.finish(head_only)?;
        Ok(keep_alive.is_some())
    }
}

/// Whether the response can be sent as it is.
fn sound(response: &ResponseBox) -> bool {
    let fault = response
        .headers()
        .iter()
        .map(|h| (h.field.as_str().as_str(), h.value.as_str()))
        .find(|(name, value)| !is_sound(name, value));
    if let Some((name, value)) = fault {
        log::error!("a response has a header that cannot be sent: {name:?}: {value:?}");
    }
    let status = response.status_code().0;
    if !is_final(status) {
        log::error!("a response has the status {status}, which cannot end a request");
    }
    fault.is_none() && is_final(status)
}

fn has(response: &ResponseBox, name: &'static str) -> bool {
    response.headers().iter().any(|h| h.field.equiv(name))
}

/// The response with a reader that remembers its failure.
fn guarded(response: ResponseBox, failed: &Cell<bool>, to_end: bool) -> Response<Guarded<'_>> {
    // 32768 is the default of tiny_http, which sends longer bodies in chunks.
    let threshold = match response.chunked_threshold() {
        32768 => usize::MAX,
        set => set,
    };
    let length = response.data_length().or(to_end.then_some(usize::MAX));
    let (status, headers) = (response.status_code(), response.headers().to_vec());
    let reader = Guarded { reader: response.into_reader(), failed };
    Response::new(status, headers, reader, length, None).with_chunked_threshold(threshold)
}

struct Guarded<'a> {
    reader: Box<dyn Read + Send>,
    failed: &'a Cell<bool>,
}

impl Read for Guarded<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        // Set first, so that it is also set when the reader panics.
        self.failed.set(true);
        let read = self.reader.read(buf);
        let interrupted = matches!(&read, Err(e) if e.kind() == io::ErrorKind::Interrupted);
        self.failed.set(read.is_err() && !interrupted);
        read
    }
}

/// What may come next from `raw_print`.
enum Expect {
    /// The head.
    Head,
    /// So many bytes of body, whose length was declared.
    Bytes(u64),
    /// A body without a declared length.
    Any,
}

/// The writer between `raw_print` and the socket.
struct Printer<'a> {
    out: &'a mut dyn Write,
    /// The head while it is incomplete, then what goes out next.
    pending: Vec<u8>,
    body: Expect,
    failed: &'a Cell<bool>,
    edit: Edit<'a>,
}

impl Printer<'_> {
    fn finish(mut self, head_only: bool) -> io::Result<()> {
        if !head_only && matches!(self.body, Expect::Bytes(left) if left > 0) {
            self.send()?;
            return Err(io::Error::other("the body of a response is shorter than declared"));
        }
        self.send()
    }

    fn send(&mut self) -> io::Result<()> {
        self.out.write_all(&self.pending)?;
        self.pending.clear();
        Ok(())
    }
}

impl Write for Printer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed.get() {
            return Err(io::Error::other("the body of a response could not be read"));
        }
        match &mut self.body {
            Expect::Head => {
                self.pending.extend_from_slice(bytes);
                if self.pending.ends_with(b"\r\n\r\n") {
                    let (head, body) = self.edit.head(&self.pending);
                    (self.pending, self.body) = (head, body);
                }
                return Ok(bytes.len());
            }
            Expect::Bytes(left) => match left.checked_sub(bytes.len() as u64) {
                Some(rest) => *left = rest,
                None => {
                    return Err(io::Error::other("the body of a response is longer than declared"));
                }
            },
            Expect::Any => {}
        }
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= BUFFER {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The corrections to the head.
struct Edit<'a> {
    keep_alive: Option<Duration>,
    to_end: bool,
    extra: &'a HeaderSet,
    own_server: bool,
    own_date: bool,
    /// No body will follow.
    bodiless: bool,
    /// Not even the length of one.
    lengthless: bool,
    /// The answer names the protocol to upgrade to (RFC 9110 section 15.5.22).
    upgrade: bool,
}

impl Edit<'_> {
    /// The head to send, and what follows it.
    fn head(&self, printed: &[u8]) -> (Vec<u8>, Expect) {
        let printed = String::from_utf8_lossy(printed);
        let mut lines = printed.split("\r\n").filter(|line| !line.is_empty());
        let mut head = String::with_capacity(printed.len() + 128);
        let (mut date, mut framing) = ("", "");
        let mut expect = Expect::Any;
        head.extend([lines.next().unwrap_or_default(), "\r\n"]);
        for (name, value) in self.extra.iter() {
            head.extend([name, ": ", value, "\r\n"]);
        }
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap_or((line, ""));
            match name {
                "Server" if !self.own_server => {}
                "Date" if !self.own_date => date = line,
                "Transfer-Encoding" if self.bodiless => {}
                "Transfer-Encoding" => framing = line,
                "Content-Length" if self.to_end || self.lengthless => {}
                "Content-Length" => {
                    expect = value.parse().map_or(Expect::Any, Expect::Bytes);
                    framing = line;
                }
                _ if self.extra.locks(name) => {}
                _ => head.extend([line, "\r\n"]),
            }
        }
        if !date.is_empty() && !self.extra.locks("date") {
            head.extend([date, "\r\n"]);
        }
        self.connection(&mut head);
        if !framing.is_empty() {
            head.extend([framing, "\r\n"]);
        }
        head.push_str("\r\n");
        (head.into_bytes(), expect)
    }

    fn connection(&self, head: &mut String) {
        head.push_str(if self.keep_alive.is_some() {
            "Connection: keep-alive"
        } else {
            "Connection: close"
        });
        head.push_str(if self.upgrade { ", Upgrade\r\nUpgrade: websocket\r\n" } else { "\r\n" });
        if let Some(time) = self.keep_alive {
            head.push_str("Keep-Alive: timeout=");
            head.push_str(&time.as_secs().to_string());
            head.push_str("\r\n");
        }
    }
}
