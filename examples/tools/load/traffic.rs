//! What is done with the messages of a pool, and what it sends.

use std::time::Instant;

use crate::transport::Transport;
use crate::{channel, deflate, engine, socket_io, sockjs, wire};

/// What is done with the messages of a pool.
pub trait Traffic {
    /// A message has come on `connection`, by the read that ended at `now`.
    /// What is put into `out` is sent when all that was read is handled.
    fn message(&mut self, connection: usize, now: Instant, payload: &[u8], out: &mut Out);

    /// The connection is at its end.
    fn closed(&mut self, connection: usize) {
        let _ = connection;
    }
}

/// Traffic for connections that have nothing to do but answer heartbeats.
#[derive(Debug)]
pub struct Quiet;

impl Traffic for Quiet {
    fn message(&mut self, _: usize, _: Instant, _: &[u8], _: &mut Out) {}
}

/// What is about to be sent, as the transport wants it.
#[derive(Debug)]
pub struct Out {
    /// What was appended.
    pub bytes: Vec<u8>,
    pub transport: Transport,
    packet: Vec<u8>,
}

impl Out {
    pub fn new(transport: Transport) -> Out {
        Out { bytes: Vec::new(), transport, packet: Vec::new() }
    }

    /// Appends a message.
    #[inline]
    pub fn text(&mut self, message: &[u8]) {
        let mut packet = std::mem::take(&mut self.packet);
        packet.clear();
        match self.transport {
            Transport::Websockets if deflate::is_on() && !message.is_empty() => {
                deflate::pack(message, &mut packet);
                wire::put_masked(&mut self.bytes, wire::TEXT | deflate::BIT, &packet);
            }
            Transport::Websockets => wire::put_masked(&mut self.bytes, wire::TEXT, message),
            Transport::SockWebsocket => {
                packet.push(b'[');
                sockjs::put_quoted(&mut packet, message);
                packet.push(b']');
                wire::put_masked(&mut self.bytes, wire::TEXT, &packet);
            }
            Transport::SocketIo => {
                packet.extend_from_slice(socket_io::MESSAGE);
                packet.extend_from_slice(message);
                wire::put_masked(&mut self.bytes, wire::TEXT, &packet);
            }
            Transport::Streaming | Transport::SockPolling => {
                if !self.bytes.is_empty() {
                    self.bytes.push(b',');
                }
                sockjs::put_quoted(&mut self.bytes, message);
            }
            Transport::Channel => channel::put_encoded(&mut self.bytes, message),
            Transport::Websocket | Transport::Upgrade | Transport::Polling | Transport::Mixed => {
                packet.push(b'4');
                packet.extend_from_slice(message);
                self.packet(&packet);
            }
        }
        self.packet = packet;
    }

    /// Appends a packet of engine.io.
    pub fn packet(&mut self, packet: &[u8]) {
        if self.transport != Transport::Polling {
            return wire::put_masked(&mut self.bytes, wire::TEXT, packet);
        }
        if !self.bytes.is_empty() {
            self.bytes.push(engine::SEPARATOR);
        }
        self.bytes.extend_from_slice(packet);
    }

    /// Begins anew, for a connection of this kind.
    pub fn begin(&mut self, transport: Transport) {
        self.transport = transport;
        self.clear();
    }

    /// Begins anew.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }
}
