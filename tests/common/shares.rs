//! Sessions that are opened one by one, as a local proxy passes them on.

use primus::Limits;

use super::*;

pub fn engine(change: impl FnOnce(&mut Limits)) -> Server {
    Server::echo(limited(change).transformer("engine.io"))
}

/// A request of a session, or the handshake of one, as a local proxy passes it on.
pub fn polling(method: &str, sid: &str, forwarded: &str, body: &str) -> String {
    let mut lines = format!("Content-Length: {}\r\n", body.len());
    if !forwarded.is_empty() {
        lines += &format!("X-Forwarded-For: {forwarded}\r\n");
    }
    let sid = if sid.is_empty() { String::new() } else { format!("&sid={sid}") };
    let target = format!("/primus/?EIO=4&transport=polling{sid}");
    format!("{method} {target} HTTP/1.1\r\nHost: x\r\n{lines}\r\n{body}")
}

/// Opens a session; its id, or the status of the refusal.
pub fn open(peer: &mut Peer, forwarded: &str) -> Result<String, u16> {
    let answer = peer.ask(&polling("GET", "", forwarded, ""));
    match answer.body.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next()) {
        Some(sid) => Ok(sid.to_owned()),
        None => Err(answer.status),
    }
}

/// Opens a session and comes back to it.
pub fn stay(peer: &mut Peer, forwarded: &str) -> Result<String, u16> {
    let sid = open(peer, forwarded)?;
    let answer = peer.ask(&polling("POST", &sid, forwarded, "4\"x\""));
    if answer.status == 200 { Ok(sid) } else { Err(answer.status) }
}
