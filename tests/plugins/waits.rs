//! Waits for answers: how many there are, and by which clock they end.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use primus::plugins::multiplex::{Multiplex, OpenChannel};
use primus::plugins::substream::{OpenSubstream, Substreams};
use primus::plugins::{Emitter, EmitterExt, EventExt, Responder, ResponderExt};
use primus::testing::Pair;
use primus::{Channel, ClientBuilder, Destroy, Error, Limits, ManualClock, Primus, Result, Value};

use crate::common::PATIENCE;

fn plugins(client: ClientBuilder) -> ClientBuilder {
    let client = client.plugin(Emitter).plugin(Responder);
    client.plugin(Substreams::new()).plugin(Multiplex::new())
}

fn server(limits: Limits, clock: Option<&ManualClock>) -> Primus {
    let builder = Primus::builder().limits(limits).plugin(Emitter).plugin(Responder);
    let builder = builder.plugin(Substreams::new()).plugin(Multiplex::new());
    let builder = match clock {
        Some(clock) => builder.clock(clock),
        None => builder,
    };
    builder.build().unwrap()
}

/// Waits for so many on a channel, and for no more.
fn fills<C: Channel>(end: &C, most: usize) {
    let full = |outcome: Result<()>| match outcome {
        Err(Error::Misuse(text)) => text.contains(&format!("{most} answers")),
        _ => false,
    };
    for _ in 0..most {
        end.send_with("never", (), PATIENCE, |_, _| {}).unwrap();
        end.write_with(&Value::Null, PATIENCE, |_, _| {}).unwrap();
    }
    assert!(full(end.send_with("never", (), PATIENCE, |_, _| {})));
    assert!(full(end.write_with(&Value::Null, PATIENCE, |_, _| {})));
    assert!(full(end.send_ack("never", (), PATIENCE).map(drop)));
    assert!(full(end.write_and_wait(&Value::Null, PATIENCE).map(drop)));
}

#[test]
fn as_many_are_waited_for_as_the_limits_of_each_side_say() {
    let mut limits = Limits::default();
    assert_eq!(limits.answers, 1_000);
    limits.answers = 3;
    let primus = server(limits, None);
    let pair = primus::testing::pair(&primus, |client| plugins(client).answers(5)).unwrap();
    let (client, spark) = (pair.client(), pair.spark().unwrap());
    fills(&spark, 3);
    fills(client, 5);
    // Each stream inside has as many again.
    fills(&spark.substream("s").unwrap(), 3);
    fills(&client.substream("s").unwrap(), 5);
    fills(&client.channel("news").unwrap(), 5);
    primus.destroy(Destroy::default());
}

const HOUR: Duration = Duration::from_secs(3600);

/// Functions and a thread that wait for what does not come, for an hour and for two.
fn late<A: Channel + Clone, B: Channel>(end: &A, far: &B, clock: &ManualClock, pair: &Pair) {
    let (tell, told) = channel();
    let next = || {
        let outcome = told.recv_timeout(PATIENCE).unwrap();
        assert!(matches!(outcome, Err(Error::Timeout(_))), "{outcome:?}");
    };
    let (ask, asked) = channel();
    let id = far.on_event("never", move |_: &B, _| ask.send(()));
    let say = tell.clone();
    end.send_with("never", (), HOUR, move |_, answer| drop(say.send(answer.map(drop)))).unwrap();
    let say = tell.clone();
    let two = 2 * HOUR;
    end.write_with(&Value::Null, two, move |_, answer| drop(say.send(answer.map(drop)))).unwrap();
    let (waits, began, time) = (end.clone(), clock.now(), clock.clone());
    let thread = thread::spawn(move || {
        let answer = waits.send_ack("never", (), HOUR);
        assert!(time.now() - began >= HOUR);
        drop(tell.send(answer.map(drop)));
    });
    // Both have asked, and nothing of real time counts.
    (0..2).for_each(|_| asked.recv_timeout(PATIENCE).unwrap());
    pair.advance(HOUR - Duration::from_secs(1)).unwrap();
    assert!(told.try_recv().is_err());
    pair.advance(Duration::from_secs(1)).unwrap();
    (0..2).for_each(|_| next());
    thread.join().unwrap();
    assert!(told.try_recv().is_err());
    pair.advance(HOUR).unwrap();
    next();
    far.off_event(id);
}

#[test]
fn waits_end_by_the_clock_of_their_side() {
    let clock = ManualClock::new();
    let primus = server(Limits::default(), Some(&clock));
    let pair = primus::testing::pair(&primus, plugins).unwrap();
    let (client, spark) = (pair.client(), pair.spark().unwrap());
    late(client, &spark, &clock, &pair);
    late(&spark, client, &clock, &pair);
    let (near, far) = (client.substream("s").unwrap(), spark.substream("s").unwrap());
    late(&near, &far, &clock, &pair);
    late(&far, &near, &clock, &pair);
    primus.destroy(Destroy::default());
}

#[test]
fn an_answer_and_an_end_come_by_a_manual_clock_too() {
    let clock = ManualClock::new();
    let primus = server(Limits::default(), Some(&clock));
    let pair = primus::testing::pair(&primus, plugins).unwrap();
    let (client, spark) = (pair.client(), pair.spark().unwrap());
    client.on_event("ask", |_, event| event.ack(7));
    assert_eq!(spark.send_ack("ask", (), HOUR).unwrap().parse::<u8>().unwrap(), 7);
    let (ask, asked) = channel();
    client.on_event("never", move |_, _| ask.send(()));
    let waits = spark.clone();
    let thread = thread::spawn(move || waits.send_ack("never", (), HOUR));
    asked.recv_timeout(PATIENCE).unwrap();
    client.end();
    assert!(matches!(thread.join().unwrap(), Err(Error::Closed)));
    assert!(matches!(spark.send_ack("ask", (), HOUR), Err(Error::Closed)));
    primus.destroy(Destroy::default());
}
