//! All generations of clients live on one server, and none sees another's
//! heartbeat.

use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use primus::{Ended, Generation, ManualClock, Primus, Spark};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::driver::{Driver, HAPPN, Kind, V6, V6_WS1, V8, need_node};
use crate::node::TEST_TIMEOUT;
use crate::server::Server;

/// On a real clock: short, but not so short that a busy machine breaks it.
const INTERVAL: Duration = Duration::from_millis(700);

/// The spark tells when a heartbeat has come.
fn beats(spark: &Spark) -> Receiver<()> {
    let (tell, told) = mpsc::channel();
    spark.on_heartbeat(move |_| {
        let _ = tell.send(());
    });
    told
}

fn answers(server: &Server, node: &mut Driver) {
    let client = node.open(&server.url());
    server.spark();
    for _ in 0..3 {
        node.expect(client, "incoming::ping");
    }
    assert_alive(server, node, client);
}

/// The connection is the first one still, and nothing but what was written came
/// as data.
fn assert_alive(server: &Server, node: &mut Driver, client: u64) {
    node.write(client, "alive");
    assert_eq!(node.data(client), "alive");
    assert!(server.none_ended());
}

/// A client that is open, and its server, on a clock that stands.
fn on_a_clock(kind: Kind, options: &[(&str, u32)]) -> (ManualClock, Server, Driver, u64) {
    let clock = ManualClock::new();
    let server = Server::start(Primus::builder().clock(&clock));
    let mut node = Driver::start(kind);
    options.iter().for_each(|(name, ms)| node.options[*name] = json!(ms));
    let client = node.open(&server.url());
    server.spark();
    (clock, server, node, client)
}

fn answer_pings(kinds: impl IntoIterator<Item = Kind>) {
    for kind in kinds {
        let server = Server::start(kind.builder().ping_interval(INTERVAL));
        let mut node = Driver::start(kind);
        // The client knows the interval and would go offline after 1.5 of it.
        node.socket = json!({"pingInterval": INTERVAL.as_millis() as u64});
        answers(&server, &mut node);
    }
}

#[test]
fn a_client_answers_pings() {
    need_node!();
    answer_pings([V8, Kind { transformer: "faye", ..V8 }, Kind { project: "client-v7", ..V8 }]);
}

/// The heartbeats of engine.io go their own way.
#[test]
fn a_client_of_engine_io_answers_pings() {
    need_node!();
    for transport in ["polling", "websocket", "upgrade"] {
        answer_pings(["client-v8", "client-v7"].map(|of| Kind::engine(of, transport)));
    }
}

/// So do those of sockjs.
#[test]
fn a_client_of_sockjs_answers_pings() {
    need_node!();
    for transport in ["websocket", "xhr-streaming", "eventsource", "xhr-polling"] {
        answer_pings(["client-v8", "client-v7"].map(|of| Kind::sockjs(of, transport)));
    }
}

/// The whole of it by hand: each ping is answered before the clock goes on.
#[test]
fn a_client_lives_for_many_intervals() {
    need_node!();
    let clock = ManualClock::new();
    let server = Server::start(Primus::builder().clock(&clock));
    let mut node = Driver::start(V8);
    let client = node.open(&server.url());
    let spark = server.spark();
    let beats = beats(&spark);
    for _ in 0..20 {
        clock.advance(Duration::from_secs(30));
        node.expect(client, "incoming::ping");
        beats.recv_timeout(TEST_TIMEOUT).expect("an answer");
    }
    assert!(spark.latency().is_some());
    assert_alive(&server, &mut node, client);
}

#[test]
fn a_client_that_stands_still_is_dropped_and_comes_back() {
    need_node!();
    let (clock, server, mut node, client) = on_a_clock(V8, &[]);
    node.process().signal(Signal::STOP);
    clock.advance(Duration::from_secs(30));
    assert!(server.none_ended(), "it has its time to answer");
    let reason = server.advance_to_end(&clock, Duration::from_secs(30));
    assert_eq!(reason.by, Ended::Heartbeat);
    node.process().signal(Signal::CONT);
    node.expect_all(client, &["close", "reconnect scheduled"]);
    node.skip_to(client, "open");
    server.spark();
    assert_alive(&server, &mut node, client);
}

/// Messages are no answer to a ping.
#[test]
fn a_client_that_does_not_answer_is_dropped() {
    need_node!();
    let (clock, server, mut node, client) = on_a_clock(V8, &[]);
    node.command(json!({"command": "mute", "client": client, "pattern": "primus::pong::"}));
    clock.advance(Duration::from_secs(30));
    node.expect(client, "incoming::ping");
    assert_alive(&server, &mut node, client);
    let reason = server.advance_to_end(&clock, Duration::from_secs(30));
    assert_eq!(reason.by, Ended::Heartbeat);
    node.expect_all(client, &["close", "reconnect scheduled"]);
}

/// The client gives up on a server that does not ping, and tries again.
#[test]
fn a_client_that_misses_pings_reconnects() {
    need_node!();
    let server = Server::start(Primus::builder().ping_interval(None));
    let mut node = Driver::start(V8);
    node.options["pingTimeout"] = json!(500);
    let client = node.open(&server.url());
    node.expect_all(client, &["offline", "close", "reconnect scheduled"]);
    node.skip_to(client, "open");
    // It lets go of the old connection only now.
    assert_eq!(server.ended().1.by, Ended::Remote);
}

fn ping_400(node: &mut Driver, server: &Server) {
    node.options["ping"] = json!(400);
    let client = node.open(&server.url());
    let beats = beats(&server.spark());
    for _ in 0..4 {
        node.expect(client, "incoming::pong");
        beats.recv_timeout(TEST_TIMEOUT).expect("a heartbeat");
    }
    assert_alive(server, node, client);
}

fn pings_are_answered(kinds: [Kind; 2]) {
    for kind in kinds {
        // Held back pings are not due before the client has shown what it is.
        let builder = kind.builder().idle_timeout(Duration::from_millis(1500));
        let server = Server::start(builder);
        ping_400(&mut Driver::start(kind), &server);
    }
}

#[test]
fn clients_that_ping_are_answered() {
    need_node!();
    pings_are_answered([V6, V6_WS1]);
}

#[test]
fn clients_of_engine_io_that_ping_are_answered() {
    need_node!();
    pings_are_answered([
        Kind::engine("client-v6", "upgrade"),
        Kind::engine("client-v5", "polling"),
    ]);
}

#[test]
fn clients_of_sockjs_that_ping_are_answered() {
    need_node!();
    pings_are_answered(["xhr-streaming", "xhr-polling"].map(|by| Kind::sockjs("client-v6", by)));
}

/// Its key tells what it is, so that no ping is ever sent.
#[test]
fn a_client_with_an_old_ws_is_never_pinged() {
    need_node!();
    let server = Server::start(Primus::builder().ping_interval(Duration::from_millis(100)));
    ping_400(&mut Driver::start(V6_WS1), &server);
}

/// Where all clients are of one generation, the server can be told so.
#[test]
fn a_generation_can_be_forced() {
    need_node!();
    let builder = Primus::builder().ping_interval(Duration::from_millis(100));
    let server = Server::start(builder.generation(Generation::ClientPings));
    ping_400(&mut Driver::start(V6), &server);
}

#[test]
fn a_client_that_stops_pinging_is_dropped() {
    need_node!();
    let (clock, server, mut node, client) = on_a_clock(V6, &[("ping", 50), ("pong", 60_000)]);
    node.expect(client, "incoming::pong");
    node.process().signal(Signal::STOP);
    let reason = server.advance_to_end(&clock, Duration::from_secs(35));
    assert_eq!(reason.by, Ended::Heartbeat);
    node.process().signal(Signal::CONT);
    node.skip_to(client, "open");
}

/// It says in the query when it pings, and is never pinged.
#[test]
fn a_happn_client_is_answered() {
    need_node!();
    let server = Server::start(Primus::builder().ping_interval(Duration::from_millis(100)));
    let mut node = Driver::start(HAPPN);
    node.options["ping"] = json!(1100);
    node.options["pong"] = json!(4000);
    let client = node.open(&server.url());
    let spark = server.spark();
    let query: Vec<_> = spark.query().map(|(name, value)| format!("{name}={value}")).collect();
    assert!(query.ends_with(&["ping=1100".to_owned(), "pong=4000".to_owned()]), "{query:?}");
    for _ in 0..3 {
        node.expect(client, "incoming::pong");
    }
    assert_alive(&server, &mut node, client);
}

/// Pongs that it did not ask for keep it patient, and it does not see them.
#[test]
fn a_happn_client_that_stands_still_has_three_chances() {
    need_node!();
    let (clock, server, mut node, client) = on_a_clock(HAPPN, &[]);
    for _ in 0..2 {
        clock.advance(Duration::from_secs(30));
        node.expect(client, "incoming::pong");
    }
    assert_alive(&server, &mut node, client);
    let reason = server.advance_to_end(&clock, Duration::from_secs(30));
    assert_eq!(reason.by, Ended::Heartbeat);
    node.expect_all(client, &["close", "reconnect scheduled"]);
    node.skip_to(client, "open");
}

/// Every generation at once on one server with its defaults.
#[test]
fn all_generations_live_on_one_server() {
    need_node!();
    let clock = ManualClock::new();
    let server = Server::start(Primus::builder().clock(&clock));
    let connect = |kind: Kind, options: Value| {
        let mut node = Driver::start(kind);
        node.options = options;
        let client = node.open(&server.url());
        (node, client, beats(&server.spark()))
    };
    let mut pinged = connect(V8, json!({}));
    let mut happn = connect(HAPPN, json!({}));
    let mut pinging = [V6, V6_WS1].map(|kind| connect(kind, json!({"ping": 300})));
    for _ in 0..2 {
        for (_, _, beats) in &pinging {
            beats.try_iter().for_each(drop);
            beats.recv_timeout(TEST_TIMEOUT).expect("a ping since the clock stands");
        }
        clock.advance(Duration::from_secs(30));
        pinged.2.recv_timeout(TEST_TIMEOUT).expect("an answer");
        happn.0.expect(happn.1, "incoming::pong");
    }
    for (node, client, _) in pinging.iter_mut().chain([&mut pinged, &mut happn]) {
        assert_alive(&server, node, *client);
    }
}
