//! Broadcasts.

use super::*;

#[test]
fn what_one_receiver_gets_is_what_the_next_of_its_kind_gets() {
    let cast = Cast::default();
    let [first, second, third, fourth] = [RULES; 4].map(Rig::new);
    let mut stream = first.stream_as(BRACKETS, None).unwrap();
    stream.body();
    assert!(first.cast("one", &cast));
    assert_eq!(stream.got(), "7\r\n[mone;]\r\n");
    // Had it been made again it would be another.
    let mut stream = second.stream_as(BRACKETS, None).unwrap();
    stream.body();
    assert!(second.cast("two", &cast));
    assert_eq!(stream.got(), "7\r\n[mone;]\r\n");
    let mut poll = third.receive(|held| Receiver::poll(held, BRACKETS), false).unwrap();
    assert!(third.cast("two", &cast));
    assert_eq!(poll.body(), "[mone;]");
    let mut stream = fourth.stream(None).unwrap();
    stream.body();
    assert!(fourth.cast("two", &cast));
    assert_eq!(stream.got(), "7\r\n<mtwo;>\r\n");
}

#[test]
fn a_stream_ends_at_its_limit() {
    let rig = Rig::new(RULES);
    let mut first = rig.stream_as(BRACKETS, Some(19)).unwrap();
    first.body();
    assert!(rig.cast("one", &Cast::default()));
    assert_eq!(first.got(), "7\r\n[mone;]\r\n");
    assert!(rig.cast("seven l", &Cast::default()));
    assert_eq!(first.got(), "b\r\n[mseven l;]\r\n");
    assert!(rig.cast("x", &Cast::default()));
    assert_eq!(first.got(), "5\r\n[mx;]\r\n0\r\n\r\n");
    assert!(!rig.cast("late", &Cast::default()));
    assert!(first.connection.take().is_some() && rig.is_open());
}

/// What its socket does not take waits, and the next broadcast with the outbox.
#[test]
fn a_stream_whose_client_does_not_read_gets_the_rest_later() {
    let rig = Rig::new(RULES);
    let mut stream = rig.stream_as(BRACKETS, None).unwrap();
    stream.body();
    let long = "x".repeat(1 << 20);
    assert!(rig.cast(&long, &Cast::default()));
    assert_eq!(rig.host.unsent.lock().len(), 1);
    assert!(!rig.cast("one", &Cast::default()));
    let mut got = String::new();
    while !rig.host.unsent.lock().is_empty() {
        got += &stream.got();
        rig.host.flush();
    }
    got += &stream.got();
    let body = format!("[m{long};]");
    assert!(got == format!("{:x}\r\n{body}\r\n", body.len()));
    assert!(rig.cast("one", &Cast::default()));
    assert_eq!(stream.got(), "7\r\n[mone;]\r\n");
}

#[test]
fn a_session_whose_client_is_away_or_gone_takes_none() {
    let rig = Rig::new(Rules { fragile: true, ..RULES });
    assert!(!rig.cast("one", &Cast::default()));
    let stream = rig.stream_as(BRACKETS, None).unwrap();
    stream.leave();
    assert!(!rig.is_open());
    // Its spark hears of that behind what came before.
    assert!(rig.cast("one", &Cast::default()));
}
