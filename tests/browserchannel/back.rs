//! The back channel: what it gets, when it ends, and what the next one gets again.

use std::time::Duration;

use primus::{Frame, ManualClock, Primus, SlowConsumer};
use serde_json::json;

use crate::client::*;
use crate::common::*;

fn write(server: &Server, text: &str) {
    server.spark().write_frame(&Frame::text(text)).unwrap();
}

#[test]
fn messages_come_as_they_are_written() {
    let server = Server::start(browserchannel(Primus::builder()));
    let mut client = Client::open(server.addr);
    // Before there is a back channel, too.
    write(&server, "one");
    let mut back = client.wait();
    assert_eq!(back.next(), json!([1, "one"]));
    assert!(back.head.contains("Content-Type: text/plain\r\n"), "{}", back.head);
    assert!(back.head.contains("X-Accel-Buffering: no\r\n"), "{}", back.head);
    for (number, text) in [(2, "{\"é\":\"😀\\u2028\"}"), (3, ""), (4, "\u{2029}\0\"")] {
        write(&server, text);
        assert_eq!(back.next(), json!([number, text]));
    }
    // What it has got is acknowledged by what is sent.
    client.aid = 3;
    let answer = client.bring("count=0");
    assert_eq!(answer.body, "8\n[1,4,18]");
    client.aid = 4;
    assert_eq!(client.bring("count=0").body, "7\n[1,4,0]");
    // It has come: the next has nothing to say.
    let next = client.wait();
    assert_eq!(back.rest(), [] as [serde_json::Value; 0]);
    write(&server, "last");
    assert_eq!({ next }.next(), json!([5, "last"]));
}

/// What was sent to a back channel that broke is sent again, and nothing of it twice.
#[test]
fn nothing_is_lost_with_a_connection() {
    let server = Server::start(browserchannel(Primus::builder()));
    let mut client = Client::open(server.addr);
    let mut sent = 0;
    let mut got = Vec::new();
    for round in 0..30 {
        let back = client.wait();
        for _ in 0..round % 4 {
            sent += 1;
            write(&server, &sent.to_string());
        }
        match round % 3 {
            // Its connection breaks, who knows when.
            0 => back.peer.reset(),
            // Another one comes.
            1 => drop(back),
            _ => {
                let mut back = back;
                while got.len() < sent {
                    back.rest.clear();
                    assert!(back.more());
                    for array in arrays(&back.rest) {
                        assert_eq!(array[0], client.aid + 1);
                        client.aid += 1;
                        got.push(message(&array).to_owned());
                    }
                }
            }
        }
    }
    let expected: Vec<_> = (1..=sent).map(|n| n.to_string()).collect();
    assert_eq!(got, expected[..got.len()]);
    let mut back = client.wait();
    write(&server, "end");
    while got.last().is_none_or(|last| last != "end") {
        got.push(message(&back.next_of_any()).to_owned());
    }
    assert_eq!(got, [&expected[..], &["end".to_owned()]].concat());
}

impl Back {
    /// The next array, of however many there are.
    fn next_of_any(&mut self) -> serde_json::Value {
        while self.rest.is_empty() {
            assert!(self.more());
        }
        let mut all = arrays(&std::mem::take(&mut self.rest));
        let first = all.remove(0);
        for array in all {
            let text = format!("[{array}]");
            self.rest += &format!("{}\n{text}", text.encode_utf16().count());
        }
        first
    }
}

#[test]
fn a_client_that_gets_no_pieces_comes_for_each() {
    let server = Server::start(browserchannel(Primus::builder()));
    let mut client = Client::open(server.addr);
    for number in 1..=5 {
        let back = client.wait_with("CI=1&TYPE=xmlhttp");
        write(&server, "x");
        assert_eq!(back.rest(), [json!([number, "x"])]);
        client.aid = number;
    }
}

/// A stream that has got much ends, so that browsers let go of it.
#[test]
fn a_stream_ends_beyond_ten_kilobytes() {
    let server = Server::start(browserchannel(Primus::builder()));
    let mut client = Client::open(server.addr);
    let mut back = client.wait();
    let text = "é".repeat(2_048);
    for number in 1..=4 {
        write(&server, &text);
        assert_eq!(back.next(), json!([number, text]));
    }
    write(&server, &text);
    assert_eq!(back.rest(), [json!([5, text])]);
    client.aid = 5;
    let next = client.wait();
    write(&server, &"x".repeat(200_000));
    assert_eq!(message(&next.rest()[0]).len(), 200_000);
}

#[test]
fn broadcasts_reach_all_in_order() {
    let server = echo(Primus::builder());
    let clients: Vec<_> = (0..5).map(|_| Client::open(server.addr)).collect();
    let mut backs: Vec<_> = clients.iter().map(Client::wait).collect();
    for n in 0..20 {
        server.primus.write(&n).unwrap();
    }
    for back in &mut backs {
        for n in 0..20 {
            assert_eq!(back.next_of_any(), json!([n + 1, n.to_string()]));
        }
    }
}

#[test]
fn what_is_not_acknowledged_counts_against_the_bound() {
    let bound = 4 << 10;
    let builder = Primus::builder().backlog(bound).slow_consumer(SlowConsumer::DropNewest);
    let server = Server::start(browserchannel(builder));
    let mut client = Client::open(server.addr);
    let spark = server.spark();
    let mut back = client.wait();
    let text = "x".repeat(1_000);
    let mut accepted = 0;
    while spark.write_frame(&Frame::text(&*text)).is_ok() {
        accepted += 1;
        assert!(accepted < 10, "more than fits");
    }
    // As many as are kept until the client has acknowledged them, and one that waits.
    assert!(accepted >= 3, "{accepted}");
    let mut got = 0;
    while got < accepted - 1 {
        got = back.next_of_any()[0].as_u64().unwrap();
    }
    client.aid = got;
    assert_eq!(client.bring("count=0").status, 200);
    assert_eq!(back.next_of_any(), json!([accepted, text]));
    spark.write_frame(&Frame::text("again")).unwrap();
}

/// A session whose back channel is silent is alive; one without any is not.
#[test]
fn a_session_ends_without_a_back_channel() {
    let clock = ManualClock::new();
    let builder = browserchannel(Primus::builder().clock(&clock).ping_interval(None));
    let server = Server::start(builder.transport("sessionTimeoutInterval", "300"));
    let mut client = Client::open(server.addr);
    let back = client.wait();
    clock.advance(Duration::from_secs(10));
    assert_eq!(client.bring("count=0").body, "7\n[1,0,0]");
    drop(back);
    // What is sent does not keep it.
    loop {
        let answer = client.bring("count=0");
        if answer.status != 200 {
            assert_eq!((answer.status, &*answer.body), UNKNOWN);
            break;
        }
        clock.advance(Duration::from_millis(100));
    }
    wait_for("sparks", 0, || server.primus.connected());
    // Nor one that never came for what there is to tell.
    let lazy = Client::open(server.addr);
    clock.advance(Duration::from_millis(299));
    assert_eq!(server.primus.connected(), 1);
    clock.advance(Duration::from_millis(1));
    wait_for("sparks", 0, || server.primus.connected());
    assert!(!lazy.is_known());
}

#[test]
fn pages_for_browsers_of_old() {
    let server = Server::start(browserchannel(Primus::builder()));
    let client = Client::open(server.addr);
    let mut back = client.wait_with("CI=0&TYPE=html&DOMAIN=example.com");
    assert!(back.head.contains("Content-Type: text/html\r\n"), "{}", back.head);
    assert!(back.head.contains("X-Content-Type-Options: nosniff\r\n"), "{}", back.head);
    assert!(back.more());
    let begin = "<html><body><script>try{document.domain=\"example.com\";}catch(e){}</script>\n";
    assert_eq!(std::mem::take(&mut back.rest), begin);
    write(&server, "</script>");
    assert!(back.more());
    let script =
        "<script>try {parent.m(\"[[1,\\\"\\u003c/script>\\\"]]\\n\")} catch(e) {}</script>\n";
    assert!(back.rest.starts_with(script), "{}", back.rest);
    server.spark().end();
    while back.more() {}
    let end = ",[3,[\\\"stop\\\"]]]\\n\")} catch(e) {}</script>\n<script>try  {parent.d(); }catch (e){}</script>\n";
    assert!(back.rest.ends_with(end), "{}", back.rest);
}
