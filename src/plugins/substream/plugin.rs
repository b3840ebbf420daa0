//! The plugin, and the streams of a connection.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, OnceLock};

use super::handle::{State, Substream};
use super::wire::{Packet, decode, stream};
use crate::channel::{Channel, Handler};
use crate::client::Client;
use crate::error::{BoxError, Error, Result};
use crate::events::ListenerId;
use crate::library::Script;
use crate::plugins::Plugin;
use crate::plugins::stream::{Stream, missing};
use crate::server::{Primus, Spark};
use crate::sync::Lock;
use crate::value::Value;

/// Streams that a connection has open at most.
const MOST_STREAMS: usize = 1_000;

/// The plugin `substream`: see [its page](super). Registered with
/// [`Builder::plugin`](crate::Builder::plugin) and
/// [`ClientBuilder::plugin`](crate::ClientBuilder::plugin).
#[derive(Debug, Default)]
pub struct Substreams {
    installed: OnceLock<[ListenerId; 2]>,
}

impl Substreams {
    /// The plugin.
    pub fn new() -> Self {
        Substreams::default()
    }
}

impl Plugin for Substreams {
    fn name(&self) -> &str {
        "substream"
    }

    fn server(&self, primus: &Primus) -> Result<(), BoxError> {
        let ids = [primus.handlers().add(Claims), primus.on_disconnection(|spark| end_all(spark))];
        let _ = self.installed.set(ids);
        Ok(())
    }

    fn client(&self, client: &Client) -> Result<(), BoxError> {
        client.handlers().add(Claims);
        client.on_close(|client, _| {
            if let Some(streams) = client.extensions().get::<Streams>() {
                streams.all().iter().for_each(|state| state.stream.lost());
            }
        });
        client.on_end(|client, _| end_all(client));
        Ok(())
    }

    fn script(&self) -> Option<Script<'_>> {
        Some(Script {
            client: include_str!("client.js"),
            library: include_str!("../library.js"),
            types: include_str!("types.d.ts"),
        })
    }

    fn plugout(&self, primus: &Primus) {
        for id in self.installed.get().into_iter().flatten() {
            primus.off(*id);
        }
    }
}

/// The open streams of a connection.
#[derive(Default)]
pub(super) struct Streams(Lock<BTreeMap<Box<str>, Arc<State>>>);

impl Streams {
    fn get(&self, name: &str) -> Option<Arc<State>> {
        self.0.lock().get(name).cloned()
    }

    /// The one of this name, which is made if there is none.
    fn open(&self, name: &str) -> Result<Arc<State>> {
        let fresh = Arc::new(State { name: name.into(), stream: Stream::default() });
        let mut table = self.0.lock();
        let count = table.len();
        let state = match table.entry(name.into()) {
            Entry::Occupied(present) => present.get().clone(),
            Entry::Vacant(_) if count >= MOST_STREAMS => {
                let text = format!("a connection has no more than {MOST_STREAMS} substreams");
                return Err(Error::Misuse(text));
            }
            Entry::Vacant(place) => place.insert(fresh.clone()).clone(),
        };
        drop(table);
        Ok(state)
    }

    pub fn remove(&self, state: &Arc<State>) {
        let mut table = self.0.lock();
        // A new one may have the name.
        let is_it = table.get(&state.name).is_some_and(|present| Arc::ptr_eq(present, state));
        let removed = is_it.then(|| table.remove(&state.name));
        drop(table);
        drop(removed);
    }

    fn all(&self) -> Vec<Arc<State>> {
        self.0.lock().values().cloned().collect()
    }
}

/// The connection is over.
fn end_all(connection: &(impl Channel + Clone)) {
    let Some(streams) = connection.extensions().get::<Streams>() else { return };
    for state in streams.all() {
        let substream = Substream { connection: connection.share(), state };
        substream.state.stream.end(&substream, false);
    }
}

struct Claims;

impl Handler for Claims {
    fn claims(&self, channel: &dyn Channel, message: &Value) -> bool {
        stream(message).is_some_and(|name| {
            channel.extensions().get::<Streams>().is_some_and(|open| open.get(name).is_some())
        })
    }

    fn handle(&self, channel: &dyn Channel, message: Value) -> Result<(), BoxError> {
        let streams = channel.extensions().get::<Streams>();
        // Another thread may have ended it just now.
        let Some(state) = streams.and_then(|streams| streams.get(stream(&message)?)) else {
            return Ok(());
        };
        let substream = Substream { connection: channel.share(), state };
        match decode(message) {
            Packet::Data(value) => substream.state.stream.received(&substream, value),
            Packet::End => {
                substream.state.stream.end(&substream, false);
                Ok(())
            }
        }
    }
}

/// Connections that can have streams inside: [`Spark`] and [`Client`].
pub trait OpenSubstream {
    /// The stream of this name: the one that is open, or a new one.
    ///
    /// # Errors
    /// [`Error::Misuse`] when the plugin [`Substreams`] is not registered or 1,000
    /// streams are open, [`Error::Closed`] on a spark that has ended.
    fn substream(&self, name: impl AsRef<str>) -> Result<Substream>;
}

impl OpenSubstream for Spark {
    fn substream(&self, name: impl AsRef<str>) -> Result<Substream> {
        self.primus().plugin::<Substreams>().ok_or_else(|| missing("substream"))?;
        let substream = open(self, name.as_ref())?;
        if !self.is_open() {
            // Those that were open are told of it, or have been.
            substream.state.stream.end(&substream, false);
            return Err(Error::Closed);
        }
        Ok(substream)
    }
}

impl OpenSubstream for Client {
    fn substream(&self, name: impl AsRef<str>) -> Result<Substream> {
        self.plugin::<Substreams>().ok_or_else(|| missing("substream"))?;
        open(self, name.as_ref())
    }
}

fn open(connection: &impl Channel, name: &str) -> Result<Substream> {
    let state = connection.extensions().get_or_init(Streams::default).open(name)?;
    Ok(Substream { connection: connection.share(), state })
}
