//! A message that comes in pieces.

use super::{Violation, breach};
use crate::frame::Frame;

/// What has come of a message so far.
pub(super) struct Partial {
    pub binary: bool,
    pub bytes: Vec<u8>,
    /// Bytes already known to be UTF-8.
    pub checked: usize,
    pub fragments: u32,
}

impl Partial {
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
