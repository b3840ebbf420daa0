//! How the plugin is set up, and what it refuses.

use std::time::Duration;

use primus::middleware::HttpError;
use primus::plugins::omega::{Omega, PrimusForward, To};
use primus::{Error, Primus};

use super::stub::{Stub, sent};
use super::*;

#[test]
fn what_cannot_be_used_is_refused_when_it_is_registered() {
    let none = Duration::ZERO;
    let refused = |omega: Omega, why: &str| {
        let error = Primus::builder().plugin(omega).build().map(drop).unwrap_err().to_string();
        assert!(error.contains("omega: ") && error.contains(why), "{error}");
    };
    for (user, password) in [("", ""), ("omega", ""), ("", "supreme")] {
        refused(Omega::new(user, password), "must not be empty");
    }
    refused(Omega::new("a:b", "c"), "must not have a colon");
    refused(Omega::new("a\r\nX", "c"), "control characters");
    refused(Omega::new("a", "c\0"), "control characters");
    refused(omega().url("/omega/supreme"), "must begin with the server's pathname");
    refused(omega().url("/omega/supreme"), "`/primus`");
    for url in ["", "/", "//", "primus", "/primus/a b", "/primus/x?y", "/primus/x#y", "/primus/é"]
    {
        refused(omega().url(url), "cannot be the path of a request");
    }
    for method in ["", "HEAD", "head", "connect", "OPTIONS", "TRACE", "PUT /x", "A\r\nB"] {
        refused(omega().method(method), "cannot be used");
    }
    refused(omega().concurrently(0), "at least 1");
    refused(omega().trusted(["10.0.0.0/8", "http://a/b"]), "`http://a/b` names no servers");
    refused(omega().timeout(none), "more than nothing");
    refused(omega().connect_timeout(none), "more than nothing");
    let other = Primus::builder().pathname("/live").plugin(omega()).build().map(drop).unwrap_err();
    assert!(other.to_string().contains("`/live`"), "{other}");
}

#[test]
fn the_password_is_not_shown() {
    let shown = format!("{:?}", Omega::new("somebody", "a long secret"));
    assert!(!shown.contains("secret") && shown.contains("/primus/omega/supreme"), "{shown}");
}

#[test]
fn its_layer_is_before_the_authorization_or_the_last() {
    let primus = Primus::builder().plugin(omega()).build().unwrap();
    let names = primus.middleware().names();
    assert_eq!(names[names.len() - 2..], ["omega-supreme", "authorization"]);
    assert!(primus.plugout("omega"));
    assert_eq!(primus.middleware().index_of("omega-supreme"), None);
    let error = primus.forward(["http://127.0.0.1:1"], "x", To::All).unwrap_err();
    assert!(matches!(error, Error::Misuse(_)), "{error}");
    primus.middleware().remove("authorization");
    primus.add_plugin(omega()).unwrap();
    assert_eq!(primus.middleware().names().last().unwrap(), "omega-supreme");
    primus.destroy(Default::default());
}

#[test]
fn url_and_method_are_the_applications_on_both_ends() {
    let with = || omega().url("/live/écho".replace('é', "e")).method("Post");
    let builder = || Primus::builder().pathname("/live");
    let [here, there] = ["here", "there"].map(|name| serving(name, builder(), with()));
    let mut peer = Peer::open_with(there.addr, "/live", "");
    wait_for("it is known", 1, || there.primus.connected());
    let server = format!("http://{}/primus/omega/supreme?not=used", there.addr);
    let forwarded = here.primus.forward([&server], &[1, 2], To::All).unwrap();
    assert_eq!((forwarded.total(), forwarded.taken), (1, vec![(server, 1)]));
    assert_eq!(peer.expect_text(), "[1,2]");
}

#[test]
fn bodies_may_be_read_by_the_application() {
    let omega = omega().reader(|exchange| {
        let body = exchange.read_body(64)?;
        match exchange.request().header("x-cipher") {
            Some("rot") => Ok(body.iter().map(|byte| byte ^ 1).collect()),
            _ => Err(HttpError::new(403, "in the clear")),
        }
    });
    let server = serving("spark", Primus::builder(), omega);
    let mut peers = clients(&server, 1);
    let cipher = |text: &str| -> String { text.bytes().map(|byte| (byte ^ 1) as char).collect() };
    let headers = format!("{AUTHORIZATION}\r\nX-Cipher: rot\r\n");
    let line = "PUT /primus/omega/supreme";
    let mut peer = server.connect();
    assert_eq!(peer.ask(&request(line, &headers, &cipher(r#"{"msg":7}"#))).status, 200);
    assert_eq!(peers[0].expect_text(), "7");
    let answer = peer.ask(&put(r#"{"msg":7}"#));
    assert_eq!((answer.status, &*answer.body), (403, r#"{"error":"in the clear"}"#));
    // It is not asked by strangers.
    assert_eq!(peer.ask(&request(line, "Authorization: Basic\r\n", "x")).status, 401);
    let long = cipher(&format!(r#"{{"msg":"{}"}}"#, "x".repeat(64)));
    let answer = peer.ask(&request(line, &headers, &long));
    assert_eq!((answer.status, &*answer.body), (413, r#"{"error":"request body too large"}"#));
}

#[test]
fn a_reader_that_panics_is_answered_for() {
    let omega = omega().reader(|_| panic!("on purpose"));
    let server = serving("spark", Primus::builder(), omega);
    let answer = server.connect().ask(&put(r#"{"msg":7}"#));
    assert_eq!(answer.status, 500);
    assert_eq!(server.primus.metrics().panics_caught, 1);
}

#[test]
fn whoever_is_not_trusted_is_sent_nothing() {
    let stub = Stub::saying(&sent(1), true);
    let forward = |trusted: &[&str], url: &str| {
        let here = serving("here", Primus::builder(), omega().trusted(trusted.iter().copied()));
        here.primus.forward([url], "x", To::All).unwrap()
    };
    let (port, by_name) = (stub.addr.port(), format!("http://localhost:{}", stub.addr.port()));
    for (trusted, url) in [
        (&[][..], &stub.url()),
        (&["10.0.0.0/8", "*.example"], &stub.url()),
        (&["https://*"], &stub.url()),
        (&["127.0.0.1:1"], &stub.url()),
        (&["127.0.0.0/8"], &by_name),
        (&["*"], &"unix:/run/docker.sock".to_owned()),
    ] {
        let done = forward(trusted, url);
        assert_eq!((done.taken.len(), done.failed.len()), (0, 1), "{trusted:?}");
        let (server, error) = &done.failed[0];
        assert_eq!(server, url);
        assert!(error.to_string().contains("Omega::trusted"), "{error}");
    }
    assert_eq!(stub.connections(), 0);
    let exactly = format!("http://127.0.0.1:{port}");
    for (trusted, url) in
        [(&*exactly, &stub.url()), ("*", &stub.url()), ("127.0.0.0/8", &stub.url())]
    {
        assert!(forward(&["10.0.0.1", trusted], url).is_complete());
    }
}
