//! How packets come to a client that waits for them over HTTP: what they are put
//! into, and what the answer says of itself.

mod literal;

use self::literal::literal;
use super::route::Kind;
use super::{packet, payload};
use crate::frame::room;
use crate::transformers::polled::What;
use crate::transformers::polled::records::Record;

/// Most digits of the number of a client's function; they count from 0.
const DIGITS_MAX: usize = 20;

/// What a receiver's packets are put into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// The payload as it is.
    Text,
    /// A call of the client's function with this number.
    Call(String),
    /// A page in which each packet is a script.
    Page,
}

/// What the protocol itself has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Say {
    /// The session is open.
    Connect,
    /// Nothing.
    Noop,
    /// The session is over.
    Disconnect,
    /// There is no such session.
    Unknown,
}

impl Say {
    /// The packet.
    pub fn packet(self) -> &'static str {
        match self {
            Say::Connect => packet::CONNECT,
            Say::Noop => packet::NOOP,
            Say::Disconnect => packet::DISCONNECT,
            Say::Unknown => packet::UNKNOWN,
        }
    }
}

/// The number of a client's function, if it is one.
pub(super) fn number(value: &str) -> Option<&str> {
    let is_number =
        (1..=DIGITS_MAX).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(value)
}

/// Appends a call of the client's function with this number.
pub(super) fn call(number: &str, argument: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
    out.extend_from_slice(b"io.j[");
    out.extend_from_slice(number.as_bytes());
    out.extend_from_slice(b"](");
    argument(out);
    out.extend_from_slice(b");");
}

/// Appends a text as a string of JavaScript.
pub(super) fn quoted(text: &str, out: &mut Vec<u8>) {
    literal(text, false, out);
}

impl Shape {
    /// That of a request, whose query may have a number for the function.
    pub fn new(kind: Kind, i: Option<&str>) -> Self {
        match kind {
            Kind::Websocket | Kind::XhrPolling => Shape::Text,
            Kind::JsonpPolling => Shape::Call(i.and_then(number).unwrap_or("0").to_owned()),
            Kind::HtmlFile => Shape::Page,
        }
    }

    /// Whether one answer has many packets, each in a piece of its own.
    pub fn streams(&self) -> bool {
        *self == Shape::Page
    }

    /// The name of the form of its answers, if no others have the client's number.
    pub fn common(&self) -> Option<&'static str> {
        match self {
            Shape::Text => Some("socket.io payload"),
            Shape::Call(_) => None,
            Shape::Page => Some("socket.io scripts"),
        }
    }

    /// The content type of its answers.
    pub fn content(&self) -> &'static str {
        match self {
            Shape::Text => "text/plain; charset=UTF-8",
            Shape::Call(_) => "text/javascript; charset=UTF-8",
            Shape::Page => "text/html; charset=UTF-8",
        }
    }

    /// Appends what comes before the first packet of an answer.
    pub fn prelude(&self, out: &mut Vec<u8>) {
        /// Browsers hold back what comes until it is as long as this.
        const LENGTH: usize = 256;
        if *self == Shape::Page {
            let end = out.len() + LENGTH;
            out.extend_from_slice(
                b"<html><body><script>var _ = function (msg) { parent.s._(msg, document); };</script>",
            );
            out.resize(end, b' ');
        }
    }

    /// Appends packets, each in two parts.
    fn put<'a, I>(&self, packets: I, out: &mut Vec<u8>)
    where
        I: Iterator<Item = (&'a str, &'a str)> + Clone,
    {
        match self {
            Shape::Text => payload::encode(packets, out),
            Shape::Call(number) => {
                let mut text = Vec::new();
                payload::encode(packets, &mut text);
                call(number, |out| quoted(str::from_utf8(&text).unwrap_or_default(), out), out);
                room::give(text);
            }
            Shape::Page => packets.for_each(|(head, data)| {
                room::reserve(out, data.len() + data.len() / 8 + 64);
                out.extend_from_slice(b"<script>_(");
                let mut text = room::take(head.len() + data.len());
                text.extend_from_slice(head.as_bytes());
                text.extend_from_slice(data.as_bytes());
                literal(str::from_utf8(&text).unwrap_or_default(), true, out);
                room::give(text);
                out.extend_from_slice(b");</script>");
            }),
        }
    }

    /// Appends what a receiver is to get. `last`: the session's end follows.
    pub fn body(&self, what: What<'_, Say>, last: bool, out: &mut Vec<u8>) {
        match what {
            What::Own(say) => self.put(std::iter::once((say.packet(), "")), out),
            What::Waiting { records, .. } => {
                // A stream gets the end as a piece of its own.
                let end = (last && !self.streams()).then_some((packet::DISCONNECT, ""));
                self.put(records.iter().filter_map(parts).chain(end), out);
            }
        }
    }

    /// The whole of an answer that says nothing but this.
    pub fn answer(&self, say: Say) -> Vec<u8> {
        let mut body = Vec::new();
        self.prelude(&mut body);
        self.body(What::Own(&say), false, &mut body);
        body
    }
}

/// What has waited, as a packet.
fn parts<'a>(record: &Record<'a>) -> Option<(&'a str, &'a str)> {
    match *record {
        Record::Text(text) => Some((packet::head_of(text), text)),
        Record::Packet(packet) => Some(("", packet)),
        // A frame of bytes is refused when it is written.
        Record::Binary(_) | Record::Close { .. } => None,
    }
}

#[cfg(test)]
mod tests;
