//! The client's `browserchannel` against a scripted server, and against this crate's.

mod breaks;
mod hostile;
mod opening;
mod own;
mod server;
