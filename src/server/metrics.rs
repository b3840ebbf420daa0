//! Counters of what the server does.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::sync::Lock;

/// A number that grows; or, for a gauge, also shrinks.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, n: usize) {
        self.0.fetch_add(n as u64, Ordering::Relaxed);
    }

    pub fn sub(&self, n: usize) {
        self.0.fetch_sub(n as u64, Ordering::Relaxed);
    }

    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// [`add`](Self::add) for a counter that only one thread (or the holder of
    /// one lock) adds to: no locked instruction.
    pub fn bump(&self, n: usize) {
        self.0.store(self.value() + n as u64, Ordering::Relaxed);
    }
}

/// What one spark has sent and received. Kept by spark, so that busy
/// connections do not share a cache line.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub messages_in: Counter,
    pub bytes_in: Counter,
    pub messages_out: Counter,
    pub bytes_out: Counter,
}

impl Traffic {
    pub fn add_to(&self, total: &mut MetricsSnapshot) {
        total.messages_in += self.messages_in.value();
        total.bytes_in += self.bytes_in.value();
        total.messages_out += self.messages_out.value();
        total.bytes_out += self.bytes_out.value();
    }

    /// Adds the traffic of a spark that has ended.
    pub fn absorb(&self, ended: &Traffic) {
        self.messages_in.add(ended.messages_in.value() as usize);
        self.bytes_in.add(ended.bytes_in.value() as usize);
        self.messages_out.add(ended.messages_out.value() as usize);
        self.bytes_out.add(ended.bytes_out.value() as usize);
    }
}

/// The server's counters.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub backlog: Counter,
    pub broadcasts: Counter,
    pub dropped: Counter,
    pub slow_consumers: Counter,
    pub panics: Counter,
    pub heartbeats_missed: Counter,
    /// The traffic of sparks that have ended.
    pub ended: Traffic,
    /// Sparks by transformer: now and ever.
    by_transformer: Lock<BTreeMap<&'static str, ConnectionCounts>>,
    refusals: Lock<BTreeMap<u16, u64>>,
}

/// How many connections there are and were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionCounts {
    /// Sparks that are connected now.
    pub now: u64,
    /// Sparks that have ever been.
    pub ever: u64,
}

impl Metrics {
    /// Those of a server with these transformers, of which there are none yet.
    pub fn new(transformers: impl Iterator<Item = &'static str>) -> Self {
        let by_transformer = transformers.map(|name| (name, ConnectionCounts::default())).collect();
        Metrics { by_transformer: Lock::new(by_transformer), ..Metrics::default() }
    }

    pub fn connected(&self, transformer: &'static str) {
        let mut table = self.by_transformer.lock();
        let connections = table.entry(transformer).or_default();
        connections.now += 1;
        connections.ever += 1;
    }

    pub fn disconnected(&self, transformer: &str) {
        if let Some(connections) = self.by_transformer.lock().get_mut(transformer) {
            connections.now = connections.now.saturating_sub(1);
        }
    }

    pub fn refused(&self, status: u16) {
        *self.refusals.lock().entry(status).or_default() += 1;
    }

    pub fn snapshot<'a>(&self, sparks: impl Iterator<Item = &'a Traffic>) -> MetricsSnapshot {
        let connections = self.by_transformer.lock().clone();
        let refusals = self.refusals.lock().clone();
        let mut snapshot = MetricsSnapshot {
            connections,
            backlog_bytes: self.backlog.value(),
            broadcasts: self.broadcasts.value(),
            messages_dropped: self.dropped.value(),
            slow_consumers_cut: self.slow_consumers.value(),
            refusals,
            panics_caught: self.panics.value(),
            heartbeats_missed: self.heartbeats_missed.value(),
            ..MetricsSnapshot::default()
        };
        self.ended.add_to(&mut snapshot);
        sparks.for_each(|traffic| traffic.add_to(&mut snapshot));
        snapshot
    }
}

/// The server's counters at one moment. `Display` is the Prometheus text
/// format, ready to be served as `text/plain; version=0.0.4`; serialised it is
/// an object that can be written as a message.
///
/// ```
/// let primus = primus::Primus::builder().build()?;
/// let metrics = primus.metrics();
/// assert_eq!(metrics.messages_in, 0);
/// assert!(metrics.to_string().contains("primus_messages_in_total 0\n"));
/// # primus.destroy(Default::default());
/// # Ok::<(), primus::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetricsSnapshot {
    /// Sparks now and ever, by transformer.
    pub connections: BTreeMap<&'static str, ConnectionCounts>,
    /// Messages received, protocol messages not counted.
    pub messages_in: u64,
    /// Encoded bytes of the messages received.
    pub bytes_in: u64,
    /// Messages accepted for sending, to all sparks, each delivery of a
    /// broadcast counted.
    pub messages_out: u64,
    /// Encoded bytes of the messages accepted for sending.
    pub bytes_out: u64,
    /// Calls of [`Primus::write`](crate::Primus::write) and
    /// [`write_to`](crate::Primus::write_to).
    pub broadcasts: u64,
    /// Bytes that wait for slow clients, all sparks together.
    pub backlog_bytes: u64,
    /// Messages that a slow-consumer policy dropped.
    pub messages_dropped: u64,
    /// Slow consumers whose connection was cut.
    pub slow_consumers_cut: u64,
    /// Requests and upgrades refused, by HTTP status.
    pub refusals: BTreeMap<u16, u64>,
    /// Connections turned away because a bound, or the machine's threads or
    /// descriptors, were used up.
    pub connections_refused: u64,
    /// Panics caught in listeners, middleware, parsers and plugins.
    pub panics_caught: u64,
    /// Sparks ended because the heartbeat went unanswered.
    pub heartbeats_missed: u64,
}

impl Serialize for ConnectionCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut counts = serializer.serialize_struct("ConnectionCounts", 2)?;
        counts.serialize_field("now", &self.now)?;
        counts.serialize_field("ever", &self.ever)?;
        counts.end()
    }
}

/// An object with the names of the fields.
impl Serialize for MetricsSnapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let plain = self.plain();
        let mut all = serializer.serialize_struct("MetricsSnapshot", 2 + plain.len())?;
        all.serialize_field("connections", &self.connections)?;
        all.serialize_field("refusals", &self.refusals)?;
        for (field, _, _, value) in plain {
            all.serialize_field(field, &value)?;
        }
        all.end()
    }
}

/// The commonest statuses of refusals: they have a sample in the text before
/// there is one, so that the first refusal is a change.
const REFUSALS: [u16; 8] = [400, 401, 403, 404, 405, 426, 429, 503];

impl fmt::Display for MetricsSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labelled = |name: &'static str, value: fn(&ConnectionCounts) -> u64| {
            self.connections.iter().map(move |(transformer, connections)| {
                (format!("{name}{{transformer=\"{transformer}\"}}"), value(connections))
            })
        };
        let name = "primus_connections";
        let help = "Connections now.";
        family(f, name, "gauge", help, labelled(name, |connections| connections.now))?;
        let name = "primus_connections_total";
        let help = "Connections that have ever been.";
        family(f, name, "counter", help, labelled(name, |connections| connections.ever))?;
        let name = "primus_refusals_total";
        let mut refusals: BTreeMap<u16, u64> = REFUSALS.map(|status| (status, 0)).into();
        refusals.extend(&self.refusals);
        let refusals =
            refusals.iter().map(|(status, n)| (format!("{name}{{status=\"{status}\"}}"), *n));
        let help = "Requests and upgrades refused, by HTTP status.";
        family(f, name, "counter", help, refusals)?;
        for (field, kind, help, value) in self.plain() {
            let total = if kind == "counter" { "_total" } else { "" };
            let name = format!("primus_{field}{total}");
            family(f, &name, kind, help, std::iter::once((name.clone(), value)))?;
        }
        Ok(())
    }
}

impl MetricsSnapshot {
    /// The single numbers: field, kind, what it is, value.
    fn plain(&self) -> [(&'static str, &'static str, &'static str, u64); 11] {
        [
            ("messages_in", "counter", "Messages received.", self.messages_in),
            ("bytes_in", "counter", "Encoded bytes of the messages received.", self.bytes_in),
            ("messages_out", "counter", "Messages accepted for sending.", self.messages_out),
            (
                "bytes_out",
                "counter",
                "Encoded bytes of the messages accepted for sending.",
                self.bytes_out,
            ),
            ("broadcasts", "counter", "Messages written to all or to some.", self.broadcasts),
            ("backlog_bytes", "gauge", "Bytes that wait for slow clients.", self.backlog_bytes),
            (
                "messages_dropped",
                "counter",
                "Messages that a slow-consumer policy dropped.",
                self.messages_dropped,
            ),
            (
                "slow_consumers_cut",
                "counter",
                "Slow consumers whose connection was cut.",
                self.slow_consumers_cut,
            ),
            (
                "connections_refused",
                "counter",
                "Connections turned away because a bound or the machine was used up.",
                self.connections_refused,
            ),
            ("panics_caught", "counter", "Panics caught in application code.", self.panics_caught),
            (
                "heartbeats_missed",
                "counter",
                "Connections ended because the heartbeat went unanswered.",
                self.heartbeats_missed,
            ),
        ]
    }
}

fn family(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    kind: &str,
    help: &str,
    samples: impl Iterator<Item = (String, u64)>,
) -> fmt::Result {
    writeln!(f, "# HELP {name} {help}")?;
    writeln!(f, "# TYPE {name} {kind}")?;
    for (sample, value) in samples {
        writeln!(f, "{sample} {value}")?;
    }
    Ok(())
}
