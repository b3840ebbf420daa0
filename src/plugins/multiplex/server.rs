//! Channels and their subscriptions, on the server.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::channel::State;
use super::wire::{Body, Id, Send as Packet};
use crate::channel::{Channel, Encode};
use crate::error::{Error, Result};
use crate::events::ListenerId;
use crate::message::Written;
use crate::outcome::Outcome;
use crate::plugins::calls::quietly;
use crate::plugins::stream::{Inside, Stream, stream_handle};
use crate::server::{Primus, Spark};
use crate::sync::Lock;

/// A channel of a server: see [the page](super) of the plugin. A handle: clones are cheap,
/// and stand for the same channel.
#[derive(Clone)]
pub struct ServerChannel(Arc<State<ChannelSpark>>);

impl ServerChannel {
    pub(super) fn of(state: Arc<State<ChannelSpark>>) -> Self {
        ServerChannel(state)
    }

    pub(super) fn state(&self) -> &State<ChannelSpark> {
        &self.0
    }

    /// The server.
    ///
    /// # Errors
    /// It is no more.
    pub(super) fn primus(&self) -> Result<Primus> {
        self.0.primus().ok_or(Error::Closed)
    }

    /// Whether this is one of its subscriptions.
    pub(super) fn has(&self, member: &ChannelSpark) -> bool {
        Arc::ptr_eq(&self.0, &member.state.channel)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// A client has subscribed. Called on the thread of its connection, before any message
    /// of the subscription is handled; an error is an `error` event of the connection, and
    /// ends the subscription.
    ///
    /// Returns what [`off`](Self::off) takes to remove the listener.
    pub fn on_connection<R: Outcome>(
        &self,
        listener: impl Fn(&ChannelSpark) -> R + Send + Sync + 'static,
    ) -> ListenerId {
        let listener = move |spark: &ChannelSpark| listener(spark).into_result();
        self.0.connection.add(Arc::new(listener), false)
    }

    /// A subscription has ended, by whatever means. Called after its own listeners.
    pub fn on_disconnection(
        &self,
        listener: impl Fn(&ChannelSpark) + Send + Sync + 'static,
    ) -> ListenerId {
        self.0.disconnection.add(Arc::new(listener), false)
    }

    /// Removes a listener; false when it was not there.
    pub fn off(&self, id: ListenerId) -> bool {
        self.0.connection.remove(id) || self.0.disconnection.remove(id)
    }

    /// Writes a message to all subscriptions, in the order in which they came. Gives to how
    /// many it was written: not to those whose connection has ended, or reads too slowly.
    ///
    /// # Errors
    /// [`Error::Transform`](crate::Error::Transform) when it cannot be serialised.
    pub fn write<T: Serialize + ?Sized>(&self, message: &T) -> Result<usize> {
        let message = Encode::to_value(&message)?;
        let members = self.0.members();
        Ok(members.iter().filter(|member| member.write_message(&message).is_ok()).count())
    }

    /// Calls `each` with every subscription that is open now.
    pub fn for_each(&self, each: impl FnMut(&ChannelSpark)) {
        self.0.members().iter().for_each(each);
    }

    /// How many subscriptions are open.
    pub fn connected(&self) -> usize {
        self.0.count()
    }

    /// Ends all subscriptions, and takes the channel away: a later
    /// [`channel`](super::PrimusChannels::channel) of its name is a new one.
    pub fn destroy(&self) {
        self.0.forget();
        self.0.members().iter().for_each(ChannelSpark::end);
    }
}

impl fmt::Debug for ServerChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerChannel")
            .field("name", &self.name())
            .field("connected", &self.connected())
            .finish_non_exhaustive()
    }
}

/// One subscription of a client to a [`ServerChannel`]: what a
/// [`Spark`] is to the server. A handle: clones are cheap, and stand for the same one.
#[derive(Clone)]
pub struct ChannelSpark {
    pub(super) spark: Spark,
    pub(super) state: Arc<Subscription>,
}

pub(super) struct Subscription {
    pub id: Id,
    pub channel: Arc<State<ChannelSpark>>,
    /// Where the channel keeps it.
    pub number: u64,
    pub stream: Stream<ChannelSpark>,
}

impl ChannelSpark {
    /// The id that the client has given it. Unique on its connection only.
    pub fn id(&self) -> &str {
        self.state.id.as_str()
    }

    /// The name of the channel.
    pub fn name(&self) -> &str {
        &self.state.channel.name
    }

    /// The channel.
    pub fn channel(&self) -> ServerChannel {
        ServerChannel::of(self.state.channel.clone())
    }

    /// The connection that it is in.
    pub fn spark(&self) -> &Spark {
        &self.spark
    }
}

impl Inside for ChannelSpark {
    fn outer(&self) -> &dyn Channel {
        &self.spark
    }

    fn stream(&self) -> &Stream<Self> {
        &self.state.stream
    }

    fn say(&self, message: &dyn Encode) -> Result<Written> {
        let body = Body::message(message.to_value()?);
        self.spark.write(&Packet { id: &self.state.id, channel: self.name(), body })
    }

    fn leave(&self, tell: bool) {
        if let Some(all) = self.spark.extension::<Subscriptions>() {
            all.remove(&self.state);
        }
        self.state.channel.leave(self.state.number);
        if tell {
            let (id, channel) = (&self.state.id, self.name());
            // Without a connection nobody is to be told.
            let _ = self.spark.write(&Packet::<()> { id, channel, body: Body::Unsubscribe });
        }
    }

    fn left(&self) {
        if let Some(left) = self.state.channel.left.get() {
            quietly(|| left(self));
        }
        for listener in self.state.channel.disconnection.snapshot().iter() {
            quietly(|| listener(self));
        }
    }
}

stream_handle!(ChannelSpark);

/// The subscriptions of a connection.
#[derive(Default)]
pub(super) struct Subscriptions(Lock<BTreeMap<Key, Arc<Subscription>>>);

/// The id, and the name of the channel.
pub(super) type Key = (Id, String);

impl Subscriptions {
    pub fn get(&self, key: &Key) -> Option<Arc<Subscription>> {
        self.0.lock().get(key).cloned()
    }

    pub fn len(&self) -> usize {
        self.0.lock().len()
    }

    pub fn add(&self, key: Key, subscription: Arc<Subscription>) {
        let before = self.0.lock().insert(key, subscription);
        drop(before);
    }

    fn remove(&self, subscription: &Subscription) {
        let key = (subscription.id.clone(), subscription.channel.name.to_string());
        let removed = self.0.lock().remove(&key);
        drop(removed);
    }

    pub fn all(&self) -> Vec<Arc<Subscription>> {
        self.0.lock().values().cloned().collect()
    }
}
