//! Answers, time-outs and ends of connections, in every order.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::plugins::pending::{Callback, Lost, Pending, Refused};

const LONG: Duration = Duration::from_secs(60);

type Outcomes = Arc<Mutex<Vec<(u64, Result<u64, Lost>)>>>;

/// Ids from 1.
fn ids() -> impl FnMut() -> u64 {
    let last = AtomicU64::new(0);
    move || last.fetch_add(1, Ordering::Relaxed) + 1
}

fn keeps(outcomes: &Outcomes, id: u64) -> Callback<u64> {
    let outcomes = outcomes.clone();
    Box::new(move |outcome| outcomes.lock().unwrap().push((id, outcome)))
}

#[test]
fn a_thread_gets_its_answer_and_a_second_one_is_nobodys() {
    let pending = Pending::<u64, &str>::new(10);
    let id = RefCell::new(ids());
    let place = pending.place(|| id.borrow_mut()()).unwrap();
    let other = pending.place(|| id.borrow_mut()()).unwrap();
    thread::scope(|scope| {
        let (first, second) = (*place.id(), *other.id());
        let waits = scope.spawn(move || (place.wait(LONG), other.wait(LONG)));
        assert!(pending.answer(&second, "b") && !pending.answer(&second, "again"));
        assert!(pending.answer(&first, "a") && !pending.answer(&first, "again"));
        assert!(!pending.answer(&99, "unasked"));
        assert_eq!(waits.join().unwrap(), (Ok("a"), Ok("b")));
    });
    assert_eq!(pending.len(), 0);
}

#[test]
fn a_thread_waits_no_longer_than_it_says() {
    let pending = Pending::<u64, ()>::new(10);
    let place = pending.place(ids()).unwrap();
    assert_eq!(place.wait(Duration::ZERO), Err(Lost::Late));
    assert!(!pending.answer(&1, ()) && pending.len() == 0);
    // One that could not ask does not wait at all.
    drop(pending.place(ids()).unwrap());
    assert!(!pending.answer(&1, ()) && pending.len() == 0);
    // An answer that is there is taken, however short the time.
    let place = pending.place(ids()).unwrap();
    assert!(pending.answer(&1, ()));
    assert_eq!(place.wait(Duration::ZERO), Ok(()));
}

#[test]
fn a_function_is_called_once() {
    let (pending, outcomes) = (Pending::<u64, u64>::new(10), Outcomes::default());
    let (now, mut id) = (Instant::now(), ids());
    let at = |seconds| Some(now + Duration::from_secs(seconds));
    let mut ask = |n, until| pending.call(&mut id, until, (), keeps(&outcomes, n)).unwrap();
    // A timer is asked for where none goes off in time.
    assert_eq!(ask(1, at(5)), (1, at(5)));
    assert_eq!(ask(2, at(7)), (2, None));
    assert_eq!(ask(3, at(2)), (3, at(2)));
    assert_eq!(ask(4, None), (4, None));
    assert_eq!(ask(5, at(7)), (5, None));
    assert!(pending.withdraw(&5) && !pending.withdraw(&5));
    assert!(pending.answer(&1, 10) && !pending.answer(&1, 11));
    // It goes off a bit early; the one at 5 is set already, and comes for nothing.
    assert_eq!(pending.expire(now + Duration::from_secs(2), now), None);
    let next = pending.expire(now + Duration::from_secs(5), at(5).unwrap());
    assert_eq!(next.map(|(at, ())| at), at(7));
    assert_eq!(*outcomes.lock().unwrap(), [(1, Ok(10)), (3, Err(Lost::Late))]);
    assert_eq!(pending.expire(at(7).unwrap(), at(8).unwrap()), None);
    assert_eq!(outcomes.lock().unwrap().last(), Some(&(2, Err(Lost::Late))));
    pending.lose();
    assert_eq!(outcomes.lock().unwrap().last(), Some(&(4, Err(Lost::Over))));
    assert_eq!((outcomes.lock().unwrap().len(), pending.len()), (4, 0));
}

#[test]
fn functions_that_are_late_together_are_called_in_the_order_of_their_times() {
    let (pending, outcomes) = (Pending::<u64, u64>::new(10), Outcomes::default());
    let (start, mut id) = (Instant::now(), ids());
    for seconds in [3, 1, 2] {
        let until = start + Duration::from_secs(seconds);
        pending.call(&mut id, Some(until), (), keeps(&outcomes, seconds)).unwrap();
    }
    pending.expire(start + LONG, start + LONG);
    let called: Vec<u64> = outcomes.lock().unwrap().iter().map(|(n, _)| *n).collect();
    assert_eq!(called, [1, 2, 3]);
}

#[test]
fn short_waits_beside_a_long_one_do_not_pile_up_timers() {
    let (pending, outcomes) = (Pending::<u64, u64>::new(10), Outcomes::default());
    let (start, mut id) = (Instant::now(), ids());
    let (_, long) = pending.call(&mut id, Some(start + LONG), (), keeps(&outcomes, 0)).unwrap();
    let mut timers = usize::from(long.is_some());
    for n in 1..=100 {
        let until = start + Duration::from_millis(n);
        let (_, timer) = pending.call(&mut id, Some(until), (), keeps(&outcomes, n)).unwrap();
        assert_eq!(timer, Some(until));
        timers += usize::from(pending.expire(until, until).is_some());
    }
    assert_eq!((timers, outcomes.lock().unwrap().len(), pending.len()), (1, 100, 1));
}

#[test]
fn the_connection_is_held_while_functions_wait() {
    let (pending, outcomes) = (Pending::<u64, u64, Arc<()>>::new(10), Outcomes::default());
    let (held, now, mut id) = (Arc::new(()), Instant::now(), ids());
    let count = || Arc::strong_count(&held) - 1;
    let mut ask = |until| {
        let asked = pending.call(&mut id, until, held.clone(), keeps(&outcomes, 0));
        asked.unwrap().0
    };
    let (first, second, late) = (ask(None), ask(Some(now + LONG)), ask(Some(now)));
    assert!(count() == 1 && pending.withdraw(&first) && pending.answer(&second, 1));
    assert_eq!(count(), 1);
    assert!(pending.expire(now, now).is_none() && !pending.withdraw(&late));
    assert_eq!(count(), 0);
    ask(Some(now));
    // Before the timer that is set from the time of the second one.
    ask(Some(now + LONG / 2));
    let (next, holder) = pending.expire(now, now).unwrap();
    assert_eq!((next, count()), (now + LONG / 2, 2));
    drop(holder);
    pending.lose();
    assert_eq!(count(), 0);
    ask(None);
    drop(pending);
    assert_eq!(count(), 0);
}

#[test]
fn no_more_than_the_bound_and_none_after_the_end() {
    let (pending, outcomes) = (Pending::<u64, u64>::new(2), Outcomes::default());
    let mut id = ids();
    let place = pending.place(&mut id).unwrap();
    pending.call(&mut id, None, (), keeps(&outcomes, 2)).unwrap();
    assert_eq!(pending.place(&mut id).err(), Some(Refused::Full(2)));
    assert_eq!(pending.call(&mut id, None, (), keeps(&outcomes, 3)).err(), Some(Refused::Full(2)));
    drop(place);
    let place = pending.place(&mut id).unwrap();
    pending.lose();
    assert_eq!(place.wait(LONG), Err(Lost::Over));
    // A client may connect again.
    let place = pending.place(&mut id).unwrap();
    pending.end();
    assert_eq!(place.wait(LONG), Err(Lost::Over));
    assert_eq!(pending.place(&mut id).err(), Some(Refused::Over));
    assert_eq!(pending.call(&mut id, None, (), keeps(&outcomes, 4)).err(), Some(Refused::Over));
    assert_eq!(*outcomes.lock().unwrap(), [(2, Err(Lost::Over))]);
}

#[test]
fn an_id_that_is_waited_for_is_not_given_again() {
    let pending = Pending::<u8, ()>::new(10);
    let turn = AtomicUsize::new(0);
    let id = || [1, 1, 1, 2, 2, 3][turn.fetch_add(1, Ordering::Relaxed) % 6];
    let places: Vec<_> = (0..3).map(|_| pending.place(id).unwrap()).collect();
    assert_eq!(places.iter().map(|place| *place.id()).collect::<Vec<_>>(), [1, 2, 3]);
    drop(places);
    assert_eq!(*pending.place(id).unwrap().id(), 1);
}

#[test]
fn functions_are_called_when_the_table_is_dropped_and_without_its_lock() {
    let outcomes = Outcomes::default();
    let pending = Arc::new(Pending::<u64, u64>::new(100));
    let mut id = ids();
    for n in 0..3 {
        let (again, inner, kept) =
            (Arc::downgrade(&pending), outcomes.clone(), keeps(&outcomes, n));
        let comes_back: Callback<u64> = Box::new(move |outcome| {
            if let Some(pending) = again.upgrade() {
                pending.call(|| 50, None, (), keeps(&inner, 50)).unwrap();
                assert!(pending.withdraw(&50));
            }
            kept(outcome);
        });
        pending.call(&mut id, Some(Instant::now()), (), comes_back).unwrap();
    }
    assert!(pending.answer(&1, 7));
    pending.call(&mut id, None, (), keeps(&outcomes, 9)).unwrap();
    let late = Instant::now() + LONG;
    pending.expire(late, late);
    drop(pending);
    let late = Err(Lost::Late);
    assert_eq!(*outcomes.lock().unwrap(), [(0, Ok(7)), (1, late), (2, late), (9, Err(Lost::Over))]);
}

#[test]
fn one_that_panics_keeps_no_other_from_being_called() {
    let outcomes = Outcomes::default();
    let (pending, mut id) = (Pending::<u64, u64>::new(10), ids());
    let panics = || -> Callback<u64> { Box::new(|_| panic!("of the application")) };
    for n in 0..3 {
        pending.call(&mut id, None, (), panics()).unwrap();
        pending.call(&mut id, None, (), keeps(&outcomes, n)).unwrap();
    }
    assert!(catch_unwind(AssertUnwindSafe(|| pending.lose())).is_err());
    assert_eq!(outcomes.lock().unwrap().len(), 3);
    pending.call(&mut id, None, (), panics()).unwrap();
    pending.call(&mut id, None, (), keeps(&outcomes, 3)).unwrap();
    drop(pending);
    assert_eq!(outcomes.lock().unwrap().len(), 4);
}

/// An answer, the time-out and the end of the connection at the same moment: each
/// who waits gets one of them.
#[test]
fn races_have_one_outcome() {
    for round in 0..200 {
        let pending = Pending::<u64, u64>::new(100);
        let (calls, counted) = mpsc::channel();
        let (mut id, now) = (ids(), Instant::now());
        for n in 1..=20 {
            let calls = calls.clone();
            let call: Callback<u64> = Box::new(move |outcome| calls.send((n, outcome)).unwrap());
            pending.call(&mut id, Some(now), (), call).unwrap();
        }
        let places: Vec<_> = (0..4).map(|_| pending.place(&mut id).unwrap()).collect();
        let start = Barrier::new(3 + places.len());
        let answered = thread::scope(|scope| {
            let answers = scope.spawn(|| {
                start.wait();
                (1..=24).filter(|id| pending.answer(id, id * 2)).collect::<Vec<_>>()
            });
            scope.spawn(|| {
                start.wait();
                pending.expire(now, now);
            });
            scope.spawn(|| {
                start.wait();
                pending.lose();
            });
            let waits: Vec<_> = places
                .into_iter()
                .map(|place| {
                    let (calls, start) = (calls.clone(), &start);
                    scope.spawn(move || {
                        let id = *place.id();
                        start.wait();
                        let timeout = if round % 2 == 0 { Duration::ZERO } else { LONG };
                        calls.send((id, place.wait(timeout))).unwrap();
                    })
                })
                .collect();
            waits.into_iter().for_each(|wait| wait.join().unwrap());
            answers.join().unwrap()
        });
        drop(calls);
        let mut outcomes: Vec<_> = counted.iter().collect();
        outcomes.sort_by_key(|(id, _)| *id);
        assert_eq!(
            outcomes.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
            (1..=24).collect::<Vec<_>>()
        );
        for (id, outcome) in outcomes {
            // Who was told that the answer was taken is right.
            match answered.contains(&id) {
                true => assert_eq!(outcome, Ok(id * 2)),
                false => assert!(outcome.is_err()),
            }
        }
        assert_eq!(pending.len(), 0);
    }
}
