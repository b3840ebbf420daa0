//! Requests that lie, drip, break off or want what is another's: what is refused is
//! refused clearly, and disturbs nobody else.

use std::net::Shutdown;
use std::time::Duration;

use primus::{Destroy, Frame, Primus};

use crate::client::*;
use crate::common::*;

/// A request of every kind, with this session.
fn every(sid: &str, headers: &str) -> Vec<Vec<u8>> {
    vec![
        get("/test?VER=8&MODE=init", headers),
        get("/test?VER=8&TYPE=xmlhttp", headers),
        get("/test?VER=8&TYPE=html&DOMAIN=a", headers),
        post("/bind?VER=8&RID=1", headers, "count=1&ofs=0&req0__S=1"),
        post(&format!("/bind?VER=8&RID=500&AID=0&SID={sid}"), headers, "count=1&ofs=0&req0__S=1"),
        get(&format!("/bind?VER=8&RID=rpc&AID=0&CI=0&TYPE=xmlhttp&SID={sid}"), headers),
        get(&format!("/bind?VER=8&RID=rpc&AID=0&CI=1&TYPE=html&SID={sid}"), headers),
        get("/bind?VER=8&RID=500&TYPE=terminate&SID=other", headers),
    ]
}

#[test]
fn slowloris_head() {
    let server = echo(limited(|limits| limits.head_timeout = Duration::from_millis(150)));
    let mut client = Client::open(server.addr);
    for request in every(&client.sid, "X-Slow: ").into_iter().skip(3).step_by(2) {
        let mut slow = server.connect();
        let end = request.windows(8).position(|part| part == b"X-Slow: ").unwrap();
        slow.drip(request[..end].iter().copied().chain(std::iter::repeat(b'a')));
    }
    assert_eq!(server.primus.connected(), 1);
    client.posts = server.connect();
    client.round("\"x\"");
}

#[test]
fn slow_body() {
    let server = echo(limited(|limits| limits.body_timeout = Duration::from_millis(150)));
    let mut client = Client::open(server.addr);
    for target in [client.target("RID=101"), "/bind?VER=8&RID=1".into()] {
        let mut peer = server.connect();
        let head = format!(
            "POST /primus{target} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\ncount=1"
        );
        peer.send(head.as_bytes());
        let head = peer.read_frame_or_noise_head();
        assert!(head.is_empty() || head.starts_with("HTTP/1.1 408 "), "{head}");
    }
    assert_eq!(server.primus.connected(), 1);
    client.posts = server.connect();
    client.round("\"x\"");
}

#[test]
fn header_bombs() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    let line = |size| format!("A: {}\r\n", "a".repeat(size));
    for headers in [line(33_000), line(7_000).repeat(5), line(1).repeat(101)] {
        for request in every(&client.sid, &headers) {
            let mut peer = server.connect();
            peer.try_send(&request);
            assert_eq!(peer.read_response().status, 431);
            peer.expect_end();
        }
    }
    let long = "a".repeat(8_200);
    for target in [format!("/bind?VER=8&SID={long}"), format!("/test?VER=8&MODE=init&{long}")] {
        assert_eq!(ask(server.addr, get(&target, "")).status, 414);
    }
    client.round("\"x\"");
}

/// Names and values that mean something elsewhere.
#[test]
fn cve_2023_31125_hostile_queries() {
    let server = echo(Primus::builder());
    let long = format!("a={}", "x".repeat(7_000));
    for query in [
        "__proto__=1&constructor=2",
        "a=1&a=2",
        "&&&=&=x",
        "%",
        "%zz=%f&%ff=%c0%80",
        "a=%00%0d%0a",
        "??=/?#",
        "SID[]=x",
        "OSID=__proto__",
        "OAID=NaN",
        &long,
    ] {
        let opened = ask(server.addr, post(&format!("/bind?VER=8&RID=1&{query}"), "", "count=0"));
        assert_eq!(opened.status, 200, "{query:.40}");
    }
    for sid in ["__proto__", "constructor", "%00", "..%2f", "%ff", "a%0d%0aX:%20y", "<script>"] {
        let answer = ask(server.addr, post(&format!("/bind?VER=8&RID=1&SID={sid}"), "", "count=0"));
        assert_eq!((answer.status, &*answer.body), UNKNOWN, "{sid}");
        let target = format!("/bind?VER=8&RID=rpc&TYPE=html&SID={sid}&DOMAIN={sid}");
        let answer = ask(server.addr, get(&target, ""));
        assert_eq!((answer.status, &*answer.body), UNKNOWN, "{sid}");
    }
    assert_eq!(server.primus.metrics().panics_caught, 0);
}

/// What is reflected in a page is a string there.
#[test]
fn a_domain_is_no_script() {
    let server = echo(Primus::builder());
    for evil in [
        "%3C/script%3E%3Cscript%3Ealert(1)",
        "%22;alert(1)//",
        "%5C",
        "%E2%80%A8",
        "%00%0D%0A",
        "%3C!--",
    ] {
        let mut peer = server.connect();
        peer.send(&get(&format!("/test?VER=8&TYPE=html&DOMAIN={evil}"), ""));
        let head = peer.read_head();
        assert!(head.contains("Content-Type: text/html\r\n"), "{head}");
        let body = String::from_utf8(peer.read_chunk().unwrap()).unwrap();
        let begin = "<html><body><script>try{document.domain=";
        let (string, rest) =
            body.strip_prefix(begin).unwrap().split_once(";}catch").unwrap_or_default();
        let string = if string.ends_with('"') {
            string
        } else {
            &body[begin.len()..body.find("\";}").unwrap() + 1]
        };
        assert!(string.is_ascii() && !string.contains('<'), "{string}");
        assert!(serde_json::from_str::<String>(string).is_ok(), "{string} {rest}");
    }
}

/// Acknowledgements of what was never sent, and numbers that are none.
#[test]
fn acknowledgements_from_the_future() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    let mut back = client.wait();
    client.say(&["1"]);
    back.next();
    for aid in ["2", "9007199254740992", "99999999999999999999", "-2", "x", "1.5", "", "%00"] {
        for request in [
            post(&client.target(&format!("RID=102&AID={aid}")), "", "count=1&ofs=1&req0__S=2"),
            get(&client.target(&format!("RID=rpc&TYPE=xmlhttp&CI=0&AID={aid}")), ""),
        ] {
            let answer = ask(server.addr, request);
            assert_eq!((answer.status, answer.body), (400, told("Invalid AID")), "{aid}");
        }
    }
    // Nothing was forgotten, and nothing of it heard.
    assert_eq!(client.bring("count=0").body, "7\n[1,1,5]");
    client.say(&["2"]);
    assert_eq!(message(&back.next()), "2");
}

/// Numbers from elsewhere, and more before its turn than there is room for.
#[test]
fn replayed_and_reordered_requests() {
    let server = echo(limited(|limits| limits.inbox = 10_000));
    let mut client = Client::open(server.addr);
    let mut back = client.wait();
    client.say(&["1"]);
    back.next();
    // Again and again.
    for _ in 0..50 {
        let answer = ask(server.addr, post(&client.target("RID=101&AID=0"), "", maps(0, &["1"])));
        assert_eq!(answer.status, 200);
    }
    for rid in ["x", "", "-1", "1e3", "99999999999999999999"] {
        let target = client.target(&format!("AID=0&RID={rid}"));
        let answer = ask(server.addr, post(&target, "", "count=0"));
        assert_eq!((answer.status, answer.body), (400, told("Bad data")), "{rid}");
    }
    // Far ahead, until there is no room.
    let text = "x".repeat(1_000);
    let early = |rid: u64| {
        let target = client.target(&format!("RID={rid}&AID=0"));
        ask(server.addr, post(&target, "", maps(rid, &[&text]))).status
    };
    let taken: Vec<_> = (200..210).map(early).take_while(|status| *status == 200).collect();
    assert!((2..5).contains(&taken.len()), "{taken:?}");
    assert_eq!(early(9_007_199_254_740_992), 400);
    client.say(&["2"]);
    assert_eq!(message(&back.next()), "2");
    // Maps that are far ahead end the session, as nothing can be answered for them.
    let texts = vec!["1"; 1_000];
    let answer = client.bring(maps(5, &texts));
    assert_eq!((answer.status, answer.body), (403, told("Forbidden")));
    assert!(!client.is_known());
    still_serves_beside(&server);
}

fn still_serves_beside(server: &Server) {
    let mut client = Client::open(server.addr);
    client.round("\"beside\"");
}

#[test]
fn huge_bodies() {
    let server = echo(Primus::builder().max_length(10_000));
    let mut client = Client::open(server.addr);
    let opener = || "/bind?VER=8&RID=1".to_owned();
    for target in [client.target("RID=101&AID=0"), opener()] {
        for length in ["200000", "1099511627776", "9223372036854775807", "18446744073709551615"] {
            let head = format!(
                "POST /primus{target} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\ncount=0"
            );
            assert_eq!(ask(server.addr, head).status, 413, "{length}");
        }
        let mut peer = server.connect();
        let head = format!(
            "POST /primus{target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        peer.send(head.as_bytes());
        while peer.try_send(format!("1000\r\n{}\r\n", "x".repeat(0x1000)).as_bytes()) {
            if let Some(answer) = peer.response_within(Duration::from_millis(10)) {
                assert_eq!(answer.status, 413);
                break;
            }
        }
    }
    // What is sent to nobody is not even read.
    let mut peer = server.connect();
    let target = "/bind?VER=8&RID=1&SID=none";
    peer.send(
        format!("POST /primus{target} HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n")
            .as_bytes(),
    );
    let answer = peer.read_response();
    assert_eq!((answer.status, &*answer.body), UNKNOWN);
    peer.expect_end();
    client.round("\"after\"");
}

#[test]
fn many_and_deep_values() {
    let server = echo(limited(|limits| limits.values = 1_000));
    let mut client = Client::open(server.addr);
    let many = maps(0, &vec!["1"; 1_001]);
    let deep = format!("count=1&ofs=0&req0_JSON={}", "%5B".repeat(100_000));
    let json = format!("{{\"ofs\":0,\"data\":[{}1]}}", "1,".repeat(1_000));
    let nested = format!("{{\"ofs\":0,\"data\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let kind = "Content-Type: application/json\r\n";
    for (headers, body, status) in
        [("", &many, 413), (kind, &json, 413), ("", &deep, 403), (kind, &nested, 200)]
    {
        let mut other = Client::open(server.addr);
        other.posts.send(&post(&other.target("RID=101&AID=0"), headers, body));
        assert_eq!(other.posts.read_response().status, status, "{body:.40}");
    }
    client.round("\"after\"");
    assert_eq!(server.primus.metrics().panics_caught, 0);
}

/// Framing on which two servers differ.
#[test]
fn content_length_lies_and_smuggling() {
    let server = echo(Primus::builder());
    let client = Client::open(server.addr);
    for target in [client.target("RID=101&AID=0"), "/bind?VER=8&RID=1".into()] {
        for (fields, body) in [
            ("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
            ("Content-Length: 7\r\nContent-Length: 6", "count=0"),
            ("Content-Length: +7", "count=0"),
            ("Content-Length: 7, 7", "count=0"),
            ("Content-Length : 7", "count=0"),
            ("Transfer-Encoding: chunked, identity", "0\r\n\r\n"),
            ("Transfer-Encoding: xchunked", "0\r\n\r\n"),
            ("X: a\nContent-Length: 7", "count=0"),
            ("X: \0", ""),
        ] {
            let mut peer = server.connect();
            let head =
                format!("POST /primus{target} HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n{body}");
            peer.send(&[head.as_bytes(), &post("/bind?VER=8&RID=2", "", "count=0")].concat());
            let answer = peer.read_response();
            assert_eq!(answer.status, 400, "{fields:?}: {answer:?}");
            peer.expect_end();
        }
    }
    assert_eq!(server.primus.connected(), 1, "nothing was smuggled");
    assert!(client.is_known());
}

/// Both ends of every connection, at any time, on any route.
#[test]
fn resets_on_every_route() {
    let server = echo(Primus::builder().transport("sessionTimeoutInterval", "500"));
    let client = Client::open(server.addr);
    for bytes in every(&client.sid, "") {
        for end in (0..=bytes.len()).step_by(7).chain([bytes.len()]) {
            let mut peer = server.connect();
            peer.try_send(&bytes[..end]);
            match end % 3 {
                0 => peer.shutdown(Shutdown::Write),
                1 => drop(peer),
                _ => peer.reset(),
            }
        }
    }
    wait_for("sparks", 0, || server.primus.connected());
    still_serves(&server);
    assert_eq!(server.primus.metrics().panics_caught, 0);
    server.primus.destroy(Destroy::default().timeout(PATIENCE));
}

/// A client that asks for the back channel again and again without reading.
#[test]
fn back_channels_that_are_not_read() {
    let server = echo(Primus::builder());
    let client = Client::open(server.addr);
    let target = client.target("RID=rpc&AID=0&CI=0&TYPE=xmlhttp");
    let mut peers = Vec::new();
    // More than the sockets take.
    let text = "x".repeat(4 << 20);
    server.spark().write_frame(&Frame::text(&*text)).unwrap();
    for _ in 0..8 {
        let mut peer = server.connect();
        peer.send(&get(&target, ""));
        // One that came late would take the place of the last.
        assert!(peer.read_head().starts_with("HTTP/1.1 200 "));
        peers.push(peer);
    }
    still_serves_beside(&server);
    drop(peers);
    let mut back = client.wait();
    assert_eq!(message(&back.next()).len(), text.len());
}

#[test]
fn guesses_are_seen() {
    let server = echo(limited(|limits| limits.unknown_sessions = 20));
    let statuses: Vec<_> = (0..30)
        .map(|n| {
            ask(server.addr, get(&format!("/bind?VER=8&SID=g{n}&RID=rpc&TYPE=xmlhttp"), "")).status
        })
        .collect();
    assert_eq!((statuses[..20].iter().all(|s| *s == 400), statuses[29]), (true, 429));
    still_serves(&server);
}

#[test]
fn cve_2017_16031_ids_cannot_be_guessed() {
    let server = echo(Primus::builder());
    let ids: std::collections::HashSet<_> =
        (0..50).map(|_| Client::open(server.addr).sid).collect();
    assert_eq!(ids.len(), 50);
    assert!(ids.iter().all(|id| id.len() == 20), "{ids:?}");
}

/// Sessions that nobody comes for give way.
#[test]
fn sessions_that_are_only_opened() {
    let server = echo(limited(|limits| limits.fresh_sessions = 10));
    let mut first = Client::open(server.addr);
    first.round("\"x\"");
    let all: Vec<_> = (0..30).map(|_| Client::open(server.addr)).collect();
    wait_until("few are left", || server.primus.connected() <= 11);
    assert!(all[29].is_known() && !all[0].is_known());
    first.round("\"still there\"");
}

#[test]
fn pages_of_other_sites() {
    let server = echo(Primus::builder().origins(["https://good.example"]));
    let client = Client::open(server.addr);
    for (origin, allowed) in ORIGINS {
        for request in every(&client.sid, &format!("Origin: {origin}\r\n")) {
            let mut peer = server.connect();
            peer.send(&request);
            let head = peer.read_head();
            assert_eq!(head.starts_with("HTTP/1.1 403 "), !allowed, "{origin}: {head}");
        }
    }
}

#[test]
fn log_injection() {
    let server = Server::start(browserchannel(
        Primus::builder().listener_errors(primus::ListenerErrors::End),
    ));
    let lines = log_of_failures(&server);
    let mut client = Client::open(server.addr);
    client.say(&["\"\\r\\nERROR: not so\\u0085\\u001b\""]);
    server.wait_empty();
    let mut client = Client::open(server.addr);
    client.say(&["not\r\nERROR: json\u{1b}"]);
    client.say(&["\"\""]);
    server.wait_empty();
    lines_are_lines(&lines, "ERROR");
}
