//! Names of functions that stand in a page, or a script, which the answer becomes.

use primus::Primus;

use crate::client::*;
use crate::common::*;

/// Percent-encoded, as they stand in a query.
const EVIL: [&str; 20] = [
    "<script>alert(1)</script>",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "alert(1)%2F%2F",
    "a%28%29",
    "a%3B",
    "a%22",
    "a%27",
    "a%0D%0ASet-Cookie:x%3Dy",
    "a%00",
    "a%20b",
    "a%5B0%5D",
    "a%24",
    "%E9",
    "%C3%A9",
    "a%2Bb",
    "%",
    "%3D",
    "a%26b",
    "a;b",
    "/**/",
];

const MISSING: &str = "\"callback\" parameter required";
const INVALID: &str = "invalid \"callback\" parameter";

fn get(server: &Server, receiver: &str, query: &str) -> Response {
    ask(server.addr, request("GET", &format!("{}/{receiver}?{query}", fresh()), ""))
}

/// sockjs-node put it into its answer as it was.
#[test]
fn cve_2020_8823_reflected_callbacks() {
    let server = echo(Primus::builder());
    for receiver in ["htmlfile", "jsonp"] {
        for name in ["c", "callback"] {
            for evil in EVIL {
                let answer = get(&server, receiver, &format!("{name}={evil}"));
                assert_eq!((answer.status, &*answer.body), (500, INVALID), "{receiver} {evil}");
                assert!(
                    !answer.head.contains("alert") && !answer.head.contains("x=y"),
                    "{answer:?}"
                );
                assert_eq!(answer.header("content-type"), None, "{answer:?}");
            }
        }
    }
    assert_eq!(server.primus.connected(), 0, "no session was opened by it");
}

#[test]
fn callbacks_have_a_length() {
    let server = echo(Primus::builder());
    for (length, status) in [(1, 200), (32, 200), (33, 500), (4000, 500)] {
        for receiver in ["jsonp", "htmlfile"] {
            let path = format!("{}/{receiver}?c={}", fresh(), "a".repeat(length));
            let mut peer = server.connect();
            peer.send(request("GET", &path, "").as_bytes());
            let head = peer.read_head();
            assert!(
                head.starts_with(&format!("HTTP/1.1 {status} ")),
                "{receiver} {length}: {head}"
            );
        }
    }
}

#[test]
fn callbacks_that_are_missing() {
    let server = echo(Primus::builder());
    for receiver in ["htmlfile", "jsonp"] {
        for query in ["", "c", "c=", "callback=", "C=x", "x=c", "c%00=x"] {
            let answer = get(&server, receiver, query);
            assert_eq!((answer.status, &*answer.body), (500, MISSING), "{receiver}?{query}");
        }
    }
    assert_eq!(server.primus.connected(), 0);
}

/// Which of them is meant nobody can say, and proxies may disagree.
#[test]
fn callbacks_that_are_given_twice() {
    let server = echo(Primus::builder());
    for receiver in ["htmlfile", "jsonp"] {
        for query in
            ["c=a&c=b", "c=a&c=a", "callback=a&callback=b", "c=&c=a&callback=b", "%63=a&c=b"]
        {
            let answer = get(&server, receiver, query);
            assert_eq!((answer.status, &*answer.body), (500, INVALID), "{receiver}?{query}");
        }
    }
    assert_eq!(server.primus.connected(), 0);
    // One for scripts and one for pages may be there at a time.
    let answer = get(&server, "jsonp", "callback=b&c=a&callback=b");
    assert_eq!(answer.body, "/**/a(\"o\");\r\n");
}

/// The names that clients make up, and what they are given back.
#[test]
fn callbacks_that_are_allowed() {
    let server = echo(Primus::builder());
    for name in ["cb", "_jp.a0zyx", "a-b.C_9", "%5Fjp%2Ea"] {
        let plain = name.replace("%5F", "_").replace("%2E", ".");
        let answer = get(&server, "jsonp", &format!("c={name}"));
        assert_eq!(answer.body, format!("/**/{plain}(\"o\");\r\n"), "{name}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("content-type"), Some("application/javascript; charset=UTF-8"));
    }
}

/// A script that was made to be a film at the same time (Rosetta Flash).
#[test]
fn sockjs_node_163_scripts_begin_with_a_comment() {
    let server = echo(Primus::builder());
    let session = fresh();
    for _ in 0..2 {
        let mut peer = server.connect();
        peer.send(
            request("GET", &format!("{session}/jsonp?c=CWSMIKI0hCD0Up0IZUnnnnnnnn"), "").as_bytes(),
        );
        server.primus.write("x").unwrap();
        let answer = peer.read_response();
        assert!(answer.body.starts_with("/**/CWSMIKI0hCD0Up0IZUnnnnnnnn(\""), "{answer:?}");
    }
}

/// What is written is data, wherever it comes to stand.
#[test]
fn pages_and_scripts_are_not_broken_out_of() {
    let server = echo(Primus::builder());
    let evil = "</script><script>alert(1)</script><!-- \u{2028}\u{2029}'\");\r\n]]>%25%0a\u{0}";
    for receiver in ["htmlfile", "jsonp"] {
        let session = fresh();
        let mut first = server.connect();
        first.send(&receive(&session, receiver));
        let sent = serde_json::to_string(evil).unwrap();
        wait_for("sparks", 1, || server.primus.connected());
        if receiver == "jsonp" {
            assert_eq!(first.read_response().body, "/**/cb(\"o\");\r\n");
        }
        let body = serde_json::to_string(&[&sent]).unwrap();
        assert_eq!(ask(server.addr, post(&format!("{session}/xhr_send"), "", body)).status, 204);
        let text = if receiver == "jsonp" {
            ask(server.addr, receive(&session, receiver)).body
        } else {
            let mut stream = Stream::on(first, "htmlfile");
            assert_eq!(stream.frame(), "o");
            stream.raw()
        };
        let inner = text.trim_start_matches("<script>").trim_end().trim_end_matches("</script>");
        // A script ends where it ends, but what stands in a page is cut out of it.
        let in_pages = if receiver == "htmlfile" { &["</script", "<!--"][..] } else { &[] };
        for part in in_pages.iter().chain(&["\u{2028}", "\u{2029}", "\0"]) {
            assert!(!inner.contains(part), "{receiver}: {text}");
        }
        let literal = &inner[inner.find('(').unwrap() + 1..inner.rfind(')').unwrap()];
        let frame: String = serde_json::from_str(literal).unwrap();
        let echoed: String = serde_json::from_str(&messages(&frame)[0]).unwrap();
        assert_eq!(echoed, evil, "{receiver}");
        server.primus.for_each(|spark| spark.end());
        server.wait_empty();
    }
}
