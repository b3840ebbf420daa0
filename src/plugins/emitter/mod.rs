//! Events for the other side, which may be acknowledged.

pub(crate) mod wire;
