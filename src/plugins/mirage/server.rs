//! The server's half.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::wire;
use crate::channel::Channel;
use crate::error::{BoxError, Result};
use crate::events::ListenerId;
use crate::plugins::{emit, emitter};
use crate::server::{Primus, Spark};

/// What a spark knows of the id of its client.
pub trait SparkMirage {
    /// The id; `None` before it is settled, and on a server without the plugin.
    fn mirage(&self) -> Option<&str>;
}

impl SparkMirage for Spark {
    fn mirage(&self) -> Option<&str> {
        self.extension::<Settled>().map(|id| &*id.0)
    }
}

struct Settled(String);

/// Makes the id of a client that has none.
pub(super) type Generator = dyn Fn(&Spark) -> Result<String, BoxError> + Send + Sync;

/// Judges the id that a client presents: `None` keeps it, `Some` is another one.
pub(super) type Validator = dyn Fn(&Spark, &str) -> Result<Option<String>, BoxError> + Send + Sync;

/// How ids are made and judged.
#[derive(Clone)]
pub(super) struct Rules {
    pub timeout: Duration,
    pub generator: Option<Arc<Generator>>,
    pub validator: Option<Arc<Validator>>,
}

pub(super) fn install(rules: Rules, primus: &Primus) -> Result<ListenerId, BoxError> {
    let plugins = primus.plugins();
    let has = |name: &str| plugins.iter().any(|plugin| plugin == name);
    let carrier = match (has("emit"), has("emitter")) {
        (true, _) => Carrier::Emit,
        (_, true) => Carrier::Emitter,
        _ => return Err("mirage needs `emit` or `emitter`, registered before it".into()),
    };
    Ok(primus.on_connection(move |spark| rules.settle(spark, carrier)))
}

/// The plugin whose events carry the id.
#[derive(Clone, Copy)]
enum Carrier {
    Emit,
    Emitter,
}

impl Rules {
    /// Runs before the application's `connection` listeners, on the spark's thread.
    fn settle(&self, spark: &Spark, carrier: Carrier) -> Result<(), BoxError> {
        let began = Instant::now();
        let presented = wire::presented(spark.request().query());
        let (new, doing) = match &presented {
            Some(id) => (self.validated(spark, id)?, "validate"),
            None => (Some(self.generated(spark)?), "generate"),
        };
        if began.elapsed() > self.timeout {
            return Err(format!("Failed to {doing} id in a timely manner").into());
        }
        if let Some(id) = &new {
            give(spark, id, carrier)?;
        }
        let _ = spark.extensions().set(Settled(new.or(presented).unwrap_or_default()));
        Ok(())
    }

    fn validated(&self, spark: &Spark, id: &str) -> Result<Option<String>, BoxError> {
        self.validator.as_ref().map_or(Ok(None), |validate| validate(spark, id))
    }

    fn generated(&self, spark: &Spark) -> Result<String, BoxError> {
        match &self.generator {
            Some(generate) => generate(spark),
            None => Ok(wire::generate()?),
        }
    }
}

fn give(spark: &Spark, id: &str, carrier: Carrier) -> Result<()> {
    let (name, args) = (wire::EVENT, &(id,));
    match carrier {
        Carrier::Emit => spark.write_message(&emit::wire::Event { name, args }),
        Carrier::Emitter => spark.write_message(&emitter::wire::Event { name, args, id: None }),
    }?;
    Ok(())
}
