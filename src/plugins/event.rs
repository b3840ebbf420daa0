//! Received events, whichever plugin brings them, and who listens to them.

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use serde::Serialize;

use super::args::Args;
use super::calls::call_all;
use super::emitter::wire;
use super::named::Named;
use super::names::{is_inherited, is_of_listeners};
use crate::channel::Channel;
use crate::client::Client;
use crate::error::{BoxError, Error, Result};
use crate::events::ListenerId;
use crate::extensions::Extensions;
use crate::outcome::Outcome;
use crate::server::{Primus, Spark};
use crate::value::Number;

/// An event that the other side has sent, as its listeners get it: the arguments,
/// to which it dereferences, and the acknowledgement, if one is wanted.
pub struct Event<'a> {
    channel: &'a dyn Channel,
    args: Args,
    id: Option<Number>,
    is_taken: AtomicBool,
}

impl<'a> Event<'a> {
    pub(crate) fn new(channel: &'a dyn Channel, args: Args, id: Option<Number>) -> Self {
        Event { channel, args, id, is_taken: AtomicBool::new(false) }
    }

    /// The arguments.
    pub fn args(&self) -> &Args {
        &self.args
    }

    /// Whether the sender waits for an acknowledgement, and nobody has given it yet.
    pub fn wants_ack(&self) -> bool {
        self.id.is_some() && !self.is_taken.load(Ordering::Relaxed)
    }

    /// Acknowledges the event, with values as they are
    /// [sent as arguments](Args#arguments-to-send). Does nothing where nobody waits
    /// for it, or another listener has done so.
    ///
    /// # Errors
    /// Those of a write.
    pub fn ack(&self, values: impl Serialize) -> Result<()> {
        self.take_ack().map_or(Ok(()), |ack| ack.send(values))
    }

    /// The acknowledgement, to be sent later and from any thread; `None` where
    /// nobody waits for it, or another listener has taken it.
    pub fn take_ack(&self) -> Option<Ack> {
        let id = self.id?;
        let is_first = !self.is_taken.swap(true, Ordering::Relaxed);
        is_first.then(|| Ack { id, channel: self.channel.share() })
    }
}

impl Deref for Event<'_> {
    type Target = Args;

    fn deref(&self) -> &Args {
        &self.args
    }
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("args", &self.args).field("id", &self.id).finish()
    }
}

/// An acknowledgement that is owed. Dropped, it is never sent, and the other side
/// waits until its time is over.
pub struct Ack {
    id: Number,
    channel: Arc<dyn Channel>,
}

impl Ack {
    /// Sends it, with values as they are [sent as arguments](Args#arguments-to-send).
    ///
    /// # Errors
    /// Those of a write.
    pub fn send(self, values: impl Serialize) -> Result<()> {
        self.channel.write_message(&wire::Ack { id: self.id, args: &values }).map(drop)
    }
}

impl fmt::Debug for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ack").field(&self.id).finish()
    }
}

type Listener = dyn Fn(&Event<'_>) -> Result<(), BoxError> + Send + Sync;

/// The listeners of one channel, or of a server.
#[derive(Default)]
struct Events {
    named: Named<Listener>,
    clears: OnceLock<()>,
}

impl Events {
    fn add(channel: &dyn Channel, name: &str, call: Arc<Listener>, once: bool) -> ListenerId {
        let events = channel.extensions().get_or_init(Events::default);
        let id = events.named.add(name, call, once);
        clear_at_end(channel, &events.clears, |extensions| {
            if let Some(events) = extensions.get::<Events>() {
                events.named.clear();
            }
        });
        id
    }
}

/// Has `clear` let go of the listeners that were added to a spark, when that has
/// ended: what they hold may be the spark itself. A client may connect again.
pub(crate) fn clear_at_end(channel: &dyn Channel, once: &OnceLock<()>, clear: fn(&Extensions)) {
    if !channel.any().is::<Spark>() {
        return;
    }
    once.get_or_init(|| {
        let held = channel.share();
        channel.on_over(Box::new(move || clear(held.extensions())));
    });
    if !channel.is_open() {
        clear(channel.extensions());
    }
}

/// Lets go of the listeners of a stream that has ended.
pub(crate) fn forget(extensions: &Extensions) {
    if let Some(events) = extensions.get::<Events>() {
        events.named.clear();
    }
}

/// The listeners of one server, for the events of all its sparks.
#[derive(Clone, Default)]
pub(crate) struct ServerEvents(Arc<Events>);

impl ServerEvents {
    /// Those of a server.
    pub fn of(primus: &Primus) -> Self {
        primus.extensions().get_or_init(ServerEvents::default).clone()
    }
}

/// Runs the listeners of a received event: those of its channel, then the server's.
/// Names that only this side itself raises are passed over.
///
/// # Errors
/// The first error of a listener; the others are run all the same.
pub(crate) fn raise(
    channel: &dyn Channel,
    server: Option<&ServerEvents>,
    name: &str,
    event: &Event<'_>,
) -> Result<(), BoxError> {
    if channel.is_reserved(name) || is_inherited(name) {
        return Ok(());
    }
    let listeners = |events: Option<&Events>| {
        events.map(|events| events.named.snapshot(name)).unwrap_or_default()
    };
    let own = listeners(channel.extensions().get());
    let all = listeners(server.map(|server| &*server.0));
    call_all(own.iter().chain(all.iter()), |listener| listener(event))
}

/// Whether an event can be sent under this name.
///
/// # Errors
/// [`Error::Misuse`]: one of the sides would take it for its own.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let is_own = Spark::reserved(name) || Client::reserved(name) || is_of_listeners(name);
    if is_own || is_inherited(name) {
        let name = name.escape_debug();
        return Err(Error::Misuse(format!("no event `{name}` can be sent: the name is reserved")));
    }
    Ok(())
}

fn listener<C: Channel, R: Outcome>(
    listener: impl Fn(&C, &Event<'_>) -> R + Send + Sync + 'static,
) -> Arc<Listener> {
    Arc::new(move |event: &Event<'_>| match event.channel.any().downcast_ref::<C>() {
        Some(channel) => listener(channel, event).into_result(),
        // Those of a server are for its sparks, not for streams inside them.
        None => Ok(()),
    })
}

/// Listening to the events that the other side sends, by
/// [`emit`](crate::plugins::emit) or [`emitter`](crate::plugins::emitter), on
/// whatever carries messages: [`Spark`], [`Client`], and streams inside them.
///
/// What a listener returns counts as for all [listeners](Outcome). They run on the
/// channel's own thread. Without one of these plugins nothing comes.
pub trait EventExt: Channel + Sized {
    /// Runs `listener` for each such event.
    ///
    /// ```
    /// use primus::plugins::{Emit, EventExt};
    /// use primus::Primus;
    ///
    /// let primus = Primus::builder().plugin(Emit).build()?;
    /// primus.on_connection(|spark| {
    ///     spark.on_event("move", |spark, event| -> primus::Result<()> {
    ///         let (x, y): (f64, f64) = event.parse()?;
    ///         println!("{} is at {x}, {y}", spark.id());
    ///         Ok(())
    ///     });
    /// });
    /// # primus.destroy(Default::default());
    /// # Ok::<(), primus::Error>(())
    /// ```
    fn on_event<R: Outcome>(
        &self,
        name: &str,
        listener: impl Fn(&Self, &Event<'_>) -> R + Send + Sync + 'static,
    ) -> ListenerId;

    /// [`on_event`](Self::on_event) for the next one only.
    fn once_event<R: Outcome>(
        &self,
        name: &str,
        listener: impl Fn(&Self, &Event<'_>) -> R + Send + Sync + 'static,
    ) -> ListenerId;

    /// Removes a listener of events; false when it is not, or no longer, there.
    fn off_event(&self, id: ListenerId) -> bool;
}

impl<C: Channel> EventExt for C {
    fn on_event<R: Outcome>(
        &self,
        name: &str,
        run: impl Fn(&Self, &Event<'_>) -> R + Send + Sync + 'static,
    ) -> ListenerId {
        Events::add(self, name, listener(run), false)
    }

    fn once_event<R: Outcome>(
        &self,
        name: &str,
        run: impl Fn(&Self, &Event<'_>) -> R + Send + Sync + 'static,
    ) -> ListenerId {
        Events::add(self, name, listener(run), true)
    }

    fn off_event(&self, id: ListenerId) -> bool {
        self.extensions().get::<Events>().is_some_and(|events| events.named.remove(id))
    }
}

/// Listening to the events that all clients of a server send; as [`EventExt`].
pub trait ServerEventExt {
    /// Runs `listener` for each such event of any spark, behind the spark's own.
    fn on_event<R: Outcome>(
        &self,
        name: &str,
        listener: impl Fn(&Spark, &Event<'_>) -> R + Send + Sync + 'static,
    ) -> ListenerId;

    /// Removes a listener of events; false when it is not, or no longer, there.
    fn off_event(&self, id: ListenerId) -> bool;
}

impl ServerEventExt for Primus {
    fn on_event<R: Outcome>(
        &self,
        name: &str,
        run: impl Fn(&Spark, &Event<'_>) -> R + Send + Sync + 'static,
    ) -> ListenerId {
        ServerEvents::of(self).0.named.add(name, listener(run), false)
    }

    fn off_event(&self, id: ListenerId) -> bool {
        ServerEvents::of(self).0.named.remove(id)
    }
}
