//! What happens when receivers come and go.

use super::*;

/// sockjs has it so.
#[test]
fn another_receiver_is_refused_and_the_first_goes_on() {
    let rig = Rig::new(RULES);
    let mut first = rig.poll().unwrap();
    assert_eq!(rig.poll().err(), Some("another"));
    rig.spark.write("one");
    assert_eq!(first.body(), "mone;");
    assert!(rig.is_open());
}

/// socket.io has it so.
#[test]
fn the_newest_receiver_wins_and_the_one_before_is_answered() {
    let rig = Rig::new(Rules { second: Second::Replaces, ..RULES });
    let mut first = rig.poll().unwrap();
    let mut second = rig.poll().unwrap();
    assert_eq!(first.body(), "replaced;");
    // It is nothing to the session any more.
    first.leave();
    rig.spark.write("one");
    assert_eq!(second.body(), "mone;");
    assert!(rig.is_open());
}

/// engine.io has it so.
#[test]
fn another_receiver_ends_the_session() {
    let rig = Rig::new(Rules { second: Second::Ends, ..RULES });
    let mut first = rig.poll().unwrap();
    assert_eq!(rig.poll().err(), Some("two"));
    assert_eq!(first.body(), "two;");
    assert!(!rig.is_open());
    assert_eq!(rig.poll().err(), Some("gone"));
}

#[test]
fn a_receiver_that_has_left_in_peace_may_be_followed_for_a_time() {
    let rig = Rig::new(RULES);
    for _ in 0..3 {
        let mut poll = rig.poll().unwrap();
        // However long it waits.
        rig.clock.advance(Duration::from_secs(60));
        rig.spark.write("one");
        assert_eq!(poll.body(), "mone;");
        poll.leave();
        rig.clock.advance(Duration::from_millis(4_999));
        assert!(rig.is_open());
    }
    rig.clock.advance(Duration::from_millis(1));
    assert!(!rig.is_open());
}

/// No client has to come at all.
#[test]
fn the_time_of_grace_begins_with_the_session() {
    let rig = Rig::new(RULES);
    rig.clock.advance(Duration::from_secs(5));
    assert!(!rig.is_open());
}

#[test]
fn a_receiver_that_is_lost_is_the_end_or_is_not() {
    for fragile in [true, false] {
        let rig = Rig::new(Rules { fragile, ..RULES });
        rig.poll().unwrap().leave();
        assert_eq!(rig.is_open(), !fragile);
        rig.spark.write("one");
        if !fragile {
            assert_eq!(rig.poll().unwrap().body(), "mone;");
        }
    }
}

/// browserchannel keeps what it has sent until the client says that it came.
#[test]
fn what_is_kept_counts_against_the_bound() {
    let rig = Rig::new(Rules { second: Second::Replaces, keeps: true, ..RULES });
    let mut first = rig.stream(None).unwrap();
    let text = "x".repeat(30);
    for _ in 0..3 {
        rig.spark.write(&text);
    }
    let kept = format!("m{text};").repeat(2);
    assert!(first.body().ends_with(&format!("m{text};>\r\n")));
    // The third does not fit beside two that are kept.
    assert_eq!((rig.live.kept(), rig.spark.waiting() > text.len()), (kept.len(), true));
    // All that is kept is sent again to the next.
    let mut second = rig.stream(None).unwrap();
    assert!(second.body().ends_with(&format!("<{kept}>\r\n")));
    rig.live.happens(Happened::Acknowledged);
    assert_eq!(rig.live.kept(), 0);
    rig.spark.writable();
    assert_eq!(second.got(), format!("22\r\n<m{text};>\r\n"));
    assert_eq!(rig.spark.waiting(), 0);
}

/// A machine that has something to say at the end says it to the receiver, not to
/// the outbox, which is locked then.
#[test]
fn the_end_is_told_to_a_receiver_that_waits_or_to_the_next() {
    let rig = Rig::new(RULES);
    let mut stream = rig.stream(None).unwrap();
    rig.spark.write("one");
    rig.spark.end();
    assert!(stream.body().ends_with("<mone;>\r\n6\r\n<bye;>\r\n0\r\n\r\n"));
    assert!(!rig.is_open());

    let rig = Rig::new(RULES);
    let mut poll = rig.poll().unwrap();
    rig.spark.write("one");
    rig.spark.end();
    assert_eq!(poll.body(), "mone;");
    // The spark has gone, and the session waits for its client.
    rig.live.over();
    assert!(rig.is_open());
    assert_eq!(rig.poll().unwrap().body(), "bye;");
    assert!(!rig.is_open());
}

/// sockjs has it so: no request waits for another one.
#[test]
fn messages_of_several_requests_at_a_time_all_arrive() {
    let rig = Rig::new(RULES);
    let frames = |name: &'static str| (0..50).map(move |n| Frame::text(format!("{name}{n}")));
    std::thread::scope(|scope| {
        for name in ["a", "b", "c"] {
            let live = &rig.live;
            scope.spawn(move || assert!(live.deliver(frames(name), None, 1 << 20)));
        }
    });
    let mut got = Vec::new();
    while let Some(super::super::inlet::Event::Frame(frame)) = rig.live.inlet().take() {
        got.push(frame);
    }
    assert_eq!(got.len(), 150);
    for name in ["a", "b", "c"] {
        let own = got.iter().filter(|frame| frame.as_text().unwrap().starts_with(name));
        assert!(own.cloned().eq(frames(name)), "{name}");
    }
    rig.clock.advance(Duration::from_secs(5));
    assert!(!rig.live.deliver(frames("late"), None, 1 << 20));
    // It knows that it is over, and of nothing else.
    let left: Vec<_> = std::iter::from_fn(|| rig.live.inlet().take()).collect();
    assert!(!left.iter().any(|event| matches!(event, super::super::inlet::Event::Frame(_))));
}

/// browserchannel has it so: what a request brings may be an acknowledgement too.
#[test]
fn what_a_request_brings_is_handled_step_by_step() {
    let rig = Rig::new(Rules { keeps: true, ..RULES });
    let mut stream = rig.stream(None).unwrap();
    ["x"; 3].iter().for_each(|text| rig.spark.write(&text.repeat(30)));
    assert!(rig.spark.waiting() > 0);
    let steps = std::cell::Cell::new(0);
    let next = |_: &Pretend| {
        steps.set(steps.get() + 1);
        ["one", "two"].get(steps.get() - 1).copied().map(Happened::Message)
    };
    stream.got();
    rig.live.bring(None, Happened::Acknowledged, next, 1 << 20).unwrap();
    assert_eq!(steps.get(), 3);
    let taken = || match rig.live.inlet().take() {
        Some(super::super::inlet::Event::Frame(frame)) => frame.as_text().map(str::to_owned),
        _ => None,
    };
    assert_eq!([taken(), taken(), taken()], [Some("one".into()), Some("two".into()), None]);
    assert_eq!((rig.spark.waiting(), stream.got().contains('x')), (0, true));
    // The first refusal is the end of it.
    rig.clock.advance(Duration::from_secs(5));
    stream.leave();
    rig.clock.advance(Duration::from_secs(5));
    let asked = Happened::Receiver { streams: true };
    assert_eq!(rig.live.bring(None, asked, |_| None, 1 << 20), Err("gone"));
}

#[test]
fn a_machine_is_told_last_that_it_is_over() {
    let rig = Rig::new(RULES);
    assert_eq!(rig.live.look(|machine| machine.parted.clone()), None);
    rig.clock.advance(Duration::from_secs(5));
    rig.live.over();
    assert_eq!(rig.live.look(|machine| machine.parted.clone()), Some("pretend".into()));
}

#[test]
fn what_is_left_to_do_is_done_without_a_lock() {
    let rig = Rig::new(RULES);
    let mut poll = rig.poll().unwrap();
    let (near, _far) = UnixStream::pair().unwrap();
    rig.live.post(&Arc::new(near.into()), None, Happened::Post).unwrap();
    let messages = ["one", "ping", "die", "two"].map(Happened::Message);
    rig.live.posted(messages.into_iter(), 1 << 20);
    assert_eq!(poll.body(), "pong;");
    let died = rig.spark.died.lock().take();
    assert_eq!(died.map(|reason| reason.by), Some(Ended::Heartbeat));
    assert!(!rig.is_open());
}
