//! Channels with a name over one connection.

pub(crate) mod wire;
