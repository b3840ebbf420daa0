//! From `http` to `https`.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use primus::{Error, Limits, Redirect};

use super::*;

const LOCAL: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// A server, and where it redirects from.
fn redirecting(builder: Builder, how: impl FnOnce(Redirect) -> Redirect) -> (Server, SocketAddr) {
    let server = Server::echo(builder);
    let from = server.primus.redirect_from(how(SocketAddr::from(LOCAL).into())).unwrap();
    (server, from)
}

fn plain() -> (Server, SocketAddr) {
    redirecting(builder(), |redirect| redirect)
}

/// The answer to these bytes, with which the connection ends.
fn ask(from: SocketAddr, request: &str) -> Response {
    let mut peer = Peer::connect(from);
    let answer = peer.ask(request);
    assert!(peer.ends(), "{request:?} got more than an answer");
    answer
}

fn location(answer: &Response) -> &str {
    header_of(&answer.head, "location").unwrap_or_else(|| panic!("no Location: {}", answer.head))
}

/// What is answered to a GET with this target and host.
fn get(from: SocketAddr, target: &str, host: &str) -> Response {
    ask(from, &format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
}

#[test]
fn a_request_is_sent_to_https() {
    let (server, from) = plain();
    let answer = get(from, "/a/b?x=1&y=%20", "example.com");
    let to = format!("https://example.com:{}/a/b?x=1&y=%20", server.addr.port());
    assert_eq!(
        answer.head,
        format!(
            "HTTP/1.1 301 Moved Permanently\r\nConnection: close\r\nContent-Length: 0\r\n\
             Location: {to}\r\n\
             Strict-Transport-Security: max-age=8640000; includeSubDomains\r\n\r\n"
        )
    );
    assert_eq!(answer.body, "");
}

#[test]
fn the_port_is_that_of_the_server_or_as_told() {
    let (server, from) = plain();
    let port = server.addr.port();
    for (host, to) in [
        ("a.b", format!("https://a.b:{port}/")),
        ("A.b:80", format!("https://a.b:{port}/")),
        ("a.b.", format!("https://a.b.:{port}/")),
        ("192.0.2.1:8080", format!("https://192.0.2.1:{port}/")),
        ("[2001:DB8::1]", format!("https://[2001:db8::1]:{port}/")),
        ("[::1]:80", format!("https://[::1]:{port}/")),
    ] {
        assert_eq!(location(&get(from, "/", host)), to);
    }
    let (_server, from) = redirecting(builder(), |redirect| redirect.to_port(443));
    assert_eq!(location(&get(from, "/", "a.b:8080")), "https://a.b/");
    assert_eq!(location(&get(from, "/?q", "[::1]:8080")), "https://[::1]/?q");
    // Before the server listens anywhere.
    let primus = builder().build().unwrap();
    let from = primus.redirect_from(SocketAddr::from(LOCAL)).unwrap();
    assert_eq!(location(&get(from, "/", "a.b")), "https://a.b/");
    primus.destroy(Default::default());
}

#[test]
fn a_bad_host_is_refused_and_never_sent_back() {
    let (server, from) = plain();
    for host in [
        "evil.com/x",
        "a@evil.com",
        "a:b@evil.com:80",
        "evil.com?x",
        "a b",
        "a..b",
        "<b>",
        "\"a\"",
        "a,b",
        "a:b",
        "a:65536",
        "[::1",
        "[fe80::1%251]",
        "::1",
        "é.com",
        "%65vil.com",
        "a\\b",
    ] {
        let answer = get(from, "/", host);
        assert_eq!(answer.status, 400, "{host}: {}", answer.head);
        let said = format!("{}{}", answer.head, answer.body);
        assert!(!said.contains(host) && !said.contains("ocation"), "{said}");
    }
    for request in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.b\r\nHost: a.c\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.b\r\n folded\r\n\r\n",
        "GET http://a@b/ HTTP/1.1\r\nHost: a.b\r\n\r\n",
        "GET http:///x HTTP/1.1\r\nHost: a.b\r\n\r\n",
        "\x16\x03\x01\x00\x05hello",
    ] {
        assert_eq!(ask(from, request).status, 400, "{request:?}");
    }
    // A head that is none is counted behind its answer.
    wait_until("all of them are counted", || {
        server.primus.metrics().refusals.iter().any(|(status, n)| *status == 400 && *n >= 24)
    });
}

#[test]
fn http_1_0_without_a_host_is_not_found_and_with_one_is_sent() {
    let (server, from) = plain();
    let answer = ask(from, "GET /x HTTP/1.0\r\n\r\n");
    assert_eq!(answer.status, 404, "{}", answer.head);
    assert!(answer.head.starts_with("HTTP/1.0 404 "), "{}", answer.head);
    let answer = ask(from, "GET /x HTTP/1.0\r\nHost: a.b\r\n\r\n");
    assert_eq!(answer.status, 301);
    assert_eq!(location(&answer), format!("https://a.b:{}/x", server.addr.port()));
}

#[test]
fn targets_keep_what_a_url_may_have() {
    let (_server, from) = redirecting(builder(), |redirect| redirect.to_port(443));
    for (target, to) in [
        ("/a%2Fb//c/../d;e=f?g=h&i[]=j#k", "https://a.b/a%2Fb//c/../d;e=f?g=h&i[]=j"),
        ("//evil.com/x", "https://a.b//evil.com/x"),
        ("/<script>?\"'`", "https://a.b/%3Cscript%3E?%22'%60"),
        ("/a\\b^{|}", "https://a.b/a%5Cb%5E%7B%7C%7D"),
        // An absolute target counts before `Host`.
        ("http://C.d:80/x?y", "https://c.d/x?y"),
        ("https://c.d", "https://c.d/"),
    ] {
        assert_eq!(location(&get(from, target, "a.b")), to, "{target}");
    }
    let answer = ask(from, "OPTIONS * HTTP/1.1\r\nHost: a.b\r\n\r\n");
    assert_eq!(answer.status, 404, "{}", answer.head);
}

#[test]
fn every_method_and_an_upgrade_are_sent_on() {
    let (_server, from) = redirecting(builder(), |redirect| redirect.to_port(443));
    for request in [
        "HEAD /x HTTP/1.1\r\nHost: a.b\r\n\r\n",
        "DELETE /x HTTP/1.1\r\nHost: a.b\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a.b\r\nContent-Length: 5\r\n\r\nhello",
        "POST /x HTTP/1.1\r\nHost: a.b\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a.b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        // A second request is not answered: the connection ends.
        "GET /x HTTP/1.1\r\nHost: a.b\r\n\r\nGET /y HTTP/1.1\r\nHost: a.b\r\n\r\n",
    ] {
        let answer = ask(from, request);
        assert_eq!((answer.status, location(&answer)), (301, "https://a.b/x"), "{request}");
    }
    // The head of an answer to HEAD is all there is of it.
    let mut peer = Peer::connect(from);
    peer.send(b"HEAD / HTTP/1.1\r\nHost: a..b\r\n\r\n");
    let head = peer.read_head();
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    assert!(peer.ends());
}

#[test]
fn only_own_hosts_are_answered_for_where_they_are_named() {
    let (server, from) =
        redirecting(builder(), |redirect| redirect.to_port(443).hosts(["Example.com", "[::1]"]));
    for host in ["example.com", "EXAMPLE.com:80", "example.com.", "[::1]:80", "[0:0::1]"] {
        assert_eq!(get(from, "/", host).status, 301, "{host}");
    }
    for host in ["evil.com", "www.example.com", "example.co", "[::2]", "127.0.0.1"] {
        let answer = get(from, "/", host);
        assert_eq!(answer.status, 404, "{host}");
        assert!(!answer.head.contains("ocation") && !answer.body.contains(host));
    }
    server.still_listens();
}

#[test]
fn a_slow_head_and_a_full_server_are_as_on_the_main_port() {
    let mut limits = Limits::default();
    limits.head_timeout = Duration::from_millis(300);
    let (_server, from) = redirecting(builder().limits(limits), |redirect| redirect);
    let mut silent = Peer::connect(from);
    let mut slow = Peer::connect(from);
    let begun = Instant::now();
    slow.send(b"GET / HT");
    assert!(silent.ends());
    assert_eq!(slow.read_response().status, 408);
    assert!(begun.elapsed() >= Duration::from_millis(250));
    let long = format!("GET / HTTP/1.1\r\nHost: a.b\r\nX: {}\r\n\r\n", "x".repeat(40 << 10));
    let mut peer = Peer::connect(from);
    peer.try_send(long.as_bytes());
    assert_eq!(peer.read_response().status, 431);
    let mut limits = Limits::default();
    limits.connections = Some(4);
    let (server, from) = redirecting(builder().limits(limits), |redirect| redirect);
    // Four that are silent have all the places there are, of both ports.
    let silent: Vec<_> = (0..4).map(|_| Peer::connect(from)).collect();
    wait_until("one is turned away", || get_quietly(from) == Some(503));
    drop(silent);
    wait_until("there is room again", || get_quietly(from) == Some(301));
    server.still_listens();
}

/// The status of an answer, if there is one.
fn get_quietly(from: SocketAddr) -> Option<u16> {
    let mut peer = Peer::connect(from);
    peer.try_send(b"GET / HTTP/1.1\r\nHost: a.b\r\n\r\n");
    peer.read_frame_or_noise_head().get(9..12).and_then(|code| code.parse().ok())
}

#[test]
fn it_ends_with_the_server() {
    let (server, from) = plain();
    let mut silent = Peer::connect(from);
    assert_eq!(get(from, "/", "a.b").status, 301);
    let destroyed = server.destroy();
    assert_eq!((destroyed.cut, destroyed.stuck), (0, 0));
    assert!(silent.ends());
    assert!(std::net::TcpStream::connect(from).is_err(), "it still listens");
    let late = server.primus.redirect_from(0);
    assert!(matches!(late, Err(Error::Closed)), "{late:?}");
}

#[test]
fn what_it_can_be_given() {
    let server = Server::echo(builder());
    // A port: of all addresses.
    let from = server.primus.redirect_from(0).unwrap();
    assert!(from.ip().is_unspecified(), "{from}");
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, from.port()));
    assert_eq!(get(local, "/", "a.b").status, 301);
    // A listener.
    let listener = TcpListener::bind(LOCAL).unwrap();
    let from = server.primus.redirect_from(listener).unwrap();
    assert_eq!(get(from, "/", "a.b").status, 301);
    // It is not among those that the server listens on.
    assert_eq!(server.primus.local_addr(), Some(server.addr));
    let again = server.primus.redirect_from(from).unwrap_err().to_string();
    assert!(again.contains(&from.to_string()), "{again}");
    let open = Server::start(Primus::builder());
    let error = open.primus.redirect_from(0).unwrap_err();
    assert!(matches!(error, Error::Option(_)) && error.to_string().contains("tls"), "{error}");
}

impl Server {
    /// Whether the server is still there for others, over TLS.
    fn still_listens(&self) {
        let client = client(self.addr).connect().unwrap();
        client.write("still there?").unwrap();
        assert_eq!(
            client.recv_timeout(PATIENCE).unwrap().parse::<String>().unwrap(),
            "still there?"
        );
        client.end();
    }
}

/// curl goes the whole way.
#[test]
fn curl_follows() {
    let (server, from) = plain();
    let to = format!("localhost:{}:127.0.0.1", from.port());
    let output = std::process::Command::new("curl")
        .args(["--silent", "--show-error", "--location", "--resolve", &to, "--cacert"])
        .arg(file("ca.pem"))
        .arg(format!("http://localhost:{}/primus/spec", from.port()))
        .output()
        .expect("curl (install it)");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("\"transformer\":\"websockets\""), "{output:?}");
    drop(server);
}
