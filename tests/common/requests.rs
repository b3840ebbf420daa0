//! Requests below the pathname of a server.

use std::net::SocketAddr;

use super::*;

/// One without a body, on a connection that stays; `path` is below that of the server,
/// `headers` end in CR LF.
pub fn request(method: &str, path: &str, headers: &str) -> String {
    format!("{method} /primus{path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")
}

/// A POST with this body.
pub fn post(path: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let length = format!("{headers}Content-Length: {}\r\n", body.len());
    [request("POST", path, &length).as_bytes(), body].concat()
}

/// Opens a new connection for one request.
pub fn ask(addr: SocketAddr, bytes: impl AsRef<[u8]>) -> Response {
    let mut peer = Peer::connect(addr);
    peer.send(bytes.as_ref());
    peer.read_response()
}
