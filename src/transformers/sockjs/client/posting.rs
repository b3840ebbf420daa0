//! What goes out of a session: arrays of strings, in POSTs or in frames of the
//! WebSocket.

use std::convert::Infallible;

use super::requests::Requests;
use crate::close::{CloseReason, Ended};
use crate::frame::Frame;
use crate::http::client::Answer;
use crate::net::dial::Destination;
use crate::transformers::polled::client::{self, Queue};
use crate::transformers::websockets::client::mask;
use crate::transformers::websockets::frame::encode_with;

/// Bytes in one POST; a single message may be longer.
const POST_MAX: usize = 1_000_000;

/// See the module.
pub(super) struct Posting(pub Requests);

impl client::Requests for Posting {
    type Own = Infallible;

    fn to(&self) -> &Destination {
        &self.0.base().to
    }

    fn post(&self, own: Option<Infallible>, waiting: &mut Queue) -> Vec<u8> {
        if let Some(never) = own {
            match never {}
        }
        let mut body = vec![b'['];
        while let Some(next) = waiting.front() {
            let one = body.len() == 1;
            if !one && body.len() + quoted_len(next.as_bytes()) + 2 > POST_MAX {
                break;
            }
            if !one {
                body.push(b',');
            }
            quote(next.as_bytes(), &mut body);
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
                self.0.heard(answer);
                Ok(())
            }
            413 => {
                let text = "message over the server's limit";
                Err(CloseReason::new(Ended::Remote, 1009, text, true))
            }
            _ => Err(CloseReason::lost(answer.refusal().to_string())),
        }
    }

    fn frame(&self, message: &Frame, out: &mut Vec<u8>) {
        let text = message.as_bytes();
        encode_with(false, quoted_len(text) + 2, mask(), out, |out| {
            out.push(b'[');
            quote(text, out);
            out.push(b']');
        });
    }

    fn own_frame(&self, own: &Infallible, _: &mut Vec<u8>) {
        match *own {}
    }
}

/// The letter behind the backslash of a byte that cannot stand for itself in a JSON
/// string; `u` for those that have none of their own.
fn escape(byte: u8) -> Option<u8> {
    Some(match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        0..0x20 => b'u',
        _ => return None,
    })
}

/// Bytes of the text, in UTF-8, as a JSON string.
fn quoted_len(text: &[u8]) -> usize {
    let more = |byte: &u8| match escape(*byte) {
        None => 0,
        Some(b'u') => 5,
        Some(_) => 1,
    };
    2 + text.len() + text.iter().map(more).sum::<usize>()
}

/// Appends it. All but what JSON forbids stands for itself: servers take it as it
/// is, unlike the scripts that sockjs-client escapes for.
fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| escape(*byte).is_some()) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, behind)) = special.split_first() else { break };
        match escape(*byte).unwrap_or(*byte) {
            b'u' => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            letter => out.extend_from_slice(&[b'\\', letter]),
        }
        rest = behind;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted_as_json_has_it() {
        let all: String = (0..0x300).filter_map(char::from_u32).collect();
        for text in ["", "plain", r#"{"a":"b\\c"}"#, "é€😀\u{2028}\u{feff}", &all, "\n", "\u{1}x"]
        {
            let mut quoted = Vec::new();
            quote(text.as_bytes(), &mut quoted);
            assert_eq!(quoted.len(), quoted_len(text.as_bytes()), "{text:?}");
            assert_eq!(serde_json::from_slice::<String>(&quoted).unwrap(), text);
        }
        let mut quoted = Vec::new();
        quote(b"\"\\\n\x01/", &mut quoted);
        assert_eq!(quoted, br#""\"\\\n\u0001/""#);
    }
}
