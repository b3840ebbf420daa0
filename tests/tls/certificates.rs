//! What certificates are for: whom they let in, and what is told when they do not.

use std::sync::Arc;

use primus::{Error, TlsProblem};

use super::raw::{Raw, config};
use super::*;

fn build_error(tls: Tls) -> String {
    match Primus::builder().tls(tls).build() {
        Err(Error::Option(text)) => text,
        other => panic!("{:?}", other.map(|primus| primus.destroy(Default::default()))),
    }
}

#[test]
fn what_is_wrong_with_a_certificate_is_told_when_the_server_is_built() {
    let all = [
        ("nowhere.pem", "server.key", ["nowhere.pem", "No such file"]),
        ("server.key", "server.key", ["server.key", "no certificate"]),
        ("server.pem", "server.pem", ["key `", "no private key"]),
        ("server.pem", "other.key", ["other.key", "not the key of the certificate"]),
        ("expired.pem", "expired.key", ["expired.pem", "has expired"]),
        ("wrong_order.pem", "leaf.key", ["wrong_order.pem", "did not issue the one before"]),
        ("version_1.pem", "server.key", ["version_1.pem", "X.509 version 1"]),
        ("p521.pem", "p521.key", ["p521.key", "RSA, ECDSA P-256"]),
        ("server.pem", "encrypted.key", ["encrypted.key", "openssl pkey"]),
        ("server.pfx", "server.pfx", ["server.pfx", "openssl pkcs12"]),
    ];
    for (cert, key, words) in all {
        let text = build_error(Tls::from_pem_files(file(cert), file(key)));
        assert!(words.iter().all(|word| text.contains(word)), "{cert}, {key}: {text}");
    }
    let text = build_error(Tls::from_pem(pem("server.pem"), pem("encrypted.key")));
    assert!(text.contains("the key: it has a passphrase"), "{text}");
    let text = build_error(Tls::from_pem("-----BEGIN CERTIFICATE-----\n!", pem("server.key")));
    assert!(text.contains("the certificate: "), "{text}");
    let text = build_error(tls().client_roots_file(file("nowhere.pem")));
    assert!(text.contains("roots `"), "{text}");
}

#[test]
fn files_are_found_in_a_folder_and_absolute_names_stay() {
    let folder = file("");
    let relative = Tls::from_pem_files("server.pem", "server.key").root(&folder);
    let absolute = tls().root("/nowhere");
    for tls in [relative, absolute] {
        let server = Server::echo(Primus::builder().tls(tls));
        client(server.addr).connect().unwrap();
    }
}

/// Why a client with this trust does not connect to a server with this certificate.
fn refused(cert: &str, key: &str, tls: ClientTls) -> (TlsProblem, String) {
    // The server would not be built with some of these.
    let server = bare(cert, key);
    let error = client(server).tls(tls).connect().unwrap_err();
    let tls = error.tls().unwrap_or_else(|| panic!("{error:?}"));
    (tls.problem(), error.to_string())
}

/// A server that shows any certificate, and no more.
fn bare(cert: &str, key: &str) -> SocketAddr {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem(cert)).collect();
    let key = PrivateKeyDer::from_pem_slice(&pem(key)).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let signs = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    let identity = rustls::sign::CertifiedKey::new(chain.unwrap(), signs);
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(identity)));
    let server = Primus::builder().tls(Tls::from_config(Arc::new(config))).build().unwrap();
    server.listen("127.0.0.1:0").unwrap()
}

#[test]
fn a_client_tells_what_is_wrong_with_the_servers_certificate() {
    let stranger = || ClientTls::new().roots(pem("stranger.pem"));
    let all = [
        ("expired.pem", "expired.key", trust(), TlsProblem::Expired, "has expired"),
        ("server.pem", "server.key", stranger(), TlsProblem::Untrusted, "an authority that is"),
        ("server.pem", "server.key", ClientTls::new(), TlsProblem::Untrusted, "ClientTls::roots"),
        ("other.pem", "other.key", trust(), TlsProblem::Mismatch, "is for "),
        (
            "own_ca.pem",
            "own_ca.key",
            ClientTls::new().roots(pem("own_ca.pem")),
            TlsProblem::Certificate,
            "CA:FALSE",
        ),
    ];
    for (cert, key, tls, problem, words) in all {
        let (told, text) = refused(cert, key, tls);
        assert_eq!(told, problem, "{cert}: {text}");
        assert!(text.contains(words) && text.contains("localhost:"), "{cert}: {text}");
    }
}

#[test]
fn a_certificate_of_ones_own_is_its_own_root() {
    let tls = Tls::from_pem_files(file("own.pem"), file("own.key"));
    let server = Server::echo(Primus::builder().tls(tls));
    client(server.addr).tls(ClientTls::new().roots(pem("own.pem"))).connect().unwrap();
    client(server.addr).tls(ClientTls::new().more_roots(pem("own.pem"))).connect().unwrap();
}

#[test]
fn a_chain_is_followed_to_its_authority() {
    let tls = Tls::from_pem_files(file("chain.pem"), file("leaf.key"));
    let server = Server::echo(Primus::builder().tls(tls));
    client(server.addr).connect().unwrap();
}

#[test]
fn anybody_is_taken_by_who_asks_for_it() {
    for (cert, key) in [("expired.pem", "expired.key"), ("other.pem", "other.key")] {
        let addr = bare(cert, key);
        let tls = ClientTls::new().dangerously_accept_any_certificate();
        client(addr).tls(tls).connect().unwrap();
    }
}

#[test]
fn each_name_has_its_certificate() {
    let tls = tls().for_name("other.example", pem("other.pem"), pem("other.key")).for_name_files(
        "*.wild.example",
        file("other.pem"),
        file("other.key"),
    );
    let server = Server::echo(Primus::builder().tls(tls));
    for name in ["other.example", "a.wild.example", "localhost"] {
        client(server.addr).tls(trust().server_name(name)).connect().unwrap();
    }
    // By its address nobody asks for a name.
    let url = format!("wss://{}", server.addr);
    Client::builder(&url).tls(trust()).connect().unwrap();
    for name in ["b.a.wild.example", "wild.example"] {
        let error = client(server.addr).tls(trust().server_name(name)).connect().unwrap_err();
        assert_eq!(error.tls().unwrap().problem(), TlsProblem::Mismatch, "{error}");
    }
    let error = client(server.addr).tls(trust().server_name("a b")).connect().unwrap_err();
    assert!(matches!(error, Error::Option(_)), "{error}");
}

#[test]
fn a_clients_certificate_is_demanded_and_known() {
    let server = Server::start(Primus::builder().tls(tls().client_roots_file(file("ca.pem"))));
    server.primus.on_connection(|spark| {
        let shown = spark.certificate().expect("a certificate");
        spark.write(&(shown.common_name(), shown.names()))
    });
    let with = |cert, key| trust().identity_files(file(cert), file(key));
    let ada = client(server.addr).tls(with("client.pem", "client.key")).connect().unwrap();
    let (name, names) = ada.recv().unwrap().parse::<(String, Vec<String>)>().unwrap();
    assert_eq!((name.as_str(), names), ("ada", vec!["ada@example.org".to_owned()]));
    for tls in [trust(), trust().identity(pem("own.pem"), pem("own.key"))] {
        let error = client(server.addr).tls(tls).connect().unwrap_err();
        assert_eq!(error.tls().expect("TLS").problem(), TlsProblem::Refused, "{error}");
    }
    let error = client(server.addr).tls(with("client.pem", "own.key")).connect().unwrap_err();
    assert!(error.to_string().contains("own.key"), "{error}");
}

#[test]
fn a_clients_certificate_may_be_asked_for_only() {
    let tls = tls().client_roots(pem("ca.pem")).optional_client();
    let server = Server::start(Primus::builder().tls(tls));
    server.primus.authorize(|exchange| {
        let known = exchange.request().certificate().is_some();
        if known { Ok(()) } else { Err(primus::middleware::HttpError::new(403, "who are you?")) }
    });
    let error = client(server.addr).connect().unwrap_err();
    assert!(matches!(error, Error::Refused { status: 403, .. }), "{error}");
    let ada = trust().identity_files(file("client.pem"), file("client.key"));
    client(server.addr).tls(ada).connect().unwrap();
}

#[test]
fn certificates_are_exchanged_while_the_server_runs() {
    let server = Server::echo(builder());
    let before = client(server.addr).connect().unwrap();
    let other = Tls::from_pem_files(file("other.pem"), file("other.key"));
    server.primus.set_tls(&other).unwrap();
    let error = client(server.addr).connect().unwrap_err();
    assert_eq!(error.tls().unwrap().problem(), TlsProblem::Mismatch, "{error}");
    before.write("still here").unwrap();
    assert_eq!(before.recv().unwrap().as_str(), Some("still here"));
    // What is wrong changes nothing.
    let expired = Tls::from_pem_files(file("expired.pem"), file("expired.key"));
    assert!(matches!(server.primus.set_tls(&expired), Err(Error::Option(_))));
    client(server.addr).tls(trust().server_name("other.example")).connect().unwrap();
    server.primus.set_tls(&tls()).unwrap();
    client(server.addr).connect().unwrap();
    let plain = Server::echo(Primus::builder());
    assert!(matches!(plain.primus.set_tls(&tls()), Err(Error::Option(_))));
}

#[test]
fn both_versions_and_resumed_sessions_are_served() {
    let server = Server::echo(builder());
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut config = config(&[version]);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let config = Arc::new(config);
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let mut raw = Raw::new(server.addr, &config);
            while raw.tls.is_handshaking() {
                raw.tls.complete_io(&mut raw.tcp).unwrap();
            }
            assert_eq!(raw.tls.alpn_protocol(), Some(&b"http/1.1"[..]));
            kinds.push(raw.tls.handshake_kind());
            raw.send(b"GET /primus/spec HTTP/1.1\r\nHost: x\r\n\r\n");
            raw.read_until(b"}");
        }
        let resumed = Some(rustls::HandshakeKind::Resumed);
        assert!(kinds[0] != resumed && kinds[1] == resumed, "{kinds:?}");
    }
}
