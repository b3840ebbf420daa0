//! The little of Socket.IO 0.9 that a load generator needs: its packets, and how a
//! session begins on a websocket.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use crate::socket::Socket;
use crate::{http, wire};

/// What stands before a message.
pub const MESSAGE: &[u8] = b"3:::";

/// To be answered by the same.
pub const HEARTBEAT: &[u8] = b"2::";

/// Opens a session on a websocket. Returns that, still blocking, and what followed
/// the first packet.
pub fn open_websocket(
    host: SocketAddr,
    path: &str,
    patience: Duration,
) -> io::Result<(Socket, Vec<u8>)> {
    let base = path.trim_end_matches('/');
    let id = handshake(host, base, patience)?;
    let (mut stream, mut rest) = wire::open(host, &format!("{base}/1/websocket/{id}"), patience)?;
    loop {
        if let Some(found) = wire::frame(&rest) {
            let opens = &rest[found.start..found.end] == b"1::";
            rest.drain(..found.end);
            return if opens { Ok((stream, rest)) } else { Err(wire::refusal("no session")) };
        }
        wire::read_more(&mut stream, &mut rest)?;
    }
}

/// The id of a session that may begin.
fn handshake(host: SocketAddr, base: &str, patience: Duration) -> io::Result<String> {
    let mut stream = wire::connect(host, patience)?;
    let mut request = Vec::new();
    http::put_get(&mut request, host, &format!("{base}/1/"));
    stream.write_all(&request)?;
    let mut received = Vec::new();
    loop {
        // Its body may come in a chunk.
        let text = String::from_utf8_lossy(&received);
        let told = text.split_once("\r\n\r\n").map(|(_, body)| body);
        let line = told.and_then(|body| body.lines().find(|line| line.contains(":websocket")));
        if let Some((id, _)) = line.and_then(|line| line.split_once(':')) {
            return Ok(id.to_owned());
        }
        if received.len() > 4096 {
            return Err(wire::refusal("no handshake"));
        }
        wire::read_more(&mut stream, &mut received)?;
    }
}
