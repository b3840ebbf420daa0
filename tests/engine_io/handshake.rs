//! The first request, and what is wrong with some.

use primus::{Error, Primus};

use crate::client::*;
use crate::common::*;

/// `{"sid":…}` without the id.
fn without_sid(body: &str) -> String {
    body.replace(&sid_of(body), "SID")
}

#[test]
fn the_answer_to_a_handshake() {
    let server = echo(Primus::builder());
    let json = r#"{"sid":"SID","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":10485760}"#;
    for (revision, expected) in [(4, format!("0{json}")), (3, format!("119:0{json}"))] {
        let client = Client::open_with(server.addr, revision, "");
        let answer = &client.opened;
        let length = (119 + if revision == 4 { 0 } else { 4 }).to_string();
        assert_eq!(without_sid(&answer.body), expected);
        assert_eq!(client.sid.len(), 20);
        assert!(client.sid.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)));
        assert_eq!(answer.header("content-length"), Some(&*length));
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
        let caching = "no-store, no-cache, must-revalidate, max-age=0";
        assert_eq!(answer.header("cache-control"), Some(caching));
        assert_eq!(answer.header("pragma"), Some("no-cache"));
        assert_eq!(answer.header("set-cookie"), None);
        assert_eq!(answer.header("access-control-allow-origin"), None);
        // The polls have the same head.
        let mut client = client;
        client.say("4\"é\"");
        client.ask_poll();
        let answer = client.get.read_response();
        let expected = if revision == 4 { "4\"é\"" } else { "4:4\"é\"" };
        assert_eq!(answer.body, expected);
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
        assert_eq!(answer.header("cache-control"), Some(caching));
    }
}

#[test]
fn the_options_show_in_the_handshake() {
    let builder = Primus::builder()
        .transport("pingInterval", "300")
        .transport("pingTimeout", "200")
        .transport("maxHttpBufferSize", "77")
        .transport("allowUpgrades", "false");
    let server = echo(builder);
    let client = Client::open(server.addr);
    let expected =
        r#"0{"sid":"SID","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":77}"#;
    assert_eq!(without_sid(&client.opened.body), expected);
}

#[test]
fn a_session_may_begin_with_a_websocket() {
    let server = echo(Primus::builder());
    for revision in [3, 4] {
        let target = format!("/primus/?EIO={revision}&transport=websocket");
        let mut peer = Peer::open_with(server.addr, &target, "");
        let open = peer.expect_text();
        let expected = r#"0{"sid":"SID","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":10485760}"#;
        assert_eq!(without_sid(&open), expected);
        assert_eq!(server.spark().id(), sid_of(&open));
        peer.text("4\"x\"");
        assert_eq!(peer.expect_text(), "4\"x\"");
        // Not by polling any more, nor by another WebSocket.
        let query = format!("EIO={revision}&transport=polling&sid={}", sid_of(&open));
        assert_eq!(ask(server.addr, get(&query)).body, r#"{"code":3,"message":"Bad request"}"#);
        let query = query.replace("polling", "websocket");
        Peer::open_with(server.addr, &format!("/primus/?{query}"), "").expect_ended(None);
        // A packet `1` means nothing here; a close frame does.
        peer.text("1");
        peer.text("4\"y\"");
        assert_eq!(peer.expect_text(), "4\"y\"");
        peer.close();
        server.wait_empty();
    }
}

const POLLING: &str = "EIO=4&transport=polling";

#[test]
fn plain_requests_that_are_refused() {
    let server = echo(Primus::builder());
    let session = Client::open(server.addr);
    let mine = session.query("polling");
    let unknown = format!("{POLLING}&sid=nobody");
    let codes = [
        (0, "Transport unknown"),
        (1, "Session ID unknown"),
        (2, "Bad handshake method"),
        (3, "Bad request"),
    ];
    let table = [
        (0, "GET", "EIO=4".to_owned()),
        (0, "GET", String::new()),
        (0, "GET", "EIO=4&transport=".into()),
        (0, "GET", "EIO=4&transport=POLLING".into()),
        (0, "GET", "EIO=4&transport=webtransport".into()),
        (0, "GET", "EIO=4&transport=polling&transport=polling".into()),
        (0, "POST", "EIO=4".into()),
        (1, "GET", unknown.clone()),
        (1, "POST", unknown.clone()),
        (1, "PUT", unknown.clone()),
        (1, "GET", format!("{mine}x")),
        (1, "GET", format!("{mine}&sid=x")),
        (1, "GET", format!("{POLLING}&sid=%00")),
        (2, "POST", POLLING.into()),
        (2, "PUT", POLLING.into()),
        (2, "OPTIONS", POLLING.into()),
        (2, "POST", format!("{POLLING}&sid=")),
        (3, "GET", "EIO=4&transport=websocket".into()),
        (3, "GET", session.query("websocket")),
        (3, "POST", session.query("websocket")),
        (3, "GET", mine.replace("EIO=4", "EIO=3")),
        (3, "GET", mine.replace("EIO=4", "")),
        (3, "POST", mine.replace("EIO=4", "EIO=3")),
    ];
    for (code, method, query) in table {
        let answer = ask(server.addr, request(method, &query, ""));
        let expected = format!(r#"{{"code":{code},"message":"{}"}}"#, codes[code].1);
        assert_eq!((answer.status, &*answer.body), (400, &*expected), "{method} {query}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    // The session has not noticed.
    assert!(session.is_known());
    session.close();
}

#[test]
fn revision_3_may_be_refused() {
    let server = echo(Primus::builder().transport("allowEIO3", "false"));
    let text = "Unsupported protocol version";
    for query in ["EIO=3&transport=", "EIO=9&transport=", "transport="] {
        let answer = ask(server.addr, get(&format!("{query}polling")));
        let expected = format!(r#"{{"code":5,"message":"{text}"}}"#);
        assert_eq!((answer.status, answer.body), (400, expected));
        refused_upgrade(&server, &format!("/primus/?{query}websocket"), text);
    }
    still_serves(&server);
}

/// An upgrade that is told so, and the end of the stream.
fn refused_upgrade(server: &Server, target: &str, text: &str) {
    let mut peer = server.connect();
    peer.send(&upgrade(target, ""));
    let answer = peer.read_response();
    let expected = format!(
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/html\r\n\
         Content-Length: {}\r\n\r\n",
        text.len()
    );
    assert_eq!(answer.head.to_lowercase(), expected.to_lowercase(), "{target}");
    assert_eq!(answer.body, text, "{target}");
    peer.expect_end();
}

#[test]
fn upgrades_that_are_refused() {
    let server = echo(Primus::builder());
    let session = Client::open(server.addr);
    let three = session.query("websocket").replace("EIO=4", "EIO=3");
    for (query, text) in [
        ("EIO=4", "Transport unknown"),
        ("EIO=4&transport=webtransport", "Transport unknown"),
        ("EIO=4&transport=websocket&sid=nobody", "Session ID unknown"),
        ("EIO=4&transport=websocket&sid=a&sid=b", "Session ID unknown"),
        (&three, "Bad request"),
    ] {
        refused_upgrade(&server, &format!("/primus/?{query}"), text);
    }
    // What asks for a WebSocket and for polling is answered, and closed.
    for query in [POLLING, &session.query("polling")] {
        Peer::open_with(server.addr, &format!("/primus/?{query}"), "").expect_close(None);
    }
    assert!(session.is_known());
    session.close();
    server.wait_empty();
}

#[test]
fn transports_may_be_switched_off() {
    let polling = echo(Primus::builder().transport("transports", "polling"));
    refused_upgrade(&polling, "/primus/?EIO=4&transport=websocket", "Transport unknown");
    let client = Client::open(polling.addr);
    assert!(client.opened.body.contains(r#""upgrades":[]"#));
    let upgrade = format!("/primus/?{}", client.query("websocket"));
    refused_upgrade(&polling, &upgrade, "Transport unknown");
    client.close();

    let sockets = echo(Primus::builder().transport("transports", "websocket"));
    let answer = ask(sockets.addr, get(POLLING));
    assert_eq!(answer.body, r#"{"code":0,"message":"Transport unknown"}"#);
    let mut peer = Peer::open_with(sockets.addr, "/primus/?EIO=4&transport=websocket", "");
    peer.expect_text();
    peer.close();
}

#[test]
fn cookies_are_set_by_the_handshake_alone() {
    let server = echo(Primus::builder().transport("cookie", "node"));
    let mut client = Client::open(server.addr);
    let expected = format!("node={}; Path=/; HttpOnly; SameSite=Lax", client.sid);
    assert_eq!(client.opened.header("set-cookie"), Some(&*expected));
    let answer = client.send(&["4\"x\""]);
    assert_eq!((answer.status, answer.header("set-cookie")), (200, None));
    client.ask_poll();
    assert_eq!(client.get.read_response().header("set-cookie"), None);
    let mut peer = server.connect();
    peer.send(&upgrade("/primus/?EIO=4&transport=websocket", ""));
    assert!(!peer.read_head().to_lowercase().contains("set-cookie"));
}

#[test]
fn options_that_cannot_be_used_are_named() {
    for (name, value) in [
        ("pingInterval", "soon"),
        ("transports", "carrier pigeon"),
        ("allowEIO3", "perhaps"),
        ("cookie", "{"),
        ("maxHttpBufferSize", "-1"),
    ] {
        let built = engine(Primus::builder()).transport(name, value).build();
        let Err(Error::Option(text)) = built else { panic!("{name}={value} was accepted") };
        assert!(text.contains(name) && text.contains(value), "{text}");
    }
}

#[test]
fn the_spark_is_that_of_the_handshake() {
    let server = echo(Primus::builder());
    let mut peer = server.connect();
    let query = "room=7&_primuscb=x&EIO=4&transport=polling&t=abc&b64=1";
    let headers = "X-Forwarded-For: 1.2.3.4\r\nX-Own: yes\r\n";
    let opened = peer.ask(&request("GET", query, headers));
    let spark = server.spark();
    assert_eq!(spark.id(), sid_of(&opened.body));
    let pairs: Vec<_> = spark.query().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(pairs.join("&"), query);
    assert_eq!(spark.request().header("x-own"), Some("yes"));
    assert_eq!(spark.address().ip.to_string(), "1.2.3.4");
    // Whatever later requests say.
    let query = format!("EIO=4&transport=polling&room=8&sid={}", spark.id());
    let answer = ask(server.addr, post(&query, "X-Own: no\r\n", b"4\"x\""));
    assert_eq!(answer.status, 200);
    assert_eq!(spark.query().next().unwrap().1, "7");
    assert_eq!(spark.request().header("x-own"), Some("yes"));
    assert_eq!(server.primus.spark(spark.id()), Some(spark.clone()));
}

#[test]
fn middleware_rules_every_request() {
    let server = echo(Primus::builder().origins(["http://good.example"]));
    server.primus.authorize(|exchange| match exchange.request().header("x-key") {
        Some("open") => Ok(()),
        _ => Err("who are you?".into()),
    });
    let key = "X-Key: open\r\n";
    assert_eq!(ask(server.addr, get(POLLING)).status, 401);
    let opened = ask(server.addr, request("GET", POLLING, key));
    let query = format!("{POLLING}&sid={}", sid_of(&opened.body));
    assert_eq!(ask(server.addr, post(&query, "", b"4\"x\"")).status, 401);
    assert_eq!(ask(server.addr, get(&query)).status, 401);
    let foreign = format!("{key}Origin: http://bad.example\r\n");
    assert_eq!(ask(server.addr, request("GET", &query, &foreign)).status, 403);
    assert_eq!(ask(server.addr, post(&query, key, b"4\"y\"")).status, 200);
    let good = format!("{key}Origin: http://good.example\r\n");
    let answer = ask(server.addr, request("GET", &query, &good));
    assert_eq!(answer.body, "4\"y\"");
    assert_eq!(answer.header("access-control-allow-origin"), Some("http://good.example"));
    let preflight = "Origin: http://good.example\r\nAccess-Control-Request-Method: POST\r\n";
    assert_eq!(ask(server.addr, request("OPTIONS", POLLING, preflight)).status, 200);
}
