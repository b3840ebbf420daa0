//! How packets are written on WebSockets: each in a text frame.

use crate::close::{CloseReason, Ended};
use crate::frame::{Frame, room};
use crate::transformers::serve::Wire;
use crate::transformers::socket_io::packet::{DISCONNECT, head_of};
use crate::transformers::socket_io::session::NO_CODE;
use crate::transformers::websockets::frame::{encode_header, encode_ping};
use crate::transformers::websockets::server::Rfc6455;

/// See the module.
pub(super) struct Packets;

/// Appends a packet of two parts.
pub(super) fn put(head: &str, data: &str, out: &mut Vec<u8>) {
    encode_header(false, head.len() + data.len(), out);
    out.extend_from_slice(head.as_bytes());
    room::append(out, data.as_bytes());
}

impl Wire for Packets {
    fn format(&self) -> &'static str {
        "socket.io 0.9"
    }

    /// A frame of bytes is refused when it is written.
    fn encode(&self, frame: &Frame, out: &mut Vec<u8>) {
        let Some(text) = frame.as_text() else { return };
        room::reserve(out, text.len() + 16);
        put(head_of(text), text, out);
    }

    fn prefix(&self, frame: &Frame, out: &mut Vec<u8>) -> bool {
        let Some(text) = frame.as_text() else { return false };
        let head = head_of(text);
        encode_header(false, head.len() + text.len(), out);
        out.extend_from_slice(head.as_bytes());
        true
    }

    fn packet(&self, packet: &str, out: &mut Vec<u8>) {
        put(packet, "", out);
    }

    /// The end is a packet, behind which Socket.IO sends no close frame. One of the
    /// client's is answered by another, as is what breaks the WebSocket's own protocol.
    fn close(&self, reason: &CloseReason, out: &mut Vec<u8>) {
        match reason.by {
            Ended::Remote if reason.code != NO_CODE => Rfc6455.close(reason, out),
            Ended::Protocol => Rfc6455.close(reason, out),
            _ => put(DISCONNECT, "", out),
        }
    }

    /// What clients of Socket.IO take for the end is that of the stream.
    fn hangs_up(&self) -> bool {
        true
    }

    fn nudge(&self, out: &mut Vec<u8>) {
        encode_ping(b"", None, out);
    }
}
