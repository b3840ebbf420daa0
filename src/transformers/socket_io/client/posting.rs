//! What goes out of a session: payloads, in POSTs, or packets in frames of the
//! WebSocket.

use super::requests::Requests;
use crate::close::{CloseReason, Ended};
use crate::frame::Frame;
use crate::http::client::Answer;
use crate::net::dial::Destination;
use crate::transformers::polled::client::{self, Queue, over_limit};
use crate::transformers::socket_io::packet::{DISCONNECT, HEARTBEAT, MESSAGE, UNKNOWN};
use crate::transformers::socket_io::payload;
use crate::transformers::websockets::client::mask;
use crate::transformers::websockets::frame::encode_about;

/// Bytes in one POST; a single message may be longer.
const POST_MAX: usize = 1_000_000;

/// Bytes that come with each of several packets.
const FRAMING: usize = 20;

/// See the module.
pub(super) struct Posting(pub Requests);

/// The answer to a heartbeat.
pub(super) struct Alive;

impl client::Requests for Posting {
    type Own = Alive;

    fn to(&self) -> &Destination {
        &self.0.base.target().to
    }

    fn post(&self, own: Option<Alive>, waiting: &mut Queue) -> Vec<u8> {
        let (mut frames, mut bytes) = (Vec::new(), 0);
        while let Some(next) = waiting.front() {
            bytes += next.len() + FRAMING;
            if !frames.is_empty() && bytes > POST_MAX {
                break;
            }
            frames.extend(waiting.pop());
        }
        let alive = own.map(|Alive| (HEARTBEAT, "")).into_iter();
        let mut body = Vec::new();
        let messages = frames.iter().map(|frame| (MESSAGE, text(frame)));
        payload::encode(alive.chain(messages), &mut body);
        self.0.post(&body)
    }

    fn goodbye(&self) -> Option<Vec<u8>> {
        Some(self.0.post(DISCONNECT.as_bytes()))
    }

    fn accepted(&self, answer: &Answer) -> Result<(), CloseReason> {
        match answer.status {
            // The poll that will be told the same may come much later, and what is written
            // until then would be lost.
            200 if answer.body == UNKNOWN.as_bytes() => {
                let text = format!("the server knows the session no more{}", self.0.hint());
                Err(CloseReason::new(Ended::Remote, 1005, text, true))
            }
            200 => {
                self.0.base.heard(answer);
                Ok(())
            }
            413 => Err(over_limit()),
            _ => Err(refused(answer)),
        }
    }

    fn frame(&self, message: &Frame, out: &mut Vec<u8>) {
        put(MESSAGE, text(message), out);
    }

    fn own_frame(&self, Alive: &Alive, out: &mut Vec<u8>) {
        put(HEARTBEAT, "", out);
    }

    fn goodbye_frame(&self, out: &mut Vec<u8>) {
        put(DISCONNECT, "", out);
    }
}

/// Appends a packet of two parts as a frame.
fn put(head: &str, data: &str, out: &mut Vec<u8>) {
    encode_about(head.len() + data.len(), mask(), out, |out| {
        out.extend_from_slice(head.as_bytes());
        crate::frame::room::append(out, data.as_bytes());
    });
}

/// What became of a session of which a request was refused.
pub(super) fn refused(answer: &Answer) -> CloseReason {
    CloseReason::lost(answer.refusal().to_string())
}

fn text(message: &Frame) -> &str {
    // The client refuses to write any other.
    message.as_text().unwrap_or_default()
}
