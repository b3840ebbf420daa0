//! A stream, and all of a connection.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::wire::{Data, END};
use crate::channel::{Channel, Encode};
use crate::error::{Error, Result};
use crate::message::Written;
use crate::plugins::stream::{Inside, Stream, stream_handle};
use crate::sync::Lock;

/// Streams that a connection has open at most.
const MOST_STREAMS: usize = 1_000;

/// A stream inside a connection: see [its page](super). A handle: clones are cheap, and
/// stand for the same stream. It keeps the connection's [`Client`](crate::Client) from
/// being dropped.
#[derive(Clone)]
pub struct Substream {
    pub(super) connection: Arc<dyn Channel>,
    pub(super) state: Arc<State>,
}

pub(super) struct State {
    pub name: Box<str>,
    pub stream: Stream<Substream>,
}

impl Substream {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// The connection that it is in: a [`Spark`](crate::Spark) or a
    /// [`Client`](crate::Client).
    pub fn connection(&self) -> &dyn Channel {
        &*self.connection
    }
}

impl Inside for Substream {
    fn outer(&self) -> &dyn Channel {
        &*self.connection
    }

    fn stream(&self) -> &Stream<Self> {
        &self.state.stream
    }

    fn say(&self, message: &dyn Encode) -> Result<Written> {
        // The transforms see what is inside alone, as in JavaScript.
        let Some(message) = self.connection.outgoing(message.to_value()?)? else {
            return Ok(Written::Sent);
        };
        if message.as_str() == Some(END) {
            return Err(Error::Misuse(format!("`{END}` would end the stream: call `end`")));
        }
        self.connection.write_past(&Data { stream: self.name(), data: &message })
    }

    fn leave(&self, tell: bool) {
        if let Some(streams) = self.connection.extensions().get::<Streams>() {
            streams.remove(&self.state);
        }
        if tell {
            // Without a connection nobody is to be told.
            let _ = self.connection.write_past(&Data { stream: self.name(), data: END });
        }
    }
}

stream_handle!(Substream);

/// The open streams of a connection.
#[derive(Default)]
pub(super) struct Streams(Lock<BTreeMap<Box<str>, Arc<State>>>);

impl Streams {
    pub fn get(&self, name: &str) -> Option<Arc<State>> {
        self.0.lock().get(name).cloned()
    }

    /// The one of this name, which is made if there is none.
    pub fn open(&self, name: &str) -> Result<Arc<State>> {
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

    fn remove(&self, state: &Arc<State>) {
        let mut table = self.0.lock();
        // A new one may have the name.
        let is_it = table.get(&state.name).is_some_and(|present| Arc::ptr_eq(present, state));
        let removed = is_it.then(|| table.remove(&state.name));
        drop(table);
        drop(removed);
    }

    pub fn all(&self) -> Vec<Arc<State>> {
        self.0.lock().values().cloned().collect()
    }
}
