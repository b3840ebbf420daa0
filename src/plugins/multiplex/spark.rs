//! A subscription, on the server.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::channel::State;
use super::server::ServerChannel;
use super::wire::{Body, Id, Send as Packet};
use crate::channel::{Channel, Encode};
use crate::error::Result;
use crate::message::Written;
use crate::plugins::stream::{Inside, Stream, quietly, stream_handle};
use crate::server::Spark;
use crate::sync::Lock;

/// One subscription of a client to a [`ServerChannel`]: what a
/// [`Spark`] is to the server. A handle: clones are cheap, and stand for the same one.
#[derive(Clone)]
pub struct ChannelSpark {
    pub(super) spark: Spark,
    pub(super) state: Arc<Subscription>,
}

pub(super) struct Subscription {
    pub id: Id,
    pub channel: Arc<State>,
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
        let body = Body::Message(Some(message.to_value()?));
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
