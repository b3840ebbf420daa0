//! A session of one protocol means nothing to another.

use crate::common::*;
use crate::{counts, spark, three};

#[test]
fn a_session_of_engine_io_is_none_of_sockjs() {
    let server = Server::echo(three());
    let mut engine = engine_io::Client::open(server.addr);
    // A session of sockjs may have any name; it is another session.
    let session = format!("/000/{}", engine.sid);
    let sent =
        sockjs::ask(server.addr, sockjs::post(&format!("{session}/xhr_send"), "", "[\"1\"]"));
    assert_eq!(sent.status, 404);
    let mut other = sockjs::Client::open_as(server.addr, &session);
    other.round("1");
    engine.say("4\"mine\"");
    assert_eq!(engine.poll(), ["4\"mine\""]);
    assert_eq!(counts(&server), [("engine.io", 1), ("sockjs", 1), ("websockets", 0)]);
    assert_eq!(spark(&server, &engine.sid).transformer(), "engine.io");
}

#[test]
fn a_session_of_sockjs_is_none_of_engine_io() {
    let server = Server::echo(three());
    let mut client = sockjs::Client::open_as(server.addr, "/000/shared");
    let query = "EIO=4&transport=polling&sid=shared";
    let polled = engine_io::ask(server.addr, engine_io::get(query));
    assert_eq!((polled.status, &*polled.body), (400, engine_io::UNKNOWN));
    let posted = engine_io::ask(server.addr, engine_io::post(query, "", b"41"));
    assert_eq!((posted.status, &*posted.body), (400, engine_io::UNKNOWN));
    let mut peer = server.connect();
    peer.send(&upgrade("/primus/?EIO=4&transport=websocket&sid=shared", ""));
    assert_eq!(peer.read_response().status, 400);
    client.round("1");
    // Nor is the id of its spark, which no client is told.
    let mut ids = Vec::new();
    server.primus.for_each(|spark| ids.push(spark.id().to_owned()));
    let query = format!("EIO=4&transport=polling&sid={}", ids[0]);
    assert_eq!(engine_io::ask(server.addr, engine_io::get(&query)).body, engine_io::UNKNOWN);
}

#[test]
fn an_upgrade_without_its_mark_takes_no_session_over() {
    let server = Server::echo(three());
    let mut engine = engine_io::Client::open(server.addr);
    let target = format!("/primus/?transport=websocket&sid={}", engine.sid);
    let mut socket = Peer::open_with(server.addr, &target, "");
    // It is a WebSocket of its own.
    socket.text("\"2probe\"");
    assert_eq!(socket.expect_text(), "\"2probe\"");
    engine.say("41");
    assert_eq!(engine.poll(), ["41"]);
    assert_eq!(counts(&server), [("engine.io", 1), ("sockjs", 0), ("websockets", 1)]);
    // And one to a path of sockjs neither.
    let target = format!("/primus/000/{0}/websocket?EIO=4&transport=websocket&sid={0}", engine.sid);
    let mut socket = Peer::open_with(server.addr, &target, "");
    assert_eq!(socket.expect_text(), "o");
    engine.say("42");
    assert_eq!(engine.poll(), ["42"]);
    // With it, the session goes over as ever.
    let (mut socket, brought) = engine.go_over();
    assert!(brought.is_empty());
    socket.text("43");
    assert_eq!(socket.expect_text(), "43");
}

#[test]
fn guesses_at_sessions_are_counted_as_ever() {
    let builder = limited(|limits| limits.unknown_sessions = 2).transformer(crate::THREE);
    let server = Server::echo(builder);
    let status =
        || engine_io::ask(server.addr, engine_io::get("EIO=4&transport=polling&sid=guess")).status;
    assert_eq!([status(), status(), status()], [400, 400, 429]);
    assert_eq!(server.connect().ask("GET /primus/info HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
}

/// Places are the server's.
#[test]
fn a_newcomer_of_any_kind_takes_the_place_of_a_session_that_nobody_polls() {
    let server =
        Server::echo(limited(|limits| limits.connections = Some(3)).transformer(crate::THREE));
    // Two places: the session's, and that of its connection, which stays.
    let mut polls = server.connect();
    let opened = polls.ask(&engine_io::get("EIO=4&transport=polling"));
    let first = spark(&server, &engine_io::sid_of(&opened.body));
    let mut peers = [server.open(), server.open()];
    for peer in &mut peers {
        peer.text("1");
        assert_eq!(peer.expect_text(), "1");
    }
    wait_until("the session has given way", || first.close_reason().is_some());
    wait_for("counts", vec![("engine.io", 0), ("sockjs", 0), ("websockets", 2)], || {
        counts(&server)
    });
}
