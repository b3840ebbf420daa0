//! Bounds on what is done in a second. Time is an argument.

use std::time::{Duration, Instant};

/// So many a second. A second begins with the first one that comes after the
/// second before.
#[derive(Debug)]
pub(crate) struct PerSecond {
    most: u32,
    left: u32,
    since: Option<Instant>,
}

impl PerSecond {
    pub fn new(most: u32) -> Self {
        PerSecond { most, left: most, since: None }
    }

    /// Counts one; false when it is too many.
    pub fn allow(&mut self, now: Instant) -> bool {
        let over = |since| now.saturating_duration_since(since) >= Duration::from_secs(1);
        if self.since.is_none_or(over) {
            (self.since, self.left) = (Some(now), self.most);
        }
        let allowed = self.left > 0;
        self.left = self.left.saturating_sub(1);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_allowed_in_each_second() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut rate = PerSecond::new(2);
        let allowed = [0, 10, 20, 999, 1_000, 1_500, 1_999, 5_000].map(|ms| rate.allow(at(ms)));
        assert_eq!(allowed, [true, true, false, false, true, true, false, true]);
        assert!(!PerSecond::new(0).allow(start));
    }
}
