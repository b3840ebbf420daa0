//! Reading one HTTP response, in whatever pieces it arrives.

use crate::error::{Error, Result};
use crate::net::Stream;

/// Longest response head in bytes.
const HEAD_MAX: usize = 32 << 10;
/// Most header fields.
const FIELDS_MAX: usize = 100;
/// Longest body in bytes: a spec document or the cause of a refusal.
const BODY_MAX: usize = 64 << 10;

/// A response.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; after a 101 whatever came behind the head.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header with this name, given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// What refused a handshake: the cause is `error` of a JSON body, else the
    /// text of the body.
    pub fn refusal(&self) -> Error {
        let json = serde_json::from_slice::<serde_json::Value>(&self.body).ok();
        let message = match json.as_ref().and_then(|json| json.get("error")) {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::from_utf8_lossy(&self.body).trim().chars().take(200).collect(),
        };
        let authenticate = self.header("www-authenticate").map(str::to_owned);
        Error::Refused { status: self.status, message, authenticate }
    }
}

/// The state between the pieces.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    buf: Vec<u8>,
    head: Option<Answer>,
}

impl Reader {
    /// Takes in more bytes; `Some` when the response is whole.
    ///
    /// # Errors
    /// It is no HTTP, or longer than we care to read.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<Answer>> {
        self.buf.extend_from_slice(bytes);
        if self.head.is_none() {
            let Some((head, length)) = parse_head(&self.buf)? else { return Ok(None) };
            self.buf.drain(..length);
            // Other interim answers than 101 say nothing.
            if (100..200).contains(&head.status) && head.status != 101 {
                return self.push(&[]);
            }
            self.head = Some(head);
        }
        let whole = match &self.head {
            Some(head) => body(head, &self.buf)?,
            None => None,
        };
        Ok(whole.map(|body| self.done(body)))
    }

    /// Reads from a stream once; `Some` when the response is whole.
    ///
    /// # Errors
    /// As [`push`](Self::push) and [`finish`](Self::finish), or the stream's.
    pub fn read(&mut self, stream: &Stream) -> Result<Option<Answer>> {
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece)?;
        if length == 0 {
            return std::mem::take(self).finish().map(Some);
        }
        self.push(piece.get(..length).unwrap_or_default())
    }

    /// The stream ended: the response is what has arrived.
    ///
    /// # Errors
    /// The head is not whole.
    pub fn finish(mut self) -> Result<Answer> {
        if self.head.is_none() {
            return Err(Error::Io(std::io::ErrorKind::UnexpectedEof.into()));
        }
        let rest = std::mem::take(&mut self.buf);
        Ok(self.done(rest))
    }

    fn done(&mut self, body: Vec<u8>) -> Answer {
        Answer { body, ..self.head.take().unwrap_or_default() }
    }
}

fn parse_head(buf: &[u8]) -> Result<Option<(Answer, usize)>> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut response = httparse::Response::new(&mut fields);
    let bad = |what: &str| Error::Protocol(format!("the server's answer is no HTTP: {what}"));
    match response.parse(buf) {
        Ok(httparse::Status::Complete(length)) => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let headers = response.headers.iter();
            let headers = headers.map(|h| (h.name.to_ascii_lowercase(), text(h.value))).collect();
            let status = response.code.unwrap_or_default();
            Ok(Some((Answer { status, headers, body: Vec::new() }, length)))
        }
        Ok(httparse::Status::Partial) if buf.len() < HEAD_MAX => Ok(None),
        Ok(httparse::Status::Partial) => Err(bad("the head is too long")),
        Err(error) => Err(bad(&error.to_string())),
    }
}

/// The body, if it is whole. One that is delimited by the end of the stream is
/// whole only then.
fn body(head: &Answer, buf: &[u8]) -> Result<Option<Vec<u8>>> {
    if head.status == 101 {
        return Ok(Some(buf.to_vec()));
    }
    if matches!(head.status, 204 | 304) {
        return Ok(Some(Vec::new()));
    }
    if buf.len() > BODY_MAX {
        return Ok(Some(buf[..BODY_MAX].to_vec()));
    }
    if head.header("transfer-encoding").is_some_and(|te| te.eq_ignore_ascii_case("chunked")) {
        return dechunk(buf);
    }
    let length = head.header("content-length").and_then(|length| length.parse().ok());
    Ok(length.and_then(|length: usize| buf.get(..length.min(BODY_MAX))).map(<[u8]>::to_vec))
}

fn dechunk(mut buf: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut out = Vec::new();
    let bad = || Error::Protocol("the server's answer has a bad chunk".into());
    loop {
        match httparse::parse_chunk_size(buf) {
            Ok(httparse::Status::Complete((_, 0))) => return Ok(Some(out)),
            Ok(httparse::Status::Complete((start, size))) => {
                let size = usize::try_from(size).map_err(|_| bad())?;
                let end = start.checked_add(size).ok_or_else(bad)?;
                let Some(chunk) = buf.get(start..end) else { return Ok(None) };
                out.extend_from_slice(chunk);
                let Some(rest) = buf.get(end..).and_then(|rest| rest.get(2..)) else {
                    return Ok(None);
                };
                buf = rest;
            }
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(bad()),
        }
    }
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
                assert_eq!((answer.status, answer.body.as_slice()), (200, &b"hello"[..]));
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
                Error::Refused { status: 401, message, authenticate: Some(_) } => message,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(refusal(r#"{"error":"nope"}"#), "nope");
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
        let bad_chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
        assert!(read(bad_chunk, 1000).is_err());
        let long = format!("HTTP/1.1 500 X\r\n\r\n{}", "x".repeat(BODY_MAX * 2));
        assert_eq!(read(&long, 1000).unwrap().body.len(), BODY_MAX);
    }
}
