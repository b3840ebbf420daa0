//! How a client connects, and what it says when it cannot.

use std::thread;
use std::time::Duration;

use primus::{Client, Error};

use crate::server::{SOON, Server};

fn option_error<T>(result: primus::Result<T>) -> String {
    match result {
        Err(Error::Option(text)) => text,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn the_request_is_primus_own() {
    let server = Server::new();
    let client = Client::builder(&format!(
        "ws://me:p%40ss@127.0.0.1:{}/ignored?token=abc%20d&x=1",
        server.port()
    ))
    .pathname("somewhere")
    .header("X-Extra", "yes")
    .build()
    .unwrap();
    let peer = server.request();
    let start = "GET /somewhere?token=abc%20d&x=1&_primuscb=";
    assert!(peer.head.starts_with(start), "{}", peer.head);
    let host = format!("127.0.0.1:{}", server.port());
    assert_eq!(peer.header("Host"), Some(host.as_str()));
    assert_eq!(peer.header("Authorization"), Some("Basic bWU6cEBzcw=="));
    assert_eq!(peer.header("X-Extra"), Some("yes"));
    assert_eq!(peer.header("Sec-WebSocket-Version"), Some("13"));
    assert_eq!(peer.header("Sec-WebSocket-Key").unwrap().len(), 24);
    assert_eq!(peer.header("Sec-WebSocket-Extensions"), None);
    drop(client);
}

#[test]
fn happn_is_told_the_ping_times() {
    let server = Server::new();
    let timeout = Duration::from_secs(10);
    let client = server.client().happn(Duration::from_secs(25), timeout).build().unwrap();
    assert!(server.request().query().ends_with("&ping=25000&pong=10000"));
    client.end();
}

#[test]
fn unusable_options_say_what_would_do() {
    let text = option_error(Client::builder("http://h").transformer("carrier-pigeon").build());
    assert!(text.contains("carrier-pigeon") && text.contains("websockets"), "{text}");
    assert!(option_error(Client::connect("gopher://localhost")).contains("http"));
    let text = option_error(Client::builder("http://h").strategy("disconnect, sometimes").build());
    assert!(text.contains("sometimes") && text.contains("timeout"), "{text}");
    option_error(Client::builder("http://h").header("X-A", "b\r\nX-C: d").build());
    let text = option_error(Client::builder("http://h").parser_name("smoke").build());
    assert!(text.contains("smoke") && text.contains("msgpack"), "{text}");
    option_error(Client::builder("http://h").header("Host", "other").build());
    option_error(Client::builder("http://h").pathname("/a b").build());
}

#[test]
fn nobody_listens() {
    let port = Server::new().port();
    let error = Client::connect(&format!("http://127.0.0.1:{port}")).unwrap_err();
    assert!(matches!(&error, Error::Io(e) if e.kind() == std::io::ErrorKind::ConnectionRefused));
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
    let error = Client::connect(&format!("http://localhost:{port}")).unwrap_err();
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
}

/// Of the addresses of `localhost`, often two, the server has one.
#[test]
fn the_address_that_answers_counts() {
    let server = Server::new();
    let client = Client::builder(&format!("http://localhost:{}", server.port())).build().unwrap();
    let _peer = server.accept();
    client.wait_open(SOON).unwrap();
}

#[test]
fn a_user_without_a_password_is_sent_as_one_and_nobody_as_nothing() {
    for (user, sent) in [("token@", Some("Basic dG9rZW46")), ("@", None), ("", None)] {
        let server = Server::new();
        let url = format!("http://{user}127.0.0.1:{}", server.port());
        let client = Client::builder(&url).build().unwrap();
        assert_eq!(server.request().header("Authorization"), sent, "{user}");
        drop(client);
    }
}

#[test]
fn a_refusal_tells_why() {
    let server = Server::new();
    let url = server.url();
    let connecting = thread::spawn(move || Client::connect(&url));
    let mut peer = server.request();
    peer.send(
        b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Type: application/json\r\n\
          Content-Length: 16\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n{\"error\":\"nope\"}",
    );
    match connecting.join().unwrap().unwrap_err() {
        Error::Refused { status: 401, message, authenticate, .. } => {
            assert_eq!(
                (message.as_str(), authenticate.as_deref()),
                ("nope", Some("Basic realm=\"x\""))
            );
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_wrong_handshake_is_refused() {
    for wrong in [
        "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
        "HTTP/1.1 101 X\r\n\r\n",
        "SSH-2.0-server\r\n\r\n",
    ] {
        let server = Server::new();
        let url = server.url();
        let connecting = thread::spawn(move || Client::connect(&url));
        server.request().send(wrong.as_bytes());
        assert!(matches!(connecting.join().unwrap(), Err(Error::Protocol(_))), "{wrong}");
    }
}

#[test]
fn extensions_that_were_not_offered_are_refused() {
    let server = Server::new();
    let url = server.url();
    let connecting = thread::spawn(move || Client::connect(&url));
    let mut peer = server.request();
    let answer = peer.switching();
    let lie =
        answer.replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
    peer.send(lie.as_bytes());
    assert!(matches!(connecting.join().unwrap(), Err(Error::Protocol(_))));
}

#[test]
fn a_silent_server_runs_into_the_timeout() {
    let server = Server::new();
    let result = server.client().timeout(Duration::from_millis(100)).connect();
    assert!(matches!(result, Err(Error::Timeout(_))));
}

#[test]
fn a_refusal_says_what_may_help_and_a_connection_never_made_was_not_lost() {
    for (answer, help) in [
        ("404 Not Found\r\nContent-Length: 0\r\n\r\n", "pathname"),
        ("426 Upgrade Required\r\nContent-Length: 0\r\n\r\n", "transformer"),
        (
            "400 Bad Request\r\nContent-Length: 40\r\n\r\n{\"code\":0,\"message\":\"Transport unknown\"}",
            "transformer",
        ),
    ] {
        let server = Server::new();
        let builder = server.client().strategy("");
        let client = builder.build().unwrap();
        server.request().send(format!("HTTP/1.1 {answer}").as_bytes());
        assert!(client.wait_end(SOON));
        let error = client.error().unwrap();
        assert!(
            matches!(error, Error::Refused { .. }) && error.to_string().contains(help),
            "{error}"
        );
        let reason = client.close_reason().unwrap().to_string();
        assert!(reason.starts_with("not connected"), "{reason}");
    }
}
