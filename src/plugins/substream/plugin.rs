//! The plugin, and where it is used.

use std::sync::OnceLock;

use super::handle::{Streams, Substream};
use super::wire::{Packet, decode, stream};
use crate::channel::{Channel, Handler};
use crate::client::Client;
use crate::error::{BoxError, Error, Result};
use crate::events::ListenerId;
use crate::library::Script;
use crate::plugins::calls::missing;
use crate::plugins::{Plugin, half};
use crate::server::{Primus, Spark};
use crate::value::Value;

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
        let ids = [primus.handlers().add_first(Claims), primus.on_disconnection(end_all)];
        let _ = self.installed.set(ids);
        Ok(())
    }

    fn client(&self, client: &Client) -> Result<(), BoxError> {
        client.handlers().add_first(Claims);
        client.on_close(|client, _| {
            if let Some(streams) = client.extensions().get::<Streams>() {
                streams.all().iter().for_each(|state| state.stream.lost());
            }
        });
        client.on_end(|client, _| end_all(client));
        Ok(())
    }

    fn script(&self) -> Option<Script<'_>> {
        Some(half(include_str!("client.js"), include_str!("types.d.ts")))
    }

    fn plugout(&self, primus: &Primus) {
        for id in self.installed.get().into_iter().flatten() {
            primus.off(*id);
        }
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

/// Before the transforms, which are for what is inside.
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
            Packet::Data(value) => match channel.incoming(value) {
                Some(value) => substream.state.stream.received(&substream, value),
                None => Ok(()),
            },
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
