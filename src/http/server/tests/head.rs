//! Heads without a socket.

use crate::http::head::*;
use crate::limits::Limits;

const PLAIN: &str = "GET /primus?a=b HTTP/1.1\r\nHost: a.example\r\nX-Y: z\r\n\r\nrest";

fn parse(input: &[u8]) -> Parsed<RequestHead> {
    parse_request(&mut Scan::default(), input, &Limits::default())
}

/// The outcome for the whole input, as a comparable text.
fn outcome(parsed: Parsed<RequestHead>) -> String {
    match parsed {
        Parsed::Complete { head, consumed } => {
            let fields: Vec<_> = head.fields.iter().collect();
            format!("{} {} {fields:?} {:?} {consumed}", head.method, head.fields.lead(), head.body)
        }
        Parsed::Bad(bad) => format!("{} {}", bad.status, bad.text),
        Parsed::Partial => "partial".into(),
    }
}

/// The outcome when the input arrives byte by byte.
fn dripped(input: &[u8], limits: &Limits) -> String {
    let mut scan = Scan::default();
    let mut last = Parsed::Partial;
    for end in 0..=input.len() {
        last = parse_request(&mut scan, &input[..end], limits);
        if !matches!(last, Parsed::Partial) {
            break;
        }
    }
    outcome(last)
}

fn refusal(input: impl AsRef<[u8]>) -> u16 {
    match parse(input.as_ref()) {
        Parsed::Bad(bad) => bad.status,
        Parsed::Complete { .. } => 200,
        Parsed::Partial => 0,
    }
}

#[test]
fn a_plain_head_is_read() {
    let Parsed::Complete { head, consumed } = parse(PLAIN.as_bytes()) else { panic!() };
    assert_eq!(consumed, PLAIN.len() - 4);
    assert_eq!(head.method, tiny_http::Method::Get);
    assert_eq!(head.fields.lead(), "/primus?a=b");
    assert_eq!(head.fields.iter().collect::<Vec<_>>(), [("host", "a.example"), ("x-y", "z")]);
    assert_eq!(head.body, BodyLength::Known(0));
}

#[test]
fn every_split_gives_the_same() {
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(9000));
    let large = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(40_000));
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(101));
    let inputs = [
        PLAIN,
        "\r\n\r\nGET / HTTP/1.0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\nGET /",
        "GET / HTTP/3.0\r\n\r\n",
        "\x16\x03\x01\x02\x00",
        "GET / HTTP/1.1\r\nHost: a",
        &long,
        &large,
        &many,
    ];
    for input in inputs {
        let bytes = input.as_bytes();
        let limits = Limits::default();
        let whole = outcome(parse(bytes));
        assert_eq!(dripped(bytes, &limits), whole, "{:?}", &input[..input.len().min(40)]);
        for split in [1, 7, bytes.len() / 2] {
            let mut scan = Scan::default();
            let first = parse_request(&mut scan, &bytes[..split.min(bytes.len())], &limits);
            let both = match first {
                Parsed::Partial => parse_request(&mut scan, bytes, &limits),
                ended => ended,
            };
            assert_eq!(outcome(both), whole);
        }
    }
}

#[test]
fn limits_are_exact() {
    let limits = Limits { request_line: 20, head: 60, headers: 2, ..Limits::default() };
    let outcome = |input: &str| dripped(input.as_bytes(), &limits)[..3].to_owned();
    assert_eq!(outcome("GET /123456 HTTP/1.1\r\nHost: a\r\n\r\n"), "GET");
    assert_eq!(outcome("GET /1234567 HTTP/1.1\r\nHost: a\r\n\r\n"), "414");
    let filled = |n: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(n));
    assert_eq!(filled(28).len(), 60);
    assert_eq!(outcome(&filled(28)), "GET");
    assert_eq!(outcome(&filled(29)), "431");
    assert_eq!(outcome("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\n\r\n"), "GET");
    assert_eq!(outcome("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\n\r\n"), "431");
}

/// CVE-2020-35884 (tiny_http) and its family: framing on which two parsers
/// could differ.
#[test]
fn cve_2020_35884_request_smuggling() {
    let framings = [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 5, 5",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length: 5.0",
        "Content-Length: abc",
        "Content-Length:",
        "Content-Length: \u{665}",
        "Content-Length: 18446744073709551616",
        "Content-Length : 5",
        "Content-Length\t: 5",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding:\x0bchunked",
        "Transfer-Encoding:",
        "Transfer-Encoding : chunked",
        " Transfer-Encoding: chunked",
        "X: y\r\n Transfer-Encoding: chunked",
        "X: y\r\n\tfolded",
        "X: y\nTransfer-Encoding: chunked",
        "X: y\rTransfer-Encoding: chunked",
        "X: y\0",
        "X\0: y",
        "X: y\x7f",
        "X: \x1b[2J",
        "X Y: z",
        ": nameless",
        "no colon",
        "Host: again",
    ];
    for framing in framings {
        let input = format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\nabcde");
        assert_eq!(refusal(&input), 400, "{framing:?}");
    }
    let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(refusal(old), 400, "chunks on HTTP/1.0");
}

#[test]
fn lengths_that_are_right_are_accepted() {
    let body = |framing: &str| {
        let input = format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n");
        match parse(input.as_bytes()) {
            Parsed::Complete { head, .. } => head.body,
            other => panic!("{framing:?}: {other:?}"),
        }
    };
    assert_eq!(body("Content-Length: 5"), BodyLength::Known(5));
    assert_eq!(body("content-length:005 "), BodyLength::Known(5));
    assert_eq!(body("Content-Length: 9223372036854775808"), BodyLength::Known(1 << 63));
    assert_eq!(body("Transfer-Encoding: Chunked"), BodyLength::Chunked);
    assert_eq!(body("X: y"), BodyLength::Known(0));
}

#[test]
fn hosts_and_request_lines_that_are_refused() {
    let table = [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
        ("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
        ("GET / HTTP/0.9\r\n\r\n", 505),
        ("GET / HTTP/11\r\nHost: a\r\n\r\n", 400),
        ("GET / http/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /\r\n\r\n", 400),
        ("GET\r\n\r\n", 400),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /\tx HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("{\"not\":\"http\"}", 400),
    ];
    for (input, status) in table {
        assert_eq!(refusal(input), status, "{input:?}");
    }
    let blank = "\r\n".repeat(20);
    assert_eq!(refusal(blank), 400, "blank lines for ever");
    for host in ["a", "a:80", "[::1]:8080", "127.0.0.1", "a_b.example", "xn--p1ai"] {
        assert_eq!(refusal(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")), 200, "{host}");
    }
}

/// CVE-2023-43669 (tungstenite): a head that is parsed again for every piece
/// costs quadratic time.
#[test]
fn cve_2023_43669_one_byte_at_a_time_is_linear() {
    const SIZE: usize = 256 << 10;
    let limits = Limits { head: SIZE, ..Limits::default() };
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(SIZE - 64));
    let start = std::time::Instant::now();
    assert!(dripped(head.as_bytes(), &limits).starts_with("GET"));
    // Quadratic would be 34,000 million comparisons.
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}

#[test]
fn responses_are_read() {
    let limits = Limits::default();
    let input =
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nWWW-Authenticate: Basic\r\n\r\n{}";
    match parse_response(&mut Scan::default(), input, &limits) {
        Parsed::Complete { head, consumed } => {
            assert_eq!((head.status, head.fields.lead(), consumed), (401, "Unauthorized", 73));
            assert_eq!(head.body, BodyLength::Known(2));
            assert_eq!(head.fields.all("www-authenticate").next(), Some("Basic"));
        }
        other => panic!("{other:?}"),
    }
    let input = b"HTTP/1.1 101\r\n\r\n";
    let parsed = parse_response(&mut Scan::default(), input, &limits);
    assert!(matches!(parsed, Parsed::Complete { head, .. } if head.body == BodyLength::UntilClose));
    for bad in ["HTTP/1.1 2x0 OK\r\n\r\n", "ICY 200 OK\r\n\r\n", "HTTP/1.1 200 OK\n\n"] {
        let parsed = parse_response(&mut Scan::default(), bad.as_bytes(), &limits);
        assert!(matches!(parsed, Parsed::Bad(_)), "{bad:?}");
    }
}
