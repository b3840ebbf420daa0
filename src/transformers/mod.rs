//! The wire protocols, one folder each.

pub(crate) mod websockets;
