//! What a frame shares between its clones.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use super::room;

/// The text of a [`Frame`](crate::Frame): a `str` that its clones share.
#[derive(Clone)]
pub struct FrameText(Kept<str, Text>);

/// The bytes of a binary [`Frame`](crate::Frame): a `[u8]` that its clones share.
#[derive(Clone)]
pub struct FrameBytes(Kept<[u8], Bytes>);

enum Kept<T: ?Sized, O> {
    /// In one piece with its reference count.
    Close(Arc<T>),
    /// In the buffer that it was written to.
    Apart(Arc<O>),
}

impl<T: ?Sized, O> Clone for Kept<T, O> {
    fn clone(&self) -> Self {
        match self {
            Kept::Close(kept) => Kept::Close(kept.clone()),
            Kept::Apart(kept) => Kept::Apart(kept.clone()),
        }
    }
}

/// A long text, whose buffer is used again.
struct Text(String);

/// Long bytes, whose buffer is used again.
struct Bytes(Vec<u8>);

impl Drop for Text {
    fn drop(&mut self) {
        room::give(std::mem::take(&mut self.0).into_bytes());
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        room::give(std::mem::take(&mut self.0));
    }
}

macro_rules! shared {
    ($($shared:ident of $target:ty, $apart:ident of $owned:ty;)*) => {$(
        impl Deref for $shared {
            type Target = $target;

            #[inline]
            fn deref(&self) -> &$target {
                match &self.0 {
                    Kept::Close(kept) => kept,
                    Kept::Apart(kept) => &kept.0,
                }
            }
        }

        impl PartialEq for $shared {
            fn eq(&self, other: &Self) -> bool {
                **self == **other
            }
        }

        impl Eq for $shared {}

        impl Hash for $shared {
            fn hash<H: Hasher>(&self, hasher: &mut H) {
                (**self).hash(hasher);
            }
        }

        impl fmt::Debug for $shared {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }

        impl From<Arc<$target>> for $shared {
            fn from(shared: Arc<$target>) -> Self {
                $shared(Kept::Close(shared))
            }
        }

        impl From<&$target> for $shared {
            fn from(from: &$target) -> Self {
                $shared(Kept::Close(from.into()))
            }
        }

        impl From<$owned> for $shared {
            /// Copies what is short, and keeps what is long.
            fn from(mut owned: $owned) -> Self {
                if owned.len() < room::LONG {
                    return (&*owned).into();
                }
                if owned.capacity() / 2 > owned.len() {
                    owned.shrink_to_fit();
                }
                $shared(Kept::Apart(Arc::new($apart(owned))))
            }
        }

        impl From<Box<$target>> for $shared {
            fn from(from: Box<$target>) -> Self {
                <$owned>::from(from).into()
            }
        }

        impl From<Cow<'_, $target>> for $shared {
            fn from(from: Cow<'_, $target>) -> Self {
                match from {
                    Cow::Borrowed(borrowed) => borrowed.into(),
                    Cow::Owned(owned) => owned.into(),
                }
            }
        }
    )*};
}

shared! {
    FrameText of str, Text of String;
    FrameBytes of [u8], Bytes of Vec<u8>;
}

impl fmt::Display for FrameText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
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
