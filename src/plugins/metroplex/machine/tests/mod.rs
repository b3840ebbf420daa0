//! The machine against a Redis of a test's own making, and a clock that stands still.

mod anew;

use std::collections::BTreeSet;

use super::*;

/// A spark: the first is its own, the second its id.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Spark(u32, &'static str);

impl Member for Spark {
    fn id(&self) -> &str {
        self.1
    }
}

const TICK: Duration = Duration::from_secs(28);
const LOOK: Duration = Duration::from_secs(2);

struct Test {
    machine: Machine<Spark>,
    now: Instant,
}

impl Test {
    /// With an address and a connection, and not registered.
    fn new() -> Self {
        let now = Instant::now();
        let mut machine = Machine::new(Pulse { tick: TICK, look: LOOK });
        machine.connected(true);
        assert_eq!(machine.next(now), Step::Rest);
        assert!(machine.start("me", now) && !machine.start("you", now));
        Test { machine, now }
    }

    /// Registered, and having looked round, with these sparks.
    fn registered(sparks: &[Spark]) -> Self {
        let mut test = Test::new();
        for spark in sparks {
            test.machine.connect(spark.clone());
        }
        test.asks(&Exchange::Register { takes: true });
        assert_eq!(test.answers(Ok(Answer::Done)), ["Registered"]);
        let told = test.next();
        assert!(matches!(told, Step::Ask(Exchange::Tick { probe: None })) || sparks.is_empty());
        test.alive(0, &["me"]);
        if !sparks.is_empty() {
            let Step::Ask(Exchange::Change { come, gone }) = test.next() else { panic!() };
            assert_eq!((come.len(), gone.len()), (sparks.len(), 0));
            test.answers(Ok(Answer::Done));
        }
        test.finds("0", None, &[]);
        test.rests();
        test.wait(PACE);
        test
    }

    /// It asks what Redis has, and hears this.
    #[track_caller]
    fn finds(&mut self, from: &str, goes_on: Option<&str>, ids: &[&str]) {
        self.asks(&Exchange::Scan { cursor: from.into() });
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        let found = Answer::Found { cursor: goes_on.map(str::to_owned), ids };
        assert!(self.answers(Ok(found)).is_empty());
    }

    fn next(&mut self) -> Step {
        self.machine.next(self.now)
    }

    #[track_caller]
    fn asks(&mut self, exchange: &Exchange) {
        assert_eq!(self.next(), Step::Ask(exchange.clone()));
        assert_eq!(self.next(), Step::Rest, "one is under way");
    }

    #[track_caller]
    fn asks_changes(&mut self, come: &[&str], gone: &[&str]) {
        let Step::Ask(Exchange::Change { come: c, gone: g }) = self.next() else { panic!() };
        let set = |ids: &[String]| ids.iter().cloned().collect::<BTreeSet<_>>();
        let expected = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!((set(&c), set(&g)), (expected(come), expected(gone)));
    }

    #[track_caller]
    fn rests(&mut self) {
        assert_eq!(self.next(), Step::Rest);
    }

    /// The news, by name.
    fn answers(&mut self, answer: Result<Answer, Option<Error>>) -> Vec<String> {
        let news = self.machine.answered(answer);
        let name = |news: &News| format!("{news:?}").split('(').next().unwrap().to_owned();
        news.iter().map(name).collect()
    }

    /// There is no connection at all any more.
    #[track_caller]
    fn is_cut_off(&mut self) {
        self.machine.connected(false);
        assert!(matches!(self.next(), Step::Ask(Exchange::Tick { .. })));
        assert!(self.answers(Err(None)).is_empty());
        assert!(!self.machine.is_registered());
        self.rests();
    }

    fn alive(&mut self, sparks: usize, servers: &[&str]) -> Vec<String> {
        let servers = servers.iter().map(|server| (*server).to_owned()).collect();
        self.answers(Ok(Answer::Alive(Alive { sparks: Some(sparks), servers, ..Alive::default() })))
    }

    /// Time passes.
    fn wait(&mut self, time: Duration) -> Option<Instant> {
        self.now += time;
        self.machine.time(self.now)
    }
}

#[test]
fn it_registers_when_there_is_a_connection_and_looks_round() {
    let mut test = Test::new();
    test.machine.connected(false);
    test.rests();
    test.wait(TICK);
    test.rests();
    test.machine.connected(true);
    test.asks(&Exchange::Register { takes: true });
    assert!(!test.machine.is_registered());
    assert_eq!(test.answers(Ok(Answer::Done)), ["Registered"]);
    assert!(test.machine.is_registered());
    test.asks(&Exchange::Tick { probe: None });
    assert_eq!(test.alive(0, &["me", "you"]), ["Ticked"]);
    test.asks(&Exchange::Look { others: vec!["you".into()] });
}

#[test]
fn changes_are_told_together_and_no_more_often_than_they_have_to_be() {
    let mut test = Test::registered(&[]);
    test.machine.connect(Spark(1, "a"));
    test.asks_changes(&["a"], &[]);
    test.machine.connect(Spark(2, "b"));
    test.machine.connect(Spark(3, "c"));
    test.machine.disconnect(&Spark(1, "a"));
    test.answers(Ok(Answer::Done));
    let Step::Wait(at) = test.next() else { panic!() };
    test.rests();
    test.machine.waited();
    test.now = at;
    test.asks_changes(&["b", "c"], &["a"]);
    test.answers(Ok(Answer::Done));
    test.rests();
}

#[test]
fn many_changes_are_told_one_part_after_the_other() {
    let mut test = Test::registered(&[]);
    let ids: Vec<&'static str> =
        (0..2 * TOLD + 1).map(|n| &*Box::leak(n.to_string().into_boxed_str())).collect();
    for id in &ids {
        test.machine.connect(Spark(0, id));
    }
    let mut told = BTreeSet::new();
    for count in [TOLD, TOLD, 1] {
        test.wait(PACE);
        let Step::Ask(Exchange::Change { come, .. }) = test.next() else { panic!() };
        assert_eq!(come.len(), count);
        told.extend(come);
        test.answers(Ok(Answer::Done));
    }
    assert_eq!(told.len(), ids.len());
    test.rests();
}

/// The threads of two connections tell in either order.
#[test]
fn whoever_has_an_id_last_is_told() {
    let mut test = Test::registered(&[Spark(1, "a")]);
    test.machine.connect(Spark(2, "a"));
    test.machine.disconnect(&Spark(1, "a"));
    test.asks_changes(&["a"], &[]);
    test.answers(Ok(Answer::Done));
    test.wait(PACE);
    test.machine.disconnect(&Spark(2, "a"));
    test.machine.connect(Spark(3, "a"));
    test.asks_changes(&["a"], &[]);
    test.machine.disconnect(&Spark(3, "a"));
    test.answers(Ok(Answer::Done));
    test.wait(PACE);
    test.asks_changes(&[], &["a"]);
}

#[test]
fn a_server_that_is_missing_registers_at_once_but_once_between_two_ticks() {
    let mut test = Test::registered(&[]);
    test.wait(TICK);
    test.asks(&Exchange::Tick { probe: None });
    test.answers(Ok(Answer::Missing));
    test.asks(&Exchange::Register { takes: false });
    test.answers(Ok(Answer::Done));
    test.next();
    test.answers(Ok(Answer::Missing));
    assert!(!test.machine.is_registered());
    test.rests();
    test.wait(TICK);
    test.asks(&Exchange::Register { takes: false });
}

#[test]
fn the_silent_are_taken_out_when_somebody_looks() {
    let mut test = Test::new();
    test.asks(&Exchange::Register { takes: true });
    test.answers(Ok(Answer::Done));
    test.asks(&Exchange::Tick { probe: None });
    test.alive(0, &["you", "me", "they"]);
    test.finds("0", None, &[]);
    test.rests();
    test.wait(LOOK);
    let others = vec!["you".to_owned(), "they".to_owned()];
    test.asks(&Exchange::Look { others });
    test.answers(Ok(Answer::Silent(vec!["they".into()])));
    test.asks(&Exchange::Reap { silent: vec!["they".into()] });
    assert_eq!(
        test.answers(Ok(Answer::Reaped(vec![("they".into(), true)]))),
        ["Gone { other: \"they\", by_this: true }"]
    );
    test.rests();
    test.wait(LOOK);
    test.asks(&Exchange::Look { others: vec!["you".into()] });
    test.answers(Ok(Answer::Silent(Vec::new())));
    test.rests();
}

#[test]
fn a_crowd_looks_at_each_other_less_often() {
    for (others, every) in [(1, LOOK), (31, LOOK), (100, 6 * LOOK), (5_000, TICK)] {
        let mut test = Test::registered(&[]);
        test.machine.others = (0..others).map(|n| n.to_string()).collect();
        let start = test.now;
        test.wait(LOOK);
        assert!(matches!(test.next(), Step::Ask(Exchange::Look { .. })));
        test.answers(Ok(Answer::Silent(Vec::new())));
        assert_eq!(test.machine.due.look_at, Some(start + LOOK + every), "{others}");
    }
}

#[test]
fn of_two_with_one_address_the_last_has_it_and_both_tell_once() {
    let mut loser = Test::registered(&[]);
    for expected in [&["Trouble"][..], &[]] {
        loser.wait(TICK);
        let Step::Ask(_) = loser.next() else { panic!() };
        assert_eq!(loser.answers(Ok(Answer::Taken)), expected);
        assert!(!loser.machine.is_registered());
        loser.rests();
    }
    loser.wait(TICK);
    loser.asks(&Exchange::Register { takes: false });
    assert_eq!(loser.answers(Ok(Answer::Done)), ["Registered"]);

    let mut winner = Test::registered(&[]);
    for expected in [&["Ticked", "Trouble"][..], &["Ticked"]] {
        winner.wait(TICK);
        winner.asks(&Exchange::Tick { probe: None });
        let alive = Alive { sparks: Some(0), wanted: true, ..Alive::default() };
        assert_eq!(winner.answers(Ok(Answer::Alive(alive))), expected);
        assert!(winner.machine.is_registered());
    }
}

#[test]
fn the_end_comes_behind_what_is_under_way() {
    let mut test = Test::registered(&[Spark(1, "a")]);
    test.machine.connect(Spark(2, "b"));
    test.asks_changes(&["b"], &[]);
    assert_eq!(test.machine.leave().len(), 2);
    test.rests();
    test.answers(Ok(Answer::Missing));
    test.asks(&Exchange::Leave);
    // Their ends are nothing new, and nobody comes any more.
    assert_eq!(test.machine.disconnect(&Spark(1, "a")), None);
    assert_eq!(test.machine.connect(Spark(3, "c")), Some(Spark(3, "c")));
    assert_eq!(test.answers(Ok(Answer::Done)), ["Left"]);
    assert!(test.machine.has_left());
    test.machine.connected(true);
    assert_eq!(test.wait(TICK), None);
    test.rests();
}

#[test]
fn without_a_connection_the_end_is_at_once() {
    let mut test = Test::registered(&[]);
    test.is_cut_off();
    test.machine.leave();
    assert!(test.machine.has_left());

    // The link says so itself.
    let mut test = Test::registered(&[]);
    test.machine.leave();
    test.machine.connected(false);
    test.asks(&Exchange::Leave);
    assert!(test.answers(Err(None)).is_empty());
    assert!(test.machine.has_left());

    // It may be in, for all that is known.
    let mut test = Test::new();
    test.asks(&Exchange::Register { takes: true });
    test.machine.leave();
    assert!(!test.machine.has_left());
    assert!(test.answers(Ok(Answer::Done)).is_empty());
    test.asks(&Exchange::Leave);
}

#[test]
fn what_waits_is_bounded() {
    let mut test = Test::registered(&[Spark(1, "a")]);
    for n in 0..=WAITING + 1 {
        let spark = Spark(0, Box::leak(n.to_string().into_boxed_str()));
        test.machine.connect(spark.clone());
        test.machine.disconnect(&spark);
    }
    assert!(test.machine.changed.len() < 2);
    test.asks(&Exchange::Register { takes: false });
    test.answers(Ok(Answer::Done));
    test.next();
    test.alive(0, &[]);
    test.asks_changes(&["a"], &[]);
}

#[test]
fn an_answer_that_nobody_waits_for_changes_nothing() {
    let mut test = Test::registered(&[]);
    for answer in [Answer::Done, Answer::Missing, Answer::Taken, Answer::Silent(vec!["x".into()])] {
        assert!(test.answers(Ok(answer)).is_empty());
        assert!(test.machine.is_registered());
        test.rests();
    }
}
