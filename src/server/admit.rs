//! How a spark comes to be.

use std::sync::Arc;

use crate::close::CloseReason;
use crate::error::{BoxError, catch, caught};
use crate::events::Snapshot;
use crate::http::server::PlaceId;
use crate::server::carried;
use crate::server::failure;
use crate::server::inner::Inner as Server;
use crate::server::spark::Spark;
use crate::transformers::port::Which;
use crate::transformers::serve::{Opening, Source};

/// A spark that was made.
pub(super) struct Admitted {
    pub spark: Spark,
    pub source: Box<dyn Source>,
    /// It is registered; else it has no id.
    pub known: bool,
}

/// Makes a spark of this transformer, registers it and answers its handshake.
/// Generators of ids may fail, panic or repeat themselves. `place` is that of a
/// session's thread.
#[inline(never)]
pub(super) fn admit(
    server: &Arc<Server>,
    which: Which,
    mut opening: Box<Opening>,
    place: Option<PlaceId>,
) -> Admitted {
    let (id, fault) = name(server, &mut opening);
    let carrier = opening.session.take();
    let answer = std::mem::take(&mut opening.answer);
    let (spark, source) = Spark::open(server, which, id, opening);
    let refusal = refused_by_plugins(&spark);
    let mut late = false;
    let known = spark.outbox().greet(&answer, || {
        if let Some(carrier) = carrier {
            carried::introduce(&*carrier, &spark, place);
        }
        late = server.is_closing();
        let known = fault.is_none() && server.registry.insert(&spark);
        if known {
            server.metrics.connected(spark.transformer());
        }
        known
    });
    if !known {
        tell_fault(&spark, fault);
    } else if late || server.is_over() {
        // Behind what was written to all since it is registered. Who was before the end began
        // has its messages until the sparks are ended; they may have been counted before it.
        spark.close_behind(server.shutdown_reason());
    } else if let Some(error) = refusal {
        failure::refuse(&spark, error);
    }
    Admitted { spark, source, known }
}

/// Lets plugins see a spark before anybody else does. Gives what one has against
/// it.
fn refused_by_plugins(spark: &Spark) -> Option<BoxError> {
    let listeners = &spark.0.server.events.spark;
    if listeners.is_empty() { None } else { refused_by(spark, &listeners.snapshot()) }
}

/// Apart, for the stack that it takes.
#[inline(never)]
fn refused_by(spark: &Spark, listeners: &Snapshot<SparkListener>) -> Option<BoxError> {
    listeners.iter().find_map(|listener| match caught(|| listener(spark)) {
        Ok(outcome) => outcome.err(),
        Err(panic) => {
            spark.0.server.metrics.panics.add(1);
            Some(panic.into())
        }
    })
}

type SparkListener = dyn Fn(&Spark) -> Result<(), BoxError> + Send + Sync;

#[cold]
#[inline(never)]
fn tell_fault(spark: &Spark, fault: Option<String>) {
    let fault = fault.unwrap_or_else(|| format!("`{}` is taken", spark.id()));
    let text = format!("no id for a connection: {fault}");
    spark.0.server.log(log::Level::Error, &text);
    spark.0.server.tell_unheard(&text);
}

/// The id of a spark, or what is wrong with its generator.
#[inline(never)]
fn name(server: &Arc<Server>, opening: &mut Opening) -> (String, Option<String>) {
    let given = opening.id.take();
    match catch(|| server.new_id(&opening.request, given)) {
        Ok(Ok(id)) => (id, None),
        Ok(Err(error)) => (String::new(), Some(error.to_string())),
        Err(text) => {
            server.metrics.panics.add(1);
            (String::new(), Some(text))
        }
    }
}

/// Lets go of a spark that has not begun to live.
pub(super) fn abandon(spark: &Spark) {
    spark.0.mark_closed(CloseReason::lost("gone"));
    spark.stop_timers();
    spark.outbox().release();
    spark.0.server.registry.forget(spark, || ());
}
