//! How messages are written on WebSockets.

use crate::close::{CloseReason, Ended};
use crate::frame::{Frame, room};
use crate::transformers::serve::Wire;
use crate::transformers::sockjs::frame::{Close, put_messages};
use crate::transformers::websockets::frame::{encode_about, encode_close, encode_ping};
use crate::transformers::websockets::server::Rfc6455;

/// Messages in the frames of SockJS.
pub(super) struct Frames;

/// Messages as they are.
pub(super) struct Raw;

/// Appends a frame of SockJS, of which it is known only `about` how long it is.
fn put(about: usize, fill: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
    encode_about(about, None, out, fill);
}

impl Wire for Frames {
    fn format(&self) -> &'static str {
        "sockjs frames"
    }

    /// A frame of bytes is refused when it is written.
    fn encode(&self, frame: &Frame, out: &mut Vec<u8>) {
        let Some(text) = frame.as_text() else { return };
        // JSON has quotes, which are escaped.
        let about = text.len() + text.len() / 8 + 5;
        room::reserve(out, about + 16);
        put(about, |out| put_messages([text].into_iter(), out), out);
    }

    fn prefix(&self, _: &Frame, _: &mut Vec<u8>) -> bool {
        false
    }

    /// A ping is the one packet that there is.
    fn packet(&self, _: &str, out: &mut Vec<u8>) {
        encode_ping(b"", None, out);
    }

    /// The end is told twice. What the client says of it is repeated by the close
    /// frame alone, as is what was wrong with what it sent.
    fn close(&self, reason: &CloseReason, out: &mut Vec<u8>) {
        let close = match reason.by {
            Ended::Remote => return Rfc6455.close(reason, out),
            Ended::Protocol => return broken(reason, out),
            Ended::Heartbeat if reason.code == Close::SILENT.code => Close::SILENT,
            _ => Close::NORMAL,
        };
        put(32, |out| close.put(out), out);
        encode_close(Some((close.code, close.reason)), None, out);
    }

    fn nudge(&self, out: &mut Vec<u8>) {
        encode_ping(b"", None, out);
    }
}

impl Wire for Raw {
    /// Its bytes are those of a WebSocket without SockJS.
    fn format(&self) -> &'static str {
        Rfc6455.format()
    }

    fn encode(&self, frame: &Frame, out: &mut Vec<u8>) {
        Rfc6455.encode(frame, out);
    }

    fn prefix(&self, frame: &Frame, out: &mut Vec<u8>) -> bool {
        Rfc6455.prefix(frame, out)
    }

    fn packet(&self, packet: &str, out: &mut Vec<u8>) {
        Rfc6455.packet(packet, out);
    }

    fn close(&self, reason: &CloseReason, out: &mut Vec<u8>) {
        match reason.by {
            Ended::Remote => Rfc6455.close(reason, out),
            Ended::Protocol => broken(reason, out),
            _ => encode_close(Some((Close::NORMAL.code, Close::NORMAL.reason)), None, out),
        }
    }

    fn nudge(&self, out: &mut Vec<u8>) {
        Rfc6455.nudge(out);
    }
}

/// A breach of SockJS is named; of one of the WebSocket's own no more than the code.
fn broken(reason: &CloseReason, out: &mut Vec<u8>) {
    match reason.code == Close::BROKEN.code {
        true => encode_close(Some((reason.code, &reason.text)), None, out),
        false => Rfc6455.close(reason, out),
    }
}
