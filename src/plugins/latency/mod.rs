//! Latency: how far away a client is, and how its clock goes.
//!
//! What `primus-spark-latency` is for a JavaScript server. There, the client measures
//! and tells; since Primus 7 the server pings, and measures without the client's help:
//! [`Spark::latency`](crate::Spark::latency) needs no plugin. This one takes what the
//! npm plugin's client half still sends, so that it is no `data`, and works out by how
//! much the client's clock is ahead, where that tells its time (`use_clock_offset`).
//!
//! ```
//! use primus::plugins::latency::{Latency, SparkLatency};
//! use primus::{Client, Primus, Value};
//!
//! let primus = Primus::builder().plugin(Latency).build()?;
//! primus.on_connection(|spark| {
//!     spark.on_data(|spark, _| spark.write(&spark.clock_offset()));
//! });
//! let client = Client::connect(&format!("http://{}", primus.listen("127.0.0.1:0")?))?;
//! // As a client says that it is 1970.
//! client.write(&Value::from_iter([("_clock", Value::from(1_000))]))?;
//! client.write("what time is it?")?;
//! assert!(client.recv()?.parse::<f64>()? > 1e12);
//! # client.end();
//! # primus.destroy(Default::default());
//! # Ok::<(), primus::Error>(())
//! ```

use std::sync::atomic::{AtomicU64, Ordering};

use super::Plugin;
use crate::channel::{Channel, Handler};
use crate::error::BoxError;
use crate::server::{Primus, Spark};
use crate::value::Value;

/// The plugin `latency`: see [its page](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct Latency;

/// What the client's half of the plugin has told.
pub trait SparkLatency {
    /// By how many milliseconds the server's clock is ahead of the client's; `None`
    /// before the client has told its time.
    fn clock_offset(&self) -> Option<f64>;
}

impl SparkLatency for Spark {
    fn clock_offset(&self) -> Option<f64> {
        let bits = self.extension::<Offset>()?.0.load(Ordering::Relaxed);
        Some(f64::from_bits(bits))
    }
}

/// The bits of a number of milliseconds.
struct Offset(AtomicU64);

impl Plugin for Latency {
    fn name(&self) -> &str {
        "latency"
    }

    fn server(&self, primus: &Primus) -> Result<(), BoxError> {
        primus.handlers().add(Told);
        Ok(())
    }

    fn plugout(&self, primus: &Primus) {
        primus.handlers().remove_all::<Told>();
    }
}

/// Takes `{"_latency":ms,"_clock":ms}`, either of them alone too.
struct Told;

const NAMES: [&str; 2] = ["_latency", "_clock"];

impl Handler for Told {
    fn claims(&self, channel: &dyn Channel, message: &Value) -> bool {
        let Some(entries) = message.as_object() else { return false };
        let is_told = |(name, value): &(String, Value)| {
            NAMES.contains(&name.as_str()) && value.as_f64().is_some()
        };
        channel.any().is::<Spark>() && !entries.is_empty() && entries.iter().all(is_told)
    }

    fn handle(&self, channel: &dyn Channel, message: Value) -> Result<(), BoxError> {
        let number = |name: &str| message.get(name).and_then(Value::as_f64);
        let (Some(spark), Some(clock)) = (channel.any().downcast_ref::<Spark>(), number("_clock"))
        else {
            return Ok(());
        };
        // Half of a round trip ago, by the client's measure or by ours.
        let ours = || spark.latency().map(|latency| latency.as_secs_f64() * 1e3);
        let round_trip = number("_latency").or_else(ours).unwrap_or_default();
        let now = spark.primus().clock().wall_ms() as f64;
        let bits = (now - clock - round_trip / 2.0).to_bits();
        let offset = spark.extensions().get_or_init(|| Offset(AtomicU64::new(bits)));
        offset.0.store(bits, Ordering::Relaxed);
        Ok(())
    }
}
