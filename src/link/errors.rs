//! What went wrong, and who is told: all of what is rare, and once a second what may
//! come in floods.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, caught};
use crate::events::{ListenerId, Listeners};
use crate::sync::Lock;

/// How often the same kind is told.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) type OnError = dyn Fn(&Error) + Send + Sync;

/// What may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A connection was not made, or broke: as often as there are attempts.
    Connection,
    /// Redis refused a command that nobody waits for.
    Refusal,
    /// Redis refused a subscription that it had not refused before.
    Subscription,
    /// The queue is full.
    Full,
    /// Commands were given up.
    Lost,
    /// A listener panicked.
    Panic,
}

/// See the [module](self).
#[derive(Default)]
pub(super) struct Errors {
    state: Lock<Told>,
    listeners: Listeners<OnError>,
}

#[derive(Default)]
struct Told {
    count: u64,
    last: Option<String>,
    /// For each kind when it was told, and how many were left out since then.
    kinds: [Option<(Instant, u64)>; 6],
}

impl Errors {
    pub fn listen(&self, listener: Arc<OnError>) -> ListenerId {
        self.listeners.add(listener, false)
    }

    /// False when it was not there.
    pub fn remove(&self, id: ListenerId) -> bool {
        self.listeners.remove(id)
    }

    /// How many there were, and the last.
    pub fn last(&self) -> (u64, Option<String>) {
        let told = self.state.lock();
        (told.count, told.last.clone())
    }

    /// Something went wrong. Whether it was told: a listener has heard of it, and the log.
    pub fn tell(&self, kind: Kind, error: &Error) -> bool {
        let (is_news, left_out) = {
            let mut told = self.state.lock();
            let before = told.last.take();
            let left_out = told.note(kind, error, Instant::now());
            (told.last != before, left_out)
        };
        let Some(left_out) = left_out else { return false };
        let more = if left_out > 0 { format!(" (and {left_out} like it)") } else { String::new() };
        match kind {
            Kind::Panic => log::error!("link to Redis: {error}{more}"),
            // An attempt every two seconds may go on for a night.
            Kind::Connection if !is_news => log::debug!("link to Redis: {error}"),
            _ => log::warn!("link to Redis: {error}{more}"),
        }
        for listener in self.listeners.snapshot().iter() {
            if let Err(error) = caught(|| listener(error)) {
                log::error!("link to Redis: a listener of on_error: {error}");
            }
        }
        true
    }
}

impl Told {
    /// How many were left out before this one; `None` when it is left out itself.
    fn note(&mut self, kind: Kind, error: &Error, now: Instant) -> Option<u64> {
        self.count += 1;
        self.last = Some(error.to_string());
        let before = &mut self.kinds[kind as usize];
        match before {
            Some((at, left_out))
                if kind != Kind::Connection && now.saturating_duration_since(*at) < PAUSE =>
            {
                *left_out += 1;
                None
            }
            _ => {
                let left_out = before.map_or(0, |(_, left_out)| left_out);
                *before = Some((now, 0));
                Some(left_out)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_once_a_second() {
        let (mut told, now) = (Told::default(), Instant::now());
        let error = Error::Unavailable("x".into());
        assert_eq!(told.note(Kind::Refusal, &error, now), Some(0));
        assert_eq!(told.note(Kind::Refusal, &error, now), None);
        assert_eq!(told.note(Kind::Full, &error, now), Some(0));
        assert_eq!(told.note(Kind::Refusal, &error, now + PAUSE), Some(1));
        assert_eq!(told.note(Kind::Refusal, &error, now + PAUSE), None);
        assert_eq!((told.count, told.last.as_deref()), (5, Some("unavailable: x")));
    }

    #[test]
    fn every_attempt_to_connect_is_told() {
        let (mut told, now) = (Told::default(), Instant::now());
        for _ in 0..3 {
            assert_eq!(told.note(Kind::Connection, &Error::Closed, now), Some(0));
        }
    }
}
