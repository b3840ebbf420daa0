//! Much at once.

use std::sync::mpsc::channel;
use std::time::Instant;

use primus::Error;
use primus::link::Heard;

use super::*;
use crate::common::*;
use crate::server::Redis;

#[test]
fn a_hundred_thousand_publishes_arrive_in_order() {
    let Some(redis) = Redis::start() else { return };
    let (writer, reader) = (connected(&redis.url()), connected(&redis.url()));
    let (tell, told) = channel();
    let _subscription = reader.subscribe("a", move |heard: Heard<'_>| {
        if let Heard::Message { payload, .. } = heard {
            let number: u32 = std::str::from_utf8(payload).unwrap().parse().unwrap();
            let _ = tell.send(number);
        }
    });
    wait_until("it stands", || redis.cli(&["PUBSUB", "NUMSUB", "a"]) == "a\n1");
    let begun = Instant::now();
    for number in 0..100_000u32 {
        loop {
            match writer.publish("a", number.to_string().into_bytes()) {
                Ok(()) => break,
                Err(Error::Full { .. }) => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        }
    }
    let accepted = begun.elapsed();
    for expected in 0..100_000 {
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), expected);
    }
    println!("100,000 publishes: accepted in {accepted:?}, heard in {:?}", begun.elapsed());
    let metrics = reader.metrics();
    assert_eq!((metrics.messages_received, metrics.reconnects), (100_000, 0));
    wait_for("queue", 0, || writer.metrics().queue_bytes);
}

#[test]
fn a_queue_has_its_bound_whatever_happens_to_redis() {
    let Some(mut redis) = Redis::start() else { return };
    let link = quick(&redis.url()).queue(1 << 20).open().unwrap();
    assert!(link.wait_connected(PATIENCE));
    redis.stop();
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..10_000 {
        match link.publish("a", vec![0; 1000]) {
            Ok(()) => accepted += 1,
            Err(Error::Full { .. }) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(accepted > 800 && accepted < 1049, "{accepted}");
    let metrics = link.metrics();
    assert!(metrics.queue_bytes <= 1 << 20);
    assert_eq!((metrics.queue_commands, metrics.dropped), (accepted, refused));
    // Nothing of what was accepted is lost.
    redis.restart();
    wait_for("queue", 0, || link.metrics().queue_commands);
    assert!(
        redis.cli(&["INFO", "commandstats"]).contains(&format!("cmdstat_publish:calls={accepted}"))
    );
    assert_eq!(link.metrics().dropped, refused);
}

#[test]
fn whatever_is_published_is_heard_as_it_is() {
    let Some(redis) = Redis::start() else { return };
    let link = connected(&redis.url());
    let (tell, told) = channel();
    let _subscription = link.psubscribe("*", move |heard: Heard<'_>| {
        if let Heard::Message { channel, payload } = heard {
            let _ = tell.send((channel.to_owned(), payload.to_vec()));
        }
    });
    wait_until("it stands", || redis.cli(&["PUBSUB", "NUMPAT"]) == "1");
    let all: Vec<u8> = (0..=255).collect();
    let large = vec![b'$'; 5_000_000];
    let lines = b"\r\n*3\r\n$7\r\nmessage\r\n".to_vec();
    for payload in [vec![], all, large, lines] {
        link.publish("a", payload.clone()).unwrap();
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), ("a".to_owned(), payload));
    }
    // A name that is not text.
    let batch = Batch::new().cmd(&[&b"PUBLISH"[..], b"\xffx", b"y"]);
    link.fetch(batch, PATIENCE).unwrap();
    let expected = ("\u{fffd}x".to_owned(), b"y".to_vec());
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), expected);
    assert_eq!(link.metrics().errors, 0);
}
