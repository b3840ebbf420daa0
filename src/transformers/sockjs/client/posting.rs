//! What goes out of a session: arrays of strings, in POSTs or in frames of the
//! WebSocket.

use std::convert::Infallible;

use super::requests::Requests;
use crate::close::CloseReason;
use crate::frame::Frame;
use crate::http::client::Answer;
use crate::net::dial::Destination;
use crate::transformers::polled::client::{self, Queue, over_limit};
use crate::transformers::sockjs::frame::quote;
use crate::transformers::websockets::client::mask;
use crate::transformers::websockets::frame::encode_about;

/// Bytes in one POST; a single message may be longer.
const POST_MAX: usize = 1_000_000;

/// See the module.
pub(super) struct Posting(pub Requests);

impl client::Requests for Posting {
    type Own = Infallible;

    fn to(&self) -> &Destination {
        &self.0.base.target().to
    }

    fn post(&self, own: Option<Infallible>, waiting: &mut Queue) -> Vec<u8> {
        if let Some(never) = own {
            match never {}
        }
        let mut body = vec![b'['];
        while let Some(next) = waiting.front() {
            let before = body.len();
            if before > 1 {
                body.push(b',');
            }
            quote(text(next), &mut body);
            if before > 1 && body.len() >= POST_MAX {
                body.truncate(before);
                break;
            }
            waiting.pop();
        }
        body.push(b']');
        self.0.send(&body)
    }

    /// The end of the connections says it.
    fn goodbye(&self) -> Option<Vec<u8>> {
        None
    }

    fn accepted(&self, answer: &Answer) -> Result<(), CloseReason> {
        match answer.status {
            200 | 204 => {
                self.0.base.heard(answer);
                self.0.base.good();
                Ok(())
            }
            413 => Err(over_limit()),
            _ => Err(refused(answer, &self.0)),
        }
    }

    fn frame(&self, message: &Frame, out: &mut Vec<u8>) {
        let text = text(message);
        encode_about(text.len() + text.len() / 8 + 4, mask(), out, |out| {
            out.push(b'[');
            quote(text, out);
            out.push(b']');
        });
    }

    fn own_frame(&self, own: &Infallible, _: &mut Vec<u8>) {
        match *own {}
    }
}

/// What became of a session of which a request was refused.
pub(super) fn refused(answer: &Answer, requests: &Requests) -> CloseReason {
    let hint = if answer.status == 404 { requests.hint() } else { "" };
    CloseReason::lost(format!("{}{hint}", answer.refusal()))
}

fn text(message: &Frame) -> &str {
    // The client refuses to write any other.
    message.as_text().unwrap_or_default()
}
