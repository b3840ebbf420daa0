//! A client that speaks TLS by itself and does with it what it likes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};

use super::*;

/// A TLS connection, in the test's hands.
pub struct Raw {
    pub tls: ClientConnection,
    pub tcp: TcpStream,
}

pub fn config(versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&pem("ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

impl Raw {
    /// Connects, and says nothing yet.
    pub fn new(addr: SocketAddr, config: &Arc<ClientConfig>) -> Raw {
        let name = ServerName::try_from("localhost").unwrap();
        let tls = ClientConnection::new(config.clone(), name).unwrap();
        Raw { tls, tcp: TcpStream::connect(addr).unwrap() }
    }

    /// Connects and shakes hands.
    pub fn shaken(addr: SocketAddr) -> Raw {
        let mut raw = Raw::new(addr, &Arc::new(config(rustls::ALL_VERSIONS)));
        while raw.tls.is_handshaking() {
            raw.tls.complete_io(&mut raw.tcp).unwrap();
        }
        raw
    }

    /// Connects and opens a WebSocket.
    pub fn open(addr: SocketAddr) -> Raw {
        let mut raw = Raw::shaken(addr);
        raw.send(&upgrade("/primus", ""));
        let head = raw.read_until(b"\r\n\r\n");
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
        raw
    }

    /// What would be sent: the records of these bytes.
    pub fn records(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.tls.writer().write_all(bytes).unwrap();
        let mut records = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut records).unwrap();
        }
        records
    }

    pub fn send(&mut self, bytes: &[u8]) {
        let records = self.records(bytes);
        self.tcp.write_all(&records).unwrap();
    }

    /// Reads until these bytes have come.
    pub fn read_until(&mut self, end: &[u8]) -> Vec<u8> {
        let mut read = Vec::new();
        while !read.ends_with(end) {
            let mut byte = [0];
            let mut stream = rustls::Stream::new(&mut self.tls, &mut self.tcp);
            stream.read_exact(&mut byte).unwrap();
            read.push(byte[0]);
        }
        read
    }

    /// Reads a text message.
    pub fn text(&mut self) -> String {
        let mut stream = rustls::Stream::new(&mut self.tls, &mut self.tcp);
        let mut head = [0; 2];
        stream.read_exact(&mut head).unwrap();
        assert_eq!(head[0], FIN | TEXT);
        let mut text = vec![0; usize::from(head[1])];
        stream.read_exact(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    }
}
