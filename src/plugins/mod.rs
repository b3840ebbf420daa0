//! Plugins: named extensions of servers and clients, and those that the crate brings.
//!
//! | plugin | npm | on | what |
//! |---|---|---|---|
//! | [`emit`] | `primus-emit` | server, client, page | events with arguments |
//! | [`emitter`] | `primus-emitter` | server, client, page | events with acknowledgements |
//! | [`responder`] | `primus-responder` | server, client, page | requests and responses |
//! | [`substream`] | `substream` | server, client, page | streams by name inside a connection |
//! | [`multiplex`] | `primus-multiplex` | server, client, page | channels, each with connections of its own |
//! | [`resource`] | `primus-resource` | server, client, page | methods of the server that clients call |
//! | [`rooms`] | `primus-rooms` | server | groups of connections, to be written to together |
//! | [`omega`] | `omega-supreme` | server | messages for the connections of other servers, over HTTP |
//! | [`history`] | - | server, client, page | messages of rooms survive a short cut |
//! | [`fortress`] | `fortress-maximus` | server | drops what no validator lets pass |
//! | [`mirage`] | `mirage` | server, client, page | ids that outlive connections |
//! | [`latency`] | `primus-spark-latency` | server | clocks of clients |
#![cfg_attr(
    feature = "redis",
    doc = "| [`metroplex`] | `metroplex` | server | which server has which connection, in Redis |\n| [`cluster`] | `primus-cluster` in what it does | server | several servers as one: broadcasts, rooms, and single connections |\n| [`compat`] | `primus-cluster`, `primus-rooms-redis-adapter`, `primus-redis-rooms` | server | rooms in common with JavaScript servers that have one of these |"
)]
//! | [`analytics`] | `primus-analytics` | page | tells a page's analytics what happens |
//!
//! They speak with the npm packages of the second column: a server of this crate with
//! JavaScript clients, a client of this crate with a JavaScript server, and the
//! browser client ([`Primus::library`]) has their halves. Traits add what they do to
//! [`Primus`], [`Spark`](crate::Spark) and [`Client`].
//!
//! # Together
//!
//! | | goes with | order |
//! |---|---|---|
//! | `emit` and `emitter` | each other only here: in JavaScript they break each other, so a page or a server there has one of them | any |
//! | `emit`, `emitter`, `responder` | work inside of substreams and channels too (in JavaScript `emitter` does in channels) | any |
//! | `resource` | needs `emitter`, and `multiplex` unless it is flat | behind these |
//! | `mirage` | needs `emit` or `emitter` | behind that |
//! | `fortress` | sees events of `emit` and `emitter`, also in streams; the messages of all others are `data` to it | any |
//! | `omega` | all; events of `emit` and `emitter` are forwarded as [`emit::event`] and [`emitter::event`] make them | any |
//! | `history` | needs `rooms`; what is inside of its messages is for the other plugins as if it had come by itself | behind `rooms` |
//! | `rooms` | `emit` and `emitter`, whose events can be sent to rooms; `multiplex`, whose channels have rooms of their own | any |
//! | `cluster` | needs `metroplex`; `rooms`, whose store it has, and `omega`, for servers of Node.js | behind `metroplex` |
//!
//! # Rules for all
//!
//! A message that a plugin claims is no `data`; one of another shape is, as if the plugin
//! were not there. Whatever a peer sends raises no event that only this side raises. What
//! waits for an answer has a time-out, fails when the connection ends, and is an error
//! ([`Error::Misuse`](crate::Error::Misuse)) on the thread that would bring the answer.
//! What a plugin keeps for a connection is bounded
//! ([`docs::security`](crate::docs::security)).

pub mod analytics;
mod answers;
mod args;
mod calls;
#[cfg(feature = "redis")]
pub mod cluster;
#[cfg(feature = "redis")]
pub mod compat;
pub mod emit;
pub mod emitter;
mod envelope;
mod event;
pub mod fortress;
pub mod history;
pub mod latency;
#[cfg(feature = "redis")]
pub mod metroplex;
pub mod mirage;
pub mod multiplex;
mod named;
mod names;
pub mod omega;
mod pending;
mod register;
pub mod resource;
pub mod responder;
pub mod rooms;
mod secret;
mod stream;
pub mod substream;
#[cfg(test)]
mod tests;

use std::any::Any;

use crate::client::Client;
use crate::error::BoxError;
use crate::server::Primus;

pub use crate::channel::{Channel, Encode, Handler, Handlers};
pub use crate::library::Script;

/// The browser's half of a plugin of this crate, with what all of these share.
fn half(client: &'static str, types: &'static str) -> Script<'static> {
    Script { client, library: include_str!("library.js"), types }
}
pub use analytics::Analytics;
pub use args::Args;
#[cfg(feature = "redis")]
pub use cluster::{Cluster, PrimusCluster};
pub use emit::{Emit, EmitExt, EmitServerExt};
pub use emitter::{Emitter, EmitterExt, EmitterServerExt};
pub use event::{Ack, Event, EventExt, ServerEventExt};
pub use fortress::{Fortress, Invalid};
pub use history::{ClientHistory, History};
pub use latency::{Latency, SparkLatency};
#[cfg(feature = "redis")]
pub use metroplex::{Metroplex, PrimusMetroplex};
pub use mirage::{ClientMirage, Mirage, SparkMirage};
pub use multiplex::Multiplex;
pub use omega::{Omega, PrimusForward};
pub use resource::Resources;
pub use responder::{Responder, ResponderExt};
pub use rooms::Rooms;
pub use substream::Substreams;

/// Which side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// A [`Primus`] and its sparks.
    Server,
    /// A [`Client`].
    Client,
}

/// An extension of servers, of clients or of both: registered with
/// [`Builder::plugin`](crate::Builder::plugin), [`Primus::add_plugin`] and
/// [`ClientBuilder::plugin`](crate::ClientBuilder::plugin).
///
/// ```
/// use primus::{BoxError, Plugin, Primus};
///
/// /// Logs who comes.
/// struct Visitors;
///
/// impl Plugin for Visitors {
///     fn name(&self) -> &str {
///         "visitors"
///     }
///
///     fn server(&self, primus: &Primus) -> Result<(), BoxError> {
///         primus.on_connection(|spark| println!("{} from {}", spark.id(), spark.address()));
///         Ok(())
///     }
/// }
///
/// let primus = Primus::builder().plugin(Visitors).build()?;
/// assert_eq!(primus.plugins(), ["visitors"]);
/// assert!(primus.plugin::<Visitors>().is_some());
/// # primus.destroy(Default::default());
/// # Ok::<(), primus::Error>(())
/// ```
///
/// A plugin that has messages of its own adds a [`Handler`] to the
/// [`handlers`](Channel::handlers) of the server or client, and keeps what it knows
/// of a connection in the connection's [`Extensions`](crate::Extensions).
pub trait Plugin: Any + Send + Sync {
    /// The name by which it is known; not empty, and unique on a server or client.
    fn name(&self) -> &str;

    /// Events that it raises itself on a side, so that the other side cannot.
    /// Asked when it is registered. None by default.
    fn reserved(&self, side: Side) -> &[&'static str] {
        let _ = side;
        &[]
    }

    /// Called once, when the plugin is registered with a server: installs
    /// listeners, transforms, handlers and middleware. Does nothing by default.
    ///
    /// # Errors
    /// Whatever keeps the plugin from working; it is not registered then.
    fn server(&self, primus: &Primus) -> Result<(), BoxError> {
        let _ = primus;
        Ok(())
    }

    /// Called once for each client that it is registered with, before that opens.
    /// Does nothing by default.
    ///
    /// # Errors
    /// Whatever keeps the plugin from working; the client is not made then.
    fn client(&self, client: &Client) -> Result<(), BoxError> {
        let _ = client;
        Ok(())
    }

    /// What it has for the browser client. Nothing by default. Asked when the
    /// plugin is registered.
    fn script(&self) -> Option<Script<'_>> {
        None
    }

    /// Called when the plugin is taken out with [`Primus::plugout`]. Does
    /// nothing by default.
    fn plugout(&self, primus: &Primus) {
        let _ = primus;
    }
}
