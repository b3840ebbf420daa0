//! Pages of other sites, and clients that lie about themselves.

use primus::middleware::TrustedProxies;
use primus::{Builder, ListenerErrors, Primus};

use crate::common::*;

#[test]
fn forwarded_for_spoof() {
    let address = |builder: Builder, headers: &str| {
        let server = Server::start(builder);
        server.primus.on_connection(|spark| spark.write(&spark.address().ip.to_string()).map(drop));
        Peer::open_with(server.addr, "/primus", headers).expect_text().replace('"', "")
    };
    let list = |proxies: &[&str]| {
        Primus::builder().trusted_proxies(TrustedProxies::list(proxies).unwrap())
    };
    let none = || Primus::builder().trusted_proxies(TrustedProxies::none());
    let claim = "X-Forwarded-For: 6.6.6.6\r\nForwarded: for=7.7.7.7\r\nX-Real-IP: 8.8.8.8\r\n";
    assert_eq!(address(none(), claim), "127.0.0.1");
    assert_eq!(address(list(&["10.0.0.0/8"]), claim), "127.0.0.1");
    // The trusted proxy's own word is the last one.
    let chain = "X-Forwarded-For: 6.6.6.6, 9.9.9.9, 10.1.2.3\r\n";
    assert_eq!(address(list(&["127.0.0.1", "10.0.0.0/8"]), chain), "9.9.9.9");
    // As in Primus unless told otherwise.
    assert_eq!(address(Primus::builder(), claim), "6.6.6.6");
    for nonsense in
        ["X-Forwarded-For: <script>\r\n", "X-Forwarded-For: ,,,\r\n", "Forwarded: for=\"\r\n"]
    {
        assert_eq!(address(Primus::builder(), nonsense), "127.0.0.1", "{nonsense}");
    }
}

#[test]
fn log_injection() {
    let builder = Primus::builder().listener_errors(ListenerErrors::End);
    let builder = builder.id_generator(|request| {
        let ids = request.query_pairs().find(|(name, _)| name == "id");
        ids.map_or_else(|| "x".into(), |(_, id)| id.into_owned())
    });
    let server = Server::start(builder);
    let lines = log_of_failures(&server);
    let mut peer =
        Peer::open_with(server.addr, "/primus?id=a%0d%0aINFO%20all%20is%20well%1b%5b2J", "");
    peer.text("\"b\\r\\nERROR: not so\\u0085\\u001b\"");
    peer.expect_ended(Some(1011));
    lines_are_lines(&lines, "a\\r\\nINFO all is well");
}

#[test]
fn cross_site_websocket_hijacking() {
    let server = Server::echo(Primus::builder().origins(["https://good.example"]));
    let same = [("https://good.example:443", true), ("HTTPS://GOOD.example", true)];
    for (origin, allowed) in ORIGINS.into_iter().chain(same) {
        let header = format!("Origin: {origin}\r\n");
        let status = if allowed { "HTTP/1.1 101 " } else { "HTTP/1.1 403 " };
        let mut peer = server.connect();
        peer.send(&upgrade("/primus", &header));
        let head = peer.read_head();
        assert!(head.starts_with(status), "{origin}: {head}");
        let get = format!("GET /primus/spec HTTP/1.1\r\nHost: x\r\n{header}\r\n");
        let response = server.connect().ask(&get);
        assert_eq!(response.status, if allowed { 200 } else { 403 }, "{origin}");
    }
    server.still_serves(); // no browser, no origin
}

#[test]
fn cors_with_credentials() {
    let ask = |builder: Builder, origin: &str| {
        let server = Server::start(builder);
        server
            .connect()
            .ask(&format!("GET /primus/spec HTTP/1.1\r\nHost: x\r\nOrigin: {origin}\r\n\r\n"))
    };
    let listed = Primus::builder().origins(["https://good.example"]);
    let response = ask(listed, "https://good.example");
    assert_eq!(response.header("access-control-allow-origin"), Some("https://good.example"));
    assert_eq!(response.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(response.header("Vary"), Some("Origin"));
    let response = ask(Primus::builder().credentials(false), "https://evil.com");
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    assert_eq!(response.header("access-control-allow-credentials"), None);
    let response = ask(Primus::builder().origins(["https://good.example"]), "https://evil.com");
    assert_eq!(response.status, 403);
    assert_eq!(response.header("access-control-allow-origin"), None);
    assert_eq!(response.header("Content-Type"), Some("text/plain"));
}
