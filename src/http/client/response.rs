//! Reading HTTP responses, in whatever pieces they arrive.

use std::io;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::http::{
    Bad, BodyDecoder, BodyLength, Fields, Parsed, ResponseHead, Scan, parse_response,
};
use crate::limits::Limits;
use crate::net::Stream;

/// Longest body in bytes: a spec document or the cause of a refusal. What is
/// beyond it is not read.
pub(crate) const BODY_MAX: usize = 64 << 10;

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub fields: Fields,
    /// The body; after a 101 whatever came behind the head.
    pub body: Vec<u8>,
}

impl Answer {
    /// Without a body yet.
    pub fn new(status: u16, fields: Fields) -> Self {
        Answer { status, fields, body: Vec::new() }
    }

    /// The value of a header; several of one name are joined where they may be.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.fields.get(name)
    }

    /// What refused a handshake: the cause is `error` of a JSON body (Primus's)
    /// or `message` (engine.io's), else the text of the body. Whoever knows says
    /// [where](Error::at).
    pub fn refusal(&self) -> Error {
        let json = serde_json::from_slice::<Value>(&self.body).ok();
        let cause = |json| ["error", "message"].iter().find_map(|name| Value::get(json, *name));
        let message = match json.as_ref().and_then(cause) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::from_utf8_lossy(&self.body).trim().chars().take(200).collect(),
        };
        let authenticate = self.header("www-authenticate").map(Into::into);
        Error::Refused { url: "".into(), status: self.status, message, authenticate }
    }
}

/// Reads a response that is small: what is beyond the bound is not read.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pieces: Pieces,
    begun: Option<Answer>,
}

impl Reader {
    /// Reads what there is, without waiting; `Some` when the response is whole.
    ///
    /// # Errors
    /// As [`push`](Self::push) and [`finish`](Self::finish), or the stream's.
    pub fn read(&mut self, stream: &Stream) -> Result<Option<Answer>> {
        let mut piece = [0; 4096];
        let Some(length) = stream.read_now(&mut piece)? else { return Ok(None) };
        if length == 0 {
            return self.finish().map(Some);
        }
        self.push(piece.get(..length).unwrap_or_default())
    }

    /// Takes in more bytes; `Some` when the response is whole, or longer than
    /// we care to read.
    ///
    /// # Errors
    /// It is no sound HTTP, or its head is over the limits.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<Answer>> {
        self.pieces.push(bytes);
        if self.begun.is_none() {
            self.begun = self.pieces.head()?.map(|head| Answer::new(head.status, head.fields));
        }
        let Some(answer) = &mut self.begun else { return Ok(None) };
        let whole = self.pieces.body(&mut answer.body)?;
        let enough = answer.status == 101 || whole || answer.body.len() >= BODY_MAX;
        Ok(if enough { self.begun.take() } else { None })
    }

    /// The stream ended: the response is what has arrived.
    ///
    /// # Errors
    /// The head is not whole.
    pub fn finish(&mut self) -> Result<Answer> {
        self.begun.take().ok_or_else(early_end)
    }
}

/// Takes a response apart as it arrives: bytes in, the head and pieces of the
/// body out.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    limits: Limits,
    scan: Scan,
    /// What has arrived and was not understood yet.
    buf: Vec<u8>,
    decoder: Option<BodyDecoder>,
    until_close: bool,
}

impl Pieces {
    /// Takes in more bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
    }

    /// The head, once, when it is there. Interim answers are passed over.
    ///
    /// # Errors
    /// It is no sound HTTP, or over the limits.
    pub fn head(&mut self) -> Result<Option<ResponseHead>> {
        while self.decoder.is_none() {
            match parse_response(&mut self.scan, &self.buf, &self.limits) {
                Parsed::Partial => return Ok(None),
                Parsed::Bad(bad) => return Err(unsound(bad)),
                Parsed::Complete { head, consumed } => {
                    self.buf.drain(..consumed);
                    self.scan = Scan::default();
                    let length = match head.status {
                        101 => BodyLength::UntilClose,
                        100..=199 => continue,
                        204 | 304 => BodyLength::Known(0),
                        _ => head.body,
                    };
                    plain(&head)?;
                    self.until_close = length == BodyLength::UntilClose;
                    self.decoder = Some(BodyDecoder::new(length));
                    return Ok(Some(head));
                }
            }
        }
        Ok(None)
    }

    /// Appends what there is of the body; true when that is all of it.
    ///
    /// # Errors
    /// The body's framing is unsound.
    pub fn body(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        let Some(decoder) = &mut self.decoder else { return Ok(false) };
        let mut used = 0;
        while let Some(rest) = self.buf.get(used..).filter(|rest| !rest.is_empty())
            && !decoder.is_done()
        {
            let step = decoder.step(rest).map_err(unsound)?;
            let end = step.skip.saturating_add(step.data).min(rest.len());
            out.extend_from_slice(rest.get(step.skip..end).unwrap_or_default());
            used += end;
            decoder.took(step.data);
        }
        self.buf.drain(..used);
        Ok(decoder.is_done())
    }

    /// The stream has ended, which may be the end of the response too.
    ///
    /// # Errors
    /// It was not whole.
    pub fn finish(&self) -> Result<()> {
        if self.until_close { Ok(()) } else { Err(early_end()) }
    }

    /// Whether nothing of a response has arrived, nor of one behind it.
    pub fn is_untouched(&self) -> bool {
        self.decoder.is_none() && self.buf.is_empty()
    }

    /// Goes on to the next response; false when something has arrived that
    /// was not asked for.
    pub fn restart(&mut self) -> bool {
        self.decoder = None;
        self.until_close = false;
        self.buf.is_empty()
    }
}

/// What was asked for is to come as it is.
fn plain(head: &ResponseHead) -> Result<()> {
    match head.fields.get("content-encoding").filter(|_| head.status == 200) {
        Some(coding) if !coding.is_empty() && !coding.eq_ignore_ascii_case("identity") => {
            let text = format!("the server compresses what was not asked for so ({coding:?})");
            Err(Error::Protocol(text))
        }
        _ => Ok(()),
    }
}

fn early_end() -> Error {
    io::Error::from(io::ErrorKind::UnexpectedEof).into()
}

fn unsound(bad: Bad) -> Error {
    Error::Protocol(format!("unsound HTTP from the server: {}", bad.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, step: usize) -> Result<Answer> {
        let mut reader = Reader::default();
        for piece in text.as_bytes().chunks(step) {
            if let Some(answer) = reader.push(piece)? {
                return Ok(answer);
            }
        }
        reader.finish()
    }

    #[test]
    fn bodies_of_every_framing_in_any_pieces() {
        for step in [1, 7, 1000] {
            for framing in [
                "Content-Length: 5\r\n\r\nhelloXX",
                "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
                "\r\nhello",
            ] {
                let text = format!("HTTP/1.1 200 OK\r\nX-A: b\r\n{framing}");
                let answer = read(&text, step).unwrap();
                assert_eq!((answer.status, answer.body.as_slice()), (200, &b"hello"[..]), "{text}");
                assert_eq!(answer.header("x-a"), Some("b"));
            }
        }
    }

    #[test]
    fn frames_behind_a_101_are_kept() {
        let text = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nrest";
        assert_eq!(read(text, 1000).unwrap().body, b"rest");
    }

    #[test]
    fn a_refusal_tells_its_cause() {
        let refusal = |body: &str| {
            let text = format!(
                "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n{body}"
            );
            match read(&text, 1000).unwrap().refusal() {
                Error::Refused { status: 401, message, authenticate: Some(_), .. } => message,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(refusal(r#"{"error":"nope"}"#), "nope");
        assert_eq!(refusal(r#"{"code":1,"message":"Session ID unknown"}"#), "Session ID unknown");
        assert_eq!(refusal(r#"{"error":{"foo":1}}"#), r#"{"foo":1}"#);
        assert_eq!(refusal("Upgrade Required\n"), "Upgrade Required");
        assert_eq!(refusal(""), "");
    }

    #[test]
    fn what_is_no_http_or_too_long_is_an_error() {
        assert!(read("SSH-2.0-OpenSSH\r\n", 1000).is_err());
        assert!(read("HTTP/1.1 200", 1000).is_err());
        let endless = format!("HTTP/1.1 200 OK\r\n{}", "X: y\r\n".repeat(10_000));
        assert!(read(&endless, 1000).is_err());
        let coded = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx";
        let error = read(coded, 1000).unwrap_err().to_string();
        assert!(error.contains("gzip"), "{error}");
        let bad_chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
        assert!(read(bad_chunk, 1000).is_err());
        let long = format!("HTTP/1.1 500 X\r\n\r\n{}", "x".repeat(BODY_MAX * 2));
        assert!(read(&long, 1000).unwrap().body.len() < BODY_MAX + 1000);
    }
}
