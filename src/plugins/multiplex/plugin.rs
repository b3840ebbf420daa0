//! The plugin, and what it does with packets.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::channel::{LONGEST_NAME, MOST_SUBSCRIPTIONS, Table, named};
use super::client::{self, ClientChannel, FromServer};
use super::server::{ChannelSpark, ServerChannel, Subscription, Subscriptions};
use super::wire::{Body, Id, address, claims, decode};
use crate::channel::{Channel, Handler};
use crate::client::Client;
use crate::error::{BoxError, Result};
use crate::events::ListenerId;
use crate::library::Script;
use crate::plugins::calls::{call_all, missing};
use crate::plugins::stream::Stream;
use crate::plugins::{Plugin, Side, half};
use crate::server::{Primus, Spark};
use crate::sync::Lock;
use crate::value::Value;

/// Whether to make a channel that a client asks for.
type OnDemand = dyn Fn(&Spark, &ServerChannel) -> bool + Send + Sync;

/// The plugin `multiplex`: see [its page](super). Registered with
/// [`Builder::plugin`](crate::Builder::plugin) and
/// [`ClientBuilder::plugin`](crate::ClientBuilder::plugin).
#[derive(Default)]
pub struct Multiplex {
    on_demand: Lock<Option<Box<OnDemand>>>,
    installed: OnceLock<Installed>,
}

impl fmt::Debug for Multiplex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Multiplex").finish_non_exhaustive()
    }
}

struct Installed {
    table: Arc<Table<ChannelSpark>>,
    ids: [ListenerId; 2],
}

impl Multiplex {
    /// With the channels that the application makes.
    pub fn new() -> Self {
        Multiplex::default()
    }

    /// What to do when a client subscribes to a channel that the server does not have:
    /// `make` gets the connection and the channel, can add listeners, and says whether to
    /// make it. Such a channel is gone with its last subscription, unless the application
    /// asks for it meanwhile. Clients choose the names. Default: no channel is made.
    ///
    /// Called on the connection's thread. When two connections ask for one name at the same
    /// time it may be called for both, and one of the channels is thrown away.
    pub fn on_demand(
        self,
        make: impl Fn(&Spark, &ServerChannel) -> bool + Send + Sync + 'static,
    ) -> Self {
        *self.on_demand.lock() = Some(Box::new(make));
        self
    }

    fn table(&self) -> Option<&Arc<Table<ChannelSpark>>> {
        self.installed.get().map(|installed| &installed.table)
    }
}

impl Plugin for Multiplex {
    fn name(&self) -> &str {
        "multiplex"
    }

    fn reserved(&self, side: Side) -> &[&'static str] {
        match side {
            Side::Server => &["subscribe", "unsubscribe"],
            Side::Client => &[],
        }
    }

    fn server(&self, primus: &Primus) -> Result<(), BoxError> {
        let on_demand = self.on_demand.lock().take();
        let table = Arc::new(Table::new(primus.downgrade()));
        let ids = [
            primus.handlers().add(FromClients { table: table.clone(), on_demand }),
            primus.on_disconnection(|spark| {
                let Some(all) = spark.extension::<Subscriptions>() else { return };
                for state in all.all() {
                    let member = ChannelSpark { spark: spark.clone(), state };
                    member.state.stream.end(&member, false);
                }
            }),
        ];
        let _ = self.installed.set(Installed { table, ids });
        Ok(())
    }

    fn client(&self, client: &Client) -> Result<(), BoxError> {
        client.handlers().add(FromServer);
        client.on_close(|client, _| client::lost(client));
        client.on_end(|client, _| client::end_all(client));
        client.first_messages(client::subscribes);
        Ok(())
    }

    fn script(&self) -> Option<Script<'_>> {
        Some(half(include_str!("client.js"), include_str!("types.d.ts")))
    }

    fn plugout(&self, primus: &Primus) {
        for id in self.installed.get().iter().flat_map(|installed| installed.ids) {
            primus.off(id);
        }
    }
}

/// Takes what clients send.
struct FromClients {
    table: Arc<Table<ChannelSpark>>,
    on_demand: Option<Box<OnDemand>>,
}

impl Handler for FromClients {
    fn claims(&self, channel: &dyn Channel, message: &Value) -> bool {
        claims(message) && address(message).is_some() && channel.any().is::<Spark>()
    }

    fn handle(&self, channel: &dyn Channel, message: Value) -> Result<(), BoxError> {
        let (Some(spark), Some(packet)) = (channel.any().downcast_ref::<Spark>(), decode(message))
        else {
            return Ok(());
        };
        let key = (packet.id, packet.channel);
        let all = spark.extension::<Subscriptions>();
        let present = all.and_then(|all| all.get(&key));
        let present = present.map(|state| ChannelSpark { spark: spark.clone(), state });
        match (packet.body, present) {
            (Body::Message(payload), Some(member)) => {
                member.state.stream.received(&member, payload.unwrap_or(Value::Undefined))
            }
            (Body::Unsubscribe, Some(member)) => {
                // JavaScript's server answers, too.
                member.state.stream.end(&member, true);
                Ok(())
            }
            (Body::Subscribe, None) => self.subscribe(spark, key),
            // Late, or a guess.
            _ => Ok(()),
        }
    }
}

impl FromClients {
    fn subscribe(&self, spark: &Spark, (id, name): (Id, String)) -> Result<(), BoxError> {
        let all = spark.extensions().get_or_init(Subscriptions::default);
        // Only this thread adds some.
        if all.len() >= MOST_SUBSCRIPTIONS || name.is_empty() || name.len() > LONGEST_NAME {
            log::debug!("a subscribe is ignored: there are too many, or it has no good name");
            return Ok(());
        }
        let make = |state: &_| {
            let channel = ServerChannel::of(Arc::clone(state));
            self.on_demand.as_ref().is_some_and(|make| make(spark, &channel))
        };
        let member = |channel, number| {
            let state = Subscription { id: id.clone(), channel, number, stream: Stream::default() };
            ChannelSpark { spark: spark.clone(), state: Arc::new(state) }
        };
        let Some(member) = self.table.join(&name, make, member) else { return Ok(()) };
        all.add((id, name), member.state.clone());
        let channel = &member.state.channel;
        if !spark.is_open() {
            member.state.stream.end(&member, false);
            return Ok(());
        }
        let listeners = channel.connection.snapshot();
        let told = call_all(listeners.iter(), |listener| listener(&member));
        if told.is_err() {
            member.end();
        }
        told
    }
}

/// Servers that have channels.
pub trait PrimusChannels {
    /// The channel of this name: the one that is there, or a new one.
    ///
    /// # Errors
    /// [`Error::Misuse`](crate::Error::Misuse) when the plugin [`Multiplex`] is not registered, or for a name that
    /// is empty or longer than 256 bytes.
    fn channel(&self, name: impl AsRef<str>) -> Result<ServerChannel>;
}

impl PrimusChannels for Primus {
    fn channel(&self, name: impl AsRef<str>) -> Result<ServerChannel> {
        let plugin = self.plugin::<Multiplex>();
        let table = plugin.as_deref().and_then(Multiplex::table);
        let table = table.ok_or_else(|| missing("multiplex"))?;
        Ok(ServerChannel::of(table.channel(named(name.as_ref())?)))
    }
}

/// Clients that have channels.
pub trait OpenChannel {
    /// Opens a channel, another one each time. Nothing says whether the server has it.
    /// Without a connection it is opened with the next one.
    ///
    /// # Errors
    /// [`Error::Misuse`](crate::Error::Misuse) when the plugin [`Multiplex`] is not registered, for a name that is
    /// empty or longer than 256 bytes, and when 1,000 channels are open; [`Error::Closed`](crate::Error::Closed)
    /// when the client has ended; [`Error::Io`](crate::Error::Io) when the operating system has no
    /// randomness for an id.
    fn channel(&self, name: impl AsRef<str>) -> Result<ClientChannel> {
        self.channel_with(name, |_| {})
    }

    /// [`channel`](Self::channel), after `setup`, which adds listeners in time for the
    /// first event: one that comes before is lost, unlike messages.
    ///
    /// # Errors
    /// As [`channel`](Self::channel).
    fn channel_with(
        &self,
        name: impl AsRef<str>,
        setup: impl FnOnce(&ClientChannel),
    ) -> Result<ClientChannel>;
}

impl OpenChannel for Client {
    fn channel_with(
        &self,
        name: impl AsRef<str>,
        setup: impl FnOnce(&ClientChannel),
    ) -> Result<ClientChannel> {
        self.plugin::<Multiplex>().ok_or_else(|| missing("multiplex"))?;
        client::open(self, name.as_ref(), setup)
    }
}
