//! The vulnerabilities of engine.io and of what it builds on, against the
//! engine.io server.

use std::time::Duration;

use primus::{Builder, ManualClock, SlowConsumer};

use crate::client::*;
use crate::common::*;
use crate::runner::Test;

pub const TESTS: &[Test] = tests![
    cve_2020_36048_large_posts,
    cve_2020_36048_time_to_decode,
    cve_2020_36049_large_packets,
    cve_2020_36049_large_answers,
    cve_2022_21676_invalid_frame_right_after_the_upgrade,
    cve_2022_41940_reset_while_refused,
    cve_2023_31125_hostile_queries,
];

const UNKNOWN: &str = r#"{"code":1,"message":"Session ID unknown"}"#;
const LIMIT: usize = 4 << 20;

/// Takes bodies up to [`LIMIT`].
fn bounded() -> Builder {
    patient().transport("maxHttpBufferSize", LIMIT.to_string())
}

/// As [`bounded`], and no time passes: for clients that only post, which may take
/// long on a busy machine.
fn timeless() -> Builder {
    bounded().clock(&ManualClock::new())
}

/// An echo server that takes bodies up to [`LIMIT`].
fn server() -> Server {
    echo(bounded())
}

/// CPU time that something takes, the least of several: whatever else the
/// process does only adds.
fn least(mut run: impl FnMut()) -> Duration {
    let once = |_| {
        let before = cpu_time();
        run();
        cpu_time() - before
    };
    (0..3).map(once).min().unwrap()
}

/// Asserts that a thing takes time in proportion to its size: eight times the
/// size may take three times what it should, but not the square.
fn is_linear(name: &str, mut run: impl FnMut(usize)) {
    let (small, large) = (least(|| run(1)), least(|| run(8)));
    let most = 24 * small + Duration::from_millis(100);
    assert!(large < most, "{name}: {small:?}, eight times as much {large:?}");
}

/// engine.io kept POSTs of 100 MB, and took quadratic time to decode them.
fn cve_2020_36048_large_posts() {
    let server = server();
    let mut client = Client::open(server.addr);
    let grown = peak(|| {
        // Declared: nothing of it is read.
        let length = format!("Content-Length: {}\r\n", LIMIT + 1);
        let answer = ask(server.addr, request("POST", &client.query("polling"), &length));
        assert_eq!((answer.status, &*answer.body), (413, ""));
        // Not declared.
        let mut peer = server.connect();
        let chunked = "Transfer-Encoding: chunked\r\n";
        peer.send(request("POST", &client.query("polling"), chunked).as_bytes());
        let chunk = format!("10000\r\n{}\r\n", "4".repeat(0x10000));
        while peer.try_send(chunk.as_bytes()) {}
        // A chunk that says it is endless.
        let mut peer = server.connect();
        peer.send(request("POST", &client.query("polling"), chunked).as_bytes());
        peer.send(b"fffffffffffffff0\r\nx");
        assert_eq!(peer.read_response().status, 413);
    });
    assert!(grown < 2 * LIMIT, "{grown}");
    // The session has come through, and takes what is not too long.
    let longest = format!("4\"{}\"", "x".repeat(LIMIT - 3));
    client.say(&longest);
    assert!(client.poll() == [longest]);
    client.close();
    still_serves(&server);
}

fn cve_2020_36048_time_to_decode() {
    let server = echo(timeless());
    for revision in [3, 4] {
        let mut client = Client::open_with(server.addr, revision, "");
        for (name, packet) in [
            ("empty", "6"),
            ("characters of two bytes", "6éé"),
            ("characters of four bytes", "6😀"),
        ] {
            let packets = vec![packet; 8 * 20_000];
            is_linear(name, |size| {
                assert_eq!(client.send(&packets[..size * 20_000]).body, "ok");
            });
        }
        // As few packets as possible.
        for letter in ["x", "é", "😀"] {
            let long = format!("6{}", letter.repeat(LIMIT / 4 / letter.len()));
            is_linear(letter, |size| {
                let end = 1 + (long.len() - 1) / letter.len() / 8 * size * letter.len();
                assert_eq!(client.send(&[&long[..end]]).body, "ok");
            });
        }
        client.close();
    }
    // JSONP replaces within the field.
    let opened = ask(server.addr, get("EIO=4&transport=polling&j=0"));
    let query =
        format!("EIO=4&transport=polling&j=0&sid={}", sid_of(&opened.body.replace('\\', "")));
    for piece in ["%5c%5cn", "%5cn", "%5c", "\\\\n", "+", "%"] {
        let field = piece.repeat(LIMIT / 16 / piece.len());
        is_linear(piece, |size| {
            let body =
                format!("d=6{}", &field[..field.len() / 8 / piece.len() * size * piece.len()]);
            let form = "Content-Type: application/x-www-form-urlencoded\r\n";
            let answer = ask(server.addr, post(&query, form, body.as_bytes()));
            assert_eq!(answer.body, "ok");
        });
    }
}

/// socket.io-parser put large packets together piece by piece.
fn cve_2020_36049_large_packets() {
    let server = echo(timeless());
    let binary = "Content-Type: application/octet-stream\r\n";
    // A payload with lengths: one large packet, and many small ones, of text
    // and of bytes.
    let item = |kind: u8, data: &[u8]| {
        let length = data.len().to_string().into_bytes().into_iter().map(|digit| digit - b'0');
        [&[kind], &*length.collect::<Vec<_>>(), b"\xff", data].concat()
    };
    let mut client = Client::open_with(server.addr, 3, "");
    for kind in [0, 1] {
        let noop = if kind == 0 { b'6' } else { 6 };
        let mut large = vec![b'x'; LIMIT / 4];
        large[0] = noop;
        is_linear("one packet", |size| {
            let body = item(kind, &large[..LIMIT / 32 * size]);
            assert_eq!(client.send_body(binary, &body).body, "ok");
        });
        let small = item(kind, &[noop]);
        is_linear("many packets", |size| {
            assert_eq!(client.send_body(binary, &small.repeat(size * 20_000)).body, "ok");
        });
        let digits = [&[kind][..], &vec![0; LIMIT / 4]].concat();
        // A length without an end: the session ends, and soon.
        let mut other = Client::open_with(server.addr, 3, "");
        let start = cpu_time();
        assert_eq!(other.send_body(binary, &digits).body, "ok");
        assert!(cpu_time() - start < Duration::from_secs(5));
        assert!(!other.is_known());
    }
    client.close();
    // Base 64, in both revisions.
    for (revision, head) in [(3, "b4"), (4, "b")] {
        let server = Server::start(engine(timeless()));
        let mut client = Client::open_with(server.addr, revision, "");
        let long = format!("{head}{}", "AAAA".repeat(LIMIT / 16));
        is_linear("base 64", |size| {
            let end = head.len() + LIMIT / 32 * size;
            assert_eq!(client.send(&[&long[..end]]).body, "ok");
        });
    }
}

/// What waits is put together for one answer, too.
fn cve_2020_36049_large_answers() {
    let builder = patient().slow_consumer(SlowConsumer::DropNewest).backlog(64 << 20);
    let server = echo(builder);
    for revision in [3, 4] {
        let mut client = Client::open_with(server.addr, revision, "");
        let spark = server.spark();
        is_linear("messages that wait", |size| {
            for n in 0..size * 2_000 {
                spark.write(&n).unwrap();
            }
            client.poll_for(size * 2_000);
        });
        client.close();
        server.wait_empty();
    }
}

/// The session's WebSocket, by each way that leads to one.
fn sockets(server: &Server, revision: u8) -> [Peer; 2] {
    let target = format!("/primus/?EIO={revision}&transport=websocket");
    let mut direct = Peer::open_with(server.addr, &target, "");
    direct.expect_text();
    let (upgraded, _) = Client::open_with(server.addr, revision, "").go_over();
    [direct, upgraded]
}

/// An error of ws that engine.io did not handle ended the process.
fn cve_2022_21676_invalid_frame_right_after_the_upgrade() {
    let server = server();
    let baseline = Baseline::of(&server);
    let reserved = |head: u8| (head, masked(head, b""), 1002);
    let mut frames: Vec<_> = [0x10, 0x20, 0x40, 0x70]
        .into_iter()
        .flat_map(|bits| [FIN | bits | TEXT, FIN | bits | PING, bits | CONTINUATION])
        .chain([3, 7, 11, 15].map(|opcode| FIN | opcode))
        .map(reserved)
        .collect();
    let mut invalid =
        |head: u8, payload: &[u8], code| frames.push((head, masked(head, payload), code));
    invalid(FIN | CONTINUATION, b"x", 1002);
    invalid(PING, b"", 1002);
    invalid(FIN | CLOSE, b"x", 1002);
    for code in [999u16, 1004, 1005, 1006, 1015, 2999, 5000] {
        invalid(FIN | CLOSE, &code.to_be_bytes(), 1002);
    }
    invalid(FIN | CLOSE, b"\x03\xe8\xff", 1007);
    invalid(FIN | TEXT, b"4\xff", 1007);
    invalid(FIN | PING, &[0; 126], 1002);
    frames.push((FIN | TEXT, vec![FIN | TEXT, 1, b'5'], 1002)); // no mask
    frames.push((FIN | BINARY, declared(FIN | BINARY, 0x80, LIMIT as u64 + 1), 1009));
    frames.push((FIN | BINARY, declared(FIN | BINARY, 0x80, 1 << 62), 1009));
    for (head, frame, code) in frames {
        for revision in [3, 4] {
            for mut peer in sockets(&server, revision) {
                peer.send(&frame);
                peer.expect_close(Some(code));
            }
            // One that probes; its session polls on.
            let mut client = Client::open_with(server.addr, revision, "");
            for probes in [false, true] {
                let mut peer = if probes { client.probe() } else { client.socket() };
                peer.send(&frame);
                peer.expect_close(Some(code));
                wait_until("it may probe again", || {
                    let mut socket = client.socket();
                    socket.text("2probe");
                    let probes = socket.expect_frame().opcode() == TEXT;
                    socket.close();
                    probes
                });
            }
            client.say("4\"x\"");
            assert_eq!(client.poll(), ["4\"x\""], "{head:x}");
            client.close();
        }
    }
    still_serves(&server);
    assert_eq!(server.primus.metrics().panics_caught, 0);
    baseline.wait();
}

/// A reset while a bad handshake was refused ended the process.
fn cve_2022_41940_reset_while_refused() {
    let server = server();
    let baseline = Baseline::of(&server);
    let client = Client::open(server.addr);
    for query in [
        "EIO=4&transport=websocket&sid=nobody",
        "EIO=4&transport=nothing",
        "EIO=4&transport=polling",
        "",
        &client.query("polling"),
        &client.query("websocket").replace("EIO=4", "EIO=3"),
    ] {
        let target = format!("/primus/?{query}");
        let whole = upgrade(&target, "");
        let no_key = format!(
            "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        );
        for bad in [&*whole, no_key.as_bytes()] {
            for end in (0..bad.len()).step_by(7).chain(bad.len() - 5..=bad.len()) {
                let mut peer = server.connect();
                peer.try_send(&bad[..end]);
                peer.reset();
            }
            for _ in 0..5 {
                let mut peer = server.connect();
                peer.send(bad);
                peer.read_head();
                peer.reset();
            }
        }
    }
    // A good one, which is reset at each step.
    let good = [
        upgrade(&format!("/primus/?{}", client.query("websocket")), ""),
        masked(FIN | TEXT, b"2probe"),
        masked(FIN | TEXT, b"4"),
    ]
    .concat();
    for end in (0..good.len()).step_by(5).chain([good.len()]) {
        let mut peer = server.connect();
        peer.try_send(&good[..end]);
        peer.reset();
    }
    assert!(client.is_known());
    client.close();
    still_serves(&server);
    assert_eq!(server.primus.metrics().panics_caught, 0);
    baseline.wait();
}

/// A query of the wrong kind made engine.io fail.
fn cve_2023_31125_hostile_queries() {
    let builder = limited(|limits| {
        limits.request_line = 128 << 10;
        limits.head = 128 << 10;
    });
    let server = echo(builder);
    let transport = r#"{"code":0,"message":"Transport unknown"}"#;
    let long = "x".repeat(64 << 10);
    let many = "sid=a&".repeat(10_000);
    let names = ["__proto__", "constructor", "toString", "hasOwnProperty", "prototype", "length"];
    let mut table: Vec<(&str, String)> = Vec::new();
    for name in names {
        table.push((transport, format!("EIO=4&transport={name}")));
        table.push((UNKNOWN, format!("EIO=4&transport=polling&sid={name}")));
        table.push((transport, format!("EIO=4&transport[{name}]=polling")));
        table.push((UNKNOWN, format!("EIO=4&transport=polling&sid=x&sid[{name}]=y")));
    }
    for (expected, query) in [
        (transport, ""),
        (transport, "EIO"),
        (transport, "EIO=&transport=&sid="),
        (transport, "EIO=4&transport=polling&transport=websocket"),
        (transport, "transport[]=polling"),
        (transport, "%"),
        (transport, "%zz=%f&%ff=%c0%80"),
        (transport, "&&&=&=x&?"),
        (transport, "EIO=4&transport=%ff"),
        (transport, "EIO=4&transport=polling%00"),
        (UNKNOWN, "EIO=4&transport=polling&sid=%"),
        (UNKNOWN, "EIO=4&transport=polling&sid=%ff%fe"),
        (UNKNOWN, "EIO=4&transport=polling&sid=%00%0d%0a"),
        (UNKNOWN, "EIO=4&transport=polling&sid=a&sid=a"),
        (UNKNOWN, "EIO=4&transport=polling&sid=&sid="),
    ] {
        table.push((expected, query.to_owned()));
    }
    table.push((transport, format!("EIO=4&transport={long}")));
    table.push((UNKNOWN, format!("EIO=4&transport=polling&sid={long}")));
    table.push((UNKNOWN, format!("EIO=4&transport=polling&{many}")));
    for (expected, query) in table {
        for method in ["GET", "POST"] {
            let answer = ask(server.addr, request(method, &query, ""));
            assert_eq!((answer.status, &*answer.body), (400, expected), "{query:.60}");
            assert_eq!(answer.header("content-type"), Some("application/json"));
        }
        let mut peer = server.connect();
        peer.send(&upgrade(&format!("/primus/?{query}"), ""));
        let answer = peer.read_response();
        assert_eq!(answer.status, 400, "{query:.60}");
        assert!(expected.contains(&answer.body) && !answer.body.is_empty(), "{answer:?}");
        peer.expect_end();
    }
    // Odd values where any will do.
    for more in ["&EIO=5", "&t=%ff&t=", "&b64=__proto__&b64=", "&j[]=1", "&_primuscb=%00"] {
        let client = Client::open_with(server.addr, 4, more.trim_start_matches("&EIO=5"));
        client.close();
    }
    let odd = ask(server.addr, get("EIO=__proto__&transport=polling"));
    assert!(odd.status == 200 && odd.body.starts_with("119:0{"), "{odd:?}");
    wait_for("sparks", 1, || server.primus.connected());
}
