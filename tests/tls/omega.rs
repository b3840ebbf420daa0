//! What servers forward to each other by `https`.

use primus::plugins::omega::{Omega, PrimusForward, To};
use primus::{Builder, ClientTls, Primus};

use super::*;

fn serving(builder: Builder, tls: Option<ClientTls>) -> Server {
    let omega = Omega::new("omega", "a long secret");
    Server::start(builder.plugin(match tls {
        Some(tls) => omega.tls(tls),
        None => omega,
    }))
}

#[test]
fn messages_are_forwarded_by_tls_to_those_who_are_trusted() {
    let there = serving(builder(), None);
    let url = format!("https://localhost:{}", there.addr.port());
    let client = client(there.addr).connect().unwrap();
    let trusting = serving(Primus::builder(), Some(trust()));
    for n in 1..=10 {
        let done = trusting.primus.forward([&url], &n, To::All).unwrap();
        assert_eq!((done.remote, done.is_complete()), (1, true), "{done:?}");
        let message = client.recv_timeout(PATIENCE).unwrap();
        assert_eq!(message.value().as_u64(), Some(n));
    }
    // Neither by the built-in authorities, nor in the clear.
    for (tls, url) in [
        (None, url.clone()),
        (Some(ClientTls::new()), url.clone()),
        (Some(trust()), url.replace("https", "http")),
        (Some(trust()), url.replace("localhost", "127.0.0.2")),
    ] {
        let here = serving(Primus::builder(), tls);
        let done = here.primus.forward([&url], "x", To::All).unwrap();
        assert_eq!((done.remote, done.failed.len()), (0, 1), "{url}: {done:?}");
    }
    client.end();
}

#[test]
fn roots_that_cannot_be_read_are_told_when_the_plugin_is_registered() {
    let omega = Omega::new("omega", "secret").tls(ClientTls::new().roots_file("nowhere.pem"));
    let error = Primus::builder().plugin(omega).build().map(drop).unwrap_err();
    assert!(error.to_string().contains("nowhere.pem"), "{error}");
}
