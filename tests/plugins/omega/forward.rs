//! What a server forwards, and what it makes of the answers.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use primus::plugins::omega::{Forwarded, PrimusForward, To};
use primus::plugins::{emit, emitter};
use primus::{Error, Primus, Value};

use super::stub::{Stub, answer, sent};
use super::*;

#[track_caller]
fn only_failure(mut forwarded: Forwarded) -> Error {
    assert_eq!((forwarded.remote, &*forwarded.taken, forwarded.failed.len()), (0, &[][..], 1));
    forwarded.failed.remove(0).1
}

#[test]
fn requests_are_those_that_were_recorded() {
    let stub = Stub::saying(&sent(1), true);
    let here = serving("near", Primus::builder(), omega());
    let mut near = clients(&here, 1).remove(0);
    let (url, primus) = (stub.url(), &here.primus);
    let calls = [
        primus.forward([&url], "msg", To::All),
        primus.forward([&url], &Value::from_iter([("a", Value::from(1))]), "far-1"),
        primus.forward([&url, &url], "m2", ["far-1", "near-1", "far-2"]),
        primus.forward([&url], "x", "far"),
    ];
    let totals: Vec<_> = calls.into_iter().map(|call| call.unwrap().total()).collect();
    assert_eq!(totals, [2, 1, 3, 1]);
    for expected in [r#""msg""#, r#""m2""#] {
        assert_eq!(near.expect_text(), expected);
    }
    let recorded = recorded("forward-request");
    let recorded = recorded.iter().filter(|one| one.dir == "c2s");
    let port = format!(":{}", stub.addr.port());
    let recorded: Vec<_> = recorded.map(|one| one.text.replace(":8082", &port)).collect();
    assert_eq!(stub.requests(), recorded);
}

#[test]
fn those_who_are_here_get_it_first_and_the_others_where_they_are() {
    let [here, there] = ["here", "there"].map(|name| serving(name, Primus::builder(), omega()));
    let mut at_here = clients(&here, 2);
    let mut at_there = clients(&there, 2);
    let url = format!("http://{}/a/path/that/is/dropped", there.addr);
    let forward = |value: &str, to: To| {
        let done = here.primus.forward([&url], value, to).unwrap();
        assert!(done.is_complete());
        (done.local, done.remote)
    };
    assert_eq!(forward("all", To::All), (2, 2));
    assert_eq!(forward("mine", "here-2".into()), (1, 0));
    assert_eq!(forward("theirs", "there-1".into()), (0, 1));
    assert_eq!(forward("both", ["there-2", "here-1", "there-2", "nobody"].into()), (1, 2));
    assert_eq!(forward("nobody", "nobody".into()), (0, 0));
    assert_eq!(forward("nobody", "".into()), (0, 0));
    assert_eq!(forward("nobody", Vec::<String>::new().into()), (0, 0));
    let texts: [&[&str]; 4] =
        [&["all", "both"], &["all", "mine"], &["all", "theirs"], &["all", "both", "both"]];
    for (peer, texts) in at_here.iter_mut().chain(&mut at_there).zip(texts) {
        texts.iter().for_each(|text| assert_eq!(peer.expect_text(), format!("\"{text}\"")));
    }
    // Without servers it is for those who are here.
    let none: [&str; 2] = ["", ""];
    let done = here.primus.forward(none, "local", To::All).unwrap();
    assert_eq!((done.local, done.remote, done.is_complete()), (2, 0, true));
    let done = here.primus.forward(none, "nobody's", ["there-1"]).unwrap();
    assert_eq!((done.total(), done.is_complete()), (0, true));
}

#[test]
fn events_go_as_their_envelopes() {
    let [here, there] = ["here", "there"].map(|name| serving(name, Primus::builder(), omega()));
    let mut peer = clients(&there, 1).remove(0);
    let url = [format!("http://{}", there.addr)];
    let event = emit::event("moved", &(1, "x")).unwrap();
    here.primus.forward(&url, &event, To::All).unwrap();
    assert_eq!(peer.expect_text(), r#"{"emit":["moved",1,"x"]}"#);
    let event = emitter::event("moved", &[true]).unwrap();
    here.primus.forward(&url, &event, "there-1").unwrap();
    assert_eq!(peer.expect_text(), r#"{"type":0,"data":["moved",true]}"#);
    assert!(matches!(emit::event("data", &()), Err(Error::Misuse(_))));
}

#[test]
fn what_json_cannot_say_and_what_is_nothing() {
    let here = serving("here", Primus::builder(), omega());
    let there = serving("there", Primus::builder(), omega());
    let _peers = (clients(&here, 1), clients(&there, 1));
    let url = [format!("http://{}", there.addr)];
    let error = here.primus.forward(&url, &Value::Undefined, To::All).unwrap_err();
    assert!(matches!(error, Error::Parser(_)), "{error}");
    for nothing in [Value::Null, Value::from(0), Value::from("")] {
        let done = here.primus.forward(&url, &nothing, To::All).unwrap();
        assert_eq!(done.local, 1);
        let error = only_failure(done);
        let text = error.to_string();
        assert!(matches!(error, Error::Refused { status: 500, .. }), "{text}");
        assert!(text.contains("/primus/omega/supreme: unexpected server response: 500"), "{text}");
        assert!(text.ends_with("invalid data structure"), "{text}");
    }
    here.destroy();
    let error = here.primus.forward(&url, "late", "there-1").unwrap_err();
    assert!(matches!(error, Error::Closed), "{error}");
}

#[test]
fn each_server_has_its_own_answer() {
    let there = serving("there", Primus::builder(), omega());
    let strict = serving("strict", Primus::builder(), Omega::new("omega", "another secret"));
    let plain = Server::start(Primus::builder());
    let _peers = clients(&there, 3);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let urls = [there.addr, closed, strict.addr, plain.addr].map(|addr| format!("http://{addr}"));
    let mut urls = urls.to_vec();
    urls.extend(
        ["ftp://h", "http://h\r\nEvil: 1", "http://a:secret@h:x", "http://"].map(str::to_owned),
    );
    let here = serving("here", Primus::builder(), omega());
    let done = here.primus.forward(&urls, "x", To::All).unwrap();
    assert_eq!((done.local, done.remote, &*done.taken), (0, 3, &[(urls[0].clone(), 3)][..]));
    let failed: Vec<_> = done.failed.iter().map(|(url, _)| url.as_str()).collect();
    assert_eq!(failed, urls[1..].iter().map(String::as_str).collect::<Vec<_>>());
    let texts: Vec<_> = done.failed.iter().map(|(_, error)| error.to_string()).collect();
    assert!(texts[0].contains(&format!("{closed}: Connection refused")), "{}", texts[0]);
    assert!(texts[1].contains("401: I am programmed to protect"), "{}", texts[1]);
    assert!(texts[2].contains("no omega-supreme answers there (status 426)"), "{}", texts[2]);
    for (_, error) in &done.failed[3..] {
        let text = error.to_string();
        assert!(matches!(error, Error::Option(_)) && !text.contains("secret"), "{text}");
    }
}

#[test]
fn answers_that_are_none() {
    let body = r#"{ "ok": true, "send":1 }"#;
    let long = format!("{}{body}", " ".repeat(10 << 20));
    let not_ok = r#"{"ok":false,"reason":"not today"}"#;
    let head = format!("HTTP/1.1 200 OK\r\n{}\r\n{body}", "X: y\r\n".repeat(100_000));
    let cases = [
        (answer("200 OK", "<html>"), "the answer is not one of omega-supreme"),
        (answer("200 OK", ""), "the answer is not one of omega-supreme"),
        (answer("200 OK", not_ok), "not today"),
        (answer("503 Busy", not_ok), "503: not today"),
        (answer("502 Bad Gateway", "<h1>nginx</h1>"), "502: <h1>nginx</h1>"),
        (answer("302 Found", "").replace("Content-T", "Location: http://x/\r\nContent-T"), "302"),
        (answer("404 Not Found", "no"), "no omega-supreme answers there (status 404)"),
        (answer("201 Created", body), "201"),
        (answer("200 OK", &long), "the answer is not one of omega-supreme"),
        (head, "protocol error"),
        ("SSH-2.0-OpenSSH_9\r\n".into(), "unexpected end of file"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{".into(), "unexpected end of file"),
        (String::new(), "unexpected end of file"),
    ];
    let here = serving("here", Primus::builder(), omega());
    for (said, expected) in cases {
        let stub = Stub::saying(&said, false);
        let done = here.primus.forward([stub.url()], "x", To::All).unwrap();
        let text = only_failure(done).to_string();
        assert!(text.contains(expected), "{text} is not {expected}");
        // What may have been taken is not sent again.
        assert_eq!(stub.requests().len(), 1);
    }
}

/// Whatever a server says of itself.
#[test]
fn a_forged_answer_is_believed_no_further_than_it_can_be_true() {
    let here = serving("here", Primus::builder(), omega());
    let _peer = clients(&here, 1);
    let liar = Stub::saying(&answer("200 OK", r#"{"ok":true,"send":18446744073709551615}"#), true);
    let url = [liar.url()];
    let done = here.primus.forward(&url, "x", ["a", "b", "here-1"]).unwrap();
    assert_eq!((done.remote, done.total(), &*done.taken), (2, 3, &[(url[0].clone(), 2)][..]));
    assert_eq!(here.primus.forward(&url, "x", "a").unwrap().total(), 1);
    // Of all it may have any number, and that is no reason to panic.
    assert_eq!(here.primus.forward(&url, "x", To::All).unwrap().total(), usize::MAX);
    // What stands in a log is one line, and not a long one.
    let long = format!("no\\r\\nINFO all is well{}", "x".repeat(60_000));
    let reason = format!(r#"{{"ok":false,"reason":"{long}"}}"#);
    let error = format!(r#"{{"error":"{long}"}}"#);
    for said in [answer("200 OK", &reason), answer("500 No", &error), answer("503 No", &reason)] {
        let stub = Stub::saying(&said, true);
        let text =
            only_failure(here.primus.forward([stub.url()], "x", To::All).unwrap()).to_string();
        assert!(text.contains("no  INFO") && text.len() < 400, "{text}");
    }
    let many = format!(r#"{{"ok":true,"send":1,"x":[{}0]}}"#, "0,".repeat(1_000));
    let stub = Stub::saying(&answer("200 OK", &many), true);
    let text = only_failure(here.primus.forward([stub.url()], "x", To::All).unwrap()).to_string();
    assert!(text.contains("not one of omega-supreme"), "{text}");
}

#[test]
fn who_does_not_answer_in_time_has_failed() {
    let times = |connect, total| {
        let ms = Duration::from_millis;
        omega().connect_timeout(ms(connect)).timeout(ms(total))
    };
    // Whoever connects is never accepted.
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", deaf.local_addr().unwrap());
    let here = serving("here", Primus::builder(), times(20_000, 150));
    let begin = Instant::now();
    let error = only_failure(here.primus.forward([&url], "x", To::All).unwrap());
    let text = error.to_string();
    assert!(
        matches!(error, Error::Timeout(_)) && text.contains("has not answered in 150"),
        "{text}"
    );
    assert!(begin.elapsed() >= Duration::from_millis(150));
    // One whose queue is full does not even take connections.
    rustix::net::listen(&deaf, 0).unwrap();
    let more = || {
        let wait = Duration::from_millis(50);
        std::net::TcpStream::connect_timeout(&deaf.local_addr().unwrap(), wait)
    };
    let _all: Vec<_> = std::iter::from_fn(|| more().ok()).take(1_000).collect();
    let here = serving("here", Primus::builder(), times(150, 20_000));
    let text = only_failure(here.primus.forward([&url], "x", To::All).unwrap()).to_string();
    assert!(text.contains("has not accepted a connection in 150ms"), "{text}");
    // One that always has one more byte to say.
    let drip = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", drip.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = drip.accept().unwrap();
        let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\nX: ");
        while std::io::Write::write_all(&mut stream, b"x").is_ok() {
            crate::common::pause(Duration::from_millis(5));
        }
    });
    let here = serving("here", Primus::builder(), times(150, 300));
    let text = only_failure(here.primus.forward([&url], "x", To::All).unwrap()).to_string();
    assert!(text.contains("has not answered in 300ms"), "{text}");
}
