//! When a request that has failed is made again.

use std::time::Duration;

/// How often a request of an open session is made again in a row, and how long after it
/// has failed for the second time; then twice as long each time.
const RETRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// How long after it has failed a request is made again, which was so many times.
pub(super) fn pause(times: u32) -> Option<Duration> {
    (times < RETRIES).then(|| if times == 0 { Duration::ZERO } else { PAUSE * (1 << (times - 1)) })
}
