//! Methods and paths that are not meant.

use primus::Primus;

use crate::client::*;
use crate::common::*;

/// Every route, with the methods that it has in the order in which it names them.
pub const ROUTES: [(&str, &str); 16] = [
    ("", "GET"),
    ("/", "GET"),
    ("/iframe.html", "GET"),
    ("/iframe-0.3.4.html", "GET"),
    ("/info", "OPTIONS, GET"),
    ("/info/", "OPTIONS, GET"),
    ("/chunking_test", "OPTIONS, POST"),
    ("/websocket", "GET"),
    ("/s/t/websocket", "GET"),
    ("/s/t/xhr", "POST, OPTIONS"),
    ("/s/t/xhr_streaming", "POST, OPTIONS"),
    ("/s/t/xhr_send", "POST, OPTIONS"),
    ("/s/t/eventsource", "GET"),
    ("/s/t/htmlfile", "GET"),
    ("/s/t/jsonp", "GET"),
    ("/s/t/jsonp_send", "POST"),
];

const METHODS: [&str; 11] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "get", "XYZ"];

fn head(peer: &mut Peer) -> (u16, String) {
    let head = peer.read_head();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a status"), head)
}

#[test]
fn wrong_methods_on_every_route() {
    let server = echo(Primus::builder());
    for (route, allowed) in ROUTES {
        for method in
            METHODS.into_iter().filter(|method| !allowed.split(", ").any(|a| a == *method))
        {
            let mut peer = server.connect();
            peer.send(request(method, route, "Content-Length: 0\r\n").as_bytes());
            let (status, head) = head(&mut peer);
            assert_eq!(status, 405, "{method} {route}: {head}");
            assert!(head.contains(&format!("Allow: {allowed}\r\n")), "{method} {route}: {head}");
            // Nothing was opened by it.
            assert_eq!(server.primus.connected(), 0, "{method} {route}");
        }
    }
    still_serves(&server);
}

/// The method is looked at where the path is known, and nowhere else.
#[test]
fn every_method_on_unknown_routes() {
    let server = echo(Primus::builder());
    for route in [
        "/nothing",
        "/s/t",
        "/s/t/nothing",
        "/s/t/xhr/more",
        "/s//xhr",
        "/infos",
        "/s/t/websockets",
    ] {
        for method in METHODS {
            let mut peer = server.connect();
            peer.send(request(method, route, "Content-Length: 0\r\n").as_bytes());
            let (status, head) = head(&mut peer);
            assert_eq!(status, 404, "{method} {route}: {head}");
        }
        let answer = ask(server.addr, request("GET", route, ""));
        assert_eq!(answer.body, NOT_FOUND, "{route}");
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
    }
}

/// sockjs-node 0.3.20 mended only a part of it: `POST /info` with this header still
/// ends the process of sockjs-node 0.3.24.
#[test]
fn cve_2020_7693_upgrade_on_every_route() {
    let server = echo(Primus::builder());
    let unknown = ["/nothing", "/s/t/nothing", "/s.s/t/websocket", "/a/b/c/websocket"];
    let routes = ROUTES.into_iter().chain(unknown.map(|route| (route, "")));
    for (route, allowed) in routes {
        for method in METHODS {
            let upgrade = String::from_utf8(upgrade(&format!("/primus{route}"), "")).unwrap();
            let mut peer = server.connect();
            peer.send(upgrade.replacen("GET", method, 1).as_bytes());
            let (status, head) = head(&mut peer);
            let what = format!("{method} {route}: {head}");
            let is_allowed = allowed.split(", ").any(|a| a == method);
            match (method, is_allowed) {
                _ if allowed.is_empty() => assert_eq!(status, 404, "{what}"),
                ("GET", true) if route.ends_with("websocket") => assert_eq!(status, 101, "{what}"),
                (_, true) => assert!([200, 204, 400, 404, 500].contains(&status), "{what}"),
                _ => assert_eq!(status, 405, "{what}"),
            }
        }
    }
    still_serves(&server);
    assert_eq!(server.primus.metrics().panics_caught, 0);
}

/// What asks for a WebSocket must ask for the right one.
#[test]
fn no_websocket_requests_on_websocket_routes() {
    let server = echo(Primus::builder());
    for route in ["/websocket", "/s/t/websocket"] {
        for headers in [
            "",
            "Connection: Upgrade\r\n",
            "Upgrade: websocket\r\n",
            "Connection: Upgrade\r\nUpgrade: h2c\r\n",
            "Connection: Upgrade\r\nUpgrade: websocket\r\n",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: short\r\n",
        ] {
            let mut peer = server.connect();
            peer.send(request("GET", route, headers).as_bytes());
            let (status, head) = head(&mut peer);
            assert_eq!(status, 400, "{route} {headers:?}: {head}");
        }
    }
    assert_eq!(server.primus.connected(), 0);
    still_serves(&server);
}

/// Whatever is no path of the protocol.
#[test]
fn invalid_paths() {
    let server = echo(Primus::builder());
    for prefix in
        ["//", "/a./a", "/a/a.", "/./.", "/", "///", "/../..", "/%2e/a.", "/a//", "//a", "/.a/b"]
    {
        for (method, suffix) in
            [("GET", "/websocket"), ("POST", "/xhr"), ("POST", "/xhr_send"), ("GET", "/jsonp?c=x")]
        {
            let path = format!("{prefix}{suffix}");
            if path == "//websocket" {
                // Too few segments to be another than the raw one, with an empty name.
                continue;
            }
            let mut peer = server.connect();
            peer.send(request(method, &path, "Content-Length: 0\r\n").as_bytes());
            let (status, head) = head(&mut peer);
            assert_eq!(status, 404, "{method} {path}: {head}");
        }
    }
    for path in [
        "/iframe",
        "/iframe.htm",
        "/iframe.html.",
        "/iframe.HTML",
        "/IFRAME.HTML",
        "/iframe.xml",
        "/iframe-/.html",
        "/iframe.html/x",
        "/s/iframe.html",
        "/iframe-A.html",
        "/iframe-%41.html",
        "/iframe<.html",
        "/..",
        "/.",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/info.json",
        "/info%00",
        "/INFO",
        "/s/t/XHR",
        "/s/t/xhr%20",
    ] {
        let answer = ask(server.addr, request("GET", path, ""));
        assert_eq!((answer.status, &*answer.body), (404, NOT_FOUND), "{path}");
    }
    for path in ["/s/t/\\xhr", "/s\\t\\xhr", "/s/t/x\u{7f}"] {
        let answer = ask(server.addr, request("GET", path, ""));
        assert!([400, 404].contains(&answer.status), "{path}: {answer:?}");
    }
    assert_eq!(server.primus.connected(), 0);
    still_serves(&server);
}
