//! Streams with a name inside one connection.

pub(crate) mod wire;
