//! How sessions begin, and what there is beside them.

use std::time::Duration;

use primus::{ManualClock, Primus};

use crate::client::*;
use crate::common::*;

#[test]
fn every_id_is_its_own_and_good_for_one_session() {
    let server = echo(Primus::builder());
    let ids: Vec<_> = (0..50).map(|_| handshake(server.addr)).collect();
    for (at, id) in ids.iter().enumerate() {
        assert!(id.len() >= 20 && !ids[..at].contains(id), "{id}");
        assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    }
    // Nobody is connected before a transport is there.
    assert_eq!(server.primus.connected(), 0);
    let (mut first, id) = websocket(server.addr);
    let mut second = Peer::connect(server.addr);
    second.shake(&format!("/primus/1/websocket/{id}"), "");
    assert_eq!(second.expect_text(), UNKNOWN);
    second.expect_end();
    for transport in RECEIVERS {
        let answer = ask(server.addr, request("GET", &format!("/1/{transport}/{id}"), ""));
        assert!(answer.body.contains(UNKNOWN), "{answer:?}");
    }
    first.text("3:::1");
    assert_eq!(first.expect_text(), "3:::1");
}

#[test]
fn the_spark_has_the_id_and_the_query_of_the_handshake() {
    let server = echo(Primus::builder());
    let id = handshake_with(server.addr, "?token=abc%20d&x=1&t=1795245431754");
    let answer = ask(server.addr, request("GET", &format!("/1/xhr-polling/{id}?x=2"), ""));
    assert_eq!(answer.body, "1::");
    let spark = server.spark();
    assert_eq!(spark.id(), id);
    assert_eq!(spark.request().query_param("token").as_deref(), Some("abc d"));
    assert_eq!(spark.request().query_param("x").as_deref(), Some("1"));
}

#[test]
fn an_id_that_nobody_uses_is_forgotten() {
    let clock = ManualClock::new();
    let server = echo(Primus::builder().clock(&clock).ping_interval(None));
    let [early, late] = [handshake(server.addr), handshake(server.addr)];
    clock.advance(Duration::from_millis(29_900));
    let poll =
        |id: &str| ask(server.addr, request("GET", &format!("/1/xhr-polling/{id}"), "")).body;
    assert_eq!(poll(&early), "1::");
    clock.advance(Duration::from_millis(300));
    assert_eq!(poll(&late), UNKNOWN);
}

/// The oldest gives way, whoever has asked for it.
#[test]
fn ids_that_nobody_uses_are_bounded() {
    let server = echo_limited();
    let ids: Vec<_> = (0..5).map(|_| handshake(server.addr)).collect();
    let poll =
        |id: &str| ask(server.addr, request("GET", &format!("/1/xhr-polling/{id}"), "")).body;
    assert_eq!([poll(&ids[0]), poll(&ids[1])], [UNKNOWN, UNKNOWN]);
    assert_eq!(poll(&ids[2]), "1::");
    // Its session has a client that has not come back.
    assert_eq!(poll(&ids[4]), "1::");
}

fn echo_limited() -> Server {
    echo(limited(|limits| limits.fresh_sessions = 3).ping_interval(None))
}

#[test]
fn a_handshake_by_script() {
    let server = echo(Primus::builder());
    let of = |query: &str| ask(server.addr, request("GET", &format!("/1/?jsonp={query}"), ""));
    let answer = of("3");
    assert_eq!(answer.header("content-type"), Some("application/javascript"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let told = answer.body.strip_prefix("io.j[3](\"").and_then(|rest| rest.strip_suffix("\");"));
    let told = told.unwrap_or_else(|| panic!("{answer:?}"));
    assert!(told.ends_with(":60:60:websocket,htmlfile,xhr-polling,jsonp-polling"), "{told}");
    for odd in ["abc", "", "1x", "-1", "%3Cscript%3E", "3];alert(1"] {
        let answer = of(odd);
        assert_eq!(answer.header("content-type"), Some("text/plain"), "{odd}");
        assert!(!answer.body.contains("io.j"), "{odd}: {answer:?}");
    }
}

#[test]
fn transports_that_are_not_offered_do_not_exist() {
    let builder = Primus::builder().transport("transports", "xhr-polling");
    let server = echo(builder.transport("close timeout", "2"));
    let answer = ask(server.addr, request("GET", "/1/", ""));
    assert!(answer.body.ends_with(":60:2:xhr-polling"), "{answer:?}");
    let id = answer.body.split(':').next().unwrap();
    for transport in ["jsonp-polling", "htmlfile", "flashsocket"] {
        let answer = ask(server.addr, request("GET", &format!("/1/{transport}/{id}"), ""));
        assert_eq!(answer.status, 404, "{transport}");
    }
    let mut peer = Peer::connect(server.addr);
    peer.send(&upgrade(&format!("/primus/1/websocket/{id}"), ""));
    assert_eq!(peer.read_response().status, 404);
    // It is still good.
    let answer = ask(server.addr, request("GET", &format!("/1/xhr-polling/{id}"), ""));
    assert_eq!(answer.body, "1::");
}

#[test]
fn bytes_cannot_be_sent() {
    for parser in ["binary", "msgpack"] {
        let error = socket_io(Primus::builder()).parser_name(parser).build().unwrap_err();
        assert!(error.to_string().contains("`socket.io` carries text only"), "{error}");
    }
}
