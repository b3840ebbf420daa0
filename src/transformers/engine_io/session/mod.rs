//! The life of a session, without input, output or a clock of its own: what
//! happens goes in, with the time; what is to be done about it comes out.
//!
//! - [`server`]: the server's side, over either carrier;
//! - [`heartbeat`]: its heartbeat, for both revisions;
//! - [`client`]: the client's side.

pub(crate) mod client;
pub(crate) mod heartbeat;
pub(crate) mod server;

#[cfg(test)]
mod tests;
