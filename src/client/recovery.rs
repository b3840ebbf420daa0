//! When to try again after a connection was lost.

use std::time::Duration;

/// The longest delay that a timer of the JavaScript client can hold: about 25
/// days. Keeps an uncapped back-off within a `Duration`.
const LONGEST: f64 = i32::MAX as f64;

/// A connection that was open for so long worked, whatever it took to make it.
const STANDS: Duration = Duration::from_secs(5);

/// The options of the reconnect back-off.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Reconnect {
    /// The delay before the first attempt, and the unit of the later ones.
    /// Default 500 ms.
    pub min: Duration,
    /// The longest delay. Does not bind the first attempt. Default `None`: no
    /// bound.
    pub max: Option<Duration>,
    /// How many attempts in a row may fail before the client gives up and ends;
    /// `None` to never give up. Default 10.
    pub retries: Option<u32>,
    /// How long one attempt may take before it counts as failed; `None` for no
    /// limit. Default 30 s.
    pub timeout: Option<Duration>,
    /// By how much the delay grows with each attempt. Default 2.
    pub factor: f64,
}

impl Default for Reconnect {
    fn default() -> Self {
        Reconnect {
            min: Duration::from_millis(500),
            max: None,
            retries: Some(10),
            timeout: Some(Duration::from_secs(30)),
            factor: 2.0,
        }
    }
}

/// One attempt to reconnect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// Its number, from 1.
    pub attempt: u32,
    /// How many there may be; `None` when they never end.
    pub retries: Option<u32>,
    /// How long to wait before it.
    pub delay: Duration,
}

/// The randomised exponential back-off: the first attempt comes after `min`
/// exactly, attempt *n* after `(1 + random) * min * factor^(n - 1)`, at most
/// `max`.
#[derive(Clone, Debug)]
pub struct Recovery {
    options: Reconnect,
    attempt: u32,
    /// The delay before the last attempt.
    last: Duration,
    random: fastrand::Rng,
}

impl Recovery {
    /// A back-off at its beginning.
    pub fn new(options: Reconnect) -> Self {
        Self::with(options, fastrand::Rng::new())
    }

    /// A back-off whose delays are the same for the same seed.
    pub fn with_seed(options: Reconnect, seed: u64) -> Self {
        Self::with(options, fastrand::Rng::with_seed(seed))
    }

    fn with(options: Reconnect, random: fastrand::Rng) -> Self {
        Recovery { options, attempt: 0, last: Duration::ZERO, random }
    }

    /// The next attempt; `None` when there were enough.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Attempt> {
        if self.options.retries.is_some_and(|retries| self.attempt >= retries) {
            return None;
        }
        self.attempt = self.attempt.saturating_add(1);
        self.last = self.delay();
        let (attempt, retries) = (self.attempt, self.options.retries);
        Some(Attempt { attempt, retries, delay: self.last })
    }

    /// Starts again at the first attempt, after a success.
    pub fn reset(&mut self) {
        self.attempt = 0;
        self.last = Duration::ZERO;
    }

    /// A connection was lost that had stood for so long. If that was as long as
    /// the delay before it, the next attempt is the first again. One that is
    /// lost at once, each time, is as good as none: the delays go on growing,
    /// and the attempts come to an end.
    pub fn lost_after(&mut self, stood: Duration) {
        if stood >= self.last.min(STANDS) {
            self.reset();
        }
    }

    /// True while attempts are being made.
    #[cfg(test)]
    pub fn reconnecting(&self) -> bool {
        self.attempt > 0
    }

    /// The options.
    pub fn options(&self) -> &Reconnect {
        &self.options
    }

    fn delay(&mut self) -> Duration {
        let Reconnect { min, max, factor, .. } = self.options;
        if self.attempt == 1 {
            return min;
        }
        let growth = factor.powf(f64::from(self.attempt - 1));
        let delay = ((1.0 + self.random.f64()) * min.as_secs_f64() * 1000.0 * growth).round();
        let delay = Duration::from_millis(delay.clamp(0.0, LONGEST) as u64);
        max.map_or(delay, |max| delay.min(max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn the_first_attempt_comes_after_min_exactly() {
        for seed in 0..100 {
            let mut recovery = Recovery::with_seed(Reconnect::default(), seed);
            let first = Attempt { attempt: 1, retries: Some(10), delay: ms(500) };
            assert_eq!(recovery.next(), Some(first));
        }
        let options = Reconnect { max: Some(ms(100)), ..Reconnect::default() };
        assert_eq!(Recovery::with_seed(options, 1).next().unwrap().delay, ms(500));
    }

    #[test]
    fn later_attempts_lie_between_once_and_twice_the_power() {
        for seed in 0..1_000 {
            let mut recovery = Recovery::with_seed(Reconnect::default(), seed);
            recovery.next();
            for n in 2..=10 {
                let delay = recovery.next().unwrap().delay;
                let base = 500 << (n - 1);
                assert!(ms(base) <= delay && delay <= ms(2 * base), "{n}: {delay:?}");
            }
        }
    }

    #[test]
    fn delays_differ_between_seeds_and_not_for_one_seed() {
        let second = |seed| {
            let mut recovery = Recovery::with_seed(Reconnect::default(), seed);
            recovery.next();
            recovery.next().unwrap().delay
        };
        assert_eq!(second(7), second(7));
        assert!((0..20).any(|seed| second(seed) != second(7)));
    }

    #[test]
    fn max_caps_the_later_delays() {
        let options = Reconnect { max: Some(ms(3_000)), retries: Some(50), ..Default::default() };
        let mut recovery = Recovery::with_seed(options, 3);
        let delays: Vec<_> = std::iter::from_fn(|| recovery.next()).map(|a| a.delay).collect();
        assert_eq!(delays.len(), 50);
        assert!(delays[3..].iter().all(|&delay| delay == ms(3_000)));
    }

    #[test]
    fn it_is_exhausted_after_the_retries_until_reset() {
        let mut recovery = Recovery::with_seed(Reconnect::default(), 3);
        assert!(!recovery.reconnecting());
        assert_eq!(std::iter::from_fn(|| recovery.next()).count(), 10);
        assert_eq!(recovery.next(), None);
        assert!(recovery.reconnecting());
        recovery.reset();
        assert!(!recovery.reconnecting());
        assert_eq!(recovery.next().map(|a| (a.attempt, a.delay)), Some((1, ms(500))));
    }

    #[test]
    fn endless_attempts_stay_within_a_duration() {
        let options = Reconnect { retries: None, factor: 1e9, ..Reconnect::default() };
        let mut recovery = Recovery::with_seed(options, 3);
        for _ in 0..5_000 {
            assert!(recovery.next().unwrap().delay <= ms(i32::MAX as u64));
        }
        for factor in [f64::NAN, f64::INFINITY, -2.0, 0.0] {
            let options = Reconnect { factor, ..Reconnect::default() };
            let mut recovery = Recovery::with_seed(options, 3);
            assert_eq!(std::iter::from_fn(|| recovery.next()).count(), 10);
        }
    }
}
