//! TLS over Unix sockets.

use std::process::Command;

use primus::{Client, TlsProblem};

use super::*;

fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("primus-tls-{}-{name}.sock", std::process::id()))
}

#[test]
fn every_transformer_is_reached_by_tls_over_a_unix_socket() {
    for transformer in ["websockets", "engine.io", "sockjs", "browserchannel", "socket.io"] {
        let server = Server::echo(builder().transformer(transformer).pathname("/live"));
        let path = path(transformer);
        server.primus.listen_path(&path).unwrap();
        for scheme in ["wss+unix", "https+unix"] {
            let url = format!("{scheme}:{}:/live", path.display());
            let client = Client::builder(&url).tls(trust()).transformer(transformer);
            let client = client.connect().unwrap_or_else(|e| panic!("{url} {transformer}: {e}"));
            client.write("over TLS").unwrap();
            let answer = client.recv_timeout(PATIENCE).unwrap();
            assert_eq!(answer.as_str(), Some("over TLS"));
            let spark = server.spark();
            assert!(spark.address().unix && spark.request().is_secure(), "{}", spark.address());
            client.end();
            assert!(client.wait_end(PATIENCE));
            server.wait_empty();
        }
    }
}

/// What is wrong with the server, to this client.
fn problem(connected: primus::Result<Client>) -> TlsProblem {
    let error = connected.unwrap_err();
    error.tls().unwrap_or_else(|| panic!("{error:?}")).problem()
}

#[test]
fn its_name_is_localhost_or_as_told_and_its_authority_counts() {
    let server = Server::echo(builder());
    let path = path("name");
    server.primus.listen_path(&path).unwrap();
    let url = format!("wss+unix:{}", path.display());
    let other = Client::builder(&url).tls(trust().server_name("other.example")).connect();
    assert_eq!(problem(other), TlsProblem::Mismatch);
    let untrusted = Client::builder(&url).connect();
    assert_eq!(problem(untrusted), TlsProblem::Untrusted);
    // Without TLS it is told what is spoken here.
    let plain = Client::builder(&format!("unix:{}", path.display())).connect().unwrap_err();
    assert!(plain.to_string().contains("https"), "{plain}");
}

#[test]
fn curl_reaches_it() {
    let server = Server::echo(builder());
    let path = path("curl");
    server.primus.listen_path(&path).unwrap();
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--cacert"])
        .arg(file("ca.pem"))
        .arg("--unix-socket")
        .arg(&path)
        .arg("https://localhost/primus/spec")
        .output()
        .expect("curl (install it)");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("\"transformer\":\"websockets\""), "{output:?}");
}
