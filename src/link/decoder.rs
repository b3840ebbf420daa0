//! Bytes of Redis's to replies, under a bound.
//!
//! The crate `redis` has a parser too, but none with a bound: a line without an end, or
//! a length that is a lie, would make it read on for ever.

use super::reply::{Reply, ServerError};

/// The longest line: a length, a status, the text of an error.
const LINE_MAX: usize = 64 << 10;

/// How deep arrays may lie in each other.
const DEPTH_MAX: usize = 32;

/// A buffer that is no longer than this is kept.
const KEPT: usize = 64 << 10;

/// Takes bytes as they come, and gives replies. After an error it is of no use.
pub(super) struct Decoder {
    bytes: Vec<u8>,
    /// How many of them are done with.
    at: usize,
    /// Arrays that are not complete, each within the one before.
    open: Vec<Array>,
    /// What the reply takes so far, with what its parts take in memory.
    size: usize,
    most: usize,
}

struct Array {
    missing: usize,
    parts: Vec<Reply>,
}

enum Part {
    Whole(Reply),
    Begun(usize),
}

impl Decoder {
    /// One that takes replies up to this size.
    pub fn new(most: usize) -> Self {
        Decoder { bytes: Vec::new(), at: 0, open: Vec::new(), size: 0, most }
    }

    /// More bytes have come.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.at > 0 {
            self.bytes.drain(..self.at);
            self.at = 0;
            if self.bytes.is_empty() && self.bytes.capacity() > KEPT {
                self.bytes = Vec::new();
            }
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next reply, if all of it has come. The error says what is wrong with it.
    pub fn next(&mut self) -> Result<Option<Reply>, String> {
        loop {
            let before = self.at;
            let Some(part) = self.part()? else { return Ok(None) };
            self.size += self.at - before + size_of::<Reply>();
            if self.size > self.most {
                return Err(format!("a reply of more than {} bytes", self.most));
            }
            let mut whole = match part {
                Part::Begun(0) => Reply::Array(Vec::new()),
                Part::Begun(_) if self.open.len() == DEPTH_MAX => {
                    return Err(format!("a reply with more than {DEPTH_MAX} arrays in each other"));
                }
                Part::Begun(missing) => {
                    // As many as are there, whatever is claimed.
                    let parts = Vec::with_capacity(missing.min(64));
                    self.open.push(Array { missing, parts });
                    continue;
                }
                Part::Whole(reply) => reply,
            };
            loop {
                let Some(array) = self.open.last_mut() else {
                    self.size = 0;
                    return Ok(Some(whole));
                };
                array.parts.push(whole);
                array.missing -= 1;
                if array.missing > 0 {
                    break;
                }
                whole = Reply::Array(self.open.pop().map_or_else(Vec::new, |array| array.parts));
            }
        }
    }

    /// The next value, or the beginning of an array; all of it or nothing is taken.
    fn part(&mut self) -> Result<Option<Part>, String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some((&kind, rest)) = rest.split_first() else { return Ok(None) };
        if !b"+-:$*".contains(&kind) {
            return Err(format!("{:?} instead of a reply", shown(&[kind])));
        }
        let end = rest.iter().take(LINE_MAX).position(|&byte| byte == b'\n');
        let Some(end) = end else {
            let is_endless = rest.len() >= LINE_MAX;
            let text = || format!("a line of more than {LINE_MAX} bytes");
            return if is_endless { Err(text()) } else { Ok(None) };
        };
        let (line, behind) = rest.split_at(end + 1);
        let Some(line) = line.strip_suffix(b"\r\n") else {
            return Err(format!("a line without its end: {:?}", shown(line)));
        };
        let mut taken = 1 + end + 1;
        let part = match kind {
            b'+' if line == b"OK" => Part::Whole(Reply::Okay),
            b'+' => Part::Whole(Reply::SimpleString(String::from_utf8_lossy(line).into())),
            b'-' => Part::Whole(error(line)),
            b':' => Part::Whole(Reply::Int(number(line)?)),
            _ => match (kind, number(line)?) {
                (_, -1) => Part::Whole(Reply::Nil),
                (kind, length) => {
                    let length = usize::try_from(length).ok().filter(|&length| length <= self.most);
                    let Some(length) = length else {
                        return Err(format!("a length of {}", shown(line)));
                    };
                    if kind == b'*' {
                        Part::Begun(length)
                    } else {
                        let Some(text) = behind.get(..length + 2) else { return Ok(None) };
                        let Some(text) = text.strip_suffix(b"\r\n") else {
                            return Err("a text that is longer than was said".into());
                        };
                        taken += length + 2;
                        Part::Whole(Reply::BulkString(text.to_vec()))
                    }
                }
            },
        };
        self.at += taken;
        Ok(Some(part))
    }
}

fn number(line: &[u8]) -> Result<i64, String> {
    let text = std::str::from_utf8(line).ok();
    let number = text.and_then(|text| text.parse().ok());
    number.ok_or_else(|| format!("{:?} instead of a number", shown(line)))
}

fn error(line: &[u8]) -> Reply {
    Reply::ServerError(ServerError::new(&String::from_utf8_lossy(line)))
}

/// The beginning, for messages.
fn shown(bytes: &[u8]) -> String {
    let bytes = bytes.get(..40).unwrap_or(bytes);
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(decoder: &mut Decoder) -> Result<Vec<Reply>, String> {
        std::iter::from_fn(|| decoder.next().transpose()).collect()
    }

    fn bulk(text: &str) -> Reply {
        Reply::BulkString(text.into())
    }

    const SOME: &[u8] = b"+OK\r\n+PONG\r\n:-7\r\n$3\r\na\r\n\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n\
        *3\r\n$7\r\nmessage\r\n*2\r\n:1\r\n*1\r\n+x\r\n$2\r\nhi\r\n-WRONGTYPE no\r\n";

    fn expected() -> Vec<Reply> {
        let simple = |text: &str| Reply::SimpleString(text.into());
        let inner = Reply::Array(vec![Reply::Int(1), Reply::Array(vec![simple("x")])]);
        let mut all = vec![Reply::Okay, simple("PONG"), Reply::Int(-7), bulk("a\r\n"), bulk("")];
        all.extend([Reply::Nil, Reply::Nil, Reply::Array(vec![])]);
        all.push(Reply::Array(vec![bulk("message"), inner, bulk("hi")]));
        all
    }

    #[test]
    fn replies_are_read_however_they_are_cut() {
        for size in [1, 2, 3, 7, SOME.len()] {
            let mut decoder = Decoder::new(1 << 20);
            let mut found = Vec::new();
            for bytes in SOME.chunks(size) {
                decoder.feed(bytes);
                found.extend(all(&mut decoder).unwrap());
            }
            let error = super::super::reply::refusal(&found.pop().unwrap()).unwrap().to_string();
            assert_eq!(error, "unavailable: Redis: WRONGTYPE no");
            assert_eq!(found, expected(), "{size}");
            assert_eq!(decoder.size, 0);
        }
    }

    #[test]
    fn an_error_has_a_code_and_perhaps_more() {
        for (text, code, details) in [
            ("-OOM no room \r\n", "OOM", Some("no room")),
            ("-BUSY\r\n", "BUSY", None),
            ("-\r\n", "", None),
        ] {
            let mut decoder = Decoder::new(1000);
            decoder.feed(text.as_bytes());
            let Some(Reply::ServerError(error)) = decoder.next().unwrap() else { panic!("none") };
            assert_eq!((error.code(), error.details()), (code, details));
            assert_eq!(format!("-{error}"), text.trim_end());
        }
    }

    #[test]
    fn garbage_is_an_error() {
        for (text, why) in [
            ("HTTP/1.1 400 Bad Request\r\n", "instead of a reply"),
            ("%1\r\n", "instead of a reply"),
            (":x\r\n", "instead of a number"),
            (":1\n", "without its end"),
            ("$-2\r\n", "a length of -2"),
            ("*-7\r\n", "a length of -7"),
            ("$1001\r\n", "a length of 1001"),
            ("*9223372036854775807\r\n", "a length of"),
            ("$99999999999999999999\r\n", "instead of a number"),
            ("$1\r\nabc", "longer than was said"),
        ] {
            let mut decoder = Decoder::new(1000);
            decoder.feed(text.as_bytes());
            let error = all(&mut decoder).unwrap_err();
            assert!(error.contains(why), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_line_a_reply_and_a_depth_have_a_bound() {
        let mut decoder = Decoder::new(1 << 20);
        decoder.feed(b"+");
        for _ in 0..64 {
            assert_eq!(decoder.next(), Ok(None));
            decoder.feed(&[b'x'; 1024]);
        }
        assert!(decoder.next().unwrap_err().contains("a line of more than"));

        let mut decoder = Decoder::new(1000);
        decoder.feed(b"*900\r\n");
        decoder.feed(&b":1\r\n".repeat(900));
        assert!(decoder.next().unwrap_err().contains("a reply of more than 1000 bytes"));

        let mut decoder = Decoder::new(1 << 20);
        decoder.feed(&b"*1\r\n".repeat(DEPTH_MAX + 1));
        assert!(decoder.next().unwrap_err().contains("arrays in each other"));
    }

    #[test]
    fn a_large_reply_leaves_no_large_buffer() {
        let mut decoder = Decoder::new(1 << 20);
        let text = "x".repeat(500_000);
        decoder.feed(format!("${}\r\n{text}\r\n", text.len()).as_bytes());
        assert_eq!(decoder.next(), Ok(Some(bulk(&text))));
        decoder.feed(b":1\r\n");
        assert_eq!(decoder.next(), Ok(Some(Reply::Int(1))));
        assert!(decoder.bytes.capacity() <= KEPT);
    }

    #[test]
    fn random_bytes_are_harmless() {
        let mut random = fastrand::Rng::with_seed(7);
        let alphabet = b"+-:$*0123456789\r\n\r\n\r\nx";
        for _ in 0..20_000 {
            let mut decoder = Decoder::new(4096);
            for _ in 0..random.usize(1..40) {
                decoder.feed(&[alphabet[random.usize(..alphabet.len())]]);
                if all(&mut decoder).is_err() {
                    break;
                }
            }
        }
    }
}
