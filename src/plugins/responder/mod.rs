//! Requests to the other side, and its responses.

pub(crate) mod wire;
