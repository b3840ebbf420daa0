//! What is told again, and when.

use super::*;

#[test]
fn whoever_ends_while_all_are_told_anew_is_not_left_behind() {
    let mut test = Test::registered(&[Spark(1, "a"), Spark(2, "b"), Spark(3, "c")]);
    test.is_cut_off();
    test.machine.disconnect(&Spark(1, "a"));
    test.machine.connected(true);
    test.asks(&Exchange::Register { takes: false });
    test.machine.disconnect(&Spark(2, "b"));
    test.machine.connect(Spark(4, "d"));
    test.answers(Ok(Answer::Done));
    test.next();
    test.alive(0, &[]);
    test.asks_changes(&["c", "d"], &[]);
    test.machine.disconnect(&Spark(3, "c"));
    test.answers(Ok(Answer::Done));
    // Those of before.
    test.finds("0", None, &["a", "b", "c", "d"]);
    test.wait(PACE);
    test.asks_changes(&[], &["a", "b", "c"]);
}

#[test]
fn what_redis_has_forgotten_is_told_again_at_the_next_tick() {
    type Lose = fn(&mut Alive);
    let cases: [(&str, Lose); 3] = [
        ("its set", |alive| alive.sparks = Some(0)),
        ("a wrong type", |alive| alive.sparks = None),
        ("the hash", |alive| alive.forgot = true),
    ];
    for (what, lose) in cases {
        let mut test = Test::registered(&[Spark(1, "a")]);
        test.wait(TICK);
        test.asks(&Exchange::Tick { probe: Some("a".into()) });
        let mut alive = Alive { sparks: Some(1), ..Alive::default() };
        lose(&mut alive);
        test.answers(Ok(Answer::Alive(alive)));
        test.asks(&Exchange::Register { takes: false });
        assert_eq!(test.answers(Ok(Answer::Done)), ["Registered"], "{what}");
    }
    // While something is yet to be told, Redis does not know all.
    let mut test = Test::registered(&[Spark(1, "a")]);
    test.machine.connect(Spark(2, "b"));
    test.wait(TICK);
    test.asks(&Exchange::Tick { probe: None });
    test.alive(7, &[]);
    assert!(test.machine.is_registered());
}

#[test]
fn a_failure_is_made_good_at_the_next_tick() {
    let mut test = Test::registered(&[Spark(1, "a")]);
    test.machine.connect(Spark(2, "b"));
    test.asks_changes(&["b"], &[]);
    let error = Error::Unavailable("WRONGTYPE".into());
    assert_eq!(test.answers(Err(Some(error))), ["Trouble"]);
    test.machine.connect(Spark(3, "c"));
    test.rests();
    test.wait(TICK);
    test.asks(&Exchange::Register { takes: false });
    assert!(test.answers(Err(None)).is_empty());
    test.rests();
    test.wait(TICK);
    test.asks(&Exchange::Register { takes: false });
    test.answers(Ok(Answer::Done));
    test.next();
    test.alive(0, &[]);
    test.asks_changes(&["a", "b", "c"], &[]);
}

/// That of subscriptions may be the only one that was cut.
#[test]
fn a_link_that_is_down_is_no_reason_to_register_again() {
    let mut test = Test::registered(&[Spark(1, "a")]);
    for is in [false, true] {
        test.machine.connected(is);
        test.asks(&Exchange::Tick { probe: Some("a".into()) });
        assert_eq!(test.alive(1, &["me"]), ["Ticked"]);
        assert!(test.machine.is_registered());
        // It goes on telling what changes.
        let (spark, id) = if is { (Spark(2, "b"), "b") } else { (Spark(3, "c"), "c") };
        test.machine.connect(spark.clone());
        test.asks_changes(&[id], &[]);
        test.answers(Ok(Answer::Done));
        test.wait(PACE);
        test.machine.disconnect(&spark);
        test.asks_changes(&[], &[id]);
        test.answers(Ok(Answer::Done));
        test.wait(PACE);
        test.rests();
    }
    // One that has lost something meanwhile is told it.
    test.machine.connected(false);
    test.asks(&Exchange::Tick { probe: Some("a".into()) });
    test.answers(Ok(Answer::Missing));
    test.rests();
    test.machine.connected(true);
    test.asks(&Exchange::Register { takes: false });
}

#[test]
fn what_was_under_way_when_the_connection_broke_is_made_good_once_the_link_is_up() {
    // The failure is heard of before, or between, or afterwards.
    for heard in 0..3 {
        let mut test = Test::registered(&[Spark(1, "a")]);
        test.machine.connect(Spark(2, "b"));
        test.asks_changes(&["b"], &[]);
        for at in 0..3 {
            if at == heard {
                assert!(test.answers(Err(None)).is_empty());
            }
            match at {
                0 => test.machine.connected(false),
                1 => test.machine.connected(true),
                _ => {}
            }
        }
        test.asks(&Exchange::Register { takes: false });
        test.answers(Ok(Answer::Done));
        test.next();
        test.alive(1, &[]);
        test.wait(PACE);
        test.asks_changes(&["a", "b"], &[]);
    }
}

#[test]
fn what_redis_has_beside_those_who_are_here_is_taken_out_part_by_part() {
    let mut test = Test::registered(&[Spark(1, "a"), Spark(2, "b")]);
    test.is_cut_off();
    test.machine.connected(true);
    test.asks(&Exchange::Register { takes: false });
    test.answers(Ok(Answer::Done));
    // As long as not all was looked at, there may be any number.
    test.asks(&Exchange::Tick { probe: None });
    test.alive(7, &[]);
    test.asks_changes(&["a", "b"], &[]);
    test.answers(Ok(Answer::Done));
    test.finds("0", Some("5"), &["a", "x", "y"]);
    // Who comes and goes all the time does not keep it from going on.
    test.machine.connect(Spark(3, "c"));
    test.wait(PACE);
    test.asks_changes(&["c"], &["x", "y"]);
    test.machine.connect(Spark(4, "y"));
    test.answers(Ok(Answer::Done));
    test.wait(PACE);
    test.finds("5", Some("9"), &["b", "y", "c"]);
    test.asks_changes(&["y"], &[]);
    test.answers(Ok(Answer::Done));
    test.finds("9", None, &["z"]);
    test.wait(PACE);
    test.asks_changes(&[], &["z"]);
    test.answers(Ok(Answer::Done));
    test.rests();
    test.wait(TICK);
    assert!(matches!(test.next(), Step::Ask(Exchange::Tick { probe: Some(_) })));
    test.alive(4, &[]);
    assert!(test.machine.is_registered());
}
