//! Ids that stay with a client over its connections.

pub(crate) mod wire;
