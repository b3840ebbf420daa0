//! Messages that are read where they lie.

use super::breach::utf8;
use super::{Decoder, Opcode, Violation};

impl Decoder {
    /// The next message, without a copy of it, if that is a text that has come in
    /// one frame and is all there; `None` when [`next`](Self::next) is to be asked.
    /// For protocols that put messages into others: what is in one is copied anyway.
    #[inline]
    pub fn next_in_place(&mut self) -> Option<Result<&str, Violation>> {
        if self.closed || self.message.is_some() {
            return None;
        }
        // A breach is there still when `next` is asked.
        let frame = self.header().ok()??;
        let is_whole = frame.fin && frame.taken == 0 && self.end - self.start >= frame.length;
        if frame.opcode != Opcode::Text || frame.compressed || !is_whole {
            return None;
        }
        self.current = None;
        let at = self.start..self.start + frame.length;
        self.take(frame, frame.length);
        let text = utf8(&self.buf[at]);
        self.closed = text.is_err();
        Some(text)
    }
}
