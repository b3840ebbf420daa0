//! Methods of the server that clients call.

pub(crate) mod wire;
