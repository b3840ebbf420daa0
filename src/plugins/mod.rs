//! Plugins: named extensions of servers and clients.

pub mod analytics;
mod answers;
mod args;
pub mod emit;
pub mod emitter;
mod envelope;
mod event;
pub mod fortress;
pub mod latency;
pub mod mirage;
pub mod multiplex;
mod named;
mod names;
mod pending;
mod register;
pub mod resource;
pub mod responder;
pub mod rooms;
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
pub use analytics::Analytics;
pub use args::Args;
pub use emit::{Emit, EmitExt, EmitServerExt};
pub use emitter::{Emitter, EmitterExt, EmitterServerExt};
pub use event::{Ack, Event, EventExt, ServerEventExt};
pub use fortress::{Fortress, Invalid};
pub use latency::{Latency, SparkLatency};
pub use mirage::{ClientMirage, Mirage, SparkMirage};
pub use responder::{Responder, ResponderExt};

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
