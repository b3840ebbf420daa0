//! What has become of a message.

use crate::error::Error;

/// What has become of a message that was forwarded.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Forwarded {
    /// To how many sparks of this server it was written.
    pub local: usize,
    /// To how many of the others, as far as they have answered.
    pub remote: usize,
    /// The servers that have taken it, in the order in which they were named, and to how
    /// many sparks each has written it.
    pub taken: Vec<(String, usize)>,
    /// Those that have not, and why. One that was not heard of in time may have written
    /// it all the same.
    pub failed: Vec<(String, Error)>,
}

impl Forwarded {
    /// To how many sparks it was written, here and elsewhere.
    pub fn total(&self) -> usize {
        self.local.saturating_add(self.remote)
    }

    /// Whether all servers have taken it.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty()
    }
}
