//! Panics on the server's own threads, which serve everybody.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::panic_text;
use crate::server::metrics::Metrics;

/// Runs one piece of work of a thread that has others to do: a panic in it is
/// logged and counted, and the thread goes on. `None`: it panicked.
pub(crate) fn guarded<R>(metrics: &Metrics, what: &str, work: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => Some(done),
        Err(panic) => {
            metrics.panics.add(1);
            log::error!("{what} panicked: {}", panic_text(&*panic));
            None
        }
    }
}
