//! A stream.

use std::sync::Arc;

use super::plugin::Streams;
use super::wire::{Data, END};
use crate::channel::{Channel, Encode};
use crate::error::{Error, Result};
use crate::message::Written;
use crate::plugins::stream::{Inside, Stream, stream_handle};

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
        let message = message.to_value()?;
        if message.as_str() == Some(END) {
            return Err(Error::Misuse(format!("`{END}` would end the stream: call `end`")));
        }
        self.connection.write_message(&Data { stream: self.name(), data: &message })
    }

    fn leave(&self, tell: bool) {
        if let Some(streams) = self.connection.extensions().get::<Streams>() {
            streams.remove(&self.state);
        }
        if tell {
            // Without a connection nobody is to be told.
            let _ = self.connection.write_message(&Data { stream: self.name(), data: END });
        }
    }
}

stream_handle!(Substream);
