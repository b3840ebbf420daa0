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

impl Text {
    fn copy(text: &str) -> String {
        // Cannot fail: the buffer is empty.
        let mut room = String::from_utf8(room::take(text.len())).unwrap_or_default();
        room.push_str(text);
        room
    }
}

impl Bytes {
    fn copy(bytes: &[u8]) -> Vec<u8> {
        let mut room = room::take(bytes.len());
        room.extend_from_slice(bytes);
        room
    }
}

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
                match from.len() < room::LONG {
                    true => $shared(Kept::Close(from.into())),
                    false => $apart::copy(from).into(),
                }
            }
        }

        impl From<$owned> for $shared {
            /// Copies what is short, and keeps what is long.
            fn from(mut owned: $owned) -> Self {
                if owned.len() < room::LONG {
                    return $shared(Kept::Close(owned.into()));
                }
                let (len, capacity) = (owned.len(), owned.capacity());
                if let Some(more) = room::missing(len, len, capacity) {
                    // Where it fails there is the ordinary way.
                    let _ = owned.try_reserve_exact(more);
                } else if capacity - len > len / 4 && !room::is_vast(capacity) {
                    // Only its length counts as memory that it takes.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_however_they_are_kept() {
        for len in [0, 1, room::LONG - 1, room::LONG, 3 * room::LONG, 2 * room::LARGEST] {
            let text = "x".repeat(len);
            let mut roomy = String::with_capacity(2 * len + 100);
            roomy.push_str(&text);
            let ways: [FrameText; 6] = [
                text.as_str().into(),
                text.clone().into(),
                roomy.into(),
                Arc::<str>::from(text.as_str()).into(),
                text.clone().into_boxed_str().into(),
                Cow::Borrowed(text.as_str()).into(),
            ];
            let hasher = std::hash::RandomState::new();
            let hash = |text: &FrameText| std::hash::BuildHasher::hash_one(&hasher, text);
            for way in &ways {
                assert_eq!(**way, *text);
                assert_eq!(way.to_string(), text);
                assert_eq!(way, &ways[0].clone());
                assert_eq!(hash(way), hash(&ways[0]));
                assert_ne!(*way, FrameText::from("y"));
            }
            let bytes = FrameBytes::from(text.as_bytes());
            assert_eq!(bytes, FrameBytes::from(text.into_bytes()));
        }
    }

    #[test]
    fn no_room_to_spare_waits_in_a_queue() {
        let mut roomy = Vec::with_capacity(64 * room::LONG);
        roomy.resize(2 * room::LONG, 7);
        let Kept::Apart(kept) = FrameBytes::from(roomy).0 else { panic!("it is long") };
        assert!(kept.0.capacity() <= 3 * room::LONG);
    }

    #[test]
    fn a_buffer_in_use_is_nobody_elses() {
        let threads: Vec<_> = (0..4u8)
            .map(|mark| {
                std::thread::spawn(move || {
                    for round in 0..2_000usize {
                        let long = vec![mark; room::LONG + round % 5_000];
                        let first = FrameBytes::from(long.as_slice());
                        let second = FrameBytes::from(long);
                        assert!(first.iter().all(|byte| *byte == mark));
                        drop(first);
                        assert!(second.iter().all(|byte| *byte == mark));
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}
