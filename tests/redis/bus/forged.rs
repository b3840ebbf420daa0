//! Numbers that are forged, and messages that are sent again.

use std::sync::{Arc, Mutex};

use super::*;

const BUS: &str = "metroplex:bus";

/// Somebody who hears what is published, and publishes.
struct Stranger {
    link: RedisLink,
    heard: Arc<Mutex<Vec<String>>>,
    _subscription: primus::link::Subscription,
}

impl Stranger {
    fn new(redis: &Redis) -> Self {
        let link = link(&redis.url());
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = heard.clone();
        let subscription = link.subscribe(BUS, move |heard| {
            if let primus::link::Heard::Message { payload, .. } = heard {
                kept.lock().unwrap().push(String::from_utf8_lossy(payload).into_owned());
            }
        });
        assert!(link.wait_connected(crate::common::PATIENCE));
        Stranger { link, heard, _subscription: subscription }
    }

    /// The first message with this in it.
    fn message(&self, with: &str) -> String {
        let find = || self.heard.lock().unwrap().iter().find(|text| text.contains(with)).cloned();
        wait_until("it is heard", || find().is_some());
        find().unwrap()
    }

    fn say(&self, text: &str) {
        self.link.publish(BUS, text.as_bytes().to_vec()).unwrap();
    }
}

#[test]
fn what_a_server_sends_again_that_was_taken_for_dead_is_heard_once() {
    let Some(redis) = Redis::start() else { return };
    let (one, two) = (Member::start(&redis), Member::start(&redis));
    let (mut peer, _) = two.come("a", &[]);
    let stranger = Stranger::new(&redis);
    one.primus().write("first").unwrap();
    assert_eq!(peer.expect_text(), r#""first""#);
    let first = stranger.message(r#""first""#);
    wait_for("it counts", 1, || two.cluster.status().servers);
    // Two looks for it before it gives its next sign of life, and finds none; but it lives.
    let alive = format!("metroplex:{}", one.address());
    wait_until("it is found dead", || {
        redis.cli(&["DEL", &alive]);
        two.cluster.status().servers == 0
    });
    stranger.say(&first);
    wait_for("doubles", 1, || two.cluster.status().doubles);
    one.primus().write("second").unwrap();
    assert_eq!(peer.expect_text(), r#""second""#);
    wait_for("it counts again", 1, || two.cluster.status().servers);
}

#[test]
fn a_forged_number_keeps_nobody_from_being_heard() {
    let Some(redis) = Redis::start() else { return };
    let (one, two) = (Member::start(&redis), Member::start(&redis));
    let (mut peer, _) = two.come("a", &[]);
    let stranger = Stranger::new(&redis);
    one.primus().write("first").unwrap();
    let first = stranger.message(r#""first""#);
    let (head, tail) = first.split_once(r#""seq":1,"#).unwrap();
    let far = u64::MAX;
    stranger.say(&format!(r#"{head}"seq":{far},"kind":"alive"}}"#));
    stranger.say(&format!(r#"{head}"seq":{far},"kind":"alive"}}"#));
    stranger.say(&format!(r#"{head}"seq":{far},{}"#, tail.replace("first", "forged")));
    assert_eq!(texts(&mut peer, 2), [r#""first""#, r#""forged""#]);
    one.primus().write("second").unwrap();
    assert_eq!(peer.expect_text(), r#""second""#);
    // One that is near enough to be true keeps it out until it says how far it is.
    stranger.say(&format!(r#"{head}"seq":{},{}"#, 1_000, tail.replace("first", "forged")));
    assert_eq!(peer.expect_text(), r#""forged""#);
    let before = two.cluster.status().received;
    wait_until("a sign of life", || two.cluster.status().received >= before + 2);
    one.primus().write("third").unwrap();
    assert_eq!(peer.expect_text(), r#""third""#);
}

#[test]
fn what_is_accepted_from_the_writer_is_accepted_by_the_others() {
    let Some(redis) = Redis::start() else { return };
    let small = |cluster: Cluster| cluster.message(1_024);
    let (one, two) = (Member::with(&redis, small), Member::with(&redis, small));
    let (mut peer, _) = two.come("a", &[]);
    let mut taken = Vec::new();
    for length in 800..1_024 {
        let text = "x".repeat(length);
        if one.primus().write(&text).is_ok() {
            taken.push(format!("\"{text}\""));
        }
    }
    assert!(taken.len() > 10 && taken.len() < 224, "{}", taken.len());
    assert_eq!(texts(&mut peer, taken.len()), taken);
    assert_eq!(two.cluster.status().garbage, 0);
}

#[test]
fn a_link_that_takes_less_than_a_message_is_refused() {
    for small in [
        RedisLink::builder("redis://127.0.0.1:1").queue(8 << 20),
        RedisLink::builder("redis://127.0.0.1:1").reply(1 << 20),
    ] {
        let link = small.open().unwrap();
        let build = |cluster| Primus::builder().plugin(Metroplex::new(&link)).plugin(cluster);
        let error = build(Cluster::new()).build().unwrap_err().to_string();
        assert!(error.contains("`LinkBuilder::queue`"), "{error}");
        let primus = build(Cluster::new().message(100_000)).build().unwrap();
        primus.destroy(Default::default());
    }
}
