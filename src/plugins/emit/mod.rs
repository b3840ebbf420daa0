//! Events for the other side: what `primus-emit` is to JavaScript.
//!
//! ```
//! use primus::plugins::{Emit, EmitExt, EmitServerExt, EventExt, ServerEventExt};
//! use primus::testing::pair;
//! use primus::{Destroy, Primus};
//! use std::sync::mpsc;
//!
//! let primus = Primus::builder().plugin(Emit).build()?;
//! // Each spark's events one by one, or those of all sparks at the server.
//! primus.on_connection(|spark| {
//!     spark.on_event("hello", |spark, event| spark.emit("welcome", (&event[0], 1)));
//! });
//! primus.on_event("news", |spark, event| println!("{}: {:?}", spark.id(), event.args()));
//!
//! let pair = pair(&primus, |client| client.plugin(Emit))?;
//! let client = pair.client();
//! let (tell, told) = mpsc::channel();
//! client.on_event("welcome", move |_, event| tell.send(event.parse::<(String, u8)>()));
//! client.emit("hello", "Ann")?;
//! assert_eq!(told.recv()??, ("Ann".to_owned(), 1));
//!
//! // To all clients: encoded once.
//! primus.emit_all("news", ("it rains", 12.5))?;
//! primus.destroy(Destroy::default());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # On the wire
//!
//! `{"emit":["event","argument",2]}`, in both directions. Every object whose `emit` is
//! an array is the plugin's, and never `data`. What such a message raises is only what
//! its name may: not what Primus or a plugin raises itself
//! ([`Channel::is_reserved`]), not a name that every object of JavaScript has, and
//! nothing where the name is no text. Nothing is answered, and an event to which
//! nobody listens is lost.
//!
//! Events that arrive while `connection` listeners run wait for their end, so what
//! these listen to is not missed (in JavaScript it is).

pub(crate) mod wire;

use serde::Serialize;

use super::event::{Event, ServerEvents, check_name, raise};
use super::rooms::Room;
use super::{Plugin, Script, half};
use crate::channel::{Channel, Handler};
use crate::client::Client;
use crate::error::{BoxError, Result};
use crate::message::Written;
use crate::server::Primus;
use crate::value::Value;

/// The plugin, for servers and clients; see [the module](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct Emit;

impl Plugin for Emit {
    fn name(&self) -> &str {
        "emit"
    }

    fn server(&self, primus: &Primus) -> Result<(), BoxError> {
        primus.handlers().add(Events(Some(ServerEvents::of(primus))));
        Ok(())
    }

    fn client(&self, client: &Client) -> Result<(), BoxError> {
        client.handlers().add(Events(None));
        Ok(())
    }

    fn script(&self) -> Option<Script<'_>> {
        Some(half(include_str!("client.js"), include_str!("types.d.ts")))
    }

    fn plugout(&self, primus: &Primus) {
        primus.handlers().remove_all::<Events>();
    }
}

struct Events(Option<ServerEvents>);

impl Handler for Events {
    fn claims(&self, _: &dyn Channel, message: &Value) -> bool {
        wire::claims(message)
    }

    fn handle(&self, channel: &dyn Channel, message: Value) -> Result<(), BoxError> {
        match wire::decode(message) {
            Some((name, args)) => {
                raise(channel, self.0.as_ref(), &name, &Event::new(channel, args, None))
            }
            None => Ok(()),
        }
    }
}

/// Sending events; listening to them is [`EventExt`](super::EventExt).
pub trait EmitExt {
    /// Sends an event to the other side, with its
    /// [arguments](super::Args#arguments-to-send).
    ///
    /// # Errors
    /// [`Error::Misuse`](crate::Error::Misuse) for a name that Primus itself uses on
    /// one of the sides, or that every object of JavaScript has; and those of a write.
    fn emit(&self, event: &str, args: impl Serialize) -> Result<Written>;
}

impl<C: Channel> EmitExt for C {
    fn emit(&self, event: &str, args: impl Serialize) -> Result<Written> {
        check_name(event)?;
        self.write_message(&wire::Event { name: event, args: &args })
    }
}

/// The message that an event is, for what sends messages of any kind, such as
/// [`PrimusForward::forward`](crate::plugins::omega::PrimusForward::forward).
///
/// # Errors
/// [`Error::Misuse`](crate::Error::Misuse) for the names that [`EmitExt::emit`] refuses.
///
/// ```
/// let event = primus::plugins::emit::event("moved", &(3, 4))?;
/// assert_eq!(primus::Value::of(&event)?.to_string(), r#"{"emit":["moved",3,4]}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn event<'a, A: Serialize + ?Sized>(
    name: &'a str,
    args: &'a A,
) -> Result<impl Serialize + use<'a, A>> {
    check_name(name)?;
    Ok(wire::Event { name, args })
}

/// Sending events to many: all clients of a server, or the members of a
/// [`Room`].
pub trait EmitServerExt {
    /// What sending gives: what writing to them does.
    type Written;

    /// Sends an event to all of them, as `write` does: encoded once.
    ///
    /// # Errors
    /// Those of [`EmitExt::emit`], and of [`Primus::write`] or [`Room::write`].
    fn emit_all(&self, event: &str, args: impl Serialize) -> Result<Self::Written>;
}

impl EmitServerExt for Primus {
    type Written = ();

    fn emit_all(&self, event: &str, args: impl Serialize) -> Result<()> {
        check_name(event)?;
        self.write(&wire::Event { name: event, args: &args })
    }
}

impl EmitServerExt for Room {
    type Written = usize;

    fn emit_all(&self, event: &str, args: impl Serialize) -> Result<usize> {
        check_name(event)?;
        self.write(&wire::Event { name: event, args: &args })
    }
}
