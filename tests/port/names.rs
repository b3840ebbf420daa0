//! The names of the transformer `websockets`, and what clients can tell of them.

use std::time::Duration;

use primus::{Builder, Client, Generation, ManualClock, Primus};

use crate::common::*;

const NAMES: [&str; 5] = ["websockets", "faye", "uws", "lws", "ws"];

fn named(name: &str) -> Builder {
    Primus::builder().transformer(name)
}

#[test]
fn the_name_that_was_asked_for_is_shown() {
    for name in NAMES {
        let server = Server::start(named(&name.to_uppercase()));
        server.primus.on_connection(|spark| spark.write(spark.transformer()));
        let primus = &server.primus;
        assert!(
            primus.spec().contains(&format!("\"transformer\":\"{name}\"}}")),
            "{}",
            primus.spec()
        );
        assert!(primus.library().contains(&format!("server: {name}, json.")));
        let client =
            Client::discover(&format!("http://{}", server.addr)).unwrap().connect().unwrap();
        assert_eq!(client.recv().unwrap().as_str(), Some(name));
        assert_eq!(primus.metrics().connections[name].now, 1);
        client.end();
    }
}

/// The head of the answer to a handshake.
fn shake(server: &Server, headers: &str) -> String {
    let mut peer = server.connect();
    let handshake = "GET /primus HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    peer.send(format!("{handshake}{headers}\r\n").as_bytes());
    peer.read_head()
}

#[test]
fn some_select_a_subprotocol_and_some_speak_version_8() {
    for name in NAMES {
        let server = Server::start(named(name));
        let offers = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: a, b\r\n";
        let answer = shake(&server, offers);
        let selected = header_of(&answer, "sec-websocket-protocol");
        let selects = ["websockets", "lws", "ws"].contains(&name);
        assert_eq!(selected, selects.then_some("a"), "{name}");
        let eight = shake(&server, "Sec-WebSocket-Version: 8\r\n");
        let status = if name == "faye" { "426" } else { "101" };
        assert_eq!(&eight[9..12], status, "{name}");
        // Others than those two nobody speaks.
        assert_eq!(&shake(&server, "Sec-WebSocket-Version: 7\r\n")[9..12], "426", "{name}");
    }
}

#[test]
fn an_ordinary_end_has_a_code_or_none() {
    for name in NAMES {
        let server = Server::echo(named(name));
        let code = (name == "faye").then_some(1000);
        let mut peer = server.open();
        server.spark().end();
        assert_eq!(peer.expect_text(), CLOSE_MESSAGE);
        peer.expect_ended(code);
        server.wait_empty();
        // What the client says is echoed, whatever the name.
        let mut peer = server.open();
        peer.frame(FIN | CLOSE, b"");
        peer.expect_close(None);
        let mut peer = server.open();
        peer.frame(FIN | CLOSE, &4000u16.to_be_bytes());
        peer.expect_close(Some(4000));
        // And a breach has its code.
        let mut peer = server.open();
        peer.frame(FIN | 3, b"");
        peer.expect_close(Some(1002));
    }
}

#[test]
fn with_some_a_ping_frame_is_a_sign_of_life() {
    for name in NAMES {
        let clock = ManualClock::new();
        let interval = Duration::from_secs(10);
        let builder = named(name).clock(&clock).ping_interval(interval);
        let server = Server::start(builder.generation(Generation::ServerPings));
        let mut peer = server.open();
        let spark = server.spark();
        for _ in 0..2 {
            clock.advance(interval);
            assert!(peer.expect_text().starts_with("\"primus::ping::"), "{name}");
            // Not answered, but:
            peer.frame(FIN | PING, b"alive");
            assert_eq!(peer.expect_frame().head, FIN | PONG, "{name}");
            if name == "faye" {
                break;
            }
        }
        clock.advance(interval);
        match name {
            "faye" => wait_until("it is dead", || spark.close_reason().is_some()),
            _ => assert!(peer.expect_text().starts_with("\"primus::ping::"), "{name}"),
        }
    }
}

#[test]
fn messages_are_compressed_under_all_names() {
    for name in NAMES {
        let server = Server::echo(named(name).compression(true));
        let url = format!("http://{}", server.addr);
        let client = Client::builder(&url).compression(true).connect().unwrap();
        let long = "long ".repeat(1000);
        client.write(&long).unwrap();
        assert_eq!(client.recv().unwrap().as_str(), Some(&*long), "{name}");
        server.spark().end();
        assert!(client.wait_end(PATIENCE), "{name}");
    }
}
