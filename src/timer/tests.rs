use std::panic;
use std::sync::mpsc::{self, Receiver, Sender};

use super::*;

const STACK: usize = 64 << 10;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn manual() -> (ManualClock, Timer) {
    let clock = ManualClock::new();
    let timer = Timer::start(Clock::Manual(clock.clone()), "timer", STACK).unwrap();
    (clock, timer)
}

fn system() -> Timer {
    Timer::start(Clock::System, "timer", STACK).unwrap()
}

/// Waits until the thread sleeps with nothing due.
fn asleep(timer: &Timer) {
    timer.owner.shared.settle_asleep();
}

impl Shared {
    fn settle_asleep(&self) {
        loop {
            let mut state = self.lock();
            let due = state.wheel.next_deadline().is_some_and(|next| next <= self.tick_now());
            if state.asleep && !due {
                return;
            }
            drop(state);
            thread::yield_now();
        }
    }
}

/// Reports when it fired, and is due again after `every` if there is one.
struct Probe {
    name: u32,
    every: Option<Duration>,
    fired: Sender<(u32, Instant)>,
}

impl Task for Probe {
    fn fire(self: Arc<Self>, now: Instant) -> Option<Instant> {
        let _ = self.fired.send((self.name, now));
        Some(now + self.every?)
    }
}

fn probe(name: u32, every: Option<Duration>) -> (Arc<Probe>, Receiver<(u32, Instant)>) {
    let (fired, receiver) = mpsc::channel();
    (Arc::new(Probe { name, every, fired }), receiver)
}

#[test]
fn deadlines_fire_in_order_at_their_own_time() {
    let (clock, timer) = manual();
    let (sender, fired) = mpsc::channel();
    let start = timer.now();
    for (name, at) in [(1, 30), (2, 10), (3, 20), (4, 10), (5, 60_000)] {
        let task = Arc::new(Probe { name, every: None, fired: sender.clone() });
        timer.schedule(start + ms(at), task);
    }
    clock.advance(ms(25));
    let seen: Vec<_> = fired.try_iter().map(|(name, at)| (name, at - start)).collect();
    assert_eq!(seen, [(2, ms(10)), (4, ms(10)), (3, ms(20))]);
    assert_eq!(timer.now() - start, ms(25));
    clock.advance(ms(100_000));
    let seen: Vec<_> = fired.try_iter().map(|(name, at)| (name, at - start)).collect();
    assert_eq!(seen, [(1, ms(30)), (5, ms(60_000))]);
}

#[test]
fn a_task_that_rearms_fires_again_within_one_advance() {
    let (clock, timer) = manual();
    let (task, fired) = probe(0, Some(ms(30_000)));
    let start = timer.now();
    let key = timer.schedule(start + ms(30_000), task);
    clock.advance(ms(100_000));
    let seen: Vec<_> = fired.try_iter().map(|(_, at)| at - start).collect();
    assert_eq!(seen, [ms(30_000), ms(60_000), ms(90_000)]);
    assert!(timer.cancel(key));
    assert!(!timer.cancel(key));
    clock.advance(ms(100_000));
    assert_eq!(fired.try_iter().count(), 0);
}

#[test]
fn the_wall_clock_moves_with_the_manual_clock() {
    let (clock, timer) = manual();
    let before = timer.wall_ms();
    clock.advance(ms(1_234));
    assert_eq!(timer.wall_ms(), before + 1_234);
}

#[test]
fn two_timers_on_one_clock_fire_in_common_order() {
    let (clock, one) = manual();
    let two = Timer::start(Clock::Manual(clock.clone()), "other", STACK).unwrap();
    let (sender, fired) = mpsc::channel();
    let start = clock.now();
    for at in 1..=20 {
        let sender = sender.clone();
        let timer = if at % 2 == 0 { &one } else { &two };
        timer.schedule_fn(start + ms(at * 7), Box::new(move || sender.send(at).unwrap()));
    }
    clock.advance(ms(1_000));
    assert!(fired.try_iter().eq(1..=20));
}

#[test]
fn a_stopped_timer_does_not_hold_up_the_clock() {
    let (clock, timer) = manual();
    timer.schedule_fn(timer.now() + ms(1), Box::new(|| {}));
    timer.stop();
    clock.advance(ms(10));
    assert_eq!(timer.schedule_fn(timer.now(), Box::new(|| {})), Key::NONE);
    drop(timer);
    clock.advance(ms(10));
}

#[test]
fn weak_tasks_are_forgotten_and_strong_ones_kept() {
    let (clock, timer) = manual();
    let (weak, of_weak) = probe(0, Some(ms(10)));
    let (strong, of_strong) = probe(0, Some(ms(10)));
    timer.schedule(timer.now() + ms(10), Arc::downgrade(&weak));
    timer.schedule(timer.now() + ms(10), strong);
    clock.advance(ms(20));
    drop(weak);
    clock.advance(ms(20));
    assert_eq!((of_weak.try_iter().count(), of_strong.try_iter().count()), (2, 4));
}

#[test]
fn a_task_may_schedule_reschedule_and_cancel() {
    let (clock, timer) = manual();
    let (sender, fired) = mpsc::channel();
    let send = move |what: &'static str| {
        let sender = sender.clone();
        Box::new(move || sender.send(what).unwrap())
    };
    let start = timer.now();
    let doomed = timer.schedule_fn(start + ms(10), send("doomed"));
    let moved = timer.schedule_fn(start + ms(1_000), send("moved"));
    let inner = timer.clone();
    let first = send("first");
    let added = send("added");
    timer.schedule_fn(
        start + ms(5),
        Box::new(move || {
            first();
            assert!(inner.cancel(doomed));
            inner.schedule_fn(inner.now(), added);
            assert!(inner.reschedule(moved, start + ms(7)));
        }),
    );
    clock.advance(ms(20));
    assert!(fired.try_iter().eq(["first", "added", "moved"]));
    assert!(!timer.reschedule(moved, start));
}

#[test]
fn a_task_cancelled_while_it_fires_is_not_fired_again() {
    struct Suicide(Timer, Mutex<Option<Key>>, Sender<bool>);
    impl Task for Suicide {
        fn fire(self: Arc<Self>, now: Instant) -> Option<Instant> {
            let key = self.1.lock().unwrap().take()?;
            let _ = self.2.send(self.0.cancel(key));
            Some(now)
        }
    }
    let (clock, timer) = manual();
    let (sender, cancelled) = mpsc::channel();
    let task = Arc::new(Suicide(timer.clone(), Mutex::default(), sender));
    *task.1.lock().unwrap() = Some(timer.schedule(timer.now() + ms(1), task.clone()));
    clock.advance(ms(10));
    assert!(cancelled.try_iter().eq([false]));
}

#[test]
fn a_panic_ends_one_task_only() {
    let (clock, timer) = manual();
    let (task, fired) = probe(0, Some(ms(10)));
    timer.schedule_fn(timer.now() + ms(5), Box::new(|| panic::resume_unwind(Box::new("meant"))));
    timer.schedule(timer.now() + ms(10), task);
    clock.advance(ms(30));
    assert_eq!(fired.try_iter().count(), 3);
}

#[test]
fn stop_from_a_task_does_not_wait_for_itself() {
    let timer = system();
    let inner = timer.clone();
    let (sender, stopped) = mpsc::channel();
    let stop = move || {
        inner.stop();
        sender.send(()).unwrap();
    };
    timer.schedule_fn(timer.now(), Box::new(stop));
    stopped.recv().unwrap();
    timer.stop();
}

#[test]
fn the_last_handle_may_go_on_the_timer_thread() {
    let timer = system();
    let last = timer.clone();
    let (sender, gone) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    let drop_it = move || {
        wait.recv().unwrap();
        drop(last);
        sender.send(()).unwrap();
    };
    timer.schedule_fn(timer.now(), Box::new(drop_it));
    drop(timer);
    go.send(()).unwrap();
    gone.recv().unwrap();
}

#[test]
fn stop_drops_what_is_pending_outside_the_lock() {
    struct UsesTimer(Timer);
    impl Drop for UsesTimer {
        fn drop(&mut self) {
            self.0.cancel(Key::NONE);
        }
    }
    let timer = system();
    let held = Arc::new(UsesTimer(timer.clone()));
    let of_task = held.clone();
    timer.schedule_fn(timer.now() + ms(60_000), Box::new(move || drop(of_task)));
    timer.stop();
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn on_the_system_clock_nothing_fires_early() {
    let timer = system();
    let (sender, fired) = mpsc::channel();
    let spans = [17u64, 3, 9, 9, 1, 30, 0];
    let inner = timer.clone();
    // From a task, so that none fires before all are set.
    let set_all = move || {
        let start = inner.now();
        for span in spans {
            let (sender, clock) = (sender.clone(), inner.clone());
            let report = move || sender.send((span, clock.now() - start)).unwrap();
            inner.schedule_fn(start + ms(span), Box::new(report));
        }
    };
    timer.schedule_fn(timer.now(), Box::new(set_all));
    let seen: Vec<_> = fired.iter().take(spans.len()).collect();
    assert!(seen.iter().all(|&(span, after)| after >= ms(span)), "{seen:?}");
    assert!(seen.iter().is_sorted_by_key(|seen| seen.0), "{seen:?}");
}

#[test]
fn the_thread_sleeps_unless_an_earlier_deadline_is_set() {
    let timer = system();
    let hour = Duration::from_secs(3_600);
    let start = timer.now();
    asleep(&timer);
    assert_eq!(timer.wakes(), 0);
    // The first deadline, and then an earlier one, must wake it ...
    timer.schedule_fn(start + hour, Box::new(|| {}));
    while timer.wakes() < 1 {
        thread::yield_now();
    }
    asleep(&timer);
    timer.schedule_fn(start + hour / 2, Box::new(|| {}));
    while timer.wakes() < 2 {
        thread::yield_now();
    }
    asleep(&timer);
    // ... later ones and cancelling must not. The last deadline proves that
    // none of them did: there is one wake for setting it and one for firing.
    for n in 0..1_000 {
        let key = timer.schedule_fn(start + hour + ms(n), Box::new(|| {}));
        timer.reschedule(key, start + hour + ms(2 * n));
        if n % 2 == 0 {
            assert!(timer.cancel(key));
        }
    }
    assert_eq!(timer.wakes(), 2);
    let (sender, fired) = mpsc::channel();
    timer.schedule_fn(timer.now() + ms(20), Box::new(move || sender.send(()).unwrap()));
    fired.recv().unwrap();
    assert!(timer.wakes() <= 4, "{} wakes", timer.wakes());
}

#[test]
fn far_deadlines_do_no_harm() {
    let timer = system();
    let far = timer.now() + Duration::from_secs(u64::from(u32::MAX) * 1_000);
    let key = timer.schedule_fn(far, Box::new(|| {}));
    asleep(&timer);
    assert!(timer.cancel(key));
}

#[test]
fn twenty_thousand_heartbeats_fire_each_in_every_round() {
    struct Beat(AtomicU64);
    impl Task for Beat {
        fn fire(self: Arc<Self>, now: Instant) -> Option<Instant> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Some(now + ms(30_000))
        }
    }
    let (clock, timer) = manual();
    let start = timer.now();
    let beats: Vec<_> = (0..20_000).map(|_| Arc::new(Beat(AtomicU64::new(0)))).collect();
    for (n, beat) in beats.iter().enumerate() {
        timer.schedule(start + ms(1 + n as u64 % 30 * 1_000), Arc::downgrade(beat));
    }
    clock.advance(ms(60_000));
    assert!(beats.iter().all(|beat| beat.0.load(Ordering::Relaxed) == 2));
}

#[test]
fn many_threads_set_and_cancel_at_once() {
    let timer = system();
    let fired = Arc::new(AtomicU64::new(0));
    let threads: Vec<_> = (0..4u64)
        .map(|seed| {
            let (timer, fired) = (timer.clone(), fired.clone());
            thread::spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed);
                let mut cancelled = 0;
                for _ in 0..2_000 {
                    let fired = fired.clone();
                    let count = move || {
                        fired.fetch_add(1, Ordering::Relaxed);
                    };
                    let at = timer.now() + ms(random.u64(0..5));
                    let key = timer.schedule_fn(at, Box::new(count));
                    cancelled += u64::from(random.bool() && timer.cancel(key));
                }
                cancelled
            })
        })
        .collect();
    let cancelled: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    while fired.load(Ordering::Relaxed) + cancelled < 8_000 {
        thread::yield_now();
    }
    asleep(&timer);
    assert_eq!(fired.load(Ordering::Relaxed) + cancelled, 8_000);
}

#[test]
fn coarse_deadlines_are_shared_and_little_later() {
    let timer = system();
    let start = timer.now();
    let mut coarse: Vec<_> = (10_000..11_000)
        .map(|n| {
            let at = timer.coarse(start + ms(n));
            assert!(start + ms(n) <= at && at <= start + ms(n + 64));
            at
        })
        .collect();
    coarse.dedup();
    assert!(coarse.len() <= 17, "{}", coarse.len());
    assert_eq!(timer.coarse(start + ms(1_000)), start + ms(1_000));
    let (clock, timer) = manual();
    assert_eq!(timer.coarse(clock.now() + ms(30_001)), clock.now() + ms(30_001));
}

#[test]
fn a_clock_can_be_moved_to_the_end_of_time_and_no_further() {
    let (clock, timer) = manual();
    let fired = Arc::new(AtomicU64::new(0));
    for at in [ms(1), Duration::from_secs(1 << 30)] {
        let fired = Arc::clone(&fired);
        let count = move || {
            fired.fetch_add(1, Ordering::Relaxed);
        };
        timer.schedule_fn(clock.now() + at, Box::new(count));
    }
    for span in [Duration::ZERO, Duration::MAX, Duration::from_nanos(1), Duration::MAX] {
        clock.advance(span);
        assert!(clock.wall_ms() > 0 && clock.now() >= timer.now());
    }
    assert_eq!(fired.load(Ordering::Relaxed), 2);
}
