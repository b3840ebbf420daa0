//! The handshake of RFC 6455 section 4.1, by the client.

use std::sync::Arc;

use super::open::Open;
use super::writer::SocketWriter;
use crate::base64;
use crate::compression::Compression;
use crate::error::{Error, Result};
use crate::http::client::{Answer, Reader, Target};
use crate::net::Stream;
use crate::net::wait::{Ready, Wants};
use crate::transformers::websockets::decoder::accept_key;
use crate::transformers::websockets::deflate::{Agreed, accepted, offer};

/// A connection that asks to be upgraded.
pub(in crate::transformers) struct Handshake {
    stream: Arc<Stream>,
    key: String,
    /// What is still to be sent.
    request: Vec<u8>,
    reader: Reader,
}

impl Handshake {
    /// Begins on a connection to this target.
    pub fn new(stream: Arc<Stream>, target: &Target) -> Self {
        let key = base64::encode(&fastrand::u128(..).to_ne_bytes());
        let request = request(target, &key).into_bytes();
        Handshake { stream, key, request, reader: Reader::default() }
    }

    /// What it waits for.
    pub fn wants(&self) -> Wants {
        let want = Ready { read: true, write: !self.request.is_empty() };
        Some((Arc::clone(&self.stream) as _, want))
    }

    /// Goes on with what was waited for; the answer, when it is there.
    pub fn proceed(&mut self, ready: Ready) -> Result<Option<Answer>> {
        if ready.write && !self.request.is_empty() {
            match self.stream.offer(&self.request) {
                Ok(sent) => drop(self.request.drain(..sent)),
                // A server that refuses without listening is still heard.
                Err(_) if ready.read => self.request.clear(),
                Err(error) => return Err(error.into()),
            }
        }
        if !ready.read {
            return Ok(None);
        }
        self.reader.read(&self.stream)
    }

    /// The connection, upgraded. `max_length`: the longest message that is
    /// accepted, in bytes.
    ///
    /// # Errors
    /// It was not.
    pub fn finish(self, answer: &Answer, target: &Target, max_length: usize) -> Result<Open> {
        let agreed = check(answer, &self.key, &target.compression)?;
        let writer = SocketWriter::new(self.stream, Arc::clone(&target.to.waker), agreed.clone());
        Ok(Open::new(writer, max_length, agreed.as_ref(), &answer.body))
    }
}

/// The request of RFC 6455 section 4.1.
fn request(target: &Target, key: &str) -> String {
    let mut lines = format!(
        "Upgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
    );
    if target.compression.on {
        lines += &format!("Sec-WebSocket-Extensions: {}\r\n", offer(&target.compression));
    }
    target.head("GET", &lines)
}

/// The answer must be the one of RFC 6455 section 4.1 to this key, and what it says of
/// compression one to our offer.
fn check(answer: &Answer, key: &str, compression: &Compression) -> Result<Option<Agreed>> {
    if answer.status != 101 {
        return Err(answer.refusal());
    }
    let bad = |what: &'static str| -> Result<Option<Agreed>> {
        Err(Error::Protocol(format!("bad WebSocket handshake: {what}")))
    };
    let fields = &answer.fields;
    if !fields.lists("upgrade", "websocket") || !fields.lists("connection", "upgrade") {
        return bad("no upgrade to websocket");
    }
    if answer.header("sec-websocket-accept") != Some(&accept_key(key)) {
        return bad("wrong Sec-WebSocket-Accept");
    }
    if answer.header("sec-websocket-protocol").is_some() {
        return bad("a subprotocol that was not offered");
    }
    match answer.header("sec-websocket-extensions").filter(|said| !said.trim().is_empty()) {
        None => Ok(None),
        Some(_) if !compression.on => bad("an extension that was not offered"),
        Some(said) => accepted(said, compression).map_or_else(bad, |agreed| Ok(Some(agreed))),
    }
}
