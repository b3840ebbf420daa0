//! How messages are written on the WebSocket of a session.

use crate::close::{CloseReason, Ended};
use crate::frame::Frame;
use crate::transformers::engine_io::packet::PacketRef;
use crate::transformers::engine_io::{Format, Revision};
use crate::transformers::serve::Wire;
use crate::transformers::websockets::frame::{encode_close, encode_header, encode_ping};
use crate::transformers::websockets::server::Rfc6455;

/// Packets as WebSocket messages, unmasked.
pub(super) struct Packets {
    name: &'static str,
    format: Format,
}

const fn packets(name: &'static str, revision: Revision, b64: bool) -> Packets {
    Packets { name, format: Format { revision, b64, double: false } }
}

/// One for each form that a client may ask for.
static ALL: [Packets; 4] = [
    packets("engine.io 3", Revision::V3, false),
    packets("engine.io 3 b64", Revision::V3, true),
    packets("engine.io 4", Revision::V4, false),
    packets("engine.io 4 b64", Revision::V4, true),
];

/// The wire of a session with this format.
pub(super) fn wire(format: Format) -> &'static Packets {
    let [v3, v3_b64, v4, v4_b64] = &ALL;
    match (format.revision, format.b64) {
        (Revision::V3, false) => v3,
        (Revision::V3, true) => v3_b64,
        (Revision::V4, false) => v4,
        (Revision::V4, true) => v4_b64,
    }
}

impl Packets {
    /// Appends a packet.
    pub(super) fn put(&self, packet: PacketRef<'_>, out: &mut Vec<u8>) {
        encode_header(packet.is_binary_frame(self.format), packet.frame_len(self.format), out);
        packet.frame_into(self.format, out);
    }
}

impl Wire for Packets {
    fn format(&self) -> &'static str {
        self.name
    }

    fn encode(&self, frame: &Frame, out: &mut Vec<u8>) {
        self.put(frame.into(), out);
    }

    fn prefix(&self, frame: &Frame, out: &mut Vec<u8>) -> bool {
        let packet = PacketRef::from(frame);
        let Some(head) = packet.frame_head(self.format) else { return false };
        encode_header(packet.is_binary_frame(self.format), packet.frame_len(self.format), out);
        out.extend_from_slice(head);
        true
    }

    /// `packet` is one of the packets that are text.
    fn packet(&self, packet: &str, out: &mut Vec<u8>) {
        encode_header(false, packet.len(), out);
        out.extend_from_slice(packet.as_bytes());
    }

    /// A close frame is echoed, and what breaks the WebSocket's own protocol is
    /// named, as ws does, on which engine.io is built; that itself closes with an
    /// empty frame, whatever the reason.
    fn close(&self, reason: &CloseReason, out: &mut Vec<u8>) {
        match reason.by {
            Ended::Remote | Ended::Protocol => Rfc6455.close(reason, out),
            _ => encode_close(None, None, out),
        }
    }

    fn nudge(&self, out: &mut Vec<u8>) {
        encode_ping(b"", None, out);
    }
}
