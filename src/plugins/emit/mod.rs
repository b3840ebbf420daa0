//! Events for the other side.

pub(crate) mod wire;
