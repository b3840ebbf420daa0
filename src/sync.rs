//! Locks that are taken in one order only.
//!
//! Two threads that each hold one lock and want the other's wait for ever. They
//! cannot if all threads take locks in the same order, so every lock has a
//! [rank] in one table, and a thread may take only locks that come behind all
//! those that it holds. A debug build, and so every test, checks that at each
//! [`Lock::lock`] and panics where it does not hold, whether or not another
//! thread is there to wait for; it also panics where a thread falls asleep with
//! a lock that others need. A release build checks nothing, and a lock is a
//! [`Mutex`] there.
//!
//! A panic under a lock does not spoil it: what runs under one is this crate's
//! own code, which leaves it in order.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The order of locks. What each of them guards is in
/// [`docs::architecture`](crate::docs::architecture).
pub(crate) mod rank {
    /// A place in the order.
    pub(crate) trait Rank {
        /// The name, for the message when the order is broken.
        const NAME: &'static str;
        /// Locks are taken in the order of these numbers, each less than 32.
        const PLACE: u32;
    }

    macro_rules! ranks {
        ($($name:ident $place:literal,)*) => {
            $(
                #[doc = concat!("Number ", $place, ".")]
                #[derive(Clone, Copy, Debug)]
                // Not every build has all of them.
                #[cfg_attr(not(all(feature = "tls", feature = "redis")), allow(dead_code))]
                pub(crate) enum $name {}

                impl Rank for $name {
                    const NAME: &'static str = stringify!($name);
                    const PLACE: u32 = $place;
                }
            )*

            /// The names, in order.
            #[cfg(any(debug_assertions, test))]
            pub(super) const NAMES: &[(&str, u32)] = &[$((stringify!($name), $place),)*];
        };
    }

    ranks! {
        Turn 0,
        Order 1,
        Bus 2,
        Roster 3,
        Heart 4,
        Outbox 5,
        Registry 6,
        Session 7,
        Sessions 8,
        Inlet 9,
        Places 10,
        Lot 11,
        Timer 12,
        Clock 13,
        History 14,
        Leaf 15,
        Stream 16,
    }
}

use rank::Rank;

/// A mutex with a place in the order.
pub(crate) struct Lock<T, R = rank::Leaf> {
    mutex: Mutex<T>,
    rank: PhantomData<fn() -> R>,
}

impl<T, R: Rank> Lock<T, R> {
    /// A lock that guards this.
    pub(crate) const fn new(value: T) -> Self {
        Lock { mutex: Mutex::new(value), rank: PhantomData }
    }

    /// Waits for the lock and takes it.
    #[cfg_attr(debug_assertions, track_caller)]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        let held = Held::take(R::PLACE, R::NAME);
        Guard { guard: self.mutex.lock().unwrap_or_else(PoisonError::into_inner), held }
    }
}

impl<T: Default, R: Rank> Default for Lock<T, R> {
    fn default() -> Self {
        Lock::new(T::default())
    }
}

impl<T: std::fmt::Debug, R> std::fmt::Debug for Lock<T, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.mutex.fmt(f)
    }
}

/// What those wait for who gave a [lock](Guard::wait) back. To tell it to nobody
/// costs no system call, as it would with a [`Condvar`], and often nobody waits.
///
/// Whoever tells must have changed what is waited for under that same lock before:
/// who waits has counted itself under it, so it either is seen here or has seen the
/// change.
#[derive(Default)]
pub(crate) struct Signal {
    told: Condvar,
    waiting: AtomicU32,
}

impl Signal {
    /// Wakes one of those who wait.
    pub(crate) fn notify_one(&self) {
        if self.is_awaited() {
            self.told.notify_one();
        }
    }

    /// Wakes all who wait.
    pub(crate) fn notify_all(&self) {
        if self.is_awaited() {
            self.told.notify_all();
        }
    }

    fn is_awaited(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

/// A lock that is held.
#[must_use]
pub(crate) struct Guard<'a, T> {
    // Given back before its place is free.
    guard: MutexGuard<'a, T>,
    held: Held,
}

impl<'a, T> Guard<'a, T> {
    /// Gives the lock back, waits for the signal, and takes it again.
    #[cfg_attr(debug_assertions, track_caller)]
    pub(crate) fn wait(self, signal: &Signal) -> Self {
        self.sleep(signal, |told, guard| told.wait(guard).unwrap_or_else(PoisonError::into_inner))
    }

    /// [`wait`](Self::wait) for so long as this is true.
    #[cfg_attr(debug_assertions, track_caller)]
    pub(crate) fn wait_while(self, signal: &Signal, test: impl FnMut(&mut T) -> bool) -> Self {
        self.sleep(signal, |told, guard| {
            told.wait_while(guard, test).unwrap_or_else(PoisonError::into_inner)
        })
    }

    /// [`wait`](Self::wait), but no longer than so long.
    #[cfg_attr(debug_assertions, track_caller)]
    pub(crate) fn wait_for(self, signal: &Signal, time: Duration) -> Self {
        self.sleep(signal, |told, guard| {
            told.wait_timeout(guard, time).unwrap_or_else(PoisonError::into_inner).0
        })
    }

    /// [`wait_while`](Self::wait_while), but no longer than so long.
    #[cfg_attr(debug_assertions, track_caller)]
    pub(crate) fn wait_while_for(
        self,
        signal: &Signal,
        time: Duration,
        test: impl FnMut(&mut T) -> bool,
    ) -> Self {
        self.sleep(signal, |told, guard| {
            let waited = told.wait_timeout_while(guard, time, test);
            waited.unwrap_or_else(PoisonError::into_inner).0
        })
    }

    #[cfg_attr(debug_assertions, track_caller)]
    fn sleep(
        self,
        signal: &Signal,
        wait: impl FnOnce(&Condvar, MutexGuard<'a, T>) -> MutexGuard<'a, T>,
    ) -> Self {
        let Guard { guard, held } = self;
        held.is_alone();
        signal.waiting.fetch_add(1, Ordering::Relaxed);
        let guard = wait(&signal.told, guard);
        signal.waiting.fetch_sub(1, Ordering::Relaxed);
        Guard { guard, held }
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

#[cfg(debug_assertions)]
use checked::Held;

#[cfg(debug_assertions)]
mod checked {
    use std::cell::Cell;

    use super::rank::{NAMES, Rank, Turn};

    thread_local! {
        /// A bit for each lock that this thread holds, by place.
        static ALL: Cell<u32> = const { Cell::new(0) };
    }

    /// A place that is taken.
    pub(super) struct Held(u32);

    impl Held {
        #[track_caller]
        pub fn take(place: u32, name: &str) -> Self {
            let before = ALL.try_with(Cell::get).unwrap_or(0);
            let behind = before >> place;
            // A panic while another unwinds would hide that.
            if behind != 0 && !std::thread::panicking() {
                let last = NAMES.iter().rev().find(|(_, at)| before & (1 << at) != 0);
                let last = last.map_or("?", |(name, _)| *name);
                panic!("the lock `{name}` is taken while `{last}` is held");
            }
            let _ = ALL.try_with(|all| all.set(before | 1 << place));
            Held(place)
        }

        /// Panics if the thread holds other locks, which it would keep while it
        /// sleeps.
        #[track_caller]
        pub fn is_alone(&self) {
            let others = ALL.try_with(Cell::get).unwrap_or(0) & !(1 << self.0 | 1 << Turn::PLACE);
            if others != 0 && !std::thread::panicking() {
                panic!("a thread sleeps while it holds locks: {others:#b}");
            }
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            let _ = ALL.try_with(|all| all.set(all.get() & !(1 << self.0)));
        }
    }
}

/// Nothing is checked.
#[cfg(not(debug_assertions))]
struct Held;

#[cfg(not(debug_assertions))]
impl Held {
    #[inline(always)]
    fn take(_: u32, _: &str) -> Self {
        Held
    }

    #[inline(always)]
    fn is_alone(&self) {}
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::rank::{Inlet, Outbox, Session};
    use super::*;

    fn panics(run: impl FnOnce() + Send + 'static) -> bool {
        thread::spawn(run).join().is_err()
    }

    #[test]
    fn locks_are_taken_in_order_and_given_back_in_any() {
        let outbox: Lock<u8, Outbox> = Lock::new(1);
        let session: Lock<u8, Session> = Lock::new(2);
        let (first, second) = (outbox.lock(), session.lock());
        assert_eq!(*first + *second, 3);
        drop(first);
        drop(second);
        drop(session.lock());
        *outbox.lock() += 1;
        assert_eq!(*outbox.lock(), 2);
    }

    #[test]
    #[cfg(debug_assertions)]
    fn a_lock_that_comes_before_one_that_is_held_is_not_taken() {
        assert!(panics(|| {
            let (outbox, session) = (Lock::<u8, Outbox>::default(), Lock::<u8, Session>::default());
            let _held = session.lock();
            let _ = outbox.lock();
        }));
    }

    #[test]
    #[cfg(debug_assertions)]
    fn nor_is_another_one_in_the_same_place() {
        assert!(panics(|| {
            let two = [Lock::<u8, Session>::default(), Lock::default()];
            let _held = two[0].lock();
            let _ = two[1].lock();
        }));
    }

    #[test]
    #[cfg(debug_assertions)]
    fn nobody_sleeps_with_a_lock() {
        assert!(panics(|| {
            let (session, inlet) = (Lock::<u8, Session>::default(), Lock::<u8, Inlet>::default());
            let _held = session.lock();
            let _ = inlet.lock().wait_for(&Signal::default(), Duration::ZERO);
        }));
    }

    #[test]
    fn a_panic_does_not_spoil_what_is_locked() {
        let lock: Arc<Lock<u8>> = Arc::new(Lock::new(1));
        let held = lock.clone();
        assert!(panics(move || {
            let _held = held.lock();
            panic!("with the lock");
        }));
        assert_eq!(*lock.lock(), 1);
    }

    #[test]
    fn who_waits_gives_the_lock_back_meanwhile() {
        let (lock, signal): (Lock<u8>, _) = (Lock::new(0), Signal::default());
        thread::scope(|scope| {
            let waited = scope.spawn(|| *lock.lock().wait_while(&signal, |n| *n < 2));
            for _ in 0..2 {
                *lock.lock() += 1;
                signal.notify_all();
            }
            assert_eq!(waited.join().unwrap(), 2);
        });
        let late = lock.lock().wait_while_for(&signal, Duration::ZERO, |n| *n < 3);
        assert_eq!(*late, 2);
        assert!(!signal.is_awaited());
    }

    /// Nobody is forgotten who began to wait while others were being told.
    #[test]
    fn all_who_wait_are_told() {
        let (lock, signal): (Lock<u32>, _) = (Lock::new(0), Signal::default());
        thread::scope(|scope| {
            for own in 0..4 {
                let (lock, signal) = (&lock, &signal);
                scope.spawn(move || {
                    for _ in 0..2_000 {
                        let mut turn = lock.lock().wait_while(signal, |turn| *turn % 4 != own);
                        *turn += 1;
                        drop(turn);
                        signal.notify_all();
                    }
                });
            }
        });
        assert_eq!(*lock.lock(), 8_000);
    }

    /// The places are in order, and each has its line in the table of the page.
    #[test]
    fn the_table_is_whole() {
        let lines = include_str!("docs/architecture.md").lines();
        let named: Vec<_> = lines.filter_map(|line| line.strip_prefix("| `")).collect();
        let named: Vec<_> = named.iter().filter_map(|line| line.split_once("` |")).collect();
        let mut before = None;
        for (name, place) in rank::NAMES {
            assert!(before < Some(*place) && *place < 32, "{name}");
            before = Some(*place);
        }
        let names: Vec<_> = rank::NAMES.iter().map(|(name, _)| *name).collect();
        let named: Vec<_> =
            named.iter().map(|(name, _)| *name).filter(|name| names.contains(name)).collect();
        assert_eq!(named, names, "the table of locks in docs/architecture.md");
    }
}
