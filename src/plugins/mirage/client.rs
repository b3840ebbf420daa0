//! The client's half.

use std::sync::Arc;

use super::wire;
use crate::channel::{Channel, Handler};
use crate::client::Client;
use crate::error::BoxError;
use crate::events::{ListenerId, Listeners};
use crate::outcome::Outcome;
use crate::plugins::calls::call_all;
use crate::plugins::{emit, emitter};
use crate::sync::Lock;
use crate::value::Value;

/// What is called with an id that the server gave.
pub type MirageListener = dyn Fn(&Client, &str) -> Result<(), BoxError> + Send + Sync;

/// The id of a client.
pub trait ClientMirage {
    /// The id; `None` before the server gave one, and without the plugin.
    fn mirage(&self) -> Option<String>;

    /// The server gave the client an id, its first or another one: the time to keep
    /// it for the next run.
    fn on_mirage<R: Outcome>(
        &self,
        listener: impl Fn(&Client, &str) -> R + Send + Sync + 'static,
    ) -> ListenerId;
}

impl ClientMirage for Client {
    fn mirage(&self) -> Option<String> {
        self.extensions().get::<State>()?.id.lock().clone()
    }

    fn on_mirage<R: Outcome>(
        &self,
        listener: impl Fn(&Client, &str) -> R + Send + Sync + 'static,
    ) -> ListenerId {
        let state = self.extensions().get_or_init(State::default);
        let listener: Arc<MirageListener> =
            Arc::new(move |client, id| listener(client, id).into_result());
        state.listeners.add(listener, false)
    }
}

#[derive(Default)]
struct State {
    id: Lock<Option<String>>,
    listeners: Listeners<MirageListener>,
}

pub(super) fn install(id: Option<String>, client: &Client) {
    let state = client.extensions().get_or_init(State::default);
    *state.id.lock() = id;
    client.on_outgoing_url(|client, url| {
        if let Some(id) = client.mirage() {
            url.query.push((wire::PARAMETER.to_owned(), id));
        }
    });
    // The event is one of `emit` or `emitter`, which the client may have, too.
    client.handlers().add_ahead(Given);
}

/// Takes the event that brings an id, whichever plugin has sent it.
struct Given;

impl Handler for Given {
    fn claims(&self, channel: &dyn Channel, message: &Value) -> bool {
        let is_id = |list: &Value| {
            list.as_array()
                .is_some_and(|list| list.first().and_then(Value::as_str) == Some(wire::EVENT))
        };
        channel.any().is::<Client>()
            && (emit::wire::claims(message) && message.get("emit").is_some_and(is_id)
                || emitter::wire::claims(message) && message.get("data").is_some_and(is_id))
    }

    fn handle(&self, channel: &dyn Channel, message: Value) -> Result<(), BoxError> {
        let Some(client) = channel.any().downcast_ref::<Client>() else { return Ok(()) };
        let args = match message.get("emit") {
            Some(_) => emit::wire::decode(message).map(|(_, args)| args),
            None => match emitter::wire::decode(message) {
                Some(emitter::wire::Packet::Event { args, .. }) => Some(args),
                _ => None,
            },
        };
        let Some(id) = args.and_then(wire::given) else { return Ok(()) };
        let Some(state) = client.extensions().get::<State>() else { return Ok(()) };
        *state.id.lock() = Some(id.clone());
        call_all(state.listeners.snapshot().iter(), |listener| listener(client, &id))
    }
}
