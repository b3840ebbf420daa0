use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn post(name: &str, keep: Keep) -> Entry {
    Entry::new(Batch::new().cmd(&[name]), Purpose::Post(keep))
}

fn ask() -> Entry {
    Entry::new(Batch::new().cmd(&["GET", "k"]), Purpose::Question(Box::new(|_| ())))
}

fn names(queue: &mut Queue) -> Vec<String> {
    std::iter::from_fn(|| queue.pop()).map(|entry| entry.batch.steps()[0].name()).collect()
}

#[test]
fn without_a_connection_only_what_is_kept_waits() {
    let mut queue = Queue::new(10_000);
    assert!(matches!(queue.push(post("A", Keep::Yes)), Ok(Taken::Waits { first: true })));
    assert!(matches!(queue.push(post("B", Keep::No)), Err(Error::Unavailable(_))));
    // The answer waits for nothing.
    assert!(matches!(queue.push(ask()), Ok(Taken::Waits { first: true })));
    assert!(matches!(queue.push(ask()), Ok(Taken::Waits { first: false })));
    assert!(matches!(queue.push(post("A", Keep::Yes)), Ok(Taken::Waits { first: false })));
    let answers = queue.take_answers();
    assert!(matches!(answers[..], [(_, Err(Error::Unavailable(_))), _]));
    queue.connect();
    queue.push(post("C", Keep::No)).unwrap();
    assert_eq!(names(&mut queue), ["A", "A", "C"]);
}

#[test]
fn the_bound_counts_what_is_in_flight() {
    let cost = post("A", Keep::Yes).cost();
    let mut queue = Queue::new(2 * cost.bytes);
    queue.push(post("A", Keep::Yes)).unwrap();
    queue.push(post("B", Keep::Yes)).unwrap();
    let taken = queue.pop().unwrap();
    let Err(Error::Full { waiting, bound, cut: false }) = queue.push(post("C", Keep::Yes)) else {
        panic!("not full");
    };
    assert_eq!((waiting, bound), (2 * cost.bytes, 2 * cost.bytes));
    assert_eq!((queue.dropped, queue.size().commands), (1, 2));
    queue.done(taken.cost());
    assert!(queue.push(post("C", Keep::Yes)).is_ok());
    let mut queue = Queue::new(10);
    queue.connect();
    queue.push(ask()).unwrap();
    assert!(matches!(queue.take_answers()[..], [(_, Err(Error::Full { .. }))]));
}

#[test]
fn what_was_in_flight_comes_back_before_what_waits() {
    let mut queue = Queue::new(10_000);
    queue.connect();
    for (name, keep) in [("A", Keep::Yes), ("B", Keep::No), ("C", Keep::Yes)] {
        queue.push(post(name, keep)).unwrap();
    }
    queue.push(ask()).unwrap();
    let flights: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
    queue.push(post("D", Keep::Yes)).unwrap();
    queue.push(post("E", Keep::No)).unwrap();
    let lost = queue.disconnect(flights, Blame::None, "it broke");
    assert_eq!((lost.commands, lost.struck, queue.dropped), (2, 0, 3));
    let (_, Err(Error::Unavailable(text))) = &lost.answers[0] else { panic!("an answer") };
    assert_eq!(text, "it broke");
    assert_eq!(queue.size().commands, 3);
    assert_eq!(names(&mut queue), ["A", "C", "D"]);
}

#[test]
fn a_batch_that_ends_connections_goes_in_the_end() {
    let mut queue = Queue::new(10_000);
    queue.push(post("BAD", Keep::Yes)).unwrap();
    queue.push(post("GOOD", Keep::Yes)).unwrap();
    for round in 1..=STRIKES_MAX {
        queue.connect();
        let flights = std::iter::from_fn(|| queue.pop()).collect();
        let lost = queue.disconnect(flights, Blame::Likely, "garbage");
        assert_eq!(lost.struck, u64::from(round == STRIKES_MAX));
    }
    assert_eq!(names(&mut queue), ["GOOD"]);
    // Connections that broke for another reason do not count.
    queue.push(post("GOOD", Keep::Yes)).unwrap();
    for _ in 0..20 {
        let flights = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(queue.disconnect(flights, Blame::None, "gone").struck, 0);
    }
    assert_eq!(names(&mut queue), ["GOOD"]);
}

#[test]
fn a_batch_that_is_never_answered_goes_after_many_cuts() {
    let mut queue = Queue::new(10_000);
    queue.push(post("BAD", Keep::Yes)).unwrap();
    queue.push(post("GOOD", Keep::Yes)).unwrap();
    let cut = |queue: &mut Queue| {
        queue.connect();
        let flights: Vec<_> = queue.pop().into_iter().collect();
        let is_suspect = flights[0].is_suspect();
        (is_suspect, queue.disconnect(flights, Blame::Perhaps, "gone").struck)
    };
    assert_eq!(cut(&mut queue), (false, 0));
    for _ in 2..CUTS_MAX {
        assert_eq!(cut(&mut queue), (true, 0));
    }
    assert_eq!(cut(&mut queue), (true, 1));
    assert_eq!((queue.dropped, queue.size().commands), (1, 1));
    // The next begins anew.
    assert_eq!(cut(&mut queue), (false, 0));
    assert_eq!(names(&mut queue), ["GOOD"]);
}

#[test]
fn when_it_is_over_everybody_is_told() {
    let told = Arc::new(AtomicUsize::new(0));
    let ask = || {
        let told = told.clone();
        let then = move |answer: Result<Vec<Reply>>| {
            assert!(matches!(answer, Err(Error::Closed)));
            told.fetch_add(1, Ordering::Relaxed);
        };
        Entry::new(Batch::new().cmd(&["PING"]), Purpose::Question(Box::new(then)))
    };
    let mut queue = Queue::new(10_000);
    queue.connect();
    queue.push(post("A", Keep::Yes)).unwrap();
    queue.push(ask()).unwrap();
    let lost = queue.clear(vec![]);
    assert_eq!((lost.answers.len(), lost.commands, queue.size()), (1, 1, Cost::default()));
    lost.answers.into_iter().for_each(|(then, answer)| then(answer));
    assert!(matches!(queue.push(post("B", Keep::Yes)), Err(Error::Closed)));
    let Ok(Taken::Answer(then, answer)) = queue.push(ask()) else { panic!("no answer") };
    then(answer);
    assert_eq!(told.load(Ordering::Relaxed), 2);
}

#[test]
fn nothing_is_answered_with_nothing() {
    let mut queue = Queue::new(10_000);
    let entry = Entry::new(Batch::new(), Purpose::Question(Box::new(|_| ())));
    queue.push(entry).unwrap();
    assert!(matches!(&queue.take_answers()[..], [(_, Ok(replies))] if replies.is_empty()));
    queue.push(Entry::new(Batch::new().atomic(), Purpose::Post(Keep::Yes))).unwrap();
    assert!(queue.is_empty());
}
