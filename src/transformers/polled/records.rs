//! How messages wait for a client that polls: each whole and for itself, so
//! that they can be put together as the answer to a poll, or written to the
//! socket that takes the poll's place.
//!
//! A record is a kind, a length and the bytes.

use crate::close::{CloseReason, Ended};
use crate::frame::{Frame, room};
use crate::transformers::serve::Wire;

/// Bytes before those of the message.
pub(crate) const HEAD: usize = 1 + size_of::<u64>();

const TEXT: u8 = 0;
const BINARY: u8 = 1;
const PACKET: u8 = 2;
const CLOSE: u8 = 3;

/// One thing that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
    /// A packet of the protocol's own, as it goes out.
    Packet(&'a str),
    /// The end.
    Close {
        /// The server shuts down: another poll may never come.
        shutdown: bool,
    },
}

impl Record<'_> {
    /// Whether it is a message.
    pub(crate) fn is_message(&self) -> bool {
        matches!(self, Record::Text(_) | Record::Binary(_))
    }

    /// The message, if it is one.
    pub(crate) fn frame(&self) -> Option<Frame> {
        match *self {
            Record::Text(text) => Some(Frame::text(text)),
            Record::Binary(bytes) => Some(Frame::binary(bytes)),
            Record::Packet(_) | Record::Close { .. } => None,
        }
    }
}

/// Reads back what [`Records`] has written.
pub(crate) fn records(mut bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    std::iter::from_fn(move || {
        let (record, rest) = first(bytes)?;
        bytes = rest;
        Some(record)
    })
}

/// The first record, and what follows it.
pub(crate) fn first(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<HEAD>()?;
    let [kind, length @ ..] = *head;
    let (body, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(length)).ok()?)?;
    let text = || std::str::from_utf8(body).unwrap_or_default();
    let record = match kind {
        TEXT => Record::Text(text()),
        BINARY => Record::Binary(body),
        PACKET => Record::Packet(text()),
        _ => Record::Close { shutdown: !body.is_empty() },
    };
    Some((record, rest))
}

/// Appends a packet of the protocol's own.
pub(crate) fn packet(text: &str, out: &mut Vec<u8>) {
    put(PACKET, text.as_bytes(), out);
}

fn put(kind: u8, bytes: &[u8], out: &mut Vec<u8>) {
    head(kind, bytes, out);
    out.extend_from_slice(bytes);
}

fn head(kind: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
}

/// The format of records.
pub(crate) struct Records;

impl Wire for Records {
    fn format(&self) -> &'static str {
        "records"
    }

    fn encode(&self, frame: &Frame, out: &mut Vec<u8>) {
        self.prefix(frame, out);
        room::append(out, frame.as_bytes());
    }

    fn prefix(&self, frame: &Frame, out: &mut Vec<u8>) -> bool {
        head(if frame.is_binary() { BINARY } else { TEXT }, frame.as_bytes(), out);
        true
    }

    fn packet(&self, packet: &str, out: &mut Vec<u8>) {
        self::packet(packet, out);
    }

    fn close(&self, reason: &CloseReason, out: &mut Vec<u8>) {
        let shutdown = matches!(reason.by, Ended::Shutdown);
        put(CLOSE, if shutdown { b"!" } else { b"" }, out);
    }

    fn nudge(&self, _: &mut Vec<u8>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut bytes = Vec::new();
        Records.encode(&Frame::text("é"), &mut bytes);
        Records.encode(&Frame::binary([0u8, 255].as_slice()), &mut bytes);
        packet("2probe", &mut bytes);
        Records.encode(&Frame::text(""), &mut bytes);
        Records.close(&CloseReason::lost(""), &mut bytes);
        Records.close(&CloseReason::new(Ended::Shutdown, 1001, "", true), &mut bytes);
        let expected = [
            Record::Text("é"),
            Record::Binary(&[0, 255]),
            Record::Packet("2probe"),
            Record::Text(""),
            Record::Close { shutdown: false },
            Record::Close { shutdown: true },
        ];
        assert_eq!(records(&bytes).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_cut_off_is_not_read() {
        let mut bytes = Vec::new();
        Records.encode(&Frame::text("abc"), &mut bytes);
        for end in 0..bytes.len() {
            assert_eq!(records(&bytes[..end]).count(), 0);
        }
    }
}
