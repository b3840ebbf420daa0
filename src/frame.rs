//! The unit that a transformer carries: one encoded message.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

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

/// The text of a [`Frame`]: a shared `str`.
pub type FrameText = Shared<str, String>;

/// The bytes of a binary [`Frame`]: a shared `[u8]`.
pub type FrameBytes = Shared<[u8], Vec<u8>>;

/// What a [`Frame`] shares between its clones: a `T`, kept as it was given if it
/// came as a long `O`.
pub struct Shared<T: ?Sized, O>(Kept<T, O>);

enum Kept<T: ?Sized, O> {
    /// In one piece with its reference count.
    Close(Arc<T>),
    /// As it was given, without room to spare.
    Given(Arc<O>),
}

/// From this length on, in bytes, a `String` or `Vec` is not copied.
const LONG: usize = 1024;

impl<T: ?Sized, O: Deref<Target = T>> Deref for Shared<T, O> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match &self.0 {
            Kept::Close(kept) => kept,
            Kept::Given(given) => given,
        }
    }
}

impl<T: ?Sized, O> Clone for Shared<T, O> {
    fn clone(&self) -> Self {
        Shared(match &self.0 {
            Kept::Close(kept) => Kept::Close(kept.clone()),
            Kept::Given(given) => Kept::Given(given.clone()),
        })
    }
}

impl<T: ?Sized + PartialEq, O: Deref<Target = T>> PartialEq for Shared<T, O> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: ?Sized + Eq, O: Deref<Target = T>> Eq for Shared<T, O> {}

impl<T: ?Sized + Hash, O: Deref<Target = T>> Hash for Shared<T, O> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (**self).hash(hasher);
    }
}

impl<T: ?Sized + fmt::Debug, O: Deref<Target = T>> fmt::Debug for Shared<T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl fmt::Display for FrameText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Everything that copies.
macro_rules! from {
    ($($of:ty: $($from:ty)*;)*) => {$($(
        impl From<$from> for $of {
            fn from(from: $from) -> Self {
                Shared(Kept::Close(from.into()))
            }
        }
    )*)*};
}

from! {
    FrameText: &str Box<str> Arc<str>;
    FrameBytes: &[u8] Box<[u8]> Arc<[u8]>;
}

macro_rules! from_given {
    ($($of:ty: $given:ty;)*) => {$(
        impl From<$given> for $of {
            /// Copies what is short, and keeps what is long.
            fn from(mut given: $given) -> Self {
                if given.len() < LONG {
                    return Shared(Kept::Close(given.into()));
                }
                given.shrink_to_fit();
                Shared(Kept::Given(given.into()))
            }
        }
    )*};
}

from_given! {
    FrameText: String;
    FrameBytes: Vec<u8>;
}

impl From<Cow<'_, str>> for FrameText {
    fn from(text: Cow<'_, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl From<Cow<'_, [u8]>> for FrameBytes {
    fn from(bytes: Cow<'_, [u8]>) -> Self {
        match bytes {
            Cow::Borrowed(bytes) => bytes.into(),
            Cow::Owned(bytes) => bytes.into(),
        }
    }
}

impl<const N: usize> From<[u8; N]> for FrameBytes {
    fn from(bytes: [u8; N]) -> Self {
        bytes.as_slice().into()
    }
}

impl<const N: usize> From<&[u8; N]> for FrameBytes {
    fn from(bytes: &[u8; N]) -> Self {
        bytes.as_slice().into()
    }
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
