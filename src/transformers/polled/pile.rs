//! Messages that wait together in one large piece of memory.
//!
//! One thread takes them from the body of a POST and another one hands them to the
//! application. Many that waited each for itself would leave gaps in the
//! allocator's arenas when they are freed, and arenas with gaps are not given back.

use crate::frame::{Frame, room};
use crate::transformers::polled::records::{self, Records};
use crate::transformers::serve::Wire;

/// The room for messages, in bytes. It is that of a large buffer, see [`room`],
/// and takes no more memory than was written to it.
const SIZE: usize = 256 << 10;

/// Longer messages have large buffers of their own.
const LONGEST: usize = SIZE / 2;

/// Some messages, at least one, in order.
pub(super) struct Pile {
    bytes: Vec<u8>,
    /// What comes before is taken.
    at: usize,
}

impl Pile {
    /// A pile with this message; `None` if it is too long for one.
    pub fn of(frame: &Frame) -> Option<Self> {
        if frame.len() > LONGEST {
            return None;
        }
        let mut bytes = room::take(SIZE);
        Records.encode(frame, &mut bytes);
        Some(Pile { bytes, at: 0 })
    }

    /// Puts a message on top; false if there is no room for it.
    pub fn add(&mut self, frame: &Frame) -> bool {
        let has_room = self.bytes.len() + frame.len() + records::HEAD <= SIZE;
        if has_room {
            Records.encode(frame, &mut self.bytes);
        }
        has_room
    }

    /// The oldest message.
    pub fn take(&mut self) -> Option<Frame> {
        let waiting = &self.bytes[self.at..];
        let (record, rest) = records::first(waiting)?;
        self.at += waiting.len() - rest.len();
        record.frame()
    }

    /// Whether all are taken.
    pub fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }
}

impl Drop for Pile {
    fn drop(&mut self) {
        room::give(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_as_and_in_the_order_in_which_they_went_in() {
        let frames: Vec<_> = (0..40)
            .map(|at| match at % 2 {
                0 => Frame::text("é".repeat(at * 100)),
                _ => Frame::binary(vec![at as u8; at * 100]),
            })
            .collect();
        let mut pile = Pile::of(&frames[0]).expect("a short one");
        assert!(frames[1..].iter().all(|frame| pile.add(frame)));
        for frame in &frames {
            assert!(!pile.is_empty());
            assert_eq!(pile.take().as_ref(), Some(frame));
        }
        assert!(pile.is_empty());
    }

    #[test]
    fn no_more_goes_in_than_there_is_room_for() {
        assert!(Pile::of(&Frame::binary(vec![0; LONGEST + 1])).is_none());
        let frame = Frame::binary(vec![1; LONGEST - 100]);
        let mut pile = Pile::of(&frame).expect("not too long");
        assert!(pile.add(&frame));
        assert!(!pile.add(&frame));
        assert!(pile.add(&Frame::text("short")));
        assert!(pile.bytes.len() <= SIZE);
    }
}
