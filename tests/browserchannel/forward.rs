//! The forward channel: what is sent, in which order it is handled, and what is
//! answered.

use crossbeam_channel::unbounded;
use primus::Primus;
use serde_json::json;

use crate::client::*;
use crate::common::*;

/// A server that tells what it gets.
fn listening(builder: primus::Builder) -> (Server, crossbeam_channel::Receiver<String>) {
    let server = Server::start(browserchannel(builder));
    let (saw, seen) = unbounded();
    server.primus.on_connection(move |spark| {
        let saw = saw.clone();
        spark.on_data(move |_, message| tell(&saw, message.as_str().unwrap().to_owned()));
    });
    (server, seen)
}

#[track_caller]
fn heard(seen: &crossbeam_channel::Receiver<String>, expected: &[&str]) {
    for text in expected {
        assert_eq!(seen.recv_timeout(PATIENCE).as_deref(), Ok(*text));
    }
    assert!(seen.is_empty(), "{:?}", seen.try_recv());
}

#[test]
fn messages_come_in_order() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    let mut back = client.wait();
    client.say(&["{\"a\":1}", "2", "\"é😀\""]);
    assert_eq!(back.next_of(3), [json!([1, "{\"a\":1}"]), json!([2, "2"]), json!([3, "\"é😀\""])]);
    let many: Vec<_> = (0..1_000).map(|n| n.to_string()).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    client.say(&many);
    let mut got = 0;
    while got < many.len() {
        back.rest.clear();
        if !back.more() {
            client.aid = 3 + got as u64;
            back = client.wait();
            continue;
        }
        for array in arrays(&back.rest) {
            assert_eq!(array, json!([4 + got, many[got]]));
            got += 1;
        }
    }
}

/// Without waiting for answers, as no client does; and again, as those do that got
/// none.
#[test]
fn requests_are_handled_in_the_order_of_their_numbers() {
    let (server, seen) = listening(Primus::builder());
    let client = Client::open(server.addr);
    let send = |rid: u64, first: u64, texts: &[&str]| {
        let target = client.target(&format!("RID={rid}&AID=0"));
        let answer = ask(server.addr, post(&target, "", maps(first, texts)));
        assert_eq!((answer.status, &*answer.body), (200, "7\n[0,0,0]"));
    };
    send(103, 2, &["\"c\""]);
    send(102, 1, &["\"b\""]);
    heard(&seen, &[]);
    send(101, 0, &["\"a\""]);
    heard(&seen, &["a", "b", "c"]);
    // Repeated, with more behind it.
    send(103, 2, &["\"c\"", "\"d\""]);
    send(101, 0, &["\"a\""]);
    heard(&seen, &["d"]);
    // Numbers of maps count as well.
    send(104, 6, &["\"g\""]);
    send(105, 4, &["\"e\"", "\"f\""]);
    heard(&seen, &["e", "f", "g"]);
}

#[test]
fn many_senders_at_a_time_lose_nothing() {
    let (server, seen) = listening(Primus::builder());
    let client = Client::open(server.addr);
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (client, addr) = (&client, server.addr);
            scope.spawn(move || {
                let mut peer = Peer::connect(addr);
                for round in 0..25 {
                    let at = round * 4 + thread;
                    let target = client.target(&format!("RID={}&AID=0", 101 + at));
                    loop {
                        peer.send(&post(&target, "", maps(at, &[&format!("\"{at}\"")])));
                        let answer = peer.read_response();
                        // Those that are far ahead have to come again.
                        if answer.status == 200 {
                            break;
                        }
                        assert_eq!(answer.body, told("Too many requests are missing"));
                    }
                }
            });
        }
    });
    for at in 0..100 {
        assert_eq!(seen.recv_timeout(PATIENCE), Ok(at.to_string()));
    }
}

#[test]
fn a_session_may_be_opened_with_messages() {
    let (server, seen) = listening(Primus::builder());
    let body = "count=2&ofs=0&req0__S=%22early%22&req1_JSON=%22%5C%22json%5C%22%22";
    let answer = ask(server.addr, post("/bind?VER=8&RID=7&token=a+b", "", body));
    assert_eq!(answer.status, 200);
    heard(&seen, &["early", "json"]);
    let spark = server.spark();
    assert_eq!(arrays(&answer.body), [json!([0, ["c", spark.id(), null, 8]])]);
    assert_eq!(spark.request().query_param("token").as_deref(), Some("a b"));
    assert_ne!(spark.address().port, 1337);
    let target = format!("/bind?VER=8&SID={}&RID=8&AID=0", spark.id());
    let json = r#"{"ofs":2,"data":["\"a\"","\"b\""]}"#;
    for content in ["application/json", "application/json; charset=utf-8"] {
        let headers = format!("Content-Type: {content}\r\n");
        assert_eq!(ask(server.addr, post(&target, &headers, json)).status, 200);
    }
    heard(&seen, &["a", "b"]);
}

/// What is malformed is refused, and the request may come again in order.
#[test]
fn bad_data() {
    let (server, seen) = listening(Primus::builder());
    let mut client = Client::open(server.addr);
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    for (headers, body) in [
        (form, "nothing"),
        (form, ""),
        ("", "count=x&ofs=0"),
        (form, "count=1&req0__S=1"),
        (form, "count=2&ofs=0&req0__S=1"),
        (form, "count=1000000000&ofs=0&req0__S=1"),
        (form, "count=-1&ofs=0"),
        (form, "count=1&ofs=0&req5__S=1"),
        (form, "count=1&ofs=0&req0__S=1&req0__S=2"),
        ("Content-Type: application/json\r\n", "{bad"),
        ("Content-Type: application/json\r\n", "{\"ofs\":0,\"data\":{}}"),
    ] {
        let answer = ask(server.addr, post(&client.target("RID=101&AID=0"), headers, body));
        assert_eq!((answer.status, answer.body), (400, told("Bad data")), "{body}");
        assert_eq!(answer.head.matches("text/plain").count(), 1, "{}", answer.head);
        // Nor is a session opened by it.
        let answer = ask(server.addr, post("/bind?VER=8&RID=1", headers, body));
        assert_eq!((answer.status, answer.body), (400, told("Bad data")), "{body}");
    }
    assert_eq!(server.primus.connected(), 1);
    client.say(&["\"ok\""]);
    heard(&seen, &["ok"]);
}

/// What comes in its turn and is not what it says it is ends the session.
#[test]
fn a_map_that_is_no_json_ends_the_session() {
    let (server, seen) = listening(Primus::builder());
    let mut client = Client::open(server.addr);
    let back = client.wait();
    let answer = client.bring("count=2&ofs=0&req0__S=%22a%22&req1_JSON=%7Bbad");
    assert_eq!((answer.status, answer.body), (403, told("Forbidden")));
    heard(&seen, &["a"]);
    assert_eq!(back.rest(), [] as [serde_json::Value; 0]);
    assert!(!client.is_known());
    wait_for("sparks", 0, || server.primus.connected());
    let answer = ask(server.addr, post("/bind?VER=8&RID=1", "", "count=1&ofs=0&req0_JSON=%7Bbad"));
    assert_eq!((answer.status, answer.body), (403, told("Forbidden")));
    wait_for("sparks", 0, || server.primus.connected());
}

/// A message may be as long as the server allows, however long it is when escaped.
#[test]
fn long_messages() {
    let (server, seen) = listening(Primus::builder().max_length(100_000));
    let mut client = Client::open(server.addr);
    let text = "é".repeat(49_999);
    client.say(&[&format!("\"{text}\"")]);
    heard(&seen, &[&text]);
    for long in [format!("\"{}\"", "x".repeat(99_999)), "x".repeat(500_000)] {
        let answer = client.bring(maps(1, &[&long]));
        assert_eq!((answer.status, answer.body), (413, told("Too much data")));
        client.rid -= 1;
        client.posts = server.connect();
    }
    client.say(&["\"after\""]);
    heard(&seen, &["after"]);
}
