//! The unit that a transformer carries: one encoded message.

pub(crate) mod room;
mod shared;

use std::fmt;

pub use shared::{FrameBytes, FrameText};

/// One encoded message: what a parser produces and a transformer carries.
///
/// A clone shares the bytes, so a frame can be handed to many sparks for the
/// price of a reference count. Text is always valid UTF-8.
///
/// ```
/// use primus::Frame;
///
/// let frame = Frame::text(r#"{"hello":"world"}"#);
/// assert_eq!(frame.as_text(), Some(r#"{"hello":"world"}"#));
/// assert_eq!(frame.len(), 17);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Frame {
    /// A text message, as the `json` and `ejson` parsers produce.
    Text(FrameText),
    /// A binary message, as the `binary` and `msgpack` parsers produce.
    Binary(FrameBytes),
}

impl Frame {
    /// A text frame. A long `String` is kept as it is, anything else is copied
    /// once.
    pub fn text(text: impl Into<FrameText>) -> Self {
        Frame::Text(text.into())
    }

    /// A binary frame. A long `Vec` is kept as it is, anything else is copied
    /// once.
    pub fn binary(bytes: impl Into<FrameBytes>) -> Self {
        Frame::Binary(bytes.into())
    }

    /// The bytes of either kind.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Frame::Text(text) => text.as_bytes(),
            Frame::Binary(bytes) => bytes,
        }
    }

    /// The text of a text frame; `None` for a binary one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Frame::Text(text) => Some(text),
            Frame::Binary(_) => None,
        }
    }

    /// True for a binary frame.
    pub fn is_binary(&self) -> bool {
        matches!(self, Frame::Binary(_))
    }

    /// The length in bytes.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// True when there are no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Frame {
    /// Shows at most the first 64 bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Frame::Text(text) => {
                let shown = text.char_indices().nth(64).map_or(text.len(), |(at, _)| at);
                write!(f, "Text({:?}, {} bytes)", &text[..shown], text.len())
            }
            Frame::Binary(bytes) => {
                let shown = bytes.len().min(64);
                write!(f, "Binary({:02x?}, {} bytes)", &bytes[..shown], bytes.len())
            }
        }
    }
}
