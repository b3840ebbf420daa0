//! Answers of the other side that somebody waits for, by id: a thread that
//! sleeps, or a function to be called.
//!
//! | what happens | a thread | a function |
//! |---|---|---|
//! | the answer comes | gets it | is called with it, on the thread that brings it |
//! | it does not come in time | [`Lost::Late`] | is called with that by [`Pending::expire`] |
//! | the connection ends, or the table is dropped | [`Lost::Over`] | is called with that |
//! | the request cannot be sent | does not wait | is dropped |
//!
//! Each gets one outcome, whichever comes first. Functions are called without a
//! lock; one that panics keeps no other from being called.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::catch;
use crate::sync::{Guard, Lock, Signal};

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// It did not come in time.
    Late,
    /// The connection has ended.
    Over,
}

/// Why nothing can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// So many wait already, which is the bound.
    Full(usize),
    /// The connection has ended for good.
    Over,
}

/// What is called with an outcome, once.
pub(crate) type Callback<T> = Box<dyn FnOnce(Result<T, Lost>) + Send>;

/// The answers that one connection waits for. `H` is what is held for as long as
/// functions wait: the connection, which sets the timers.
pub(crate) struct Pending<K: Ord, T, H = ()> {
    most: usize,
    state: Lock<State<K, T, H>>,
}

struct State<K, T, H> {
    waiting: BTreeMap<K, Waiting<T>>,
    over: bool,
    /// Of those that wait, how many are functions.
    functions: usize,
    holder: Option<H>,
    /// When the timers go off that are set for [`Pending::expire`]: the next one
    /// last.
    timers: Vec<Instant>,
}

enum Waiting<T> {
    Thread(Arc<Signal>),
    /// What a thread is about to fetch.
    Outcome(Result<T, Lost>),
    Function {
        call: Callback<T>,
        /// None is for ever.
        until: Option<Instant>,
    },
}

impl<K: Ord + Clone, T, H> Pending<K, T, H> {
    /// A table for at most so many.
    pub fn new(most: usize) -> Self {
        let state = State {
            waiting: BTreeMap::new(),
            over: false,
            functions: 0,
            holder: None,
            timers: Vec::new(),
        };
        Pending { most, state: Lock::new(state) }
    }

    /// A place for the calling thread to wait at, given back when it is dropped. `id`
    /// is asked for ids until one is free.
    ///
    /// # Errors
    /// There is no room, or the connection has ended for good.
    pub fn place(&self, id: impl FnMut() -> K) -> Result<Place<'_, K, T, H>, Refused> {
        let signal = Arc::new(Signal::default());
        let id = self.put(id, Waiting::Thread(signal.clone()), None)?;
        Ok(Place { pending: self, id, signal, is_out: false })
    }

    /// Has `call` called with what comes, no later than `until`. Gives the id, and
    /// the time for which a timer has to be set, whatever happens next, to call
    /// [`expire`](Self::expire); none where there is one already.
    ///
    /// # Errors
    /// As for [`place`](Self::place); nothing is called then.
    pub fn call(
        &self,
        id: impl FnMut() -> K,
        until: Option<Instant>,
        holder: H,
        call: Callback<T>,
    ) -> Result<(K, Option<Instant>), Refused> {
        let id = self.put(id, Waiting::Function { call, until }, Some(holder))?;
        Ok((id, until.and_then(|until| self.state.lock().set_timer(until))))
    }

    fn put(
        &self,
        mut id: impl FnMut() -> K,
        waiting: Waiting<T>,
        holder: Option<H>,
    ) -> Result<K, Refused> {
        let mut state = self.state.lock();
        let refused = match (state.over, state.waiting.len() >= self.most) {
            (true, _) => Refused::Over,
            (_, true) => Refused::Full(self.most),
            _ => {
                let id = std::iter::repeat_with(&mut id)
                    .find(|id| !state.waiting.contains_key(id))
                    .expect("the iterator never ends");
                state.waiting.insert(id.clone(), waiting);
                let Some(holder) = holder else { return Ok(id) };
                state.functions += 1;
                let before = state.holder.replace(holder);
                drop(state);
                drop(before);
                return Ok(id);
            }
        };
        // A function may come back here when it is dropped.
        drop(state);
        drop(waiting);
        Err(refused)
    }

    /// Takes a function away that is not to be called; false when it was, or is
    /// being.
    pub fn withdraw(&self, id: &K) -> bool {
        let mut state = self.state.lock();
        let taken = state.waiting.remove(id);
        let is_function = matches!(taken, Some(Waiting::Function { .. }));
        let holder = state.let_go(usize::from(is_function));
        drop(state);
        drop(holder);
        is_function
    }
}

impl<K: Ord, T, H> Pending<K, T, H> {
    /// The answer for this id has come. False, and nothing else, when nobody waits
    /// for it, or not any more.
    pub fn answer<Q: Ord + ?Sized>(&self, id: &Q, answer: T) -> bool
    where
        K: Borrow<Q>,
    {
        let mut state = self.state.lock();
        match state.waiting.get_mut(id) {
            Some(place @ Waiting::Thread(_)) => {
                let thread = std::mem::replace(place, Waiting::Outcome(Ok(answer)));
                drop(state);
                thread.wake();
                true
            }
            Some(Waiting::Function { .. }) => {
                let taken = state.waiting.remove(id);
                let holder = state.let_go(1);
                drop(state);
                drop(holder);
                if let Some(Waiting::Function { call, .. }) = taken {
                    call(Ok(answer));
                }
                true
            }
            Some(Waiting::Outcome(_)) | None => false,
        }
    }

    /// How many wait.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.state.lock().waiting.len()
    }

    /// Calls the functions whose time has come. `set` is the time for which the
    /// timer was set that has gone off. Gives the time for which another one is to
    /// be set, if need be, and what sets it.
    pub fn expire(&self, set: Instant, now: Instant) -> Option<(Instant, H)>
    where
        H: Clone,
    {
        let mut state = self.state.lock();
        // A timer may go off a bit early.
        let now = now.max(set);
        state.timers.retain(|timer| *timer > now);
        let late = state.take(|until| until.is_some_and(|until| until <= now));
        let next = state.next().and_then(|next| state.set_timer(next));
        let next = next.zip(state.holder.clone());
        let holder = state.let_go(late.len());
        drop(state);
        drop(holder);
        go_on(call_all(late, Lost::Late));
        next
    }

    /// The connection is gone: who waits waits no longer.
    pub fn lose(&self) {
        go_on(self.lose_all(self.state.lock()));
    }

    /// [`lose`](Self::lose), and nobody can wait any more.
    pub fn end(&self) {
        let mut state = self.state.lock();
        state.over = true;
        go_on(self.lose_all(state));
    }

    fn lose_all(&self, mut state: Guard<'_, State<K, T, H>>) -> Option<String> {
        let mut threads = Vec::new();
        for waiting in state.waiting.values_mut() {
            if let Waiting::Thread(_) = waiting {
                threads.push(std::mem::replace(waiting, Waiting::Outcome(Err(Lost::Over))));
            }
        }
        let functions = state.take(|_| true);
        let holder = state.let_go(functions.len());
        drop(state);
        drop(holder);
        threads.iter().for_each(Waiting::wake);
        call_all(functions, Lost::Over)
    }
}

impl<K: Ord, T, H> State<K, T, H> {
    /// So many functions wait no longer. What was held for the last is to be dropped
    /// without the lock.
    fn let_go(&mut self, functions: usize) -> Option<H> {
        self.functions -= functions;
        if self.functions == 0 { self.holder.take() } else { None }
    }

    /// Takes the functions out of which `is` says so by their time, in its order.
    fn take(&mut self, is: impl Fn(Option<Instant>) -> bool) -> Vec<Callback<T>> {
        let due = |waiting: &mut Waiting<T>| match waiting {
            Waiting::Function { until, .. } => is(*until),
            _ => false,
        };
        let taken = self.waiting.extract_if(.., |_, waiting| due(waiting));
        let calls = taken.filter_map(|(_, waiting)| match waiting {
            // Those who wait for ever come last.
            Waiting::Function { call, until } => Some(((until.is_none(), until), call)),
            _ => None,
        });
        let mut calls: Vec<_> = calls.collect();
        calls.sort_by_key(|(until, _)| *until);
        calls.into_iter().map(|(_, call)| call).collect()
    }

    /// When the next function has waited long enough.
    fn next(&self) -> Option<Instant> {
        let until = |waiting: &Waiting<T>| match waiting {
            Waiting::Function { until, .. } => *until,
            _ => None,
        };
        self.waiting.values().filter_map(until).min()
    }

    /// The time, if none of the timers that are set goes off by then.
    fn set_timer(&mut self, until: Instant) -> Option<Instant> {
        if self.timers.last().is_some_and(|timer| *timer <= until) {
            return None;
        }
        self.timers.push(until);
        Some(until)
    }
}

impl<T> Waiting<T> {
    fn wake(&self) {
        if let Waiting::Thread(signal) = self {
            signal.notify_one();
        }
    }
}

/// Calls all of them. Gives the text of the first panic.
fn call_all<T>(calls: Vec<Callback<T>>, lost: Lost) -> Option<String> {
    let panics = calls.into_iter().filter_map(|call| catch(|| call(Err(lost))).err());
    panics.reduce(|first, _| first)
}

/// Goes on with a panic, now that nobody is kept from being called by it.
fn go_on(panic: Option<String>) {
    if let Some(text) = panic {
        resume_unwind(Box::new(text));
    }
}

impl<K: Ord, T, H> Drop for Pending<K, T, H> {
    fn drop(&mut self) {
        if let Some(text) = self.lose_all(self.state.lock()) {
            log::error!("listener panicked: {text}");
        }
    }
}

/// Where a thread waits.
pub(crate) struct Place<'a, K: Ord, T, H> {
    pending: &'a Pending<K, T, H>,
    id: K,
    signal: Arc<Signal>,
    /// It is taken out of the table, and another one may have the id.
    is_out: bool,
}

impl<K: Ord, T, H> Place<'_, K, T, H> {
    /// The id of what is asked for.
    pub fn id(&self) -> &K {
        &self.id
    }

    /// Waits for what comes.
    ///
    /// # Errors
    /// There is no answer.
    pub fn wait(mut self, timeout: Duration) -> Result<T, Lost> {
        let state = self.pending.state.lock();
        let mut state = state.wait_while_for(&self.signal, timeout, |state| {
            matches!(state.waiting.get(&self.id), Some(Waiting::Thread(_)))
        });
        self.is_out = true;
        match state.waiting.remove(&self.id) {
            Some(Waiting::Outcome(outcome)) => outcome,
            _ => Err(Lost::Late),
        }
    }
}

impl<K: Ord, T, H> Drop for Place<'_, K, T, H> {
    fn drop(&mut self) {
        if !self.is_out {
            let taken = self.pending.state.lock().waiting.remove(&self.id);
            drop(taken);
        }
    }
}
