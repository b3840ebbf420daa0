//! The blocking client.

mod recovery;

#[allow(unused_imports)]
pub use recovery::{Attempt, Reconnect, Recovery};
