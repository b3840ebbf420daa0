//! From polls to a WebSocket.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use primus::{ManualClock, Primus};

use crate::client::*;
use crate::common::*;

const MISMATCH: &str = r#"{"code":3,"message":"Bad request"}"#;

#[test]
fn the_session_ends_when_its_websocket_does() {
    let server = echo(Primus::builder());
    let (socket, _) = Client::open(server.addr).go_over();
    server.spark();
    socket.reset();
    server.wait_empty();
    let (mut socket, _) = Client::open(server.addr).go_over();
    let spark = server.spark();
    spark.write("last").unwrap();
    spark.end();
    let before = socket.expect_ended(None);
    let texts: Vec<_> = before.iter().map(WireFrame::text).collect();
    assert_eq!(texts, ["4\"last\"", "4\"primus::server::close\""]);
    server.wait_empty();
}

/// Numbers go both ways without a pause while the client goes over.
#[test]
fn no_message_is_lost_or_overtaken_on_the_way_over() {
    let server = Server::start(engine(Primus::builder()));
    for revision in [3, 4] {
        for round in 0..10 {
            let (tell, told) = mpsc::channel();
            let listener = server.primus.on_connection(move |spark| {
                let tell = tell.clone();
                spark.on_data(move |_, message| {
                    let _ = tell.send(message.parse::<u32>().unwrap());
                });
            });
            let mut client = Client::open_with(server.addr, revision, "");
            let spark = server.spark();
            const COUNT: u32 = 400;
            let written = Arc::new(AtomicU32::new(0));
            let so_far = written.clone();
            let writer = std::thread::spawn(move || {
                for n in 0..COUNT {
                    spark.write(&n).unwrap();
                    so_far.store(n, Ordering::Relaxed);
                    if n % 8 == 0 {
                        std::thread::yield_now();
                    }
                }
            });
            let mut came: Vec<String> = Vec::new();
            let mut said = 0;
            let mut next = || {
                said += 1;
                format!("4{}", said - 1)
            };
            while written.load(Ordering::Relaxed) < 10 * round {
                client.say(&next());
                came.extend(client.poll());
            }
            client.ask_poll();
            let mut socket = client.socket();
            socket.text("2probe");
            client.say(&next());
            // Polls on until the server has answered the probe.
            loop {
                came.extend(client.packets());
                if socket.read_frame_within(Duration::from_millis(1)).is_some() {
                    break;
                }
                client.say(&next());
                client.ask_poll();
            }
            let mut burst = masked(FIN | TEXT, b"5");
            for _ in 0..20 {
                burst.extend(masked(FIN | TEXT, next().as_bytes()));
            }
            socket.send(&burst);
            came.retain(|packet| packet != "6");
            let mut over: Vec<String> = Vec::new();
            while came.len() + over.len() < COUNT as usize {
                over.push(socket.expect_text());
            }
            came.extend(over);
            let expected: Vec<String> = (0..COUNT).map(|n| format!("4{n}")).collect();
            assert_eq!(came, expected);
            writer.join().unwrap();
            let told: Vec<u32> =
                (0..said).map(|_| told.recv_timeout(PATIENCE).expect("a message")).collect();
            assert_eq!(told, (0..said).collect::<Vec<_>>());
            socket.close();
            server.wait_empty();
            server.primus.off(listener);
        }
    }
}

/// What must be answered at once comes right behind the packet that switches,
/// while others write.
#[test]
fn a_ping_of_the_websocket_behind_the_switch_is_answered() {
    let server = echo(Primus::builder());
    for _ in 0..50 {
        let client = Client::open(server.addr);
        let spark = server.primus.spark(&client.sid).unwrap();
        let mut socket = client.probe();
        const COUNT: usize = 1_000;
        let writers: Vec<_> = (0..2)
            .map(|_| {
                let spark = spark.clone();
                thread::spawn(move || (0..COUNT).try_for_each(|n| spark.write(&n).map(drop)))
            })
            .collect();
        let ping = masked(FIN | PING, b"ping");
        socket.send(&[masked(FIN | TEXT, b"5"), ping].concat());
        let (mut texts, mut pongs) = (0, 0);
        while texts < 2 * COUNT || pongs < 1 {
            match socket.expect_frame().opcode() {
                PONG => pongs += 1,
                _ => texts += 1,
            }
        }
        assert_eq!((texts, pongs), (2 * COUNT, 1));
        writers.into_iter().for_each(|writer| writer.join().unwrap().unwrap());
        socket.close();
    }
}

/// What waits when the WebSocket takes over goes first.
#[test]
fn what_waits_goes_over_too() {
    let server = echo(Primus::builder());
    for (revision, more) in [(3, ""), (4, "&b64=1"), (4, "")] {
        let client = Client::open_with(server.addr, revision, more);
        let spark = server.spark();
        let mut socket = client.probe();
        for n in 0..200 {
            spark.write(&n).unwrap();
        }
        spark.write_frame(&primus::Frame::binary(*b"\"x\"")).unwrap();
        assert!(spark.buffered() > 0);
        socket.text("5");
        for n in 0..200 {
            assert_eq!(socket.expect_text(), format!("4{n}"));
        }
        let frame = socket.expect_frame();
        let expected: &[u8] = match (revision, more) {
            (3, _) => b"\x04\"x\"",
            (_, "") => b"\"x\"",
            _ => b"bIngi",
        };
        assert_eq!(frame.payload, expected);
        assert_eq!(frame.opcode(), if more.is_empty() { BINARY } else { TEXT });
        wait_for("bytes that wait", 0, || spark.buffered());
        client.post.shutdown(std::net::Shutdown::Both);
        socket.close();
        server.wait_empty();
    }
}

#[test]
fn what_a_probe_may_not_say() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    for wrong in ["2", "2prob", "2probex", "3probe", "4\"x\"", "1", "6", "", "x", "0{}"] {
        let mut socket = client.socket();
        socket.text(wrong);
        socket.expect_close(None);
        let mut socket = client.probe();
        socket.text(wrong);
        socket.expect_close(None);
    }
    let mut socket = client.probe();
    socket.frame(FIN | BINARY, b"5");
    socket.expect_close(None);
    for violation in [masked(FIN | 0x70 | TEXT, b"5"), masked(FIN | 3, b""), vec![0x81, 0x01, b'5']]
    {
        let mut socket = client.probe();
        socket.send(&violation);
        while socket.read_frame().is_some() {}
    }
    // A client that leaves, politely or not.
    client.probe().close();
    for leave in [|socket: Peer| socket.reset(), |socket: Peer| drop(socket)] {
        leave(client.probe());
        // It may try again as soon as that is noticed.
        wait_until("the last one is gone", || {
            let mut socket = client.socket();
            socket.text("2probe");
            if socket.expect_frame().payload != b"3probe" {
                return false;
            }
            socket.close();
            true
        });
    }
    // It polls on.
    client.say("4\"x\"");
    assert_eq!(client.poll(), ["4\"x\""]);
}

#[test]
fn one_probe_at_a_time() {
    let server = echo(Primus::builder());
    let client = Client::open(server.addr);
    let mut first = client.probe();
    let mut second = client.socket();
    second.expect_close(None);
    first.text("2probe");
    assert_eq!(first.expect_text(), "3probe");
    first.text("5");
    first.text("4\"x\"");
    assert_eq!(first.expect_text(), "4\"x\"");
    first.close();
}

#[test]
fn polls_are_released_while_a_websocket_probes() {
    let clock = ManualClock::new();
    let server = echo(Primus::builder().clock(&clock).ping_interval(None));
    let mut client = Client::open(server.addr);
    let spark = server.spark();
    let mut socket = client.socket();
    client.ask_poll();
    clock.advance(Duration::from_secs(1));
    // Not before the probe. It is still held, and takes a message.
    spark.write(&1).unwrap();
    assert_eq!(client.packets(), ["41"]);
    socket.text("2probe");
    assert_eq!(socket.expect_text(), "3probe");
    for _ in 0..3 {
        client.ask_poll();
        // However late it comes.
        let (mut released, mut passed) = (None, 0);
        while released.is_none() {
            assert!(passed < 3_000, "not released");
            clock.advance(Duration::from_millis(1));
            passed += 1;
            released = client.get.response_within(Duration::from_millis(1));
        }
        assert_eq!(released.unwrap().body, "6");
    }
    socket.text("5");
    spark.write(&2).unwrap();
    assert_eq!(socket.expect_text(), "42");
    // A poll that still waits is released by the switch.
    let mut client = Client::open(server.addr);
    client.ask_poll();
    let mut socket = client.probe();
    socket.text("5");
    let answer = client.get.read_response();
    assert!(answer.body == "6" || answer.body == MISMATCH, "{answer:?}");
}

#[test]
fn an_upgrade_that_takes_too_long_is_given_up() {
    let clock = ManualClock::new();
    let builder = Primus::builder().clock(&clock).transport("upgradeTimeout", "3000");
    let server = echo(builder);
    let mut client = Client::open(server.addr);
    let mut silent = client.socket();
    clock.advance(Duration::from_millis(2_999));
    assert!(client.socket().expect_close(None).is_empty());
    clock.advance(Duration::from_millis(1));
    silent.expect_close(None);
    let mut slow = client.probe();
    clock.advance(Duration::from_millis(3_000));
    slow.text("5");
    slow.expect_close(None);
    client.say("4\"x\"");
    assert_eq!(client.poll(), ["4\"x\""]);
    client.probe().close();
}

/// The spark ends when the client has stopped polling and is about to say `5`.
#[test]
fn a_session_that_ends_on_the_way_over_closes_the_websocket() {
    let server = echo(Primus::builder());
    for reconnect in [false, true] {
        for taken in [false, true] {
            let mut client = Client::open(server.addr);
            let mut socket = client.probe();
            let spark = server.spark();
            spark.end_options(ending(reconnect));
            let goodbye = vec!["4\"primus::server::close\"".to_owned()];
            if taken && !reconnect {
                // The last poll brings the goodbye, not yet the end.
                assert_eq!(client.poll(), goodbye);
            }
            socket.text("5");
            let before = socket.expect_ended(None);
            let texts: Vec<_> = before.iter().map(WireFrame::text).collect();
            assert_eq!(texts, if reconnect || taken { vec![] } else { goodbye });
            server.wait_empty();
        }
    }
}

/// A listener that reads all messages itself, and never returns.
#[test]
fn a_reader_goes_over_with_its_session() {
    let server = Server::start(engine(Primus::builder()));
    let (done, ended) = mpsc::channel();
    server.primus.on_connection(move |spark| -> primus::Result<()> {
        for message in spark.messages() {
            spark.write(&message)?;
        }
        let _ = done.send(());
        Ok(())
    });
    for revision in [3, 4] {
        let mut client = Client::open_with(server.addr, revision, "");
        for n in 0..10 {
            client.say(&format!("4{n}"));
            assert_eq!(client.poll(), [format!("4{n}")]);
        }
        let (mut socket, _) = client.go_over();
        for n in 0..10 {
            socket.text(&format!("4{n}"));
            assert_eq!(socket.expect_text(), format!("4{n}"));
        }
        socket.close();
        ended.recv_timeout(PATIENCE).unwrap();
    }
}

/// What the client sends on the WebSocket, and then a request on another
/// connection: on threads of their own they were handled in any order.
#[test]
fn no_request_overtakes_what_was_sent_on_the_websocket_before() {
    let server = echo(Primus::builder());
    for round in 0..60 {
        let mut client = Client::open(server.addr);
        let mut socket = client.socket();
        if round % 2 == 0 {
            socket.text("2probe");
            socket.text("5");
        } else {
            socket.send(&[masked(FIN | TEXT, b"2probe"), masked(FIN | TEXT, b"5")].concat());
        }
        match round % 3 {
            0 => {
                client.ask_poll();
                let answer = client.get.read_response();
                assert_eq!((answer.status, &*answer.body), (400, MISMATCH));
            }
            1 => {
                let answer = client.send(&["4\"x\""]);
                assert_eq!((answer.status, &*answer.body), (400, MISMATCH));
            }
            _ => drop(client.socket().expect_close(None)),
        }
        assert_eq!(socket.expect_text(), "3probe");
        socket.text("4\"still there?\"");
        assert_eq!(socket.expect_text(), "4\"still there?\"");
        socket.close();
    }
    server.wait_empty();
}

/// It waits for what was sent before, not for what will be.
#[test]
fn requests_do_not_wait_for_a_websocket_that_is_silent() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    let mut silent = client.socket();
    let began = Instant::now();
    for n in 0..20 {
        client.say(&format!("4{n}"));
        assert_eq!(client.poll(), [format!("4{n}")]);
    }
    assert!(began.elapsed() < Duration::from_secs(5));
    // Half a frame is something that was sent, and dealt with.
    silent.send(&[0x81, 0x86]);
    client.say("4\"x\"");
    assert_eq!(client.poll(), ["4\"x\""]);
    drop(silent);
    client.close();
}
