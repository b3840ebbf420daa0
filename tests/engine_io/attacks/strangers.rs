//! Those who want what is another's.

use std::time::Duration;

use primus::{Limits, ManualClock, Primus};

use crate::client::*;
use crate::common::*;

const OPEN: &str = "EIO=4&transport=polling";

/// Who tries on is told so, and nobody else; sessions are served all the same.
#[test]
fn session_id_guessing_at_a_rate() {
    let clock = ManualClock::new();
    let mut limits = Limits::default();
    limits.unknown_sessions = 10;
    let builder = Primus::builder().limits(limits).clock(&clock).ping_interval(None);
    let server = echo(builder);
    let mut client = Client::open(server.addr);
    let from = |address: &str| {
        let header = format!("X-Forwarded-For: {address}\r\n");
        let query = format!("{OPEN}&sid=nobody");
        let answer = ask(server.addr, request("GET", &query, &header));
        assert_eq!(answer.body, UNKNOWN);
        answer.status
    };
    let statuses: Vec<u16> = (0..12).map(|_| from("192.0.2.1")).collect();
    assert_eq!(statuses, [[400; 10].as_slice(), &[429; 2]].concat());
    let mut peer = server.connect();
    let target = "/primus/?EIO=4&transport=websocket&sid=nobody";
    peer.send(&upgrade(target, "X-Forwarded-For: 192.0.2.1\r\n"));
    assert_eq!(peer.read_response().status, 429);
    assert_eq!(from("192.0.2.2"), 400);
    client.say("4\"x\"");
    assert_eq!(client.poll(), ["4\"x\""]);
    clock.advance(Duration::from_secs(60));
    assert_eq!(from("192.0.2.1"), 400);
}

/// The server picks the id, whatever the client asks for.
#[test]
fn session_fixation() {
    let server = echo(Primus::builder().transport("cookie", "io"));
    let chosen = "AAAAAAAAAAAAAAAAAAAA";
    for query in [format!("{OPEN}&sid={chosen}"), format!("{OPEN}&sid=&sid={chosen}")] {
        assert_eq!(ask(server.addr, get(&query)).body, UNKNOWN);
    }
    let cookie = format!("Cookie: io={chosen}\r\n");
    let answer = ask(server.addr, request("GET", &format!("{OPEN}&sid="), &cookie));
    assert_eq!(answer.status, 200);
    let sid = sid_of(&answer.body);
    assert_ne!(sid, chosen);
    // The cookie is nobody's key: neither without the id, nor against it.
    let query = format!("{OPEN}&sid={chosen}");
    let cookie = format!("Cookie: io={sid}\r\n");
    assert_eq!(ask(server.addr, request("GET", &query, &cookie)).body, UNKNOWN);
    let second = ask(server.addr, request("GET", OPEN, &cookie));
    assert_ne!(sid_of(&second.body), sid);
    assert_eq!(server.primus.connected(), 2);
}

#[test]
fn cross_site_websocket_hijacking() {
    let server = echo(Primus::builder().origins(["https://good.example"]));
    let client = Client::open(server.addr); // no browser, no origin
    let (mine, over) = (client.query("polling"), client.query("websocket"));
    for (origin, allowed) in ORIGINS {
        let header = format!("Origin: {origin}\r\n");
        let status = |request: String| ask(server.addr, request).status;
        let expected = |status| if allowed { status } else { 403 };
        assert_eq!(status(request("GET", OPEN, &header)), expected(200), "{origin}");
        let jsonp = format!("{OPEN}&j=0");
        assert_eq!(status(request("GET", &jsonp, &header)), expected(200), "{origin}");
        // On a session that is another's.
        let say = String::from_utf8(post(&mine, &header, b"6")).unwrap();
        assert_eq!(status(say), expected(200), "{origin}");
        assert_eq!(status(request("PUT", &mine, &header)), expected(500), "{origin}");
        if !allowed {
            assert_eq!(status(request("GET", &mine, &header)), 403, "{origin}");
        }
        for query in ["EIO=4&transport=websocket", &over] {
            let mut peer = server.connect();
            peer.send(&upgrade(&format!("/primus/?{query}"), &header));
            let head = peer.read_head();
            let expected = format!("HTTP/1.1 {} ", expected(101));
            assert!(head.starts_with(&expected), "{origin}: {head}");
        }
    }
    assert!(client.is_known());
}

#[test]
fn cors_with_credentials() {
    let listed = echo(Primus::builder().origins(["https://good.example"]));
    let client = Client::open(listed.addr);
    listed.spark().write(&1).unwrap();
    let query = client.query("polling");
    let good = "Origin: https://good.example\r\n";
    let preflight = format!("{good}Access-Control-Request-Method: POST\r\n");
    for (status, bytes) in [
        (200, request("GET", OPEN, good).into_bytes()),
        (200, request("GET", &query, good).into_bytes()),
        (200, post(&query, good, b"6")),
        (400, request("GET", "EIO=4", good).into_bytes()),
        (200, request("OPTIONS", &query, &preflight).into_bytes()),
    ] {
        let answer = ask(listed.addr, bytes);
        assert_eq!(answer.status, status);
        let header = |name| answer.header(name).map(str::to_owned);
        assert_eq!(header("access-control-allow-origin").as_deref(), Some("https://good.example"));
        assert_eq!(header("access-control-allow-credentials").as_deref(), Some("true"));
        assert_eq!(header("vary").as_deref(), Some("Origin"));
        let age = header("access-control-max-age").map_or(0, |age| age.parse().unwrap());
        assert!(age <= 30 * 24 * 3600, "{age}");
    }
    let anybody = echo(Primus::builder().credentials(false));
    let answer = ask(anybody.addr, request("GET", OPEN, "Origin: https://evil.com\r\n"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
}

#[test]
fn log_injection() {
    let server = echo(Primus::builder().listener_errors(primus::ListenerErrors::End));
    let lines = log_of_failures(&server);
    let evil = "%0d%0aERROR:%20not%20so%1b%5b2J";
    ask(server.addr, get(&format!("{OPEN}&sid={evil}")));
    ask(server.addr, get(&format!("EIO=4&transport={evil}")));
    let mut client = Client::open_with(server.addr, 4, &format!("&t={evil}"));
    client.say("4\"\\r\\nERROR: not so\\u0085\\u001b\"");
    server.wait_empty();
    let mut client = Client::open(server.addr);
    client.say("4not\r\nERROR: json\u{1b}");
    client.say("4\"\"");
    server.wait_empty();
    lines_are_lines(&lines, "ERROR");
}
