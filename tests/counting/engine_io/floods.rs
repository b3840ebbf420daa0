//! Too much of everything.

use std::time::Duration;

use primus::{Ended, ManualClock, Primus};

use crate::client::*;
use crate::common::*;
use crate::runner::Test;

pub const TESTS: &[Test] = tests![
    post_flood_to_unknown_sessions,
    session_exhaustion,
    thread_exhaustion,
    ping_flood,
    empty_fragments_for_ever,
];

const SECOND: Duration = Duration::from_secs(1);
const UNKNOWN: &str = r#"{"code":1,"message":"Session ID unknown"}"#;

fn post_flood_to_unknown_sessions() {
    let server = echo(Primus::builder());
    let baseline = Baseline::of(&server);
    let mut client = Client::open(server.addr);
    let before = resident();
    let nobody = "EIO=4&transport=polling&sid=nobody";
    for framing in [
        "Content-Length: 1000000000\r\n",
        "Content-Length: 9223372036854775807\r\n",
        "Content-Length: 1000\r\nExpect: 100-continue\r\n",
        "Transfer-Encoding: chunked\r\n",
    ] {
        for _ in 0..50 {
            let mut peer = server.connect();
            peer.send(request("POST", nobody, framing).as_bytes());
            // Answered before any of the body has come, and not asked for it.
            let answer = peer.read_response();
            assert_eq!((answer.status, &*answer.body), (400, UNKNOWN), "{framing}");
            if !framing.starts_with("Transfer") {
                assert_eq!(answer.header("connection"), Some("close"), "{framing}");
                peer.expect_end();
            }
        }
        // Those who send it all the same are not listened to for long.
        let mut peer = server.connect();
        peer.send(request("POST", nobody, framing).as_bytes());
        let megabyte = vec![b'4'; 1 << 20];
        let taken = (0..100).take_while(|_| peer.try_send(&megabyte)).count();
        assert!(taken < 20, "{taken} MB were taken");
    }
    // One after the other on one connection.
    let mut peer = server.connect();
    for _ in 0..500 {
        peer.send(&post(nobody, "", b"4\"x\""));
        assert_eq!(peer.read_response().body, UNKNOWN);
    }
    client.say("4\"x\"");
    assert_eq!(client.poll(), ["4\"x\""]);
    client.close();
    drop(peer);
    let grown = resident().saturating_sub(before);
    assert!(grown < 8 << 20, "grew by {grown}");
    wait_for("refusals", Some(704), || server.primus.metrics().refusals.get(&400).copied());
    baseline.wait();
}

/// Sessions that are opened and never polled.
fn session_exhaustion() {
    let clock = ManualClock::new();
    let builder = limited(|limits| limits.fresh_sessions = 10);
    let server = echo(builder.clock(&clock));
    let baseline = Baseline::of(&server);
    // One that did come back is not among those that pay for it.
    let mut client = Client::open(server.addr);
    client.say("4\"x\"");
    assert_eq!(client.poll(), ["4\"x\""]);
    let mut flood = server.connect();
    let open = get("EIO=4&transport=polling");
    let mut sids = Vec::new();
    for _ in 0..200 {
        sids.push(sid_of(&flood.ask(&open).body));
    }
    wait_for("sparks", 11, || server.primus.connected());
    // Theirs, and those of three connections, unless they wait without.
    wait_until("threads", || server_threads().len() <= 4 + 11 + 3);
    // The latest are the ones that are left.
    let known = |sid: &str| {
        let query = format!("EIO=4&transport=polling&sid={sid}");
        !ask(server.addr, request("PUT", &query, "")).body.contains("unknown")
    };
    assert!(sids[..190].iter().all(|sid| !known(sid)));
    assert!(sids[190..].iter().all(|sid| known(sid)));
    client.say("4\"y\"");
    assert_eq!(client.poll(), ["4\"y\""]);
    // And they do not stay.
    clock.advance(15 * SECOND - Duration::from_millis(1));
    assert_eq!(server.primus.connected(), 11);
    clock.advance(Duration::from_millis(1));
    wait_for("sparks", 1, || server.primus.connected());
    assert!(sids.iter().all(|sid| !known(sid)));
    client.close();
    drop(flood);
    server.wait_empty();
    baseline.wait();
}

/// Sessions count as connections, which are bounded too.
fn thread_exhaustion() {
    let before = descriptors();
    let server = echo(limited(|limits| limits.connections = Some(8)));
    let mut peer = server.connect();
    let open = get("EIO=4&transport=polling");
    let opened: Vec<_> = (0..7).map(|_| sid_of(&peer.ask(&open).body)).collect();
    // Those that nobody came back to would give way.
    for sid in &opened {
        peer.send(&post(&format!("EIO=4&transport=polling&sid={sid}"), "", b"4\"y\""));
        assert_eq!(peer.read_response().body, "ok");
    }
    for _ in 0..20 {
        let answer = peer.ask(&open);
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    }
    assert_eq!(server.primus.connected(), 7);
    // Nothing of the refused ones is left, and those that are there work.
    for sid in &opened {
        let query = format!("EIO=4&transport=polling&sid={sid}");
        peer.send(&post(&query, "", b"4\"x\""));
        assert_eq!(peer.read_response().body, "ok");
        let mut body = peer.ask(&get(&query)).body;
        if body == "4\"y\"" {
            body += "\x1e";
            body += &peer.ask(&get(&query)).body;
        }
        assert_eq!(body, "4\"y\"\x1e4\"x\"");
        peer.send(&post(&query, "", b"1"));
        assert_eq!(peer.read_response().body, "ok");
    }
    server.wait_empty();
    wait_until("there is room again", || {
        let answer = peer.ask(&open);
        answer.status == 200
    });
    server.spark().end();
    drop(peer);
    drop(server);
    wait_for("threads", 0, || server_threads().len());
    wait_for("descriptors", before, descriptors);
}

fn ping_flood() {
    let before = descriptors();
    let server = echo(limited(|limits| limits.control_frames = 100).send_buffer(8 << 10));
    // Pings of engine.io, of which the answers wait one at a time.
    let mut client = Client::open_with(server.addr, 3, "");
    let spark = server.spark();
    let body = "1:2".repeat(100_000);
    assert_eq!(client.send_body("", body.as_bytes()).body, "ok");
    assert!(spark.buffered() < 100, "{}", spark.buffered());
    assert_eq!(client.poll(), ["3"]);
    let mut socket = client.probe();
    socket.text("5");
    let flood = masked(FIN | TEXT, b"2").repeat(10_000);
    for _ in 0..30 {
        socket.send(&flood);
    }
    socket.text("4\"x\"");
    // What did not fit into the socket waited for no more than one.
    let mut pongs = 0;
    let mut frame = socket.expect_frame();
    while frame.payload == b"3" {
        assert!(spark.buffered() <= 64 << 10, "{}", spark.buffered());
        pongs += 1;
        frame = socket.expect_frame();
    }
    assert_eq!(frame.payload, b"4\"x\"");
    assert!(pongs > 0);
    // Those of the WebSocket, and unasked pongs: by a session, and by a probe.
    for opcode in [PING, PONG] {
        let flood = masked(FIN | opcode, b"flood").repeat(10_000);
        let mut probe = Client::open(server.addr).probe();
        probe.try_send(&flood);
        let before = probe.expect_close(Some(1008));
        assert!(before.len() <= 100);
        let (mut upgraded, _) = Client::open(server.addr).go_over();
        upgraded.try_send(&flood);
        let before = upgraded.expect_close(Some(1008));
        assert!(before.len() <= 100);
    }
    // Their sessions poll on, or would.
    wait_for("sparks", 3, || server.primus.connected());
    drop(socket);
    server.primus.for_each(primus::Spark::end);
    drop((client, spark));
    drop(server);
    wait_for("threads", 0, || server_threads().len());
    wait_for("descriptors", before, descriptors);
}

fn empty_fragments_for_ever() {
    let clock = ManualClock::new();
    let builder = Primus::builder().clock(&clock).ping_interval(None);
    let server = echo(builder.transport("upgradeTimeout", "3000"));
    let baseline = Baseline::of(&server);
    for revision in [3, 4] {
        let client = Client::open_with(server.addr, revision, "");
        let spark = server.spark();
        let mut socket = client.probe();
        socket.text("5");
        socket.text("4\"x\"");
        assert_eq!(socket.expect_text(), "4\"x\"");
        drop(client);
        let mut sending = Fragments::begin(&mut socket);
        // They are no sign of life.
        wait_until("it ends", || {
            clock.advance(10 * SECOND);
            spark.close_reason().is_some()
        });
        let by = spark.close_reason().unwrap().by;
        assert!([Ended::Heartbeat, Ended::Protocol].contains(&by), "{by:?}");
        server.wait_empty();
        while socket.read_frame().is_some() {}
        sending.end();
        // A probe has its time-out, whatever comes.
        let mut client = Client::open_with(server.addr, revision, "");
        client.say("4\"x\"");
        assert_eq!(client.poll(), ["4\"x\""]);
        let mut socket = client.socket();
        sending = Fragments::begin(&mut socket);
        clock.advance(3 * SECOND);
        let mut last = None;
        while let Some(frame) = socket.read_frame() {
            last = Some(frame);
        }
        // A reset may overtake the close frame.
        assert!(last.is_none_or(|last| last.opcode() == CLOSE));
        sending.end();
        client.say("4\"y\"");
        assert_eq!(client.poll(), ["4\"y\""]);
        client.close();
        server.wait_empty();
    }
    baseline.wait();
}

/// A thread that sends empty fragments until the connection ends.
struct Fragments(std::thread::JoinHandle<()>);

impl Fragments {
    fn begin(socket: &mut Peer) -> Fragments {
        use std::io::Write;
        socket.frame(TEXT, b"");
        let mut stream = socket.stream.try_clone().unwrap();
        Fragments(std::thread::spawn(
            move || {
                while stream.write_all(&masked(CONTINUATION, b"")).is_ok() {}
            },
        ))
    }

    fn end(self) {
        self.0.join().unwrap();
    }
}
