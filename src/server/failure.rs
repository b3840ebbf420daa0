//! What becomes of application code that fails.
//!
//! On a spark's thread an error is an `error` event, and the connection goes on,
//! unless the option says otherwise; a panic ends the spark. Neither reaches
//! another spark. Failures of code that has no spark go to the log.

use std::sync::atomic::Ordering;

use crate::close::{CloseReason, Ended};
use crate::error::{BoxError, Error, catch, caught};
use crate::events::Snapshot;
use crate::server::inner::Inner as Server;
use crate::server::options::ListenerErrors;
use crate::server::spark::Spark;
use crate::server::thread;
use crate::unheard::{self, is_of_connection};

/// Runs the listeners of one event, in order. What one returns as an error does
/// not keep the next from running, unless it ends the spark.
pub(super) fn tell<F: ?Sized>(
    spark: &Spark,
    listeners: &Snapshot<F>,
    call: impl Fn(&F) -> Result<(), BoxError>,
) {
    for listener in listeners.iter() {
        if let Err(error) = call(listener)
            && !goes_on(spark, error)
        {
            return;
        }
    }
}

/// Reports the error of a transform, or of listeners that a plugin has run.
#[cold]
#[inline(never)]
pub(super) fn taken(spark: &Spark, error: Error) {
    match error {
        Error::Listener(error) => {
            goes_on(spark, error);
        }
        error => report(spark, &error),
    }
}

/// Reports the error of a listener; false when it has ended the spark.
#[inline(never)]
fn goes_on(spark: &Spark, error: BoxError) -> bool {
    let error = Error::Listener(error);
    report(spark, &error);
    if spark.0.server.options.listener_errors == ListenerErrors::Report {
        return true;
    }
    end(spark, &error);
    false
}

/// Reports the error of a `connection` listener, which refuses the client.
#[inline(never)]
pub(super) fn refuse(spark: &Spark, error: BoxError) {
    let error = Error::Listener(error);
    report(spark, &error);
    end(spark, &error);
}

/// Runs what calls application code: its panic ends this spark and nothing
/// else.
pub(super) fn guarded(spark: &Spark, run: impl FnOnce()) {
    if let Err(error) = caught(run) {
        panicked(spark, &error);
    }
}

/// Apart, for the stack that it takes.
#[cold]
#[inline(never)]
fn panicked(spark: &Spark, error: &Error) {
    spark.0.server.metrics.panics.add(1);
    log(spark, log::Level::Error, error);
    emit_error(spark, error);
    end(spark, error);
}

/// Ends a spark after a failure, which need not come again: the client may.
fn end(spark: &Spark, error: &Error) {
    spark.close(CloseReason::new(Ended::Application, 1011, error.to_string(), true));
}

/// Tells of an error of the application's: by the log, by the `error` event,
/// and where neither is heard, on stderr.
pub(super) fn report(spark: &Spark, error: &Error) {
    if spark.0.is_open() && spark.outbox().is_lost() {
        spark.lost("the connection is broken");
    }
    // A listener that fails because the peer is gone is not at fault.
    let gone = !spark.0.is_open() && is_of_connection(error);
    log(spark, if gone { log::Level::Debug } else { log::Level::Error }, error);
    let heard = emit_error(spark, error);
    if !gone && !heard && !spark.0.told.swap(true, Ordering::Relaxed) {
        spark.0.server.tell_unheard(&format!(
            "spark {}: {error} (nobody listens for `error`; told once for each connection)",
            spark.id()
        ));
    }
}

fn log(spark: &Spark, level: log::Level, error: &Error) {
    spark.0.server.log(level, &format!("spark {}: {error}", spark.id()));
}

/// Runs the spark's `error` listeners; false when there are none.
pub(super) fn emit_error(spark: &Spark, error: &Error) -> bool {
    let run = || {
        let listeners = spark.0.events.error.snapshot();
        for listener in listeners.iter() {
            quietly(spark, || listener(spark, error));
        }
        !listeners.is_empty()
    };
    thread::within_errors(run).unwrap_or_else(|| {
        log::error!("spark {}: error in its error listeners: {error}", spark.id());
        true
    })
}

/// Runs a listener whose failure can be no event any more.
pub(super) fn quietly(spark: &Spark, run: impl FnOnce() -> Result<(), BoxError>) {
    let server = &spark.0.server;
    // The error's `Display` is the application's too.
    let run = || run().map_err(|error| error.to_string());
    let (text, told) = match catch(run) {
        Ok(Ok(())) => return,
        Ok(Err(text)) => (text, false),
        Err(text) => {
            server.metrics.panics.add(1);
            // The panic hook has told.
            (text, true)
        }
    };
    let text = format!("spark {}: listener failed: {text}", spark.id());
    server.log(log::Level::Error, &text);
    if !told && !spark.0.told.swap(true, Ordering::Relaxed) {
        server.tell_unheard(&text);
    }
}

impl Server {
    /// Emits a line for the log.
    pub(crate) fn log(&self, level: log::Level, text: &str) {
        // Ids and errors may hold what a peer sent.
        let text = &*unheard::escaped(text);
        log::log!(level, "{text}");
        for listener in self.events.log.snapshot().iter() {
            if self.caught(|| listener(level, text)).is_err() {
                log::warn!("a log listener failed");
            }
        }
    }

    /// Says on stderr what failed in the application, where it neither listens
    /// for lines of the log nor has a logger: failures are never silent.
    pub(super) fn tell_unheard(&self, text: &str) {
        if self.events.log.is_empty() {
            unheard::tell(text);
        }
    }

    /// Runs a listener that has no spark, and tells of its failure.
    pub(super) fn report(&self, event: &str, run: impl FnOnce() -> Result<(), BoxError>) {
        if let Err(error) = self.caught(run) {
            let text = format!("{event}: {error}");
            self.log(log::Level::Error, &text);
            // The panic hook has told of a panic.
            if !matches!(error, Error::Panicked(_)) {
                self.tell_unheard(&text);
            }
        }
    }

    /// Runs application code that has no spark; its panic becomes an error.
    pub(super) fn caught(&self, run: impl FnOnce() -> Result<(), BoxError>) -> Result<(), Error> {
        match caught(run) {
            Ok(outcome) => outcome.map_err(Error::Listener),
            Err(error) => {
                self.metrics.panics.add(1);
                Err(error)
            }
        }
    }
}
