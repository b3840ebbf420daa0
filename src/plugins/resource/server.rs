//! A resource, on the server.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::wire::{MOST_METHODS, READY, event as named, is_method};
use crate::channel::Channel;
use crate::error::{BoxError, Error, Result};
use crate::outcome::Outcome;
use crate::plugins::emitter::{EmitterExt, EmitterServerExt};
use crate::plugins::event::{Event, EventExt, check_name};
use crate::plugins::multiplex::{ChannelSpark, ServerChannel};
use crate::server::{Primus, Spark};

type Method = dyn Fn(&Spark, &Event<'_>) -> Result<(), BoxError> + Send + Sync;

/// The methods of a resource, in order.
#[derive(Clone, Default)]
pub struct Methods {
    list: Vec<(String, Arc<Method>)>,
    is_flat: bool,
}

impl Methods {
    /// None yet.
    pub fn new() -> Self {
        Methods::default()
    }

    /// Adds a method. `run` is called on the connection's own thread for each call, with
    /// the arguments, and acknowledges it with [`Event::ack`].
    pub fn method<R: Outcome>(
        mut self,
        name: impl Into<String>,
        run: impl Fn(&Spark, &Event<'_>) -> R + Send + Sync + 'static,
    ) -> Self {
        let run = move |spark: &Spark, event: &Event<'_>| run(spark, event).into_result();
        self.list.push((name.into(), Arc::new(run)));
        self
    }

    /// Whether calls go over the connection itself, without a channel of the resource's
    /// own: both sides have to do the same. Connections that are open already have no
    /// such methods. Defaults to false.
    pub fn flat(mut self, is_flat: bool) -> Self {
        self.is_flat = is_flat;
        self
    }

    pub(super) fn is_flat(&self) -> bool {
        self.is_flat
    }

    /// # Errors
    /// A method that cannot have its name, or too many of them.
    pub(super) fn check(&self, resource: &str) -> Result<()> {
        let flat = self.is_flat.then_some(resource);
        let bad = |text: String| Err(Error::Misuse(text));
        if self.list.len() > MOST_METHODS {
            return bad(format!("a resource has no more than {MOST_METHODS} methods"));
        }
        for (at, (name, _)) in self.list.iter().enumerate() {
            check_name(name)?;
            check_name(&named(flat, name))?;
            if !is_method(name) || self.list[..at].iter().any(|(other, _)| other == name) {
                return bad(format!("no method, or no other one, can be named {name:?}"));
            }
        }
        Ok(())
    }

    /// Lets a connection call them, and tells it so.
    fn offer<C: Channel>(
        &self,
        channel: &C,
        flat: Option<&str>,
        spark: fn(&C) -> &Spark,
    ) -> Result<()> {
        for (name, run) in &self.list {
            let run = run.clone();
            let run = move |channel: &C, event: &Event<'_>| run(spark(channel), event);
            channel.on_event(&named(flat, name), run);
        }
        let names: Vec<&str> = self.list.iter().map(|(name, _)| &**name).collect();
        channel.send(&named(flat, READY), (names,)).map(drop)
    }
}

impl fmt::Debug for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.list.iter().map(|(name, _)| name)).finish()
    }
}

/// A resource of a server: see [the page](super) of the plugin.
#[derive(Clone, Debug)]
pub struct ServerResource {
    name: Arc<str>,
    over: Over,
}

#[derive(Clone, Debug)]
enum Over {
    Channel(ServerChannel),
    Flat(Primus),
}

impl ServerResource {
    pub(super) fn in_channel(channel: ServerChannel, methods: Methods) -> Self {
        let name = channel.name().into();
        channel.on_connection(move |member| methods.offer(member, None, ChannelSpark::spark));
        ServerResource { name, over: Over::Channel(channel) }
    }

    pub(super) fn flat_on(primus: &Primus, name: &str, methods: Methods) -> Self {
        let flat: Arc<str> = name.into();
        let name = flat.clone();
        primus.on_connection(move |spark| methods.offer(spark, Some(&flat), |spark| spark));
        ServerResource { name, over: Over::Flat(primus.clone()) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends an event to all clients that use the resource; to all that are connected, where
    /// it is [flat](Methods::flat).
    ///
    /// # Errors
    /// Those of [`EmitterServerExt::send_all`].
    pub fn send_all(&self, event: &str, args: impl Serialize) -> Result<()> {
        match &self.over {
            Over::Channel(channel) => channel.send_all(event, args).map(drop),
            Over::Flat(primus) => primus.send_all(&named(Some(&self.name), event), args),
        }
    }
}
