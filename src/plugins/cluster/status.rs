//! What a cluster says of itself.

use std::fmt;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::link::LinkMetrics;
use crate::server::Counter;

macro_rules! numbers {
    ($($(#[doc = $doc:literal])+ $name:ident,)*) => {
        /// The counters behind [`ClusterStatus`].
        #[derive(Default)]
        pub(super) struct Counters {
            $(pub $name: Counter,)*
        }

        /// How this server stands with the others, from
        /// [`Cluster::status`](super::Cluster::status). As JSON, by serde, it is what a
        /// page for health checks may answer; as text ([`Display`](fmt::Display)) what
        /// Prometheus reads.
        ///
        /// The numbers count since the server began.
        #[derive(Clone, Debug, Default)]
        #[non_exhaustive]
        pub struct ClusterStatus {
            /// Whether all is well: the links are up, this server hears the others, and is
            /// in the registry.
            pub joined: bool,
            /// The address by which the others know this server; none before it listens.
            pub address: Option<String>,
            /// Other servers that were heard, and have not been found dead since; one that
            /// was started anew counts once. It is less than there are where some have
            /// said nothing yet. With several [buses](super::Cluster::bus) on the one on which
            /// the fewest were heard: it stays less where not all servers have the same.
            pub servers: usize,
            /// Questions to other servers that wait for an answer.
            pub asking: usize,
            /// Changes of rooms that Redis is still to be told.
            pub changes: usize,
            $($(#[doc = $doc])+ pub $name: u64,)*
            /// The link to Redis that metroplex has; those of other
            /// [buses](super::Cluster::bus) tell theirs themselves.
            pub link: LinkMetrics,
        }

        impl ClusterStatus {
            pub(super) fn count(counters: &Counters) -> Self {
                ClusterStatus { $($name: counters.$name.value(),)* ..Default::default() }
            }

            /// The counters by name.
            fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }

            const COUNTS: usize = [$(stringify!($name),)*].len();
        }
    };
}

numbers! {
    /// Messages for everybody and for rooms that were handed to the link.
    published,
    /// Those of them that the link did not take, because its queue is full, say, or that
    /// are larger than [`Cluster::message`](super::Cluster::message).
    refused,
    /// Messages of other servers that have come, of whatever kind.
    received,
    /// Those among them that had come before.
    doubles,
    /// Messages of other servers that have not come, as far as their numbers tell.
    missed,
    /// How often the subscription broke, so that messages may have been missed.
    cuts,
    /// What came and was no message at all, or too large: from somebody who is no
    /// server of the cluster.
    garbage,
    /// What is of another version of the cluster, and was passed over.
    unknown,
    /// Messages of other servers that could not be written here, because broadcasts are
    /// made faster than they can be sent, say.
    undelivered,
    /// Messages for single connections that other servers have asked about.
    asked,
    /// Questions to other servers that were answered.
    answered,
    /// How often the rooms of this server were written to Redis from the beginning.
    rewrites,
    /// Rooms that did not stand in Redis as they are here, and were put right.
    mended,
    /// Messages that were forwarded to servers of Node.js, once for each server.
    forwarded,
    /// Those of them that such a server did not take, or that were too many to be sent.
    unforwarded,
}

impl Serialize for ClusterStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = 6 + Self::COUNTS;
        let mut object = serializer.serialize_struct("ClusterStatus", fields)?;
        object.serialize_field("joined", &self.joined)?;
        object.serialize_field("address", &self.address)?;
        object.serialize_field("servers", &self.servers)?;
        object.serialize_field("asking", &self.asking)?;
        object.serialize_field("changes", &self.changes)?;
        for (name, value) in self.counts() {
            object.serialize_field(name, &value)?;
        }
        object.serialize_field("link", &Link(&self.link))?;
        object.end()
    }
}

/// The link, as it stands in JSON.
struct Link<'a>(&'a LinkMetrics);

impl Serialize for Link<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let link = self.0;
        let mut object = serializer.serialize_struct("LinkMetrics", 9)?;
        object.serialize_field("connected", &link.connected)?;
        object.serialize_field("reconnects", &link.reconnects)?;
        object.serialize_field("queue_commands", &link.queue_commands)?;
        object.serialize_field("queue_bytes", &link.queue_bytes)?;
        object.serialize_field("dropped", &link.dropped)?;
        object.serialize_field("refused", &link.refused)?;
        object.serialize_field("subscriptions_refused", &link.subscriptions_refused)?;
        object.serialize_field("errors", &link.errors)?;
        object.serialize_field("last_error", &link.last_error)?;
        object.end()
    }
}

impl fmt::Display for ClusterStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gauges = [
            ("joined", u64::from(self.joined)),
            ("servers", self.servers as u64),
            ("asking", self.asking as u64),
            ("changes", self.changes as u64),
            ("link_connected", u64::from(self.link.connected)),
            ("link_queue_commands", self.link.queue_commands as u64),
            ("link_queue_bytes", self.link.queue_bytes as u64),
            ("link_subscriptions_refused", self.link.subscriptions_refused as u64),
        ];
        for (name, value) in gauges {
            line(f, name, "gauge", value)?;
        }
        for (name, value) in self.counts() {
            line(f, &format!("{name}_total"), "counter", value)?;
        }
        let link = [
            ("link_reconnects_total", self.link.reconnects),
            ("link_dropped_total", self.link.dropped),
            ("link_refused_total", self.link.refused),
            ("link_errors_total", self.link.errors),
        ];
        link.iter().try_for_each(|(name, value)| line(f, name, "counter", *value))
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, kind: &str, value: u64) -> fmt::Result {
    writeln!(f, "# TYPE primus_cluster_{name} {kind}")?;
    writeln!(f, "primus_cluster_{name} {value}")
}
