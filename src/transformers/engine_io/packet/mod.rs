//! One packet: a type, and data that depends on it.
//!
//! As text a packet is a digit and its data. Binary messages differ:
//!
//! | carrier | revision 3 | revision 4 |
//! |---|---|---|
//! | WebSocket | binary frame: byte 4, data | binary frame: data |
//! | the same, text only | text `b4` and base 64 | text `b` and base 64 |
//! | polling | `b4` and base 64, or as binary (see [`payload`](super::payload)) | `b` and base 64 |

use super::{Format, Revision};
use crate::base64;
use crate::frame::{Frame, room};

/// What a probe and its answer carry besides their type.
pub(crate) const PROBE: &str = "probe";

/// A packet that was received, or is to be sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Packet {
    /// 0, the server's first: a [`Handshake`](super::handshake::Handshake).
    Open(String),
    /// 1: polling only, by either side.
    Close,
    /// 2: by the client of revision 3 and the server of revision 4; with
    /// [`PROBE`] by the client on a WebSocket that is to take over.
    Ping(String),
    /// 3: the answer.
    Pong(String),
    /// 4
    Message(Frame),
    /// 5: the client takes the WebSocket that it has probed.
    Upgrade,
    /// 6: releases a poll that there is nothing else for.
    Noop,
}

/// A packet that lies elsewhere, to be encoded from there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum PacketRef<'a> {
    /// See [`Packet::Open`].
    Open(&'a str),
    /// See [`Packet::Close`].
    Close,
    /// See [`Packet::Ping`].
    Ping(&'a str),
    /// See [`Packet::Pong`].
    Pong(&'a str),
    /// A [`Packet::Message`] of text.
    Text(&'a str),
    /// A [`Packet::Message`] of bytes.
    Binary(&'a [u8]),
    /// See [`Packet::Upgrade`].
    Upgrade,
    /// See [`Packet::Noop`].
    Noop,
}

/// What makes received bytes no packet, or no payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invalid(pub &'static str);

impl Packet {
    /// The packet, to be encoded.
    pub fn as_ref(&self) -> PacketRef<'_> {
        match self {
            Packet::Open(data) => PacketRef::Open(data),
            Packet::Close => PacketRef::Close,
            Packet::Ping(data) => PacketRef::Ping(data),
            Packet::Pong(data) => PacketRef::Pong(data),
            Packet::Message(frame) => frame.into(),
            Packet::Upgrade => PacketRef::Upgrade,
            Packet::Noop => PacketRef::Noop,
        }
    }

    /// Reads a message of a WebSocket.
    pub fn from_frame(frame: Frame, revision: Revision) -> Result<Self, Invalid> {
        match frame {
            Frame::Text(text) => Self::from_text(&text, revision),
            Frame::Binary(_) if revision == Revision::V4 => Ok(Packet::Message(frame)),
            Frame::Binary(bytes) => Self::from_bytes(&bytes),
        }
    }

    /// Reads the text form.
    pub fn from_text(text: &str, revision: Revision) -> Result<Self, Invalid> {
        let mut chars = text.chars();
        let first = chars.next().ok_or(Invalid("empty packet"))?;
        let data = chars.as_str();
        if first == 'b' {
            let digits = match revision {
                Revision::V3 => data.strip_prefix('4').ok_or(Invalid("binary, but no message"))?,
                Revision::V4 => data,
            };
            let bytes = base64::decode(digits).ok_or(Invalid("not base 64"))?;
            return Ok(Packet::Message(Frame::binary(bytes)));
        }
        Ok(match first {
            '0' => Packet::Open(data.to_owned()),
            '1' => Packet::Close,
            '2' => Packet::Ping(data.to_owned()),
            '3' => Packet::Pong(data.to_owned()),
            '4' => Packet::Message(Frame::text(data)),
            '5' => Packet::Upgrade,
            '6' => Packet::Noop,
            _ => return Err(Invalid("unknown packet type")),
        })
    }

    /// Reads the binary form of revision 3: a message is all that it is for,
    /// and other types have no data that matters.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Invalid> {
        let (first, data) = bytes.split_first().ok_or(Invalid("empty packet"))?;
        Ok(match first {
            0 => Packet::Open(String::new()),
            1 => Packet::Close,
            2 => Packet::Ping(String::new()),
            3 => Packet::Pong(String::new()),
            4 => Packet::Message(Frame::binary(data)),
            5 => Packet::Upgrade,
            6 => Packet::Noop,
            _ => return Err(Invalid("unknown packet type")),
        })
    }
}

impl<'a> From<&'a Frame> for PacketRef<'a> {
    fn from(frame: &'a Frame) -> Self {
        match frame {
            Frame::Text(text) => PacketRef::Text(text),
            Frame::Binary(bytes) => PacketRef::Binary(bytes),
        }
    }
}

impl<'a> PacketRef<'a> {
    /// Whether it goes as a binary frame on a WebSocket.
    pub fn is_binary_frame(self, format: Format) -> bool {
        matches!(self, PacketRef::Binary(_)) && !format.b64
    }

    /// The length of what [`frame_into`](Self::frame_into) appends.
    pub fn frame_len(self, format: Format) -> usize {
        if self.is_binary_frame(format) {
            return self.head(format).len() + self.data().len();
        }
        self.text_len(format.revision)
    }

    /// Appends the payload of its WebSocket frame.
    pub fn frame_into(self, format: Format, out: &mut Vec<u8>) {
        if self.is_binary_frame(format) {
            room::reserve(out, self.data().len() + 1);
            out.extend_from_slice(self.head(format));
            out.extend_from_slice(self.data());
        } else {
            self.text_into(format.revision, out);
        }
    }

    /// What precedes the message's own bytes in the payload of its WebSocket
    /// frame; `None` where these are not sent as they are, but in base 64.
    pub fn frame_head(self, format: Format) -> Option<&'static [u8]> {
        let changed = matches!(self, PacketRef::Binary(_)) && format.b64;
        (!changed).then(|| self.head(format))
    }

    fn head(self, format: Format) -> &'static [u8] {
        match (self, format.revision) {
            (PacketRef::Binary(_), Revision::V3) => &[4],
            (PacketRef::Binary(_), Revision::V4) => &[],
            _ => self.digit(format.revision).as_bytes(),
        }
    }

    /// How the text form begins.
    pub(super) fn digit(self, revision: Revision) -> &'static str {
        match self {
            PacketRef::Open(_) => "0",
            PacketRef::Close => "1",
            PacketRef::Ping(_) => "2",
            PacketRef::Pong(_) => "3",
            PacketRef::Text(_) => "4",
            PacketRef::Binary(_) if revision == Revision::V3 => "b4",
            PacketRef::Binary(_) => "b",
            PacketRef::Upgrade => "5",
            PacketRef::Noop => "6",
        }
    }

    /// What follows, if it is text.
    pub(super) fn text(self) -> &'a str {
        match self {
            PacketRef::Open(text)
            | PacketRef::Ping(text)
            | PacketRef::Pong(text)
            | PacketRef::Text(text) => text,
            _ => "",
        }
    }

    fn data(self) -> &'a [u8] {
        match self {
            PacketRef::Binary(bytes) => bytes,
            _ => self.text().as_bytes(),
        }
    }

    /// The length of the text form in bytes.
    pub(super) fn text_len(self, revision: Revision) -> usize {
        let data = match self {
            PacketRef::Binary(bytes) => bytes.len().div_ceil(3) * 4,
            _ => self.text().len(),
        };
        self.digit(revision).len() + data
    }

    /// Appends the text form.
    pub(super) fn text_into(self, revision: Revision, out: &mut Vec<u8>) {
        room::reserve(out, self.text_len(revision));
        out.extend_from_slice(self.digit(revision).as_bytes());
        match self {
            PacketRef::Binary(bytes) => base64::encode_into(out, bytes),
            _ => out.extend_from_slice(self.text().as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests;
