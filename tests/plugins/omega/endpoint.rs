//! What the end point answers, and what comes of it.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use primus::middleware::HttpError;
use primus::parsers::{CustomParser, Peer as Whose};
use primus::tiny_http::Response as Answer;
use primus::{BoxError, Frame, Parser, Primus, Value};

use super::*;

/// An answer without its date.
fn undated(text: &str) -> String {
    let lines = text.split_inclusive("\r\n");
    lines.filter(|line| !line.to_ascii_lowercase().starts_with("date:")).collect()
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn every_recorded_request_is_answered_with_the_same_bytes() {
    let server = server();
    server.primus.on_request(|_, _| Answer::from_data("nope").with_status_code(404).boxed());
    let mut peers = clients(&server, 2);
    let exchanges = recorded("http");
    assert_eq!(exchanges.len(), 52);
    for exchange in exchanges.chunks(2) {
        let [asked, answered] = exchange else { panic!("half an exchange") };
        assert_eq!((&*asked.dir, &*answered.dir), ("c2s", "s2c"));
        let mut peer = server.connect();
        peer.send(asked.text.as_bytes());
        let mut answer = Vec::new();
        peer.stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (expected, answer) = (undated(&answered.text), undated(&answer));
        // The transformer's own answer, and a preflight's, have other header lines here.
        let is_others = ["HTTP/1.1 426", "HTTP/1.1 404"].iter().any(|s| expected.starts_with(s))
            || asked.text.starts_with("OPTIONS");
        if is_others {
            assert_eq!(answer.lines().next(), expected.lines().next(), "{}", asked.note);
            continue;
        }
        if asked.text.contains("Origin") {
            // What is beside others of its name comes behind all that is not, here.
            assert_eq!(sorted(&answer), sorted(&expected), "{}", asked.note);
            continue;
        }
        assert_eq!(answer, expected, "{}", asked.note);
    }
    for frame in recorded("client-frames") {
        let peer = &mut peers[usize::from(frame.conn != "a")];
        assert_eq!(peer.expect_text(), frame.text);
    }
    for peer in &mut peers {
        peer.text("1");
    }
    assert_eq!(server.primus.connected(), 2);
}

#[test]
fn a_body_of_null_is_no_packet() {
    let server = server();
    let mut peer = server.connect();
    for body in ["null", r#"{"msg":null}"#, r#"{"msg":false,"sparks":[]}"#, " "] {
        let answer = peer.ask(&put(body));
        assert_eq!((answer.status, answer.header("content-type")), (500, Some("application/json")));
        assert_eq!(answer.body, r#"{ "ok": false, "reason": "invalid data structure" }"#);
    }
}

#[test]
fn a_connection_is_kept_after_every_answer_and_requests_may_come_together() {
    let server = server();
    let mut spark = clients(&server, 1).remove(0);
    let wrong = request("PUT /primus/omega/supreme", "Authorization: Basic x\r\n", r#"{"msg":1}"#);
    let other = request("POST /primus/omega/supreme", "", "a body that nobody reads");
    let all = [
        (put(r#"{"msg":"a"}"#), 200),
        (wrong, 401),
        (put("x"), 500),
        (other, 426),
        (put(r#"{"msg":"b","sparks":["spark-1","nobody"]}"#), 200),
    ];
    let mut peer = server.connect();
    for (request, status) in &all {
        let answer = peer.ask(request);
        assert_eq!(answer.status, *status, "{request}");
        let kept = answer.header("connection").is_some_and(|c| c.starts_with("keep-alive"));
        assert!(kept, "{}", answer.head);
    }
    let together: String = all.iter().map(|(request, _)| request.as_str()).collect();
    peer.send(together.as_bytes());
    for (request, status) in &all {
        assert_eq!(peer.read_response().status, *status, "{request}");
    }
    for expected in [r#""a""#, r#""b""#, r#""a""#, r#""b""#] {
        assert_eq!(spark.expect_text(), expected);
    }
}

#[test]
fn what_is_not_for_it_goes_on_to_the_next_layer() {
    let server = server();
    server.primus.authorize(|exchange| match exchange.request().method().as_str() {
        "HEAD" => Err(HttpError::new(418, "head")),
        _ => Err(HttpError::new(418, "others")),
    });
    let with = |line: &str| request(line, &format!("{AUTHORIZATION}\r\n"), "");
    let mut peer = server.connect();
    for line in ["GET /primus/omega/supreme", "put /primus/omega/supreme", "PUT /primus/omega/"] {
        let answer = peer.ask(&with(line));
        assert_eq!((answer.status, &*answer.body), (418, r#"{"error":"others"}"#), "{line}");
    }
    // Not let in by what the layers behind it say, but by what it says itself.
    assert_eq!(peer.ask(&put(r#"{"msg":1}"#)).status, 200);
    let empty = request("PUT /primus/omega/supreme", "Authorization:\r\n", r#"{"msg":1}"#);
    assert_eq!(peer.ask(&empty).status, 418);
    peer.send(with("HEAD /primus/omega/supreme").as_bytes());
    assert!(peer.read_head().starts_with("HTTP/1.1 418"));
}

#[test]
fn transforms_see_each_message_for_each_spark() {
    let server = server();
    server.primus.transform_outgoing(|spark, message| {
        let mine = spark.id() != "spark-2" || message.as_str() != Some("not for two");
        Ok(mine.then(|| Value::from(format!("{} for {}", message, spark.id()))))
    });
    let mut peers = clients(&server, 2);
    let mut peer = server.connect();
    let mut sent = |body: &str| peer.ask(&put(body)).body;
    assert_eq!(sent(r#"{"msg":"not for two"}"#), r#"{ "ok": true, "send":2 }"#);
    assert_eq!(sent(r#"{"msg":1,"sparks":"spark-2"}"#), r#"{ "ok": true, "send":1 }"#);
    let twice = r#"{"msg":2,"sparks":["spark-2","spark-1","spark-2"]}"#;
    assert_eq!(sent(twice), r#"{ "ok": true, "send":3 }"#);
    assert_eq!(peers[0].expect_text(), r#""\"not for two\" for spark-1""#);
    assert_eq!(peers[0].expect_text(), r#""2 for spark-1""#);
    for expected in ["1 for", "2 for", "2 for"] {
        assert_eq!(peers[1].expect_text(), format!("\"{expected} spark-2\""));
    }
}

/// A parser that counts.
struct Counting(Arc<AtomicUsize>);

impl CustomParser for Counting {
    fn encode(&self, value: &Value, _: &dyn Whose) -> Result<Option<Frame>, BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        match value.as_str() {
            Some("impossible") => Err("it has no words".into()),
            _ => Ok(Some(Frame::text(value.to_string()))),
        }
    }

    fn decode(&self, frame: &Frame, _: &dyn Whose) -> Result<Value, BoxError> {
        Ok(Value::from(frame.as_text().unwrap_or_default()))
    }
}

#[test]
fn a_message_is_encoded_once_for_however_many() {
    let encoded = Arc::new(AtomicUsize::new(0));
    let parser = Parser::custom(Counting(encoded.clone()));
    let server = serving("spark", Primus::builder().parser(parser), omega());
    let mut peers = clients(&server, 5);
    encoded.store(0, Ordering::Relaxed);
    let mut peer = server.connect();
    let some = r#"{"msg":"some","sparks":["spark-1","spark-2","spark-2","spark-5"]}"#;
    for body in [r#"{"msg":"all"}"#, some, r#"{"msg":"one","sparks":"spark-1"}"#] {
        let before = encoded.load(Ordering::Relaxed);
        assert_eq!(peer.ask(&put(body)).status, 200);
        assert_eq!(encoded.load(Ordering::Relaxed), before + 1, "{body}");
    }
    for (peer, expected) in peers.iter_mut().zip([
        &["all", "some", "one"][..],
        &["all", "some", "some"],
        &["all"],
        &["all"],
        &["all", "some"],
    ]) {
        expected.iter().for_each(|text| assert_eq!(peer.expect_text(), format!("\"{text}\"")));
    }
    for sparks in [r#""""#, r#""spark-1""#, r#"["spark-1","spark-2"]"#] {
        let answer = peer.ask(&put(&format!(r#"{{"msg":"impossible","sparks":{sparks}}}"#)));
        assert_eq!(answer.status, 500);
        assert!(answer.body.starts_with(r#"{ "ok": false, "reason": ""#), "{}", answer.body);
        assert!(answer.body.contains("it has no words"), "{}", answer.body);
    }
}

#[test]
fn what_is_written_too_fast_is_refused() {
    let server = serving("spark", limited(|limits| limits.broadcast_queue = 0), omega());
    let mut peers = clients(&server, 1);
    // The first has nobody before it.
    let mut peer = server.connect();
    let body = format!(r#"{{"msg":"{}"}}"#, "x".repeat(500_000));
    let statuses: Vec<_> = (0..20).map(|_| peer.ask(&put(&body)).status).collect();
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    assert!(peers[0].expect_text().len() > 500_000);
}
