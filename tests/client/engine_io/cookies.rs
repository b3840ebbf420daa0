//! Sessions behind a load balancer that knows them by a cookie.

use std::time::Duration;

use primus::{Client, Error, ManualClock};

use super::server::{OFFER, OPEN, Request, Server};
use crate::server::{Log, SOON};

const STICKY: &str = "Set-Cookie: SRV=one; Path=/\r\nSet-Cookie: other=x; Path=/elsewhere\r\n";

fn answer(request: &Request, fields: &str, body: &str) {
    let length = body.len();
    request.send(format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {length}\r\n\r\n{body}"));
}

/// A session, and its second request.
fn open(server: &Server, client: primus::ClientBuilder, open: &str) -> (Client, Request) {
    let client = client.build().unwrap();
    let handshake = server.get();
    assert_eq!(handshake.header("cookie"), None);
    answer(&handshake, STICKY, open);
    let poll = server.get();
    client.wait_open(SOON).unwrap();
    (client, poll)
}

#[test]
fn with_credentials_every_request_has_the_cookies_of_the_answers() {
    let server = Server::new();
    let builder = server.client().transport("withCredentials", "true");
    let (client, poll) = open(&server, builder, OFFER);
    assert_eq!(poll.header("cookie"), Some("SRV=one"));
    let upgrade = server.upgrade();
    assert_eq!(upgrade.header("cookie"), Some("SRV=one"));
    drop(upgrade);
    client.write(&1).unwrap();
    let post = server.post();
    assert_eq!(post.header("cookie"), Some("SRV=one"));
    answer(&post, "Set-Cookie: more=2\r\n", "ok");
    client.write(&2).unwrap();
    let post = server.post();
    assert_eq!(post.header("cookie"), Some("more=2; SRV=one"), "the longer path first");
    answer(&poll, "Set-Cookie: SRV=; Max-Age=0; Path=/\r\n", "6");
    assert_eq!(server.get().header("cookie"), Some("more=2"));
}

#[test]
fn cookies_of_the_application_come_first() {
    let server = Server::new();
    let builder = server.client().transport("withCredentials", "true").header("cookie", "mine=1");
    let client = builder.build().unwrap();
    let handshake = server.get();
    assert_eq!(handshake.header("cookie"), Some("mine=1"));
    answer(&handshake, STICKY, OPEN);
    assert_eq!(server.get().header("cookie"), Some("mine=1; SRV=one"));
    drop(client);
}

#[test]
fn without_credentials_and_in_the_next_session_there_are_none() {
    let server = Server::new();
    let (client, poll) = open(&server, server.client(), OPEN);
    assert_eq!(poll.header("cookie"), None);
    drop(client);
    let builder = server.client().transport("withCredentials", "true");
    let (_client, poll) = open(&server, builder, OPEN);
    poll.cut();
    assert_eq!(server.get().header("cookie"), None, "the next session");
}

#[test]
fn a_session_that_is_unknown_at_once_gives_a_hint() {
    let unknown = r#"{"code":1,"message":"Session ID unknown"}"#;
    for (credentials, word) in [("false", "`withCredentials`"), ("true", "not told apart")] {
        for posts in [false, true] {
            let server = Server::new();
            let builder = server.client().transport("withCredentials", credentials);
            let (client, poll) = open(&server, builder.strategy("off"), OPEN);
            if posts {
                client.write(&1).unwrap();
                server.post().refuse("400 Bad Request", unknown);
            } else {
                poll.refuse("400 Bad Request", unknown);
            }
            match client.recv().unwrap_err() {
                Error::Ended(reason) => {
                    assert!(reason.text.contains("Session ID unknown"), "{reason}");
                    assert!(reason.text.contains(word), "{reason}");
                }
                other => panic!("{other}"),
            }
        }
    }
    // One that has worked is another matter.
    let server = Server::new();
    let (client, mut poll) = open(&server, server.client().strategy("off"), OPEN);
    for _ in 0..5 {
        poll.answer("6");
        poll = server.get();
    }
    poll.refuse("400 Bad Request", unknown);
    let text = client.recv().unwrap_err().to_string();
    assert!(!text.contains("servers"), "{text}");
}

/// Each connection is made, and lost again at once.
#[test]
fn sessions_that_never_last_are_tried_less_and_less() {
    let server = Server::new();
    let builder = server.client().reconnect_retries(3).reconnect_factor(1.0);
    // By its clock a connection lasts no time at all, however busy the machine.
    let clock = ManualClock::new();
    let client = builder.clock(&clock).manual(true).build().unwrap();
    let log = Log::of(&client);
    client.open().unwrap();
    let mut scheduled = Vec::new();
    let last = loop {
        if scheduled.len() < 4 {
            server.get().answer(OPEN);
            server.get().refuse("400 Bad Request", r#"{"code":1,"message":"Session ID unknown"}"#);
        }
        let word = loop {
            let word = log.next();
            if word.starts_with("scheduled") || word == "reconnect failed" {
                break word;
            }
        };
        if word == "reconnect failed" {
            break scheduled.len();
        }
        scheduled.push(word);
        clock.advance(Duration::from_secs(5));
    };
    assert_eq!(last, 3, "{scheduled:?}");
    assert!(scheduled[2].starts_with("scheduled 3"), "{scheduled:?}");
    log.expect(&["end"]);
}
