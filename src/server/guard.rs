//! Panics on the server's own threads, which serve everybody.

use crate::error::catch;
use crate::server::metrics::Metrics;

/// Runs one piece of work of a thread that has others to do: a panic in it is
/// logged and counted, and the thread goes on. `None`: it panicked.
pub(crate) fn guarded<R>(metrics: &Metrics, what: &str, work: impl FnOnce() -> R) -> Option<R> {
    catch(work).map_or_else(
        |text| {
            metrics.panics.add(1);
            log::error!("{what} panicked: {text}");
            None
        },
        Some,
    )
}
