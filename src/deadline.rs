//! Points in time that are worked out from what the application asks for, which
//! may be for ever.

use std::time::{Duration, Instant};

/// More than anybody waits for, and well within what clocks count: longer times
/// are taken for this.
pub(crate) const FOR_EVER: Duration = Duration::from_secs(1_000 * 365 * 24 * 3600);

/// A point in time after another; never an overflow.
pub(crate) fn after(start: Instant, time: Duration) -> Instant {
    start.checked_add(time.min(FOR_EVER)).unwrap_or(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_added_the_deadline_does_not_lie_before_the_start() {
        let now = Instant::now();
        let mut last = now;
        for time in [Duration::ZERO, Duration::from_nanos(1), FOR_EVER, Duration::MAX] {
            let at = after(now, time);
            assert!(at >= last && at - now == time.min(FOR_EVER));
            last = at;
            assert!(after(at, time) >= at);
        }
    }
}
