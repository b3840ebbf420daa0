//! Layers, authorization, and the pages beside the sparks.

use primus::Primus;
use primus::middleware::{Flow, HttpError, On};

use crate::Notes;
use crate::common::*;

#[test]
fn middleware_layers_are_inserted_switched_and_removed() {
    let server = Server::start(Primus::builder());
    let layers = server.primus.middleware().clone();
    let defaults = ["forwarded", "cors", "primus.js", "spec", "x-xss", "no-cache", "authorization"];
    assert_eq!(layers.names(), defaults);
    let names = Notes::default();
    let note = names.clone();
    layers.use_layer_at(0, "first", On::Both, move |exchange| {
        note.add(format!("first {}", exchange.is_upgrade()));
        exchange.set_header("x-layer", "yes")?;
        Ok(Flow::Next)
    });
    layers.use_layer("teapot", On::Requests, |_| Err(HttpError::new(418, "short and stout")));
    assert_eq!((layers.index_of("first"), layers.index_of("teapot")), (Some(0), Some(8)));
    let get = "GET /primus HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut peer = server.connect();
    let response = peer.ask(get);
    assert_eq!((response.status, &response.body[..]), (418, r#"{"error":"short and stout"}"#));
    assert_eq!(response.header("x-layer"), Some("yes"));
    assert!(layers.disable("teapot"));
    assert_eq!(peer.ask(get).status, 426);
    assert!(layers.enable("teapot"));
    assert_eq!(peer.ask(get).status, 418);
    // Upgrades are not its business.
    server.open().close();
    assert!(layers.remove("teapot") && !layers.remove("teapot"));
    assert_eq!(peer.ask(get).status, 426);
    assert!(!layers.enable("teapot"));
    assert_eq!(names.all().iter().filter(|n| *n == "first true").count(), 1);
    // A default layer is replaced in its place.
    layers.use_layer("spec", On::Requests, |_| {
        Ok(Flow::Respond(tiny_http::Response::from_string("mine").boxed()))
    });
    assert_eq!(layers.index_of("spec"), Some(4));
    assert_eq!(peer.ask(get).body, "mine");
}

#[test]
fn the_spec_and_the_library_are_served() {
    let server = Server::start(Primus::builder().pathname("live").ping_interval(None));
    let mut peer = server.connect();
    let spec = peer.ask("GET /live/spec HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(spec.status, 200);
    assert_eq!(spec.header("Content-Type"), Some("application/json"));
    assert_eq!(
        spec.body,
        r#"{"pingInterval":false,"pathname":"/live","version":"8.0.9","parser":"json","transformer":"websockets"}"#
    );
    assert_eq!(spec.body, server.primus.spec());
    let library = peer.ask("GET /live/primus.js HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!((library.status, &*library.body), (200, &*server.primus.library()));
}

#[test]
fn authorization_lets_in_or_refuses_and_attaches() {
    struct User(String);
    let server = Server::start(Primus::builder().origins(["https://example.com"]));
    server.primus.authorize(|exchange| match exchange.request().header("authorization") {
        Some(user) => {
            let user = User(user.to_owned());
            exchange.extensions_mut().insert(user);
            Ok(())
        }
        None => Err(HttpError::from("who?").with_authenticate("Basic realm=\"x\"")),
    });
    server.primus.on_connection(|spark| {
        spark.write(&spark.extension::<User>().map(|user| user.0.clone())).map(drop)
    });
    let mut peer = Peer::open_with(server.addr, "/primus", "Authorization: ada\r\n");
    assert_eq!(peer.expect_text(), "\"ada\"");
    let mut peer = server.connect();
    peer.send(&upgrade("/primus", ""));
    let expected = "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\
        Content-Type: application/json\r\nContent-Length: 16\r\n\
        WWW-Authenticate: Basic realm=\"x\"\r\n\r\n";
    assert_eq!(peer.read_head(), expected);
    let mut peer = server.connect();
    let response = peer.ask("GET /primus HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!((response.status, &response.body[..]), (401, r#"{"error":"who?"}"#));
    assert_eq!(response.header("WWW-Authenticate"), Some("Basic realm=\"x\""));
    // Origins bind upgrades too.
    for (origin, status) in [("https://evil.com", 403), ("https://example.com", 101)] {
        let mut peer = server.connect();
        peer.send(&upgrade("/primus", &format!("Authorization: a\r\nOrigin: {origin}\r\n")));
        assert!(peer.read_head().starts_with(&format!("HTTP/1.1 {status} ")), "{origin}");
    }
    assert_eq!(server.primus.metrics().refusals.get(&401), Some(&2));
}

#[test]
fn the_applications_pages_share_the_port() {
    let server = Server::echo(limited(|l| l.body = 1000));
    let mut peer = server.connect();
    assert_eq!(peer.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n").status, 404);
    server.primus.on_request(|request, body| {
        let mut text = String::new();
        match body.read_to_string(&mut text) {
            Ok(_) => tiny_http::Response::from_string(format!("{request:?}: {text}")).boxed(),
            Err(error) => {
                tiny_http::Response::from_string(error.to_string()).with_status_code(413).boxed()
            }
        }
    });
    assert_eq!(peer.ask("GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n").body, "GET /a?b HTTP/1.1: ");
    let post = "POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(peer.ask(post).body, "POST /form HTTP/1.1: hello");
    let chunked = "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
        3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n";
    assert_eq!(peer.ask(chunked).body, "POST /c HTTP/1.1: hello");
    let large = format!(
        "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n{}\r\n0\r\n\r\n",
        "x".repeat(1001)
    );
    assert_eq!(peer.ask(&large).status, 413);
    let mut peer = server.connect();
    let declared = "POST /c HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n";
    assert_eq!(peer.ask(declared).status, 413);
    server.still_serves();
}
