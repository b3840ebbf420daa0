//! The client's `engine.io` against the JavaScript Primus 8 and 7.

use std::thread;
use std::time::{Duration, Instant};

use primus::{Client, ClientBuilder, Ended, Error, Value};

use crate::common::{nothing_for, pause, wait_until};
use crate::tap::Tap;
use crate::{Node, SOON, VERSIONS, asked, converse, echoed, expect, parsers, words};

/// A Primus server of this version with engine.io.
fn start(version: u32, args: &[&str]) -> Option<Node> {
    Node::of(version, "engine.io", args)
}

/// A client for it that uses these transports.
fn client(version: u32, port: u16, transports: &str) -> ClientBuilder {
    Client::builder(&format!("http://127.0.0.1:{port}"))
        .reconnect_min(Duration::from_millis(50))
        .transformer("engine.io")
        .transport("transports", transports)
        .transport("protocol", if version == 7 { "3" } else { "4" })
}

const WAYS: [&str; 3] = ["polling", "websocket", "polling,websocket"];

#[test]
fn every_way_and_parser() {
    for version in VERSIONS {
        for parser in parsers() {
            let Some(node) = start(version, &["--parser", parser, "--ping-interval", "200"]) else {
                return;
            };
            for way in WAYS {
                for force_base64 in ["true", "false"] {
                    let client = client(version, node.port, way)
                        .transport("forceBase64", force_base64)
                        .parser_name(parser)
                        .connect()
                        .unwrap();
                    converse(&client, &format!("{version} {parser} {way}"));
                }
            }
        }
    }
}

#[test]
fn five_mebibytes_both_ways() {
    for version in VERSIONS {
        let Some(node) = start(version, &[]) else { return };
        for way in WAYS {
            let client = client(version, node.port, way).connect().unwrap();
            echoed(&client, &Value::from("x".repeat(5 << 20)));
            echoed(&client, &Value::from("€".repeat(1 << 20)));
            client.end();
            assert!(client.wait_end(SOON), "{version} {way}");
        }
    }
}

/// One answer to a poll may have more in it than one message may be long.
#[test]
fn a_burst_longer_than_the_longest_message() {
    for version in VERSIONS {
        let Some(node) = start(version, &[]) else { return };
        let client = client(version, node.port, "polling").max_length(200_000).connect().unwrap();
        client.write("broadcast:200:100000").unwrap();
        for _ in 0..200 {
            assert_eq!(client.recv_timeout(SOON).unwrap().as_str().map(str::len), Some(100_000));
        }
    }
}

#[test]
fn polling_keeps_its_connections() {
    for version in VERSIONS {
        let Some(node) = start(version, &[]) else { return };
        let tap = Tap::to(node.port);
        let client = client(version, tap.port, "polling").connect().unwrap();
        for n in 0..50 {
            echoed(&client, &Value::from(n));
        }
        client.end();
        assert!(client.wait_end(SOON));
        assert_eq!(tap.connections(), 2, "one for the GETs, one for the POSTs");
        assert!(tap.requests("POST /primus/?_primuscb=") >= 51);
        assert_eq!(tap.requests("transport=websocket"), 0);
    }
}

#[test]
fn the_websocket_takes_over() {
    for version in VERSIONS {
        let Some(node) = start(version, &[]) else { return };
        let tap = Tap::to(node.port);
        let client = client(version, tap.port, "polling,websocket").connect().unwrap();
        echoed(&client, &Value::from("before"));
        wait_until("the probe and the upgrade", || tap.frames() >= 2);
        echoed(&client, &Value::from("after"));
        let requests = tap.requests("transport=polling");
        for n in 0..20 {
            echoed(&client, &Value::from(n));
        }
        assert_eq!(tap.requests("transport=polling"), requests);
        client.end();
        assert!(client.wait_end(SOON));
    }
}

/// Nothing is lost, doubled or overtaken while the session goes over.
#[test]
fn order_is_kept_across_the_upgrade() {
    for version in VERSIONS {
        let Some(node) = start(version, &[]) else { return };
        let client = client(version, node.port, "polling,websocket").connect().unwrap();
        let writer = client.clone();
        let writing = thread::spawn(move || {
            let begun = Instant::now();
            let mut n = 0;
            // The first noop comes 100 ms after the probe.
            while n < 2_000 || begun.elapsed() < Duration::from_millis(600) {
                writer.write(&n).unwrap();
                n += 1;
                if n % 50 == 0 {
                    pause(Duration::from_millis(1));
                }
            }
            n
        });
        let mut expected = 0;
        while !writing.is_finished() {
            match client.recv_timeout(Duration::from_millis(50)) {
                Ok(message) => assert_eq!(message.parse::<i32>().unwrap(), expected),
                Err(Error::Timeout(_)) => continue,
                Err(error) => panic!("{version}: {error}"),
            }
            expected += 1;
        }
        for n in expected..writing.join().unwrap() {
            assert_eq!(client.recv_timeout(SOON).unwrap().parse::<i32>().unwrap(), n);
        }
    }
}

#[test]
fn without_an_upgrade() {
    let Some(node) = start(8, &["--transport", "allowUpgrades=false"]) else { return };
    let tap = Tap::to(node.port);
    let one = client(8, tap.port, "polling,websocket").connect().unwrap();
    let other = client(8, tap.port, "polling,websocket").transport("upgrade", "false").connect();
    for client in [one, other.unwrap()] {
        echoed(&client, &Value::from("polled"));
    }
    assert_eq!(tap.requests("transport=websocket"), 0);
}

#[test]
fn the_server_ends() {
    for version in VERSIONS {
        let Some(node) = start(version, &[]) else { return };
        for way in WAYS {
            let why = asked::ends(client(version, node.port, way));
            assert_eq!(why.by, Ended::Remote, "{version} {way}");
        }
    }
}

#[test]
fn the_server_ends_and_wants_us_back() {
    for version in VERSIONS {
        let Some(node) = start(version, &[]) else { return };
        WAYS.into_iter().for_each(|way| asked::comes_back(client(version, node.port, way)));
    }
}

#[test]
fn a_cut_connection_is_made_anew() {
    for version in VERSIONS {
        let Some(node) = start(version, &[]) else { return };
        for way in WAYS {
            let tap = Tap::to(node.port);
            let client = client(version, tap.port, way).build().unwrap();
            let told = words(&client);
            echoed(&client, &Value::from("before"));
            expect(&told, &["open"]);
            // Between two polls there is nothing to lose.
            let until = Instant::now() + SOON;
            let close = loop {
                tap.cut();
                match told.recv_timeout(Duration::from_millis(100)) {
                    Err(_) if Instant::now() < until => {}
                    word => break word,
                }
            };
            assert_eq!(close.as_deref(), Ok("close"));
            expect(&told, &["reconnected", "open"]);
            echoed(&client, &Value::from("after"));
        }
    }
}

#[test]
fn the_server_restarts() {
    for way in WAYS {
        let Some(node) = start(8, &[]) else { return };
        let client = client(8, node.port, way);
        asked::outlives(node, client, |args| start(8, args));
    }
}

/// What was written before the end arrives, and the end does not wait for the
/// poll that is held.
#[test]
fn the_end_is_prompt_and_loses_nothing() {
    for version in VERSIONS {
        let Some(node) = start(version, &[]) else { return };
        let witness = client(version, node.port, "websocket").connect().unwrap();
        for way in WAYS {
            for pause in [0, 5, 150].map(Duration::from_millis) {
                let what = format!("{version} {way} {pause:?}");
                asked::loses_nothing(&witness, client(version, node.port, way), pause, &what);
            }
        }
    }
}

#[test]
fn refusals() {
    let Some(node) = start(8, &["--authorization", "me:p@ss"]) else { return };
    for way in WAYS {
        asked::is_refused(client(8, node.port, way), "");
        let url = format!("http://me:p%40ss@127.0.0.1:{}", node.port);
        let client = Client::builder(&url).transformer("ENGINE.IO").transport("transports", way);
        let client = client.header("X-Mine", "yes").connect().unwrap();
        echoed(&client, &Value::from("in"));
        client.write("headers").unwrap();
        let headers: serde_json::Value = client.recv_timeout(SOON).unwrap().parse().unwrap();
        assert_eq!(headers["x-mine"], "yes");
    }
}

/// Primus 8 does not speak the old revision.
#[test]
fn the_wrong_revision() {
    let Some(node) = start(8, &[]) else { return };
    match client(7, node.port, "polling").connect() {
        Err(Error::Refused { status: 400, message, .. }) => {
            assert_eq!(message, "Unsupported protocol version");
        }
        other => panic!("{other:?}"),
    }
    // What comes behind the 101 then is no WebSocket any more.
    let other = client(7, node.port, "websocket").connect();
    assert!(matches!(other, Err(Error::Protocol(_))), "{other:?}");
}

#[test]
fn discovered() {
    for version in VERSIONS {
        let args = ["--ping-interval", "300", "--parser", "ejson", "--pathname", "/else"];
        let Some(node) = start(version, &args) else { return };
        asked::is_found(&node);
    }
}

/// The heartbeat of Engine.IO, which is not that of Primus.
#[test]
fn heartbeats() {
    for version in VERSIONS {
        let beats = ["--transport", "pingInterval=300", "--transport", "pingTimeout=1500"];
        let Some(node) = start(version, &beats) else { return };
        let clients = WAYS.map(|way| client(version, node.port, way).build().unwrap());
        let told = clients.each_ref().map(words);
        told.iter().for_each(|told| expect(told, &["open"]));
        // Long enough to be killed for an answer that is not understood.
        nothing_for(Duration::from_millis(2_500));
        for (client, told) in clients.iter().zip(told) {
            echoed(client, &Value::from("alive"));
            assert!(told.is_empty(), "{version}: {:?}", told.try_recv());
        }
    }
}

#[test]
fn a_silent_server_is_left() {
    for version in VERSIONS {
        for way in WAYS {
            let beats = ["--transport", "pingInterval=200", "--transport", "pingTimeout=300"];
            let Some(node) = start(version, &beats) else { return };
            let client = asked::is_left(&node, client(version, node.port, way), &["close", "end"]);
            assert_eq!(client.close_reason().unwrap().by, Ended::Heartbeat, "{version} {way}");
        }
    }
}

#[test]
fn a_message_over_the_servers_limit() {
    let Some(node) = start(8, &["--max-length", "100"]) else { return };
    for way in WAYS {
        let client = client(8, node.port, way).strategy("off").connect().unwrap();
        for n in 0..100 {
            client.write(&n).unwrap();
        }
        for n in 0..100 {
            assert_eq!(client.recv_timeout(SOON).unwrap().parse::<i32>().unwrap(), n);
        }
        client.write(&"x".repeat(200)).unwrap();
        let ended = client.recv();
        assert!(matches!(&ended, Err(Error::Ended(why)) if why.code == 1009), "{way}: {ended:?}");
    }
}
