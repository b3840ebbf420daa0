//! What clients can tell of which WebSocket server Primus has: `ws`, as which all
//! others are taken to be, `faye-websocket` or `uws`.

use super::wire::Rfc6455;
use crate::close::{CloseReason, Ended};
use crate::frame::Frame;
use crate::transformers::serve::Wire;
use crate::transformers::websockets::decoder::Role;
use crate::transformers::websockets::frame::encode_close;
use crate::transformers::websockets::session::farewell;

/// How a server differs from others that speak the same protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flavour {
    /// A ping frame is a sign of life to the heartbeat of Primus.
    pub(super) pings_are_life: bool,
    /// The first subprotocol that a client offers is selected; else none is.
    pub(super) selects: bool,
    /// Version 8, the same protocol before it had its number, is spoken too.
    pub(super) version_8: bool,
    /// The code of the close frame at an ordinary end; else the frame is empty.
    pub(super) closes_with: Option<u16>,
}

impl Flavour {
    pub(crate) const WS: Flavour =
        Flavour { pings_are_life: true, selects: true, version_8: true, closes_with: None };
    pub(crate) const UWS: Flavour = Flavour { selects: false, ..Flavour::WS };
    pub(crate) const FAYE: Flavour = Flavour {
        pings_are_life: false,
        selects: false,
        version_8: false,
        closes_with: Some(NORMAL),
    };
}

/// The code that says that all is well.
const NORMAL: u16 = 1000;

/// [`Rfc6455`], whose ordinary end has a code.
pub(super) struct Faye;

impl Wire for Faye {
    fn format(&self) -> &'static str {
        Rfc6455.format()
    }

    fn encode(&self, frame: &Frame, out: &mut Vec<u8>) {
        Rfc6455.encode(frame, out);
    }

    fn prefix(&self, frame: &Frame, out: &mut Vec<u8>) -> bool {
        Rfc6455.prefix(frame, out)
    }

    fn close(&self, reason: &CloseReason, out: &mut Vec<u8>) {
        match farewell(Role::Server, reason) {
            // An empty frame is answered with an empty one.
            None if !matches!(reason.by, Ended::Remote) => {
                encode_close(Some((NORMAL, "")), None, out);
            }
            told => encode_close(told, None, out),
        }
    }

    fn nudge(&self, out: &mut Vec<u8>) {
        Rfc6455.nudge(out);
    }
}
