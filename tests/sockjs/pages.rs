//! What is answered without a session; the recordings have the rest.

use primus::Primus;

use crate::client::*;
use crate::common::*;

/// A request that asks for a WebSocket, whatever else it asks for.
fn upgrading(method: &str, path: &str) -> String {
    let headers = format!(
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: {KEY}\r\n\
         Sec-WebSocket-Version: 13\r\n"
    );
    request(method, path, &headers)
}

#[test]
fn the_spec_names_the_protocol() {
    let server = echo(Primus::builder());
    let spec = ask(server.addr, request("GET", "/spec", ""));
    assert!(spec.body.ends_with(r#""parser":"json","transformer":"sockjs"}"#), "{}", spec.body);
    let library = ask(server.addr, request("GET", "/primus.js", ""));
    assert_eq!(library.status, 200);
}

#[test]
fn info_says_what_there_is_and_a_number_that_is_never_the_same() {
    let server = echo(
        Primus::builder()
            .transport("websocket", "false")
            .transport("jsessionid", "true")
            .transport("base_url", "https://example.com/x"),
    );
    let info = || {
        let body = ask(server.addr, request("GET", "/info?a=1", "")).body;
        let (before, rest) = body.split_once("\"entropy\":").expect("a number");
        let (number, after) = rest.split_once(',').expect("more");
        assert_eq!(before, r#"{"websocket":false,"origins":["*:*"],"cookie_needed":true,"#);
        assert_eq!(after, r#""base_url":"https://example.com/x"}"#);
        number.parse::<u32>().expect("a number of 32 bits")
    };
    let numbers: Vec<_> = (0..5).map(|_| info()).collect();
    assert!(numbers.windows(2).any(|two| two[0] != two[1]), "{numbers:?}");
}

#[test]
fn the_page_for_iframes_names_another_script_and_has_another_tag() {
    let server = echo(Primus::builder().transport("sockjs_url", "/lib/sockjs.js?a=1"));
    let page = ask(server.addr, request("GET", "/iframe-1.2.html?t=3", ""));
    assert!(page.body.contains("<script src=\"/lib/sockjs.js?a=1\"></script>"), "{}", page.body);
    let tag = page.header("etag").expect("a tag").to_owned();
    assert_ne!(tag, "\"08c88a6396a2481f245d665a53d9dc14\"");
    let (weak, listed) = (format!("W/{tag}"), format!("\"x\", {tag}"));
    let other = "\"08c88a6396a2481f245d665a53d9dc14\"";
    for (known, status) in [(&*tag, 304), (&weak, 304), (&listed, 304), ("*", 304), (other, 200)] {
        let again = request("GET", "/iframe.html", &format!("If-None-Match: {known}\r\n"));
        assert_eq!(ask(server.addr, again).status, status);
    }
}

/// No parser takes what a query says for a part of the path, or the other way round.
#[test]
fn queries_belong_to_no_path() {
    let server = echo(Primus::builder());
    for (method, path, status) in [
        ("GET", "?_primuscb=1/info", 200),
        ("POST", "?_primuscb=1/000/s/xhr", 405),
        ("GET", "/info?/000/s/xhr", 200),
        ("POST", "/000/q/xhr?a=/b/../c", 200),
        ("POST", "_primuscb=1/000/r/xhr", 200),
        ("GET", "%2finfo", 200),
        ("GET", "/info%2f", 404),
        ("GET", "/./info", 404),
    ] {
        let answer = ask(server.addr, request(method, path, "Content-Length: 0\r\n"));
        assert_eq!(answer.status, status, "{method} {path}");
    }
}

#[test]
fn an_upgrade_is_answered_raw_on_every_route() {
    let server = echo(Primus::builder());
    for (method, path, status, body) in [
        ("GET", "", 200, "Welcome to SockJS!\n"),
        ("GET", "/info", 200, "{\"websocket\":true"),
        ("GET", "/iframe.html", 200, "<!DOCTYPE html>"),
        ("GET", "/nosuch", 404, NOT_FOUND),
        ("GET", "/000/s/nosuch", 404, NOT_FOUND),
        ("GET", "/000/s.1/websocket", 404, NOT_FOUND),
        ("GET", "/chunking_test", 405, ""),
        ("GET", "/000/s/xhr", 405, ""),
        ("GET", "/000/s/xhr_streaming", 405, ""),
        ("GET", "/000/s/xhr_send", 405, ""),
        ("GET", "/000/s/jsonp_send", 405, ""),
        ("POST", "/websocket", 405, ""),
        ("POST", "/000/s/websocket", 405, ""),
        ("POST", "/chunking_test", 400, "Not a valid websocket request"),
        ("POST", "/000/s/xhr", 400, "Not a valid websocket request"),
        ("POST", "/000/s/xhr_streaming", 400, "Not a valid websocket request"),
        ("POST", "/000/s/xhr_send", 400, "Not a valid websocket request"),
        ("POST", "/000/s/jsonp_send", 400, "Not a valid websocket request"),
        ("GET", "/000/s/eventsource", 400, "Not a valid websocket request"),
        ("GET", "/000/s/htmlfile?c=a", 400, "Not a valid websocket request"),
        ("GET", "/000/s/jsonp?c=a", 400, "Not a valid websocket request"),
        ("OPTIONS", "/000/s/xhr", 204, ""),
        ("OPTIONS", "/info", 204, ""),
    ] {
        let mut peer = server.connect();
        let answer = peer.ask(&upgrading(method, path));
        assert_eq!(answer.status, status, "{method} {path}");
        assert!(answer.body.starts_with(body), "{method} {path}: {}", answer.body);
        assert!(answer.head.contains("\r\nConnection: close\r\n"), "{}", answer.head);
        assert!(peer.ends(), "{method} {path}");
    }
    assert_eq!(server.primus.connected(), 0);
    assert!(!is_known(server.addr, "/000/s"));
}

/// Behind the layers of Primus, which say the rest.
#[test]
fn scripts_without_an_origin_may_read_what_is_for_scripts() {
    let server = echo(Primus::builder());
    let asked = "Access-Control-Request-Headers: x-a, x-b\r\n";
    for (method, path, open) in [
        ("GET", "/info", true),
        ("OPTIONS", "/info", true),
        ("POST", "/000/c1/xhr", true),
        ("OPTIONS", "/000/c1/xhr", true),
        ("POST", "/000/c1/xhr_send", true),
        ("GET", "", false),
        ("GET", "/iframe.html", false),
        ("GET", "/000/c2/jsonp?c=a", false),
        ("GET", "/000/c2/htmlfile", false),
        ("GET", "/000/c1/xhr", false),
    ] {
        let headers = format!("{asked}Content-Length: 0\r\n");
        let answer = ask(server.addr, request(method, path, &headers));
        let all = answer.header("access-control-allow-origin");
        assert_eq!(all, open.then_some("*"), "{method} {path}");
        assert_eq!(answer.header("vary"), open.then_some("Origin"), "{method} {path}");
        let wanted = answer.header("access-control-allow-headers");
        assert_eq!(wanted, open.then_some("x-a, x-b"), "{method} {path}");
    }
    // An origin that is named is dealt with by its layer, and by that alone.
    let server = echo(Primus::builder().origins(["https://example.com"]));
    let origin = |origin: &str| request("GET", "/info", &format!("Origin: {origin}\r\n"));
    assert_eq!(ask(server.addr, origin("https://example.org")).status, 403);
    let answer = ask(server.addr, origin("https://example.com"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://example.com"));
    assert_eq!(answer.head.matches("Vary").count(), 1, "{}", answer.head);
}

#[test]
fn a_cookie_is_repeated_as_the_client_has_it() {
    let server = echo(Primus::builder().transport("jsessionid", "true"));
    for (sent, expected) in [
        ("", "dummy"),
        ("Cookie: a=b; JSESSIONID=abcd; c=d\r\n", "abcd"),
        ("Cookie: JSESSIONID=\r\n", ""),
        ("Cookie: XJSESSIONID=x\r\n", "dummy"),
        ("Cookie: JSESSIONID=a\tb\r\n", "a\tb"),
    ] {
        let answer = ask(server.addr, request("OPTIONS", "/000/j/xhr_send", sent));
        let cookie = format!("JSESSIONID={expected}; path=/");
        assert_eq!(answer.header("set-cookie"), Some(&*cookie), "{sent}");
    }
    for path in ["/info", "/iframe.html", ""] {
        assert_eq!(ask(server.addr, request("GET", path, "")).header("set-cookie"), None, "{path}");
    }
}
