//! Channels, on the client.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::channel::{MOST_SUBSCRIPTIONS, named};
use super::wire::{Body, Id, Send as Packet, address, claims, decode};
use crate::channel::{Channel, Encode, Handler};
use crate::client::Client;
use crate::error::{BoxError, Error, Result};
use crate::message::Written;
use crate::plugins::stream::{Inside, Stream, stream_handle};
use crate::sync::Lock;
use crate::value::Value;

/// A channel that a client has opened: see [the page](super) of the plugin. A handle:
/// clones are cheap, and stand for the same channel. It keeps the [`Client`] from being
/// dropped.
#[derive(Clone)]
pub struct ClientChannel {
    client: Client,
    state: Arc<State>,
}

struct State {
    id: Id,
    name: Box<str>,
    stream: Stream<ClientChannel>,
}

/// The open channels of a client.
#[derive(Default)]
struct Opened(Lock<BTreeMap<Id, Arc<State>>>);

impl Opened {
    fn all(&self) -> Vec<Arc<State>> {
        self.0.lock().values().cloned().collect()
    }
}

/// Opens a channel, after `setup`.
pub(super) fn open(
    client: &Client,
    name: &str,
    setup: impl FnOnce(&ClientChannel),
) -> Result<ClientChannel> {
    let (id, name) = (Id::random()?, named(name)?.into());
    let state = Arc::new(State { id, name, stream: Stream::default() });
    let channel = ClientChannel { client: client.clone(), state: state.clone() };
    setup(&channel);
    let opened = client.extensions().get_or_init(Opened::default);
    let mut table = opened.0.lock();
    if table.len() >= MOST_SUBSCRIPTIONS {
        drop(table);
        let text = format!("a connection has no more than {MOST_SUBSCRIPTIONS} channels");
        return Err(Error::Misuse(text));
    }
    table.insert(state.id.clone(), state.clone());
    drop(table);
    // A connection that is made just now may say it, too, which does no harm.
    match channel.subscribe() {
        Ok(_) => Ok(channel),
        Err(error) => {
            state.stream.end(&channel, false);
            Err(error)
        }
    }
}

impl ClientChannel {
    /// The id by which the server knows it.
    pub fn id(&self) -> &str {
        self.state.id.as_str()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// The client that it is in.
    pub fn client(&self) -> &Client {
        &self.client
    }

    fn subscribe(&self) -> Result<Written> {
        self.client.write(&self.packet::<()>(Body::Subscribe))
    }

    fn packet<D>(&self, body: Body<D>) -> Packet<'_, D> {
        Packet { id: &self.state.id, channel: &self.state.name, body }
    }
}

impl Inside for ClientChannel {
    fn outer(&self) -> &dyn Channel {
        &self.client
    }

    fn stream(&self) -> &Stream<Self> {
        &self.state.stream
    }

    fn say(&self, message: &dyn Encode) -> Result<Written> {
        self.client.write(&self.packet(Body::message(message.to_value()?)))
    }

    fn leave(&self, tell: bool) {
        if let Some(opened) = self.client.extensions().get::<Opened>() {
            let removed = opened.0.lock().remove(&self.state.id);
            drop(removed);
        }
        if tell {
            // After the end of the client nobody is to be told.
            let _ = self.client.write(&self.packet::<()>(Body::Unsubscribe));
        }
    }
}

stream_handle!(ClientChannel);

/// The connection is lost; the channels go on with the next one.
pub(super) fn lost(client: &Client) {
    if let Some(opened) = client.extensions().get::<Opened>() {
        opened.all().iter().for_each(|state| state.stream.lost());
    }
}

/// The client has ended.
pub(super) fn end_all(client: &Client) {
    let Some(opened) = client.extensions().get::<Opened>() else { return };
    for state in opened.all() {
        let channel = ClientChannel { client: client.clone(), state };
        channel.state.stream.end(&channel, false);
    }
}

/// What a new connection is told first.
pub(super) fn subscribes(client: &Client) -> Vec<Value> {
    let Some(opened) = client.extensions().get::<Opened>() else { return Vec::new() };
    let packet = |state: &Arc<State>| {
        let send = Packet::<()> { id: &state.id, channel: &state.name, body: Body::Subscribe };
        Encode::to_value(&send).ok()
    };
    opened.all().iter().filter_map(packet).collect()
}

/// Takes what servers send.
pub(super) struct FromServer;

impl Handler for FromServer {
    /// Ids are our own here, so that no array of the application's is taken for a packet.
    fn claims(&self, channel: &dyn Channel, message: &Value) -> bool {
        claims(message)
            && address(message).is_some_and(|(id, _)| Id::is_ours(id))
            && channel.any().is::<Client>()
    }

    fn handle(&self, channel: &dyn Channel, message: Value) -> Result<(), BoxError> {
        let Some(client) = channel.any().downcast_ref::<Client>() else { return Ok(()) };
        let Some(packet) = decode(message) else { return Ok(()) };
        let opened = client.extensions().get::<Opened>();
        let state = opened.and_then(|opened| opened.0.lock().get(&packet.id).cloned());
        let Some(state) = state.filter(|state| *state.name == *packet.channel) else {
            return Ok(());
        };
        let channel = ClientChannel { client: client.clone(), state };
        match packet.body {
            Body::Message(payload) => {
                channel.state.stream.received(&channel, payload.unwrap_or(Value::Undefined))
            }
            Body::Unsubscribe => {
                // It needs no answer.
                channel.state.stream.end(&channel, false);
                Ok(())
            }
            Body::Subscribe => Ok(()),
        }
    }
}
