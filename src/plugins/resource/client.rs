//! A resource, on the client.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::wire::{READY, event as named, is_method, methods};
use crate::channel::Channel;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::events::ListenerId;
use crate::outcome::Outcome;
use crate::plugins::args::Args;
use crate::plugins::emitter::EmitterExt;
use crate::plugins::event::{Event, EventExt};
use crate::plugins::multiplex::{ClientChannel, OpenChannel};
use crate::sync::{Lock, Signal};

/// A resource of the server: see [the page](super) of the plugin. A handle: clones are
/// cheap, and stand for the same one.
#[derive(Clone)]
pub struct ClientResource {
    over: Over,
    state: Arc<State>,
}

#[derive(Clone)]
enum Over {
    Channel(ClientChannel),
    Flat(Client),
}

struct State {
    name: String,
    known: Lock<Known>,
    changed: Signal,
}

#[derive(Default)]
struct Known {
    /// None before the server has told.
    methods: Option<Vec<String>>,
    is_over: bool,
}

impl State {
    fn new(name: &str) -> Arc<Self> {
        let (known, changed) = (Lock::default(), Signal::default());
        Arc::new(State { name: name.to_owned(), known, changed })
    }

    fn learn(self: &Arc<Self>, channel: &impl Channel, flat: bool) {
        let state = self.clone();
        let flat = flat.then_some(&*self.name);
        channel.on_event(&named(flat, READY), move |_, event| {
            state.change(|known| known.methods = Some(methods(event.args().clone())));
        });
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known.lock());
        self.changed.notify_all();
    }
}

impl ClientResource {
    pub(super) fn in_channel(client: &Client, name: &str) -> Result<Self> {
        let state = State::new(name);
        let channel = client.channel_with(name, |channel| {
            state.learn(channel, false);
            let over = state.clone();
            channel.on_end(move |_| over.change(|known| known.is_over = true));
        })?;
        Ok(ClientResource { over: Over::Channel(channel), state })
    }

    pub(super) fn flat_on(client: &Client, name: &str) -> Self {
        let state = State::new(name);
        state.learn(client, true);
        let over = state.clone();
        client.on_end(move |_, _| over.change(|known| known.is_over = true));
        let open = state.clone();
        client.on_open(move |_| open.change(|known| known.is_over = false));
        ClientResource { over: Over::Flat(client.clone()), state }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// The methods of which the server has told; none before that.
    pub fn methods(&self) -> Vec<String> {
        self.state.known.lock().methods.clone().unwrap_or_default()
    }

    /// Waits until the server has told of its methods, over reconnects if need be. Gives
    /// their names.
    ///
    /// # Errors
    /// [`Error::Timeout`] when it does not in time, as one that has no such resource;
    /// [`Error::Closed`] when the client or the channel ends; [`Error::Misuse`] on the
    /// client's own thread.
    pub fn wait_ready(&self, timeout: Duration) -> Result<Vec<String>> {
        if self.channel().is_inside() {
            let text = "wait_ready: a listener cannot wait for the client that runs it";
            return Err(Error::Misuse(text.into()));
        }
        let known = self.state.known.lock();
        let known = known.wait_while_for(&self.state.changed, timeout, |known| {
            known.methods.is_none() && !known.is_over
        });
        match (&known.methods, known.is_over) {
            (_, true) => Err(Error::Closed),
            (Some(methods), _) => Ok(methods.clone()),
            _ => Err(Error::Timeout(format!("no resource {:?} in time", self.state.name))),
        }
    }

    /// Calls a method with [arguments](Args#arguments-to-send), and waits for what it
    /// acknowledges.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a method that the server does not have, if that is known;
    /// else those of [`EmitterExt::send_ack`].
    pub fn call(&self, method: &str, args: impl Serialize, timeout: Duration) -> Result<Args> {
        self.check(method)?;
        match &self.over {
            Over::Channel(channel) => channel.send_ack(method, args, timeout),
            Over::Flat(client) => client.send_ack(&self.on_wire(method), args, timeout),
        }
    }

    /// [`call`](Self::call) that has `then` called with the outcome, once, and returns at
    /// once.
    ///
    /// # Errors
    /// As [`call`](Self::call), for what keeps the call from being sent.
    pub fn call_with(
        &self,
        method: &str,
        args: impl Serialize,
        timeout: Duration,
        then: impl FnOnce(Result<Args>) + Send + 'static,
    ) -> Result<()> {
        self.check(method)?;
        match &self.over {
            Over::Channel(channel) => {
                channel.send_with(method, args, timeout, |_, outcome| then(outcome))
            }
            Over::Flat(client) => {
                let name = self.on_wire(method);
                client.send_with(&name, args, timeout, |_, outcome| then(outcome))
            }
        }
    }

    /// Calls a method without waiting for anything.
    ///
    /// # Errors
    /// As [`call`](Self::call), for what keeps the call from being sent.
    pub fn tell(&self, method: &str, args: impl Serialize) -> Result<()> {
        self.check(method)?;
        match &self.over {
            Over::Channel(channel) => channel.send(method, args),
            Over::Flat(client) => client.send(&self.on_wire(method), args),
        }
        .map(drop)
    }

    /// Runs `listener` for each event of this name that the server sends
    /// [to all](super::ServerResource::send_all), on the client's thread.
    ///
    /// Returns what [`off_event`](Self::off_event) takes to remove it.
    pub fn on_event<R: Outcome>(
        &self,
        event: &str,
        listener: impl Fn(&Event<'_>) -> R + Send + Sync + 'static,
    ) -> ListenerId {
        match &self.over {
            Over::Channel(channel) => channel.on_event(event, move |_, event| listener(event)),
            Over::Flat(client) => {
                client.on_event(&self.on_wire(event), move |_, event| listener(event))
            }
        }
    }

    /// Removes a listener of events; false when it was not there.
    pub fn off_event(&self, id: ListenerId) -> bool {
        match &self.over {
            Over::Channel(channel) => channel.off_event(id),
            Over::Flat(client) => client.off_event(id),
        }
    }

    /// Lets go of its channel: calls are errors from now on. Where it is
    /// [flat](super::Methods::flat), nothing happens.
    pub fn end(&self) {
        if let Over::Channel(channel) = &self.over {
            channel.end();
        }
    }

    fn channel(&self) -> &dyn Channel {
        match &self.over {
            Over::Channel(channel) => channel,
            Over::Flat(client) => client,
        }
    }

    fn on_wire(&self, name: &str) -> String {
        named(Some(&self.state.name), name).into_owned()
    }

    fn check(&self, method: &str) -> Result<()> {
        let known = self.state.known.lock();
        let is_there = |methods: &Vec<String>| methods.iter().any(|name| name == method);
        if is_method(method) && known.methods.as_ref().is_none_or(is_there) {
            return Ok(());
        }
        drop(known);
        let name = &self.state.name;
        Err(Error::Misuse(format!("the resource {name:?} has no method {method:?}")))
    }
}

impl fmt::Debug for ClientResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientResource")
            .field("name", &self.name())
            .field("methods", &self.methods())
            .finish_non_exhaustive()
    }
}
