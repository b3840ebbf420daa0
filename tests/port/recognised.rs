//! Whose a request is: the table, cell by cell, as clients find it.

use primus::Primus;
use primus::middleware::HttpError;

use crate::common::*;
use crate::{THREE, three};

/// Sends a request without a body on a connection of its own.
fn ask(server: &Server, method: &str, target: &str) -> Response {
    let length = if method == "POST" { "Content-Length: 0\r\n" } else { "" };
    let mut peer = server.connect();
    peer.ask(&format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{length}\r\n"))
}

/// Asks for a WebSocket there, and tells what comes of it: the status, and of what
/// follows the first word.
fn upgraded(server: &Server, target: &str) -> (u16, String) {
    let mut peer = server.connect();
    peer.send(&upgrade(target, ""));
    let answer = peer.read_head();
    let status = answer[9..12].parse().unwrap();
    if status != 101 {
        return (status, String::from_utf8(peer.read_body(&answer)).unwrap());
    }
    // What is an echo to those that send messages as they are, is no packet of engine.io
    // and no frame of sockjs: these have said something before.
    peer.text("1");
    let frame = peer.expect_frame();
    match frame.opcode() {
        CLOSE => (status, "closed".into()),
        _ => (status, frame.text().chars().take(2).collect()),
    }
}

#[test]
fn each_request_goes_to_its_protocol() {
    let server = Server::echo(three());
    for (method, target, status, begins) in [
        // Where WebSockets are to be had.
        ("GET", "/primus", 426, "Upgrade Required"),
        ("GET", "/primus/", 426, "Upgrade Required"),
        ("POST", "/primus?_primuscb=x", 426, "Upgrade Required"),
        ("GET", "/primus/?transport=polling", 426, "Upgrade Required"),
        // engine.io.
        ("GET", "/primus/?EIO=4&transport=polling", 200, "0{\"sid\""),
        ("GET", "/primus?EIO=3&transport=polling", 200, ""),
        ("GET", "/primus/?EIO=4", 400, "{\"code\":0,"),
        ("GET", "/primus/?EIO=4&transport=polling&sid=x", 400, "{\"code\":1,"),
        ("POST", "/primus/?EIO=4&transport=polling", 400, "{\"code\":2,"),
        ("GET", "/primus/?EIO=4&transport=websocket", 400, "{\"code\":3,"),
        // sockjs.
        ("GET", "/primus/info", 200, "{\"websocket\":true"),
        ("GET", "/primus/info/?EIO=4&transport=polling", 200, "{\"websocket\":true"),
        ("PUT", "/primus/info", 405, ""),
        ("GET", "/primus/iframe-1.html", 200, "<!DOCTYPE html>"),
        ("GET", "/primus/websocket", 400, "Not a valid websocket request"),
        ("POST", "/primus/000/cell/xhr", 200, "o\n"),
        ("POST", "/primus/1/cells/xhr?EIO=4&transport=polling", 200, "o\n"),
        ("GET", "/primus/000/cell/xhr", 405, ""),
        ("POST", "/primus/000/nobody/xhr_send", 500, "Payload expected."),
        ("GET", "/primus/000/cell/jsonp", 500, "\"callback\" parameter required"),
        // Those that are not switched on.
        ("GET", "/primus/test?VER=8&MODE=init", 404, "Not Found"),
        ("POST", "/primus/bind?VER=8&RID=1", 404, "Not Found"),
        ("GET", "/primus/bcsocket.js", 404, "Not Found"),
        ("GET", "/primus/1", 404, "Not Found"),
        ("GET", "/primus/1/?t=1", 404, "Not Found"),
        ("GET", "/primus/1/xhr-polling/sid", 404, "Not Found"),
        ("POST", "/primus/1/websocket/xhr", 404, "Not Found"),
        // Nobody's.
        ("GET", "/primusx", 404, "Not Found"),
        ("POST", "/primusx/000/cell/xhr", 404, "Not Found"),
        ("GET", "/primus/inf", 404, "Not Found"),
        ("GET", "/primus/info/x", 404, "Not Found"),
        ("GET", "/primus//info", 404, "Not Found"),
        ("GET", "/primus/000/cell", 404, "Not Found"),
        ("POST", "/primus/000/cell/xhr/x", 404, "Not Found"),
        ("POST", "/primus/0.0/cell/xhr", 404, "Not Found"),
        // For all.
        ("GET", "/primus/spec", 200, "{\"pingInterval\""),
        ("GET", "/primus/primus.js", 200, "// The client"),
    ] {
        let answer = ask(&server, method, target);
        assert_eq!(answer.status, status, "{method} {target}: {answer:?}");
        assert!(answer.body.starts_with(begins), "{method} {target}: {answer:?}");
    }
}

#[test]
fn each_upgrade_goes_to_its_protocol() {
    let server = Server::echo(three());
    for (target, status, begins) in [
        ("/primus", 101, "1"),
        ("/primus/", 101, "1"),
        ("/primus?_primuscb=x&token=EIO", 101, "1"),
        ("/primus/?transport=websocket&sid=x", 101, "1"),
        ("/primus?transport=polling", 101, "1"),
        ("/primus/?EIO=4&transport=websocket", 101, "0{"),
        ("/primus?EIO=3&transport=websocket", 101, "0{"),
        ("/primus/?EIO=4&transport=polling", 101, "closed"),
        ("/primus/?EIO=4&transport=websocket&sid=x", 400, "Session ID unknown"),
        ("/primus/?EIO=4", 400, "Transport unknown"),
        ("/primus/websocket", 101, "1"),
        ("/primus/websocket?EIO=4&transport=websocket", 101, "1"),
        ("/primus/000/cell/websocket", 101, "o"),
        ("/primus/1/cell/websocket?EIO=4&transport=polling", 101, "o"),
        // What is polled is not to be had by a WebSocket.
        ("/primus/000/cell/xhr", 405, ""),
        ("/primus/000/cell/eventsource", 400, "Not a valid websocket request"),
        ("/primus/info", 200, "{\"websocket\":true"),
        ("/primus/test?VER=8", 404, "Not Found"),
        ("/primus/bind", 404, "Not Found"),
        ("/primus/1/", 404, "Not Found"),
        ("/primus/1/websocket/sid", 404, "Not Found"),
        ("/primus/1/websocket/websocket", 404, "Not Found"),
        ("/primusx", 404, "Not Found"),
        ("/primus/spec", 404, "Not Found"),
        ("/primus/primus.js", 404, "Not Found"),
        ("/primus/x", 404, "Not Found"),
    ] {
        let (told, text) = upgraded(&server, target);
        assert_eq!(told, status, "{target}: {text}");
        assert!(text.starts_with(begins), "{target}: {text}");
    }
    let refusals = server.primus.metrics().refusals;
    assert_eq!((refusals[&404], refusals[&405]), (9, 1));
}

#[test]
fn what_nobody_knows_keeps_its_connection() {
    let server = Server::echo(three());
    let mut peer = server.connect();
    for _ in 0..3 {
        let answer = peer.ask("GET /primus/nothing HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!((answer.status, &*answer.body), (404, "Not Found"));
        assert_eq!(
            answer.header("cache-control").map(|value| value.contains("no-store")),
            Some(true)
        );
    }
    let answer = peer.ask("GET /primus/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(answer.status, 200);
}

#[test]
fn who_is_not_let_in_learns_nothing_of_the_table() {
    let server = Server::echo(three());
    server.primus.authorize(|_| Err(HttpError::from("no")));
    for target in
        ["/primus", "/primus/?EIO=4", "/primus/info", "/primus/x", "/primusx", "/primus/1/"]
    {
        assert_eq!(ask(&server, "GET", target).status, 401, "{target}");
        assert_eq!(upgraded(&server, target), (401, "{\"error\":\"no\"}".into()), "{target}");
    }
    let mut peer = server.connect();
    let preflight = "OPTIONS /primus/x HTTP/1.1\r\nHost: x\r\nOrigin: http://a.b\r\n\
                     Access-Control-Request-Method: POST\r\n\r\n";
    assert_eq!(peer.ask(preflight).status, 200);
}

#[test]
fn the_first_that_is_switched_on_has_what_several_may_have() {
    let greeting = |list: &[&str]| {
        let server = Server::echo(Primus::builder().transformer(list));
        let answer = ask(&server, "GET", "/primus");
        (answer.status, answer.body, upgraded(&server, "/primus").0)
    };
    assert_eq!(greeting(&["sockjs", "websockets"]), (426, "Upgrade Required".into(), 101));
    assert_eq!(greeting(&["engine.io", "sockjs"]), (200, "Welcome to SockJS!\n".into(), 404));
    let server = Server::echo(Primus::builder().transformer("engine.io, faye"));
    assert_eq!(ask(&server, "GET", "/primus/info").status, 404);
    assert_eq!(upgraded(&server, "/primus/websocket").0, 404);
}

/// As in JavaScript.
#[test]
fn one_that_is_alone_has_everything_below_the_pathname() {
    let alone = |name: &str, target: &str| {
        let server = Server::echo(Primus::builder().transformer(name));
        ask(&server, "GET", target).status
    };
    assert_eq!(alone("websockets", "/primusx/info"), 426);
    assert_eq!(alone("engine.io", "/primusx?transport=polling"), 200);
    assert_eq!(alone("sockjs", "/primusx/info"), 200);
}

#[test]
fn with_all_there_is_everything_that_is_compiled_in() {
    let primus = Primus::builder().transformer("ALL").build().unwrap();
    let names = primus.client_options().transformers().to_vec();
    assert!(THREE.iter().all(|name| names.contains(&(*name).to_owned())), "{names:?}");
    let spec = primus.spec();
    assert!(
        spec.contains("\"transformer\":\"websockets\",\"transformers\":[\"websockets\","),
        "{spec}"
    );
    primus.destroy(Default::default());
}

#[test]
fn any_pathname_will_do() {
    for pathname in ["/", "/live", "/live/", "/1", "/info/"] {
        let server = Server::echo(three().pathname(pathname));
        let base = pathname.trim_end_matches('/');
        assert_eq!(ask(&server, "GET", &format!("{base}/")).status, 426, "{pathname}");
        let engine = ask(&server, "GET", &format!("{base}/?EIO=4&transport=polling"));
        assert_eq!(engine.status, 200, "{pathname}");
        assert_eq!(upgraded(&server, &format!("{base}/")), (101, "1".into()), "{pathname}");
        if !pathname.ends_with('/') {
            let info = ask(&server, "GET", &format!("{base}/info"));
            assert!(info.body.starts_with("{\"websocket\""), "{pathname}: {info:?}");
        }
    }
}
