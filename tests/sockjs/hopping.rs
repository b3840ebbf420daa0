//! Clients that wait now in this way, now in that, as the real ones may after a
//! fall-back, while messages go both ways.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use primus::Destroy;
use serde_json::Value;

use crate::client::*;
use crate::common::engine_io::patient;
use crate::common::*;

const CLIENTS: usize = 200;

/// Receivers that each client has, one after the other.
const HOPS: usize = 30;

/// In an order in which each follows each.
const RECEIVERS: [&str; 5] = ["xhr", "xhr_streaming", "jsonp", "eventsource", "htmlfile"];

/// What a client has sent and heard.
struct Hopper {
    number: usize,
    session: String,
    posts: Peer,
    sent: u64,
    echoed: u64,
    /// The last number that the server told to all.
    tick: Option<u64>,
    ticks: u64,
}

impl Hopper {
    fn new(server: &Server, number: usize) -> Hopper {
        let (session, posts) = (fresh(), server.connect());
        Hopper { number, session, posts, sent: 0, echoed: 0, tick: None, ticks: 0 }
    }

    /// Sends two messages, by turns with XHR and as a form.
    fn say(&mut self) {
        let [first, second] =
            [self.sent, self.sent + 1].map(|n| format!("\"[{},{n}]\"", self.number));
        let body = format!("[{first},{second}]");
        let (route, headers) = match self.sent % 4 {
            0 => ("xhr_send", ""),
            _ => ("jsonp_send", "Content-Type: text/plain\r\n"),
        };
        self.posts.send(&post(&format!("{}/{route}", self.session), headers, body));
        let answer = self.posts.read_response();
        assert!([204, 200].contains(&answer.status), "{answer:?}");
        self.sent += 2;
    }

    fn hear(&mut self, frame: &str) {
        if frame == "o" || frame == "h" {
            return;
        }
        for message in messages(frame) {
            match serde_json::from_str(&message).expect("JSON") {
                Value::Number(n) => {
                    let n = n.as_u64().expect("a tick");
                    assert!(
                        self.tick.is_none_or(|last| n == last + 1),
                        "{n} after {:?}",
                        self.tick
                    );
                    self.tick = Some(n);
                    self.ticks += 1;
                }
                echo => {
                    assert_eq!(echo, serde_json::json!([self.number, self.echoed]));
                    self.echoed += 1;
                }
            }
        }
    }

    /// One receiver to its end, with messages sent before and meanwhile. Returns its
    /// connection, on which the next one comes.
    fn hop(&mut self, mut peer: Peer, receiver: &'static str) -> Peer {
        peer.send(&receive(&self.session, receiver));
        if receiver == "xhr" || receiver == "jsonp" {
            let answer = peer.read_response();
            assert_eq!(answer.status, 200, "{answer:?}");
            let text = answer.body.trim_end();
            let quoted = text.strip_prefix("/**/cb(").and_then(|rest| rest.strip_suffix(");"));
            let frame = quoted.map(|text| serde_json::from_str(text).expect("a string"));
            self.hear(&frame.unwrap_or_else(|| text.to_owned()));
            return peer;
        }
        let mut stream = Stream::on(peer, receiver);
        while let Some(frame) = stream.next() {
            let opens = frame == "o";
            self.hear(&frame);
            if !opens && self.sent < self.echoed + 8 {
                self.say();
            }
        }
        stream.peer
    }

    fn run(mut self, server: &Server) -> Self {
        let mut peer = server.connect();
        for hop in 0.. {
            let done = hop >= HOPS && self.echoed == self.sent && self.ticks > 0;
            if done {
                return self;
            }
            // By turns with steps of one and of two, each beginning elsewhere.
            let at = self.number + hop + hop / RECEIVERS.len() * (hop % 2);
            peer = self.hop(peer, RECEIVERS[at % RECEIVERS.len()]);
            if hop < HOPS {
                self.say();
            }
        }
        unreachable!()
    }
}

#[test]
fn two_hundred_clients_that_hop_between_transports_lose_and_reorder_nothing() {
    // Streams end soon, and a busy machine may take its time for what comes next.
    let away = (10 * PATIENCE).as_millis().to_string();
    let builder = patient().transport("response_limit", "600");
    let server = echo(builder.transport("disconnect_delay", away));
    let over = AtomicBool::new(false);
    let hoppers: Vec<_> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (client, server) = (Hopper::new(&server, number), &server);
                scope.spawn(move || client.run(server))
            })
            .collect();
        let ticker = scope.spawn(|| {
            // A broadcast may come to those that are later than it, a write does not.
            wait_for("sparks", CLIENTS, || server.primus.connected());
            for n in 0u64.. {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                // By turns as a broadcast and to each.
                match n % 2 {
                    0 => server.primus.write(&n).unwrap(),
                    _ => server.primus.for_each(|spark| drop(spark.write(&n))),
                }
                crate::common::pause(Duration::from_millis(20));
            }
        });
        let results: Vec<_> = clients.into_iter().map(thread::ScopedJoinHandle::join).collect();
        over.store(true, Ordering::Relaxed);
        ticker.join().unwrap();
        results.into_iter().map(Result::unwrap).collect()
    });
    for hopper in &hoppers {
        assert!(hopper.sent >= 2 * HOPS as u64 && hopper.echoed == hopper.sent);
        assert!(hopper.ticks > 0);
    }
    assert_eq!(server.primus.connected(), CLIENTS, "none was ended");
    server.primus.destroy(Destroy::default().timeout(PATIENCE));
}
