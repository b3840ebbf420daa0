//! How frames come to a client that waits for them over HTTP: what precedes them,
//! what each of them is put into, and what the answer says of itself.

use super::frame::{self, Close, quote};
use crate::frame::room;
use crate::transformers::polled::What;
use crate::transformers::polled::records::Record;

/// The content type of scripts.
pub(super) const SCRIPT: &str = "application/javascript; charset=UTF-8";

/// Letters before the first frame of a stream: browsers hold back what comes until
/// it is as long as this.
const PRELUDE: usize = 2048;

/// The longest name of a function that a client may have. (sockjs-node takes longer ones
/// for pages, which no client asks for.)
const CALLBACK_MAX: usize = 32;

/// What a request waits with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Xhr,
    XhrStreaming,
    EventSource,
    HtmlFile,
    Jsonp,
}

impl Kind {
    /// Whether one answer has many frames.
    pub fn streams(self) -> bool {
        matches!(self, Kind::XhrStreaming | Kind::EventSource | Kind::HtmlFile)
    }
}

/// What a receiver's frames are put into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    kind: Kind,
    /// The client's function; empty where there is none.
    callback: String,
}

/// Why a request cannot be answered in the form that it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadCallback {
    Missing,
    Invalid,
}

impl BadCallback {
    /// What the client is told. What it has sent is not repeated.
    pub fn text(self) -> &'static str {
        match self {
            BadCallback::Missing => "\"callback\" parameter required",
            BadCallback::Invalid => "invalid \"callback\" parameter",
        }
    }
}

impl Shape {
    /// That of a request, whose query may name a function.
    pub fn new(kind: Kind, callback: Option<&str>) -> Result<Self, BadCallback> {
        let callback = match kind {
            Kind::HtmlFile | Kind::Jsonp => {
                let callback = callback.filter(|name| !name.is_empty());
                callback.ok_or(BadCallback::Missing)?
            }
            _ => "",
        };
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if callback.len() > CALLBACK_MAX || !callback.bytes().all(is_known) {
            return Err(BadCallback::Invalid);
        }
        Ok(Shape { kind, callback: callback.to_owned() })
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The name of the form of its frames, if no others know the client's function.
    pub fn common(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Xhr | Kind::XhrStreaming => Some("sockjs lines"),
            Kind::EventSource => Some("sockjs events"),
            Kind::HtmlFile => Some("sockjs scripts"),
            Kind::Jsonp => None,
        }
    }

    /// The content type of its answers.
    pub fn content(&self) -> &'static str {
        match self.kind {
            Kind::Xhr | Kind::XhrStreaming | Kind::Jsonp => SCRIPT,
            Kind::EventSource => "text/event-stream",
            Kind::HtmlFile => "text/html; charset=UTF-8",
        }
    }

    /// Appends what comes before the first frame of an answer.
    pub fn prelude(&self, out: &mut Vec<u8>) {
        match self.kind {
            Kind::Xhr | Kind::Jsonp => {}
            Kind::XhrStreaming => {
                out.resize(out.len() + PRELUDE, b'h');
                out.push(b'\n');
            }
            Kind::EventSource => out.extend_from_slice(b"\r\n"),
            Kind::HtmlFile => self.page(out),
        }
    }

    /// The page of which each frame is a script.
    fn page(&self, out: &mut Vec<u8>) {
        /// Bytes of it without the function's name and what follows the padding.
        const LENGTH: usize = 1023;
        let start = out.len();
        out.extend_from_slice(PAGE_HEAD.as_bytes());
        out.extend_from_slice(self.callback.as_bytes());
        out.extend_from_slice(PAGE_TAIL.as_bytes());
        out.resize(start + LENGTH + self.callback.len(), b' ');
        out.extend_from_slice(b"\r\n\r\n");
    }

    /// Appends a frame that is appended by `put`.
    pub fn frame(&self, put: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
        match self.kind {
            Kind::Xhr | Kind::XhrStreaming => {
                put(out);
                out.push(b'\n');
            }
            Kind::EventSource => {
                out.extend_from_slice(b"data: ");
                let start = out.len();
                put(out);
                escape_percents(out, start);
                out.extend_from_slice(b"\r\n\r\n");
            }
            Kind::HtmlFile => {
                out.extend_from_slice(b"<script>\np(");
                let start = out.len();
                quote_frame(put, out);
                escape_markup(out, start);
                out.extend_from_slice(b");\n</script>\r\n");
            }
            Kind::Jsonp => {
                // Else the answer could be taken for a file of another kind, whose
                // first bytes a stranger chooses.
                out.extend_from_slice(b"/**/");
                out.extend_from_slice(self.callback.as_bytes());
                out.push(b'(');
                quote_frame(put, out);
                out.extend_from_slice(b");\r\n");
            }
        }
    }

    /// Appends what a receiver is to get.
    pub fn body(&self, what: What<'_, Say>, out: &mut Vec<u8>) {
        match what {
            What::Own(Say::Heartbeat) => {
                self.frame(|out| out.extend_from_slice(frame::HEARTBEAT.as_bytes()), out);
            }
            What::Own(Say::Close(close)) => self.frame(|out| close.put(out), out),
            What::Waiting { records, parting } => {
                let texts = records.iter().filter_map(|record| match record {
                    Record::Text(text) => Some(*text),
                    // A frame of bytes is refused when it is written, and packets
                    // of its own the protocol has none.
                    _ => None,
                });
                let length: usize = texts.clone().map(|text| text.len() + 3).sum();
                room::reserve(out, length + length / 8);
                self.frame(|out| frame::put_messages(texts, out), out);
                // It may be the last that the client gets from this server. Of the
                // polls only this one is read line by line.
                if parting && self.kind == Kind::Xhr {
                    self.frame(|out| Close::NORMAL.put(out), out);
                }
            }
        }
    }

    /// The whole of an answer that says nothing but this.
    pub fn answer(&self, close: Close) -> Vec<u8> {
        let mut body = Vec::new();
        self.prelude(&mut body);
        self.frame(|out| close.put(out), &mut body);
        body
    }
}

/// What the protocol itself has to say to a client that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Say {
    Heartbeat,
    Close(Close),
}

const PAGE_HEAD: &str = "<!doctype html>\n\
    <html><head>\n  \
    <meta http-equiv=\"X-UA-Compatible\" content=\"IE=edge\" />\n  \
    <meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\" />\n\
    </head><body><h2>Don't panic!</h2>\n  \
    <script>\n    \
    document.domain = document.domain;\n    \
    var c = parent.";

const PAGE_TAIL: &str = ";\n    \
    c.start();\n    \
    function p(d) {c.message(d);};\n    \
    window.onload = function() {c.stop();};\n  \
    </script>";

/// Appends a frame as a JSON string.
fn quote_frame(put: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
    let mut frame = Vec::new();
    put(&mut frame);
    quote(str::from_utf8(&frame).unwrap_or_default(), out);
    room::give(frame);
}

/// Escapes what clients of an event source unescape. Of the other characters that
/// they do that with, frames have none.
fn escape_percents(out: &mut Vec<u8>, start: usize) {
    replace(out, start, b'%', b"%25");
}

/// Keeps a message from ending the script that it is in: sockjs-node does not, and
/// what one user writes becomes a part of the page of another. To the script it is
/// the same string.
fn escape_markup(out: &mut Vec<u8>, start: usize) {
    replace(out, start, b'<', b"\\u003c");
}

fn replace(out: &mut Vec<u8>, start: usize, byte: u8, by: &[u8]) {
    if out[start..].contains(&byte) {
        let mut tail = room::take(out.len() - start);
        tail.extend_from_slice(&out[start..]);
        out.truncate(start);
        for (at, part) in tail.split(|other| *other == byte).enumerate() {
            room::append(out, if at > 0 { by } else { b"" });
            room::append(out, part);
        }
        room::give(tail);
    }
}

#[cfg(test)]
mod tests;
