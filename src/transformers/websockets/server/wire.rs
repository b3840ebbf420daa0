//! How messages go out.

use crate::close::CloseReason;
use crate::frame::Frame;
use crate::transformers::serve::Wire;
use crate::transformers::websockets::decoder::Role;
use crate::transformers::websockets::frame::{encode, encode_close, encode_header, encode_ping};
use crate::transformers::websockets::session::farewell;

/// What the server sends: unmasked frames, one per message.
pub(crate) struct Rfc6455;

impl Wire for Rfc6455 {
    fn format(&self) -> &'static str {
        "websocket"
    }

    fn encode(&self, frame: &Frame, out: &mut Vec<u8>) {
        encode(frame, None, out);
    }

    fn prefix(&self, frame: &Frame, out: &mut Vec<u8>) -> bool {
        encode_header(frame.is_binary(), frame.len(), out);
        true
    }

    /// A WebSocket has none but its control frames.
    fn packet(&self, _: &str, _: &mut Vec<u8>) {}

    fn close(&self, reason: &CloseReason, out: &mut Vec<u8>) {
        encode_close(farewell(Role::Server, reason), None, out);
    }

    fn nudge(&self, out: &mut Vec<u8>) {
        encode_ping(b"", None, out);
    }
}
