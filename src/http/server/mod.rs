//! HTTP/1.1 as far as a Primus server needs it: accepting connections, request
//! heads and bodies under limits, keep-alive, answers.
//!
//! # Why tiny_http's server does not own the port
//!
//! Its vocabulary is ours: methods, versions, headers, and every answer is a
//! [`tiny_http::Response`], printed by its own writer. But its `Server` cannot
//! own the listener. The stream that it hands out after an upgrade cannot be
//! read and written by two threads. A request with
//! `Content-Length: 1099511627776` makes it allocate that much. Its accept
//! thread ends for good when descriptors run out. It reads heads without limit
//! or deadline, and accepts framing on which two parsers differ (a sign before
//! a length, two lengths, a length beside chunks). So this module accepts and
//! reads by itself, on httparse, and prints what tiny_http would print, with
//! the corrections that [`response`] names.
//!
//! # Threads
//!
//! The acceptor has one thread; each connection has one, on which everything
//! here runs, except while it waits for its client for long: then it is parked,
//! and one thread watches all that are. A TLS handshake has a thread before that. [`Connections`], with its parking lot, is
//! the only thing shared between them.

mod acceptor;
mod answer;
mod capacity;
mod connection;
mod connections;
mod header_set;
mod lot;
mod machine;
mod request;
mod response;
mod shares;
mod sink;
mod streaming;

#[cfg(test)]
mod tests;

pub(crate) use acceptor::Acceptor;
pub(crate) use answer::{Held, Holder, Unsent};
pub(crate) use capacity::default_connection_bound;
pub(crate) use connection::{Connection, Next, drain};
pub(crate) use connections::{Accepted, Connections, PlaceId, Refused, Rules, Served, Speaks};
pub(crate) use header_set::{HeaderSet, is_sound};
pub(crate) use lot::Parked;
pub(crate) use request::is_scheme;
pub use request::{Address, Request};
#[cfg(feature = "tls")]
pub(crate) use response::refusal;
#[cfg(test)]
pub(crate) use response::refusal_of;
pub(crate) use response::{text, typed};
pub(crate) use shares::{Bounds, Owner, Use, is_local};
pub(crate) use streaming::{Chunk, Streaming};
