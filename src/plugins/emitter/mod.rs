//! Events for the other side, which it may acknowledge: what `primus-emitter` is to
//! JavaScript.
//!
//! ```
//! use primus::plugins::{Emitter, EmitterExt, EmitterServerExt, EventExt};
//! use primus::testing::pair;
//! use primus::{Destroy, Primus};
//! use std::sync::mpsc;
//! use std::time::Duration;
//!
//! let primus = Primus::builder().plugin(Emitter).build()?;
//! primus.on_connection(|spark| {
//!     spark.on_event("add", |_, event| {
//!         let (a, b): (f64, f64) = event.parse()?;
//!         event.ack(a + b)
//!     });
//! });
//!
//! let pair = pair(&primus, |client| client.plugin(Emitter))?;
//! let client = pair.client();
//! // A thread that waits for the acknowledgement, which it must not on the
//! // connection's own; or a function that is called with it.
//! let sum: f64 = client.send_ack("add", (1, 2), Duration::from_secs(5))?.parse()?;
//! assert_eq!(sum, 3.0);
//! let (tell, told) = mpsc::channel();
//! client.send_with("add", (2, 3), Duration::from_secs(5), move |_, result| {
//!     let _ = tell.send(result.and_then(|values| values.parse::<f64>()));
//! })?;
//! assert_eq!(told.recv()??, 5.0);
//!
//! // Without an acknowledgement; to one, and to all.
//! client.send("news", "it rains")?;
//! primus.send_all("news", ("it rains", 12.5))?;
//! primus.destroy(Destroy::default());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # On the wire
//!
//! An event is `{"type":0,"data":["event","argument",2]}`, with `"id":1` behind that if
//! an acknowledgement is wanted, and that is `{"id":1,"type":1,"data":["value"]}`. Such
//! messages are never `data` (in JavaScript they are that too). What an event raises is
//! only what its name may, as for [`emit`](super::emit); one that raises nothing is not
//! acknowledged, and an acknowledgement that nobody waits for does nothing.
//!
//! # Acknowledgements
//!
//! Each side counts its ids from 1, a client over all of its connections. Every wait has
//! a time-out, and ends when the connection does (JavaScript's waits for ever). On one
//! connection no more than [`Limits::answers`](crate::Limits::answers) are waited for. An
//! acknowledgement to each of a server's sparks: `primus.for_each(|spark| ...)` with
//! [`send_with`](EmitterExt::send_with).

pub(crate) mod wire;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::answers::Answers;
use super::args::Args;
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
pub struct Emitter;

impl Plugin for Emitter {
    fn name(&self) -> &str {
        "emitter"
    }

    fn server(&self, primus: &Primus) -> Result<(), BoxError> {
        primus.handlers().add(Packets(Some(ServerEvents::of(primus))));
        Ok(())
    }

    fn client(&self, client: &Client) -> Result<(), BoxError> {
        client.handlers().add(Packets(None));
        Ok(())
    }

    fn script(&self) -> Option<Script<'_>> {
        Some(half(include_str!("client.js"), include_str!("types.d.ts")))
    }

    fn plugout(&self, primus: &Primus) {
        primus.handlers().remove_all::<Packets>();
    }
}

struct Packets(Option<ServerEvents>);

impl Handler for Packets {
    fn claims(&self, _: &dyn Channel, message: &Value) -> bool {
        wire::claims(message)
    }

    fn handle(&self, channel: &dyn Channel, message: Value) -> Result<(), BoxError> {
        match wire::decode(message) {
            Some(wire::Packet::Event { name, args, id }) => {
                raise(channel, self.0.as_ref(), &name, &Event::new(channel, args, id))?;
            }
            Some(wire::Packet::Ack { id, args }) => {
                if let Some(acks) = channel.extensions().get::<Acks>() {
                    acks.answers.answer(&id, args);
                }
            }
            None => (),
        }
        Ok(())
    }
}

/// The acknowledgements that one channel waits for.
struct Acks {
    answers: Answers<u64, Args>,
    last: AtomicU64,
}

impl Acks {
    fn of(channel: &dyn Channel) -> &Self {
        let new = || Acks { answers: Answers::new(), last: AtomicU64::new(0) };
        channel.extensions().get_or_init(new)
    }

    fn next(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }
}

fn what(event: &str) -> String {
    format!("the acknowledgement of `{}`", event.escape_debug())
}

/// Sending events; listening to them is [`EventExt`](super::EventExt).
pub trait EmitterExt: Channel + Sized {
    /// Sends an event to the other side, with its
    /// [arguments](super::Args#arguments-to-send), and without an acknowledgement.
    ///
    /// # Errors
    /// [`Error::Misuse`](crate::Error::Misuse) for a name that Primus itself uses on
    /// one of the sides, or that every object of JavaScript has; and those of a write.
    fn send(&self, event: &str, args: impl Serialize) -> Result<Written>;

    /// Sends an event, and waits for its acknowledgement: the values in it.
    ///
    /// # Errors
    /// [`Error::Timeout`](crate::Error::Timeout) when it does not come in time,
    /// [`Error::Closed`](crate::Error::Closed) when the connection ends before,
    /// [`Error::Misuse`](crate::Error::Misuse) in a listener of the same connection,
    /// which would wait for itself, and when too many are waited for; and those of
    /// [`send`](Self::send).
    fn send_ack(&self, event: &str, args: impl Serialize, timeout: Duration) -> Result<Args>;

    /// Sends an event, and has `call` called with the values of its acknowledgement,
    /// or the error of [`send_ack`](Self::send_ack): once, and as a rule on the
    /// connection's own thread.
    ///
    /// # Errors
    /// What keeps the event from being sent; `call` is not called then.
    fn send_with(
        &self,
        event: &str,
        args: impl Serialize,
        timeout: Duration,
        call: impl FnOnce(&Self, Result<Args>) + Send + 'static,
    ) -> Result<()>;
}

impl<C: Channel> EmitterExt for C {
    fn send(&self, event: &str, args: impl Serialize) -> Result<Written> {
        check_name(event)?;
        self.write_message(&wire::Event { name: event, args: &args, id: None })
    }

    fn send_ack(&self, event: &str, args: impl Serialize, timeout: Duration) -> Result<Args> {
        check_name(event)?;
        let acks = Acks::of(self);
        let send =
            |id: &u64| self.write_message(&wire::Event { name: event, args: &args, id: Some(*id) });
        acks.answers.wait(self, || acks.next(), timeout, || what(event), send)
    }

    fn send_with(
        &self,
        event: &str,
        args: impl Serialize,
        timeout: Duration,
        call: impl FnOnce(&Self, Result<Args>) + Send + 'static,
    ) -> Result<()> {
        check_name(event)?;
        let acks = Acks::of(self);
        let send =
            |id: &u64| self.write_message(&wire::Event { name: event, args: &args, id: Some(*id) });
        let name = event.to_owned();
        acks.answers.call(self, || acks.next(), timeout, move || what(&name), send, call)
    }
}

/// The message that an event without an acknowledgement is, for what sends messages of
/// any kind; as [`emit::event`](crate::plugins::emit::event).
///
/// # Errors
/// [`Error::Misuse`](crate::Error::Misuse) for the names that [`EmitterExt::send`]
/// refuses.
pub fn event<'a, A: Serialize + ?Sized>(
    name: &'a str,
    args: &'a A,
) -> Result<impl Serialize + use<'a, A>> {
    check_name(name)?;
    Ok(wire::Event { name, args, id: None })
}

/// Sending events to many: all clients of a server, or the members of a
/// [`Room`].
pub trait EmitterServerExt {
    /// What sending gives: what writing to them does.
    type Written;

    /// Sends an event to all of them, as `write` does: encoded once.
    ///
    /// # Errors
    /// Those of [`EmitterExt::send`], and of [`Primus::write`] or [`Room::write`].
    fn send_all(&self, event: &str, args: impl Serialize) -> Result<Self::Written>;
}

impl EmitterServerExt for Primus {
    type Written = ();

    fn send_all(&self, event: &str, args: impl Serialize) -> Result<()> {
        check_name(event)?;
        self.write(&wire::Event { name: event, args: &args, id: None })
    }
}

impl EmitterServerExt for Room {
    type Written = usize;

    fn send_all(&self, event: &str, args: impl Serialize) -> Result<usize> {
        check_name(event)?;
        self.write(&wire::Event { name: event, args: &args, id: None })
    }
}
