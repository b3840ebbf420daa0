//! A message that comes in pieces.

use super::breach::{Violation, breach, unpacked};
use crate::frame::{Frame, room};
use crate::transformers::websockets::deflate::Message;

/// What has come of a message so far.
pub(super) struct Partial {
    pub binary: bool,
    pub bytes: Vec<u8>,
    /// What decompresses it, if it is compressed.
    pub packed: Option<Message>,
    /// Bytes already known to be UTF-8.
    pub checked: usize,
    pub fragments: u32,
}

impl Partial {
    /// Bytes of it that have come, compressed if it is.
    pub fn came(&self) -> usize {
        self.packed.as_ref().map_or(self.bytes.len(), Message::came)
    }

    /// Appends some more of its payload.
    pub fn push(&mut self, payload: &[u8], most: usize) -> Result<(), Violation> {
        match &mut self.packed {
            Some(packed) => packed.push(payload, most, &mut self.bytes).map_err(unpacked),
            None => {
                room::append(&mut self.bytes, payload);
                Ok(())
            }
        }
    }

    /// Finds bad text early, so that a peer cannot send megabytes of it.
    pub fn check(&mut self) -> Result<(), Violation> {
        if self.binary {
            return Ok(());
        }
        match std::str::from_utf8(&self.bytes[self.checked..]) {
            Ok(_) => self.checked = self.bytes.len(),
            Err(error) if error.error_len().is_some() => {
                return Err(breach(1007, "text is not UTF-8"));
            }
            Err(error) => self.checked += error.valid_up_to(),
        }
        Ok(())
    }

    pub fn finish(self) -> Result<Frame, Violation> {
        if self.binary {
            return Ok(Frame::binary(self.bytes));
        }
        String::from_utf8(self.bytes)
            .map(Frame::text)
            .map_err(|_| breach(1007, "text is not UTF-8"))
    }
}
