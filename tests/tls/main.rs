//! `https` and `wss`: server and client with each other, with other programs, and
//! with those who mean no good.

#[path = "../common/mod.rs"]
mod common;

mod certificates;
mod hostile;
mod omega;
mod outside;
mod raw;
mod redirect;
mod talking;
mod unix;

use std::net::SocketAddr;
use std::path::PathBuf;

use primus::{Builder, Client, ClientBuilder, ClientTls, Primus, Tls};

use crate::common::*;

/// A file among the certificates of these tests.
pub fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/tls/certificates").join(name)
}

/// What such a file holds.
pub fn pem(name: &str) -> Vec<u8> {
    std::fs::read(file(name)).expect("a certificate")
}

/// The server's certificate: for `localhost`.
pub fn tls() -> Tls {
    Tls::from_pem_files(file("server.pem"), file("server.key"))
}

/// A client's trust in it.
pub fn trust() -> ClientTls {
    ClientTls::new().roots_file(file("ca.pem"))
}

/// A server that speaks TLS.
pub fn builder() -> Builder {
    Primus::builder().tls(tls())
}

/// A client of it.
pub fn client(addr: SocketAddr) -> ClientBuilder {
    Client::builder(&format!("https://localhost:{}", addr.port())).tls(trust())
}
