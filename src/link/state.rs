//! Whether a link is up, and who is told.
//!
//! The thread of commands tells all listeners, so that they hear of everything in
//! order. What the other connection does meanwhile is counted: if that breaks and
//! stands again before they were told, they hear of both.

use std::any::Any;
use std::sync::{Arc, Weak};
use std::time::SystemTime;

use crate::events::ListenerId;

/// What becomes of a link, for [`RedisLink::on_state`](crate::RedisLink::on_state).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Both connections stand, and Redis has answered to every subscription: confirmed it,
    /// or [refused](crate::link::Subscription::is_refused) it.
    Up,
    /// One of them broke.
    Down,
}

pub(super) type OnState = dyn Fn(LinkState) + Send + Sync;

/// See the [module](self).
#[derive(Default)]
pub(super) struct State {
    /// Which connection for commands stands, by number.
    commands: Option<u64>,
    /// Which one for subscriptions does, with all of them answered.
    subscriber: Option<u64>,
    /// Connections so far.
    last: u64,
    since: Option<SystemTime>,
    ups: u64,
    over: bool,
    /// What the listeners know: with which connections the link is up.
    told: Option<(u64, u64)>,
    listeners: Vec<Listener>,
}

/// One who is told.
pub(super) struct Listener {
    pub id: ListenerId,
    pub call: Arc<OnState>,
    /// With whose end it ends.
    pub owner: Option<Weak<dyn Any + Send + Sync>>,
    /// Whether it knows nothing yet.
    is_new: bool,
}

impl Listener {
    pub fn new(call: Arc<OnState>, owner: Option<Weak<dyn Any + Send + Sync>>) -> Self {
        Listener { id: ListenerId::next(), call, owner, is_new: true }
    }

    fn is_over(&self) -> bool {
        self.owner.as_ref().is_some_and(|owner| owner.strong_count() == 0)
    }
}

impl State {
    pub fn is_up(&self) -> bool {
        self.since.is_some()
    }

    /// Whether it will never be up again.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Since when it is up, and how often it was up again.
    pub fn since(&self) -> (Option<SystemTime>, u64) {
        (self.since, self.ups.saturating_sub(1))
    }

    /// The connection for commands stands, or not.
    pub fn commands(&mut self, stands: bool, now: SystemTime) {
        self.last += 1;
        self.commands = stands.then_some(self.last);
        self.judge(now);
    }

    /// The connection for subscriptions stands, or not.
    pub fn subscriber(&mut self, stands: bool, now: SystemTime) {
        self.last += 1;
        self.subscriber = stands.then_some(self.last);
        self.judge(now);
    }

    /// The link has ended.
    pub fn end(&mut self) {
        (self.commands, self.subscriber, self.since) = (None, None, None);
        self.over = true;
    }

    /// Adds one, and gives back those whose owners are gone, to be dropped without a lock.
    #[must_use = "it is dropped without a lock"]
    pub fn listen(&mut self, listener: Listener) -> Vec<Listener> {
        self.listeners.push(listener);
        self.take_out(Listener::is_over)
    }

    /// Gives back one that is to be told no more, to be dropped without a lock.
    #[must_use = "it is dropped without a lock"]
    pub fn remove(&mut self, id: ListenerId) -> Option<Listener> {
        self.take_out(|listener| listener.id == id).pop()
    }

    fn take_out(&mut self, is_out: impl Fn(&Listener) -> bool) -> Vec<Listener> {
        let all = std::mem::take(&mut self.listeners);
        let (out, kept) = all.into_iter().partition(is_out);
        self.listeners = kept;
        out
    }

    /// What is to be told next, and to whom.
    pub fn next(&mut self) -> Option<(Vec<Arc<OnState>>, LinkState)> {
        let mut newcomers = Vec::new();
        for listener in self.listeners.iter_mut().filter(|listener| listener.is_new) {
            listener.is_new = false;
            newcomers.push(Arc::clone(&listener.call));
        }
        if self.told.is_some() && !newcomers.is_empty() {
            return Some((newcomers, LinkState::Up));
        }
        let now = self.commands.zip(self.subscriber).filter(|_| !self.over);
        let state = match (self.told, now) {
            (told, now) if told == now => return None,
            (None, _) => LinkState::Up,
            (Some(_), _) => LinkState::Down,
        };
        self.told = if state == LinkState::Up { now } else { None };
        let all = self.listeners.iter().map(|listener| Arc::clone(&listener.call));
        Some((all.collect(), state))
    }

    fn judge(&mut self, now: SystemTime) {
        let is_up = self.commands.is_some() && self.subscriber.is_some() && !self.over;
        if is_up && self.since.is_none() {
            self.since = Some(now);
            self.ups += 1;
        } else if !is_up {
            self.since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn listen(state: &mut State) -> ListenerId {
        let listener = Listener::new(Arc::new(|_| ()), None);
        let id = listener.id;
        assert_eq!(state.listen(listener).len(), 0);
        id
    }

    fn told(state: &mut State) -> Vec<(usize, LinkState)> {
        let next = || state.next().map(|(listeners, state)| (listeners.len(), state));
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn it_is_up_when_both_stand() {
        let mut state = State::default();
        listen(&mut state);
        state.commands(true, UNIX_EPOCH);
        assert_eq!((state.is_up(), told(&mut state)), (false, vec![]));
        state.subscriber(true, UNIX_EPOCH);
        assert_eq!(state.since(), (Some(UNIX_EPOCH), 0));
        assert_eq!(told(&mut state), [(1, LinkState::Up)]);
        state.commands(false, UNIX_EPOCH);
        assert_eq!((state.is_up(), told(&mut state)), (false, vec![(1, LinkState::Down)]));
        state.commands(true, UNIX_EPOCH);
        assert_eq!((state.since().1, told(&mut state)), (1, vec![(1, LinkState::Up)]));
    }

    #[test]
    fn what_happened_before_anybody_looked_is_told_too() {
        let mut state = State::default();
        listen(&mut state);
        state.commands(true, UNIX_EPOCH);
        state.subscriber(true, UNIX_EPOCH);
        told(&mut state);
        state.subscriber(false, UNIX_EPOCH);
        state.subscriber(true, UNIX_EPOCH);
        assert_eq!(told(&mut state), [(1, LinkState::Down), (1, LinkState::Up)]);
        // What was never told to be up is not told to be down.
        state.commands(false, UNIX_EPOCH);
        told(&mut state);
        state.commands(true, UNIX_EPOCH);
        state.commands(false, UNIX_EPOCH);
        assert_eq!(told(&mut state), []);
    }

    #[test]
    fn who_goes_is_told_no_more() {
        let mut state = State::default();
        let (one, two) = (listen(&mut state), listen(&mut state));
        assert!(state.remove(one).is_some() && state.remove(one).is_none());
        state.commands(true, UNIX_EPOCH);
        state.subscriber(true, UNIX_EPOCH);
        assert_eq!(told(&mut state), [(1, LinkState::Up)]);
        // Before it was told anything, too.
        let late = listen(&mut state);
        assert!(state.remove(late).is_some() && state.remove(two).is_some());
        state.commands(false, UNIX_EPOCH);
        assert_eq!(told(&mut state), [(0, LinkState::Down)]);
        // Those of owners that are gone make room for the next.
        for round in 0..10 {
            let owner: Arc<dyn Any + Send + Sync> = Arc::new(());
            let listener = Listener::new(Arc::new(|_| ()), Some(Arc::downgrade(&owner)));
            assert_eq!(state.listen(listener).len(), usize::from(round > 0));
            assert_eq!(state.listeners.len(), 1);
        }
    }

    #[test]
    fn who_comes_late_hears_that_it_is_up() {
        let mut state = State::default();
        state.commands(true, UNIX_EPOCH);
        state.subscriber(true, UNIX_EPOCH);
        assert_eq!(told(&mut state), [(0, LinkState::Up)]);
        listen(&mut state);
        assert_eq!(told(&mut state), [(1, LinkState::Up)]);
        state.end();
        assert!(!state.is_up() && state.is_over());
        assert_eq!(told(&mut state), [(1, LinkState::Down)]);
        state.commands(true, UNIX_EPOCH);
        assert_eq!((state.is_up(), told(&mut state)), (false, vec![]));
    }
}
