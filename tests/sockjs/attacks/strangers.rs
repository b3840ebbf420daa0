//! Those who want what is another's, by way of a browser or of a log.

use primus::Primus;

use super::routes::ROUTES;
use crate::client::*;
use crate::common::*;

#[test]
fn cross_site_websocket_hijacking() {
    let server = echo(Primus::builder().origins(["https://good.example"]));
    let client = Client::open(server.addr); // no browser, no origin
    for (origin, allowed) in ORIGINS {
        let header = format!("Origin: {origin}\r\n");
        for (route, methods) in ROUTES {
            let method = if methods.contains("POST") { "POST" } else { "GET" };
            let query =
                if route.ends_with("htmlfile") || route.ends_with("jsonp") { "?c=cb" } else { "" };
            let path = route.replace("/s/t/", &format!("{}/", fresh()));
            let mut peer = server.connect();
            if route.ends_with("websocket") {
                peer.send(&upgrade(&format!("/primus{path}"), &header));
            } else {
                let headers = format!("{header}Content-Length: 0\r\n");
                peer.send(request(method, &format!("{path}{query}"), &headers).as_bytes());
            }
            let head = peer.read_head();
            let is_refused = head.starts_with("HTTP/1.1 403 ");
            assert_eq!(is_refused, !allowed, "{origin} {route}: {head}");
        }
        // On a session that is another's.
        let sent = post(&format!("{}/xhr_send", client.session), &header, "[]");
        assert_eq!(ask(server.addr, sent).status, if allowed { 204 } else { 403 }, "{origin}");
    }
    assert!(client.is_known());
}

#[test]
fn cors_with_credentials() {
    let listed = echo(Primus::builder().origins(["https://good.example"]));
    let good = "Origin: https://good.example\r\n";
    let preflight = format!("{good}Access-Control-Request-Method: POST\r\n");
    for (status, bytes) in [
        (200, request("GET", "/info", good).into_bytes()),
        (204, request("OPTIONS", "/info", good).into_bytes()),
        (200, request("OPTIONS", "/s/t/xhr", &preflight).into_bytes()),
        (200, post(&format!("{}/xhr", fresh()), good, "")),
        (404, post(&format!("{}/xhr_send", fresh()), good, "[\"x\"]")),
        (405, request("PUT", "/s/t/xhr", good).into_bytes()),
    ] {
        let answer = ask(listed.addr, bytes);
        assert_eq!(answer.status, status, "{answer:?}");
        let header = |name| answer.header(name).map(str::to_owned);
        assert_eq!(header("access-control-allow-origin").as_deref(), Some("https://good.example"));
        assert_eq!(header("access-control-allow-credentials").as_deref(), Some("true"));
        assert_eq!(header("vary").as_deref(), Some("Origin"));
    }
    // To everybody nothing is allowed that would be one person's own.
    let anybody = echo(Primus::builder().credentials(false));
    for headers in ["Origin: https://evil.com\r\n", ""] {
        let answer = ask(anybody.addr, request("GET", "/info", headers));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{headers}");
        assert_eq!(answer.header("access-control-allow-credentials"), None, "{headers}");
    }
    // Nor where no origin is said: it is never a star with credentials.
    let answer = ask(listed.addr, request("GET", "/info", ""));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
}

/// The cookie comes back as it was, if it can.
#[test]
fn cookies_and_header_lists_split_no_answer() {
    let server = echo(Primus::builder().transport("jsessionid", "true"));
    for cookie in [
        "JSESSIONID=a b",
        "JSESSIONID=<script>",
        "JSESSIONID=\"",
        "JSESSIONID=\u{e9}",
        "JSESSIONID=a\x0bb",
        "JSESSIONID=",
        "JSESSIONID",
        "x=JSESSIONID=y",
        ";;;=;",
    ] {
        let mut peer = server.connect();
        peer.send(&post(&format!("{}/xhr", fresh()), &format!("Cookie: {cookie}\r\n"), ""));
        let answer = peer.read_response();
        if answer.status != 400 {
            assert_eq!((answer.status, &*answer.body), (200, "o\n"), "{cookie}");
            let set: Vec<_> =
                answer.head.lines().filter(|line| line.starts_with("Set-Cookie")).collect();
            assert_eq!(set.len(), 1, "{cookie}: {answer:?}");
            assert!(set[0].ends_with("; path=/"), "{cookie}: {set:?}");
        }
    }
    for list in ["x-mine", "a, b", "\u{e9}", "a\x0b", "<script>"] {
        let headers = format!("Access-Control-Request-Headers: {list}\r\n");
        let answer = ask(server.addr, request("OPTIONS", "/info", &headers));
        assert!([204, 400].contains(&answer.status), "{list}: {answer:?}");
    }
    still_serves(&server);
}

#[test]
fn log_injection() {
    let server = echo(Primus::builder().listener_errors(primus::ListenerErrors::End));
    let lines = log_of_failures(&server);
    let evil = "%0d%0aERROR:%20not%20so%1b%5b2J";
    ask(server.addr, post(&format!("/000/{evil}/xhr_send"), "", "[\"x\"]"));
    ask(server.addr, request("GET", &format!("/{evil}"), ""));
    let mut client = Client::open_as(server.addr, &format!("/000/{evil}"));
    client.say("\"\\r\\nERROR: not so\\u0085\\u001b\"");
    wait_for("sparks", 0, || server.primus.connected());
    let mut client = Client::open(server.addr);
    client.say("not\r\nERROR: json\u{1b}");
    client.say("\"\"");
    server.wait_empty();
    lines_are_lines(&lines, "ERROR");
}

/// The page that stands in frames of others has nothing of a stranger's in it, and
/// nothing of a user's.
#[test]
fn the_page_for_frames_repeats_nothing() {
    let server = echo(Primus::builder());
    let plain = ask(server.addr, request("GET", "/iframe.html", ""));
    for path in
        ["/iframe.html?<script>alert(1)</script>", "/iframe-1.2.3.html?t=%22", "/iframe_.html"]
    {
        let headers = "Cookie: a=<b>\r\nReferer: http://x/<script>\r\n";
        let answer = ask(server.addr, request("GET", path, headers));
        assert_eq!((answer.status, &answer.body), (200, &plain.body), "{path}");
        assert_eq!(answer.header("etag"), plain.header("etag"), "{path}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=UTF-8"));
    }
}
