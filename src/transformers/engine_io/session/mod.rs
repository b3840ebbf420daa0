//! The life of a session, without a socket and with the time as an argument.

pub(crate) mod client;
