//! What goes out of a session: payloads in POSTs, or frames of the WebSocket.

use super::requests::Requests;
use crate::close::CloseReason;
use crate::frame::Frame;
use crate::http::client::Answer;
use crate::net::dial::Destination;
use crate::transformers::engine_io::packet::{Packet, PacketRef};
use crate::transformers::engine_io::payload;
use crate::transformers::engine_io::{Format, Revision};
use crate::transformers::polled::client::{self, Queue, over_limit};
use crate::transformers::websockets::client::mask;
use crate::transformers::websockets::frame::encode_with;

/// Bytes in one POST to a server that does not say how many it takes. A single
/// packet may be longer.
const POST_MAX: usize = 1_000_000;

/// See the module.
pub(super) struct Posting {
    requests: Requests,
    format: Format,
    /// Most bytes in one POST.
    post_max: usize,
}

impl Posting {
    /// To a server that takes so many bytes at once, if it has said so.
    pub fn new(requests: Requests, format: Format, most: Option<usize>) -> Self {
        Posting { requests, format, post_max: most.unwrap_or(POST_MAX) }
    }
}

impl client::Requests for Posting {
    type Own = Packet;

    fn to(&self) -> &Destination {
        &self.requests.base.target().to
    }

    fn post(&self, own: Option<Packet>, waiting: &mut Queue) -> Vec<u8> {
        let mut length = own.as_ref().map_or(0, |p| payload::item_len(p.as_ref(), self.format));
        let mut frames = Vec::new();
        while let Some(next) = waiting.front() {
            length += payload::item_len(next.into(), self.format);
            // The last separator that is counted is not there.
            let spare = usize::from(self.format.revision == Revision::V4);
            if (own.is_some() || !frames.is_empty()) && length - spare > self.post_max {
                break;
            }
            frames.extend(waiting.pop());
        }
        let mut body = Vec::with_capacity(length.min(self.post_max));
        let packets = own.iter().map(Packet::as_ref).chain(frames.iter().map(PacketRef::from));
        let content = payload::encode(packets, self.format, &mut body);
        self.requests.post(content, &body)
    }

    /// It goes alone, as JavaScript clients send it.
    fn goodbye(&self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        let content = payload::encode([PacketRef::Close], self.format, &mut body);
        Some(self.requests.post(content, &body))
    }

    fn accepted(&self, answer: &Answer) -> Result<(), CloseReason> {
        if answer.status != 200 {
            return Err(refused(answer, &self.requests));
        }
        self.requests.base.heard(answer);
        Ok(())
    }

    fn frame(&self, message: &Frame, out: &mut Vec<u8>) {
        encode(message.into(), self.format, out);
    }

    fn own_frame(&self, own: &Packet, out: &mut Vec<u8>) {
        encode(own.as_ref(), self.format, out);
    }
}

/// Appends a packet as a frame of a WebSocket.
pub(super) fn encode(packet: PacketRef<'_>, format: Format, out: &mut Vec<u8>) {
    let (binary, length) = (packet.is_binary_frame(format), packet.frame_len(format));
    encode_with(binary, length, mask(), out, |out| packet.frame_into(format, out));
}

/// What became of a session of which a request was refused.
pub(super) fn refused(answer: &Answer, requests: &Requests) -> CloseReason {
    if answer.status == 413 {
        return over_limit();
    }
    let refusal = answer.refusal();
    let hint = requests.hint(&refusal);
    CloseReason::lost(format!("{refusal}{hint}"))
}
