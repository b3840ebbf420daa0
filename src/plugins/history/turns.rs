//! Jobs that are done one after the other, in the order in which a lock was taken, and
//! without that lock: they run what is the application's.

use std::collections::VecDeque;
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use crate::error::catch;
use crate::sync::{Lock, Signal, rank};

/// How long a thread waits for another one to do its jobs. That one may be held up by
/// code of the application's, which may wait for this very thread.
const PATIENCE: Duration = Duration::from_millis(100);

/// A state, and what is to be done because of its changes.
pub(super) struct Turns<S, J> {
    inner: Lock<Inner<S, J>, rank::History>,
    done: Signal,
}

struct Inner<S, J> {
    state: S,
    jobs: VecDeque<J>,
    /// Jobs that were ever there, and that are done.
    given: u64,
    done: u64,
    /// The thread that is at it.
    worker: Option<ThreadId>,
    waiting: usize,
}

impl<S, J> Turns<S, J> {
    pub fn new(state: S) -> Self {
        let jobs = VecDeque::new();
        let inner = Inner { state, jobs, given: 0, done: 0, worker: None, waiting: 0 };
        Turns { inner: Lock::new(inner), done: Signal::default() }
    }

    /// Looks at the state.
    pub fn look<R>(&self, look: impl FnOnce(&mut S) -> R) -> R {
        look(&mut self.inner.lock().state)
    }

    /// Changes the state, and has `work` do what is to be done because of that, behind
    /// what is to be done already. As a rule it is done when this returns; not if a job
    /// has called this, or takes too long.
    pub fn change<R>(&self, work: impl Fn(J), change: impl FnOnce(&mut S, &mut Vec<J>) -> R) -> R {
        let mut inner = self.inner.lock();
        let mut jobs = Vec::new();
        let result = change(&mut inner.state, &mut jobs);
        if jobs.is_empty() {
            return result;
        }
        inner.given += jobs.len() as u64;
        let mine = inner.given;
        inner.jobs.extend(jobs);
        drop(inner);
        self.work(mine, work);
        result
    }

    /// Does jobs, or waits for them to be done, up to this one; and the rest if nobody
    /// waits for it.
    fn work(&self, mine: u64, work: impl Fn(J)) {
        let (me, until) = (thread::current().id(), Instant::now() + PATIENCE);
        let mut inner = self.inner.lock();
        loop {
            if let Some(worker) = inner.worker {
                let left = until.saturating_duration_since(Instant::now());
                if worker == me || inner.done >= mine || left.is_zero() {
                    return;
                }
                inner.waiting += 1;
                inner = inner.wait_for(&self.done, left);
                inner.waiting -= 1;
                continue;
            }
            if inner.done >= mine && inner.waiting > 0 {
                // One of these goes on.
                return self.done.notify_all();
            }
            let Some(job) = inner.jobs.pop_front() else { return };
            inner.worker = Some(me);
            drop(inner);
            if let Err(panic) = catch(|| work(job)) {
                log::error!("writing what is kept of rooms panicked: {panic}");
            }
            inner = self.inner.lock();
            inner.worker = None;
            inner.done += 1;
            self.done.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn jobs_of_many_threads_are_done_in_the_order_of_the_changes() {
        let turns = Turns::new(0);
        let done: Lock<Vec<u32>> = Lock::default();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let mine = turns.change(
                            |n| done.lock().push(n),
                            |state, jobs| {
                                *state += 1;
                                jobs.push(*state);
                                *state
                            },
                        );
                        assert!(done.lock().contains(&mine), "done when it returns");
                    }
                });
            }
        });
        assert_eq!(*done.lock(), (1..=2_000).collect::<Vec<_>>());
    }

    #[test]
    fn a_job_may_give_others_and_panic() {
        let turns = Arc::new(Turns::new(()));
        let done: Arc<Lock<Vec<u32>>> = Arc::default();
        fn work(turns: &Turns<(), u32>, done: &Lock<Vec<u32>>, n: u32) {
            if n < 5 {
                turns.change(|n| work(turns, done, n), |_, jobs| jobs.push(n + 1));
            }
            done.lock().push(n);
            assert!(n != 3, "one of them fails");
        }
        turns.change(|n| work(&turns, &done, n), |_, jobs| jobs.push(1));
        assert_eq!(*done.lock(), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn nobody_waits_for_ever_for_a_job_that_waits_for_it() {
        let turns = Turns::new(());
        let (began, go_on): (_, Lock<u8>) = (Signal::default(), Lock::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                let work = |_| {
                    let mut stage = go_on.lock();
                    *stage = (*stage).max(1);
                    began.notify_all();
                    drop(stage.wait_while(&began, |n| *n < 2));
                };
                turns.change(work, |(), jobs| jobs.push(()));
            });
            drop(go_on.lock().wait_while(&began, |n| *n < 1));
            turns.change(drop, |(), jobs| jobs.push(()));
            *go_on.lock() = 2;
            began.notify_all();
        });
        assert_eq!(turns.inner.lock().done, 2);
    }
}
