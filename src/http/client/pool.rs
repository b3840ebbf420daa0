//! Connections that rest between two requests, for whoever asks the same servers again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::exchange::Exchanger;
use crate::sync::Lock;
use crate::timer::{Task, Timer};

/// Most connections to one server that are kept.
const OF_ONE: usize = 4;

/// Most that are kept at all.
const OF_ALL: usize = 256;

/// How often what is kept is looked through, at least: servers end connections too.
const LOOK: Duration = Duration::from_secs(5);

/// Resting connections by server. Any thread takes one and gives it back; the timer
/// ends those that have rested for as long as they may.
pub(crate) struct Pool {
    state: Lock<State>,
    timer: Timer,
}

#[derive(Default)]
struct State {
    kept: HashMap<String, Vec<Exchanger>>,
    count: usize,
    /// The timer will look through them.
    is_watched: bool,
    closed: bool,
}

impl Pool {
    /// Without any connection yet.
    pub fn new(timer: &Timer) -> Arc<Self> {
        Arc::new(Pool { state: Lock::default(), timer: timer.clone() })
    }

    /// A connection to this server, if one rests, or what makes one.
    pub fn take(&self, server: &str) -> Exchanger {
        let mut state = self.state.lock();
        let Some(kept) = state.kept.get_mut(server) else { return Exchanger::default() };
        let taken = kept.pop();
        if kept.is_empty() {
            state.kept.remove(server);
        }
        state.count -= usize::from(taken.is_some());
        taken.unwrap_or_default()
    }

    /// Keeps a connection, if it may rest and there is room.
    pub fn give(self: &Arc<Self>, server: &str, exchanger: Exchanger) {
        if exchanger.rests_until().is_none() {
            return;
        }
        let first = {
            let mut state = self.state.lock();
            let of_one = state.kept.get(server).map_or(0, Vec::len);
            if state.closed || state.count >= OF_ALL || of_one >= OF_ONE {
                drop(state);
                return drop(exchanger);
            }
            state.count += 1;
            state.kept.entry(server.to_owned()).or_default().push(exchanger);
            !std::mem::replace(&mut state.is_watched, true)
        };
        if first {
            self.timer.schedule(self.timer.now() + LOOK, Arc::downgrade(self));
        }
    }

    /// Ends all that rest, and keeps none any more.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.count = 0;
        let ended = std::mem::take(&mut state.kept);
        drop(state);
        drop(ended);
    }
}

impl Task for Pool {
    /// Ends what has rested long enough, or was ended by its server.
    fn fire(self: Arc<Self>, now: Instant) -> Option<Instant> {
        let mut ended = Vec::new();
        let mut state = self.state.lock();
        for kept in state.kept.values_mut() {
            ended.extend(kept.extract_if(.., |one| one.rests_until().is_none()));
        }
        state.kept.retain(|_, kept| !kept.is_empty());
        state.count -= ended.len();
        state.is_watched = state.count > 0;
        let again = state.is_watched.then(|| now + LOOK);
        drop(state);
        drop(ended);
        again
    }
}
