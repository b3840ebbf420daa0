//! What threads wait for.

use std::os::fd::AsFd;

/// What can be waited for.
pub(crate) trait Waitable: AsFd {
    /// Whether there is something to be read that was taken from the descriptor
    /// already: nothing more may come there.
    fn holds(&self) -> bool {
        false
    }
}
