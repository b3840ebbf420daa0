//! The pauses between attempts to connect.

use std::time::Duration;

/// A connection that stood for so long is a success: the next pause is the first again.
const STANDS: Duration = Duration::from_secs(5);

/// Pauses that grow.
pub(super) struct Pauses {
    min: Duration,
    max: Duration,
    attempt: u32,
    random: fastrand::Rng,
}

impl Pauses {
    pub fn new(min: Duration, max: Duration) -> Self {
        Pauses { min, max, attempt: 0, random: fastrand::Rng::new() }
    }

    /// The next: twice as long as the one before, give or take a quarter, so that
    /// servers do not come all at once.
    pub fn next(&mut self) -> Duration {
        let growth = 2f64.powi(self.attempt.min(30) as i32);
        self.attempt = self.attempt.saturating_add(1);
        let jitter = 0.75 + self.random.f64() / 2.0;
        let most = self.max.as_secs_f64();
        let time = (self.min.as_secs_f64() * growth).min(most) * jitter;
        Duration::try_from_secs_f64(time.min(most)).unwrap_or(self.max)
    }

    /// A connection stood for so long, and broke.
    pub fn stood(&mut self, time: Duration) {
        if time >= STANDS.min(self.max) {
            self.attempt = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_grow_up_to_the_longest() {
        let ms = Duration::from_millis;
        let mut pauses = Pauses::new(ms(100), ms(1000));
        for expected in [100, 200, 400, 800] {
            let pause = pauses.next();
            assert!(pause >= ms(expected * 3 / 4) && pause <= ms(expected * 5 / 4), "{pause:?}");
        }
        for _ in 0..100 {
            let pause = pauses.next();
            assert!(pause >= ms(750) && pause <= ms(1000), "{pause:?}");
        }
    }

    #[test]
    fn they_begin_again_after_a_connection_that_stood() {
        let mut pauses = Pauses::new(Duration::from_millis(100), Duration::from_secs(60));
        (0..5).for_each(|_| assert!(!pauses.next().is_zero()));
        pauses.stood(Duration::from_millis(1));
        assert!(pauses.next() > Duration::from_secs(2));
        pauses.stood(Duration::from_secs(5));
        assert!(pauses.next() < Duration::from_millis(126));
    }

    #[test]
    fn extremes_are_harmless() {
        for (min, max) in [(Duration::ZERO, Duration::ZERO), (Duration::MAX, Duration::MAX)] {
            let mut pauses = Pauses::new(min, max);
            (0..100).for_each(|_| assert!(pauses.next() <= max));
        }
    }
}
