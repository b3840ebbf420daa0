//! Real-time messages between a server and its clients, over whatever transport
//! the client can use; wire-compatible with the JavaScript
//! [Primus](https://github.com/primus/primus) in both directions. Synchronous:
//! one thread per connection, no async runtime.
//!
//! ```
//! use primus::{Client, Destroy, Primus};
//!
//! // A server: every message goes back to whoever sent it.
//! let primus = Primus::create_server("127.0.0.1:0", |spark| {
//!     spark.on_data(|spark, message| spark.write(message.value()));
//! })?;
//!
//! // A client: blocks until it is connected, then writes and waits.
//! let address = primus.local_addr().expect("it listens");
//! let client = Client::connect(&format!("http://{address}"))?;
//! client.write(&("hello", 42))?;
//! let (text, number): (String, u32) = client.recv()?.parse()?;
//! assert_eq!((text.as_str(), number), ("hello", 42));
//!
//! client.end();
//! primus.destroy(Destroy::default());
//! # Ok::<(), primus::Error>(())
//! ```
//!
//! # A tour
//!
//! - [`Primus`] is a server, made by [`Primus::builder`]. Each connection of it
//!   is a [`Spark`], with a thread of its own that runs its listeners in order.
//! - [`Client`] connects to a server, this one or a JavaScript one: with
//!   listeners, reconnecting by itself, or the plain way, blocking in
//!   [`Client::recv`].
//! - A [`Message`] is what comes in: as [`Value`], whatever its shape, or as a
//!   type of yours through serde. [`Written`] is what became of one that went
//!   out.
//! - [`parsers`] say how messages are encoded; [`middleware`] sees the HTTP
//!   requests; [`plugins`] extend a server.
//! - [`Limits`] has every bound; [`SlowConsumer`] says what happens to a client
//!   that does not read; [`CloseReason`] why a connection ended;
//!   [`Primus::metrics`] what the server does.
//!
//! # Threads
//!
//! Handles ([`Primus`], [`Spark`], [`Client`]) are cheap to clone and may be used
//! from any thread and inside every listener. Nothing holds a lock while
//! application code runs. A server has a thread for every spark, and for every
//! connection that speaks HTTP; one that has waited for its client for half a
//! second, with a poll that is held or for the next request, goes on waiting
//! without. It has one thread each for those that wait so, for broadcasts, for
//! full sockets, for time and for every listening socket; a client has one.
//!
//! # Logging
//!
//! Through the `log` crate: errors are failures of application code (told on
//! stderr where there is neither a logger nor a listener for them), warnings
//! are about configuration (unknown options are told on stderr too where there
//! is no logger) and connections that the machine had no room for,
//! info tells of messages that could not be decoded, debug of connections that
//! broke. Refused requests and the ends of connections are not logged: they are
//! counted in [`Primus::metrics`] and told to listeners. Nor are the contents of
//! messages.
//!
//! # Features
//!
//! | feature | | what for |
//! |---|---|---|
//! | `msgpack` | on by default | the parser of that name |
//! | `activation` | | sockets that systemd hands over: [`Primus::listen_inherited`] |
//! | `compression` | | permessage-deflate, and compressed answers over HTTP: [`Compression`] |
//! | `redis` | | the [`link`] to Redis, and the plugins for several servers that need it |
//! | `tls` | | `https` and `wss`, for server and client; it needs a C compiler (for `ring`) |
//!
//! What needs a feature says so, and where the feature is off it is not there, or an
//! error says which one is missing.
#![forbid(unsafe_code)]
// On docs.rs each item says which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_debug_implementations)]
#![warn(missing_docs)]

mod base64;
mod channel;
mod client;
mod close;
mod codec;
mod compression;
mod deadline;
#[cfg(feature = "compression")]
mod deflate;
mod error;
mod escapes;
mod events;
mod excuse;
mod extensions;
mod frame;
mod http;
mod id;
mod library;
mod limits;
#[cfg(feature = "redis")]
pub mod link;
mod message;
mod net;
mod outcome;
mod protocol;
mod rate;
mod ready_state;
mod server;
mod spec;
mod sync;
mod timer;
mod unheard;
pub mod value;

pub mod docs;
pub mod middleware;
pub mod parsers;
pub mod plugins;
pub mod testing;
pub mod transformers;

pub use client::{Attempt, Client, ClientBuilder, ClientMessages, OutgoingUrl, Reconnected};
pub use close::{CloseReason, Ended};
pub use compression::Compression;
pub use error::{BoxError, Error, Result};
pub use events::ListenerId;
pub use extensions::Extensions;
pub use frame::{Frame, FrameBytes, FrameText};
pub use http::{Address, Request};
pub use limits::Limits;
#[cfg(feature = "redis")]
pub use link::RedisLink;
pub use message::{Message, Written};
#[cfg(feature = "tls")]
pub use net::tls::{ClientTls, PeerCertificate, Tls, TlsError, TlsProblem};
pub use net::{SocketPath, Stream};
pub use outcome::Outcome;
pub use parsers::Parser;
pub use plugins::{Channel, Encode, Handler, Handlers, Plugin, Script, Side};
pub use protocol::Generation;
pub use ready_state::ReadyState;
#[cfg(feature = "tls")]
pub use server::Redirect;
pub use server::{
    Audience, Builder, ConnectionCounts, Destroy, Destroyed, EndOptions, HandOn, ListenerErrors,
    Messages, MetricsSnapshot, Primus, Relay, SlowConsumer, Spark, SparkReader, SparkWriter,
};
pub use spec::Spec;
pub use timer::ManualClock;
/// The HTTP vocabulary of [`Primus::on_request`] and of the [`middleware`].
pub use tiny_http;
pub use value::Value;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
