//! The little of engine.io (revision 4 of its protocol) that a load generator
//! needs: packets, and how a session begins.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use crate::socket::Socket;
use crate::{http, wire};

/// What ends a packet in a payload that has more.
pub const SEPARATOR: u8 = 0x1E;

/// What came in a packet.
#[derive(Clone, Copy, Debug)]
pub enum Packet<'a> {
    /// A message of Primus.
    Message(&'a [u8]),
    /// To be answered with [`PONG`].
    Ping,
    /// The session is over.
    Close,
    /// Nothing that a client has to act on.
    Other,
}

/// The answer to a ping.
pub const PONG: &[u8] = b"3";

/// Reads a packet of text.
#[inline]
pub fn packet(bytes: &[u8]) -> Packet<'_> {
    match bytes.split_first() {
        Some((b'4', message)) => Packet::Message(message),
        Some((b'2', _)) => Packet::Ping,
        Some((b'1', _)) => Packet::Close,
        _ => Packet::Other,
    }
}

/// The target of the requests of a session, or of the first one.
pub fn target(path: &str, transport: &str, session: Option<&str>) -> String {
    let path = path.trim_end_matches('/');
    match session {
        Some(sid) => format!("{path}/?EIO=4&transport={transport}&sid={sid}"),
        None => format!("{path}/?EIO=4&transport={transport}"),
    }
}

/// The id in the first packet of a session.
pub fn session_id(packet: &[u8]) -> io::Result<String> {
    let told = packet.strip_prefix(b"0").and_then(|json| serde_json::from_slice(json).ok());
    let id = told.as_ref().and_then(|told: &Value| told["sid"].as_str());
    id.map(str::to_owned).ok_or_else(|| wire::refusal("the first packet opens no session"))
}

/// Opens a session on a websocket. Returns that, still blocking, and what
/// followed the first packet.
pub fn open_websocket(
    host: SocketAddr,
    path: &str,
    patience: Duration,
) -> io::Result<(Socket, Vec<u8>)> {
    let (mut stream, mut rest) = wire::open(host, &target(path, "websocket", None), patience)?;
    let opening = read_frame(&mut stream, &mut rest)?;
    session_id(&opening).map(|_| (stream, rest))
}

/// Opens a session that polls. Returns the connection, still blocking, and the
/// id of the session.
pub fn open_polling(
    host: SocketAddr,
    path: &str,
    patience: Duration,
) -> io::Result<(Socket, String)> {
    let mut stream = wire::connect(host, patience)?;
    send_get(&mut stream, host, &target(path, "polling", None))?;
    let body = read_answer(&mut stream)?;
    Ok((stream, session_id(&body)?))
}

/// Opens sessions that poll and upgrades them, all at the same time: a server
/// takes a tenth of a second over each. Returns their websockets, still blocking,
/// and what followed.
pub fn upgrade(
    host: SocketAddr,
    path: &str,
    count: usize,
    patience: Duration,
) -> io::Result<Vec<(Socket, Vec<u8>)>> {
    let mut probed = Vec::new();
    for _ in 0..count {
        let (mut poll, sid) = open_polling(host, path, patience)?;
        send_get(&mut poll, host, &target(path, "polling", Some(&sid)))?;
        let (mut stream, mut rest) =
            wire::open(host, &target(path, "websocket", Some(&sid)), patience)?;
        send_text(&mut stream, b"2probe")?;
        if read_frame(&mut stream, &mut rest)? != b"3probe" {
            return Err(wire::refusal("wrong answer to a probe"));
        }
        probed.push((poll, stream, rest));
    }
    let mut open = Vec::new();
    for (mut poll, mut stream, rest) in probed {
        // Nothing was written yet; so that is the packet that ends a poll.
        if read_answer(&mut poll)? != b"6" {
            return Err(wire::refusal("a poll is not released"));
        }
        send_text(&mut stream, b"5")?;
        open.push((stream, rest));
    }
    Ok(open)
}

fn send_get(stream: &mut Socket, host: SocketAddr, target: &str) -> io::Result<()> {
    let mut request = Vec::new();
    http::put_get(&mut request, host, target);
    stream.write_all(&request)
}

/// The body of the next answer, which is to be 200.
pub fn read_answer(stream: &mut Socket) -> io::Result<Vec<u8>> {
    let mut received = Vec::new();
    loop {
        if let Some(answer) = http::answer(&received)? {
            let body = received[answer.body].to_vec();
            return if answer.status == 200 {
                Ok(body)
            } else {
                Err(wire::refusal(&format!(
                    "{}, {}",
                    answer.status,
                    String::from_utf8_lossy(&body)
                )))
            };
        }
        wire::read_more(stream, &mut received)?;
    }
}

fn send_text(stream: &mut Socket, text: &[u8]) -> io::Result<()> {
    let mut frame = Vec::new();
    wire::put_masked(&mut frame, wire::TEXT, text);
    stream.write_all(&frame)
}

/// The payload of the next frame; `rest` is what was read before, and then what
/// follows it.
fn read_frame(stream: &mut Socket, rest: &mut Vec<u8>) -> io::Result<Vec<u8>> {
    loop {
        if let Some(frame) = wire::frame(rest) {
            let payload = rest[frame.start..frame.end].to_vec();
            rest.drain(..frame.end);
            return Ok(payload);
        }
        wire::read_more(stream, rest)?;
    }
}
