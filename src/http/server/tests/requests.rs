//! The request as the application sees it.

use super::*;
use crate::http::head::{Parsed, Scan, parse_request};

fn request(head: &str) -> Request {
    request_of(head.as_bytes())
}

fn request_of(head: &[u8]) -> Request {
    match parse_request(&mut Scan::default(), head, &Limits::default()) {
        Parsed::Complete { head, .. } => Request::new(head, None),
        other => panic!("{other:?}"),
    }
}

fn get(target: &str) -> Request {
    request(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"))
}

fn with(headers: &str) -> Request {
    request(&format!("GET / HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n"))
}

#[test]
fn targets_are_split() {
    let table = [
        ("/primus?a=b&c", "/primus", "a=b&c"),
        ("/primus", "/primus", ""),
        ("/primus?", "/primus", ""),
        ("/a?b?c", "/a", "b?c"),
        ("/a#b?c", "/a", ""),
        ("/a?b#c", "/a", "b"),
        ("http://h:80/p/q?r=s", "/p/q", "r=s"),
        ("HTTP://h", "/", ""),
        ("http://h?x=y", "/", "x=y"),
        ("/x?u=http://h/p", "/x", "u=http://h/p"),
        ("//h/p", "//h/p", ""),
        ("*", "*", ""),
        ("h:443", "h:443", ""),
        ("?://", "/", "://"),
    ];
    for (target, path, query) in table {
        let request = get(target);
        assert_eq!((request.path(), request.query()), (path, query), "{target}");
        assert_eq!(request.url(), target);
    }
}

/// CVE-2023-31125 (engine.io) and its family: queries made to confuse.
#[test]
fn cve_2023_31125_hostile_queries_never_fail() {
    let table: [(&str, &[(&str, &str)]); 8] = [
        ("a=1&a=2", &[("a", "1"), ("a", "2")]),
        ("&&=&=x&y", &[("", ""), ("", "x"), ("y", "")]),
        ("a+b=c%20d%2B", &[("a b", "c d+")]),
        ("a=%&b=%4&c=%zz&d=%4%41", &[("a", "%"), ("b", "%4"), ("c", "%zz"), ("d", "%4A")]),
        ("a=%ff%fe", &[("a", "\u{fffd}\u{fffd}")]),
        ("%F0%9F%98%80=%E2%82%AC", &[("\u{1f600}", "\u{20ac}")]),
        ("__proto__=1&constructor=%00", &[("__proto__", "1"), ("constructor", "\0")]),
        ("a=b=c", &[("a", "b=c")]),
    ];
    for (query, pairs) in table {
        let request = get(&format!("/?{query}"));
        let read: Vec<_> = request.query_pairs().collect();
        let read: Vec<_> = read.iter().map(|(k, v)| (&**k, &**v)).collect();
        assert_eq!(read, pairs, "{query}");
    }
    let many = get(&format!("/?{}", "a&".repeat(3000)));
    assert_eq!(many.query_pairs().count(), 1000);
}

#[test]
fn headers_are_found_by_any_case() {
    let request = with("X-Token: one\r\nx-token: two\r\nAccept: a, ,b\r\nACCEPT: c");
    assert_eq!(request.header("X-TOKEN"), Some("one, two"));
    assert_eq!(request.header("missing"), None);
    assert_eq!(request.header_list("accept").collect::<Vec<_>>(), ["a", "b", "c"]);
    let names: Vec<_> = request.headers().map(|(name, _)| name).collect();
    assert_eq!(names, ["host", "x-token", "x-token", "accept", "accept"]);
}

#[test]
fn fields_that_are_sent_more_than_once_are_joined_or_the_first_counts() {
    let twice = |name: &str| {
        let lower = name.to_ascii_lowercase();
        let request = with(&format!("{name}: a=1\r\nOther: z\r\n{lower}: \r\n{lower}: b"));
        request.header(name).map(str::to_owned)
    };
    for list in ["Accept", "X-Forwarded-For", "Via", "Sec-WebSocket-Protocol", "Upgrade", "X-Any"] {
        assert_eq!(twice(list).as_deref(), Some("a=1, , b"), "{list}");
    }
    assert_eq!(twice("Cookie").as_deref(), Some("a=1; ; b"));
    // Those whose duplicates Node's documentation calls discarded.
    for single in [
        "Age",
        "Authorization",
        "Content-Type",
        "ETag",
        "Expires",
        "From",
        "If-Modified-Since",
        "If-Unmodified-Since",
        "Last-Modified",
        "Location",
        "Max-Forwards",
        "Proxy-Authorization",
        "Referer",
        "Retry-After",
        "Server",
        "Set-Cookie",
        "User-Agent",
    ] {
        assert_eq!(twice(single).as_deref(), Some("a=1"), "{single}");
    }
    // What was sent is there too, and nothing else.
    let request = with("B: 1\r\nCookie: x\r\nB: 2\r\nCookie: y\r\nC: 3");
    let all: Vec<_> = request.headers().collect();
    let sent =
        [("host", "a"), ("b", "1"), ("cookie", "x"), ("b", "2"), ("cookie", "y"), ("c", "3")];
    assert_eq!(all, sent);
    assert_eq!(
        ["B", "cookie", "c"].map(|name| request.header(name)),
        [Some("1, 2"), Some("x; y"), Some("3"),]
    );
}

#[test]
fn bytes_beyond_ascii_are_latin1() {
    let request = request_of(b"GET / HTTP/1.1\r\nHost: a\r\nX: caf\xe9 \xc3\xa9\r\n\r\n");
    assert_eq!(request.header("x"), Some("caf\u{e9} \u{c3}\u{a9}"));
}

#[test]
fn upgrades_are_recognised() {
    let table = [
        ("Connection: Upgrade\r\nUpgrade: websocket", true),
        ("Connection: keep-alive, upgrade\r\nUpgrade: websocket", true),
        ("Connection: keep-alive\r\nConnection: UPGRADE\r\nUpgrade: WebSocket", true),
        ("Connection: Upgrade\r\nUpgrade: h2c, websocket", true),
        ("Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket", true),
        ("Connection: Upgrade\r\nUpgrade: h2c", false),
        ("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: ", false),
        ("Connection: Upgrade", false),
        ("Upgrade: websocket", false),
        ("Connection: xupgrade\r\nUpgrade: websocket", false),
        ("Connection: Upgrade\r\nUpgrade:", false),
        ("Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3", false),
        ("Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked", false),
        ("Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0", true),
    ];
    for (headers, upgrade) in table {
        assert_eq!(with(headers).is_upgrade(), upgrade, "{headers:?}");
    }
}

/// CVE-2021-32640 (ws), CVE-2020-7662 (websocket-extensions): list headers
/// made to be slow.
#[test]
fn cve_2021_32640_long_lists_are_linear() {
    let start = std::time::Instant::now();
    for hostile in [" ".repeat(30_000), ",".repeat(30_000), " ,\t".repeat(10_000)] {
        let request = with(&format!("Connection: a{hostile}b"));
        assert!(!request.is_upgrade() && request.keep_alive());
        assert!(request.header_list("connection").count() <= 2);
    }
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[test]
fn an_address_is_settled_once() {
    let request = get("/");
    assert_eq!(request.address(), Address::default());
    let (one, two) = ("192.0.2.1:1", "192.0.2.2:2");
    let parse = |text: &str| Address::from(text.parse::<std::net::SocketAddr>().unwrap());
    request.set_address(parse(one));
    request.set_address(parse(two));
    assert_eq!(request.address(), parse(one));
    assert_eq!(parse("[::ffff:192.0.2.1]:1"), parse(one));
}

/// What stays of a request for the life of a spark.
#[test]
fn a_request_is_compact() {
    assert!(size_of::<Request>() <= 200, "{}", size_of::<Request>());
}

#[test]
fn a_request_shows_no_control_characters() {
    assert_eq!(format!("{:?}", get("/a\u{85}b")), "GET /a\u{c2}\\u{85}b HTTP/1.1");
}
