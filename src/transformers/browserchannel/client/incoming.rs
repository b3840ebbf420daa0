//! What the server says: chunks, taken apart as they arrive, and the arrays in them.

use crate::close::{CloseReason, Ended};
use crate::frame::{Frame, FrameText, room};
use crate::transformers::browserchannel::maps::value;
use crate::transformers::json::one_at;
use crate::transformers::polled::cast::units;

/// Most digits of a length.
const DIGITS: usize = 10;

/// Chunks, as they arrive, of which none is waited for that is too long.
pub(super) struct Chunks {
    /// Longest chunk in bytes.
    longest: usize,
    buf: Vec<u8>,
    /// Of the chunk that is arriving: where it begins, how far it was looked at, and
    /// how many UTF-16 units of it are still to come.
    begun: Option<Begun>,
}

#[derive(Clone, Copy)]
struct Begun {
    start: usize,
    at: usize,
    left: usize,
}

/// What is wrong with what came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Invalid {
    /// It is not of this protocol.
    Malformed(&'static str),
    /// It is longer than it may be.
    TooLong,
}

impl From<Invalid> for CloseReason {
    fn from(invalid: Invalid) -> Self {
        let (code, text) = match invalid {
            Invalid::Malformed(text) => (1002, format!("browserchannel: {text}")),
            Invalid::TooLong => (1009, "message over the limit".into()),
        };
        CloseReason::new(Ended::Protocol, code, text, true)
    }
}

impl Chunks {
    /// For chunks of at most so many bytes.
    pub fn new(longest: usize) -> Self {
        Chunks { longest, buf: Vec::new(), begun: None }
    }

    /// Takes in more of an answer.
    pub fn push(&mut self, bytes: &[u8]) {
        room::append(&mut self.buf, bytes);
    }

    /// The next chunk that has arrived whole.
    pub fn next(&mut self) -> Result<Option<String>, Invalid> {
        let mut begun = match self.begun {
            Some(begun) => begun,
            None => match self.begin()? {
                Some(begun) => begun,
                None => return Ok(None),
            },
        };
        // A character has at least as many bytes as units, so the end lies no nearer: of
        // those of two units the first byte counts for both.
        while begun.left > 0 {
            let rest = self.buf.get(begun.at..).unwrap_or_default();
            let part = rest.get(..begun.left.min(rest.len())).unwrap_or_default();
            if part.is_empty() {
                break;
            }
            begun.at += part.len();
            // A character of two units may begin with the last byte: it is no end.
            begun.left = begun
                .left
                .checked_sub(units(part))
                .ok_or(Invalid::Malformed("a chunk that ends in a character"))?;
        }
        if begun.at - begun.start > self.longest {
            return Err(Invalid::TooLong);
        }
        if begun.left > 0 {
            self.begun = Some(begun);
            return Ok(None);
        }
        let mut chunk = room::take(begun.at - begun.start);
        room::append(&mut chunk, self.buf.get(begun.start..begun.at).unwrap_or_default());
        self.buf.drain(..begun.at);
        self.begun = None;
        String::from_utf8(chunk).map(Some).map_err(|_| Invalid::Malformed("text is not UTF-8"))
    }

    /// Reads the length of a chunk.
    fn begin(&mut self) -> Result<Option<Begun>, Invalid> {
        const WRONG: Invalid = Invalid::Malformed("no length before a chunk");
        let head = self.buf.get(..self.buf.len().min(DIGITS + 1)).unwrap_or_default();
        let digits = head.iter().position(|byte| !byte.is_ascii_digit());
        let Some(digits) = digits else {
            return if head.len() > DIGITS { Err(WRONG) } else { Ok(None) };
        };
        let number = std::str::from_utf8(&head[..digits]).ok().and_then(|text| text.parse().ok());
        match (head.get(digits), number) {
            (Some(b'\n'), Some(left)) if left > self.longest => Err(Invalid::TooLong),
            (Some(b'\n'), Some(left)) => {
                Ok(Some(Begun { start: digits + 1, at: digits + 1, left }))
            }
            _ => Err(WRONG),
        }
    }

    /// The answer is over. What was cut off comes again.
    pub fn finish(&mut self) {
        *self = Chunks::new(self.longest);
    }
}

/// What a chunk says, beside messages.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// The session, if it is told.
    pub sid: Option<String>,
    /// The number of the last array.
    pub last: Option<u64>,
    /// The spark has ended.
    pub stop: bool,
}

/// Looks a chunk over, of which the arrays up to `aid` have come before.
pub(super) fn look(chunk: &str, mut aid: Option<u64>) -> Result<Said, Invalid> {
    let mut said = Said { sid: None, last: aid, stop: false };
    let mut arrays = Arrays::of(chunk)?;
    while let Some((number, data)) = arrays.next(chunk)? {
        if aid.is_some_and(|aid| number <= aid) {
            continue;
        }
        if number != aid.map_or(0, |aid| aid + 1) {
            return Err(Invalid::Malformed("an array was left out"));
        }
        aid = Some(number);
        if said.stop || data.starts_with('"') {
            continue;
        }
        let words: Vec<serde_json::Value> = match serde_json::from_str(data) {
            Ok(words) => words,
            Err(_) => return Err(Invalid::Malformed("no array")),
        };
        match words.first().and_then(|word| word.as_str()) {
            Some("stop") => said.stop = true,
            Some("c") => said.sid = words.get(1).and_then(|sid| sid.as_str()).map(str::to_owned),
            _ => {}
        }
    }
    said.last = aid;
    Ok(said)
}

/// The messages of a chunk that was looked over, of which those up to `aid` have come
/// before. They are taken out one by one, so that many short ones take no more memory
/// than the text that they are in.
pub(super) struct Messages {
    chunk: FrameText,
    arrays: Arrays,
    aid: Option<u64>,
}

impl Messages {
    pub fn of(chunk: String, aid: Option<u64>) -> Result<Self, Invalid> {
        let arrays = Arrays::of(&chunk)?;
        Ok(Messages { chunk: chunk.into(), arrays, aid })
    }
}

impl Iterator for Messages {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        loop {
            let (number, data) = self.arrays.next(&self.chunk).ok()??;
            if self.aid.is_none_or(|aid| number > aid) && data.starts_with('"') {
                return one_at(data.into(), 0).ok();
            }
        }
    }
}

/// The arrays of a chunk.
struct Arrays {
    /// Behind the bracket, or the comma, before the next one; none are left at 0.
    at: usize,
}

impl Arrays {
    fn of(chunk: &str) -> Result<Self, Invalid> {
        let inner = chunk.trim_start().strip_prefix('[').ok_or(Invalid::Malformed("no arrays"))?;
        let empty = inner.trim_start().starts_with(']');
        Ok(Arrays { at: if empty { 0 } else { chunk.len() - inner.len() } })
    }

    /// The next one: its number and its data.
    fn next<'a>(&mut self, chunk: &'a str) -> Result<Option<(u64, &'a str)>, Invalid> {
        const WRONG: Invalid = Invalid::Malformed("no array");
        let Some(rest) = chunk.get(self.at..).filter(|_| self.at > 0) else { return Ok(None) };
        let (number, rest) = rest.trim_start().strip_prefix('[').and_then(value).ok_or(WRONG)?;
        let (data, rest) = rest.strip_prefix(',').and_then(value).ok_or(WRONG)?;
        let rest = rest.strip_prefix(']').ok_or(WRONG)?.trim_start();
        self.at = match rest.strip_prefix(',') {
            Some(more) => chunk.len() - more.len(),
            None if rest.trim_end() == "]" => 0,
            None => return Err(WRONG),
        };
        let number = number.parse().ok().filter(|number| *number < 1 << 53);
        Ok(Some((number.ok_or(WRONG)?, data)))
    }
}

/// Whether the answer to a request that has sent something says that there is a back
/// channel.
pub(super) fn status(body: &[u8]) -> Option<bool> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, text) = text.split_once('\n')?;
    let numbers: Vec<i64> = serde_json::from_str(text).ok()?;
    numbers.first().map(|waits| *waits != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(json: &str) -> String {
        format!("{}\n{json}", json.encode_utf16().count())
    }

    fn all(chunks: &mut Chunks) -> Vec<String> {
        std::iter::from_fn(|| chunks.next().unwrap()).collect()
    }

    #[test]
    fn chunks_in_any_pieces() {
        let bodies = [
            "[[0,[\"c\",\"sid\",null,8]]]\n",
            "[[1,\"é😀漢\"],[2,\"\"]]\n",
            "[]",
            "[[3,[\"noop\"]]]\n",
        ];
        let text: String = bodies.iter().map(|body| chunk(body)).collect();
        for step in 1..=text.len() {
            let mut chunks = Chunks::new(100);
            let mut found = Vec::new();
            for piece in text.as_bytes().chunks(step) {
                chunks.push(piece);
                found.extend(all(&mut chunks));
            }
            assert_eq!(found, bodies, "{step}");
        }
        let mut chunks = Chunks::new(100);
        chunks.push(b"30\n[[0,");
        assert_eq!(chunks.next(), Ok(None));
        chunks.finish();
        chunks.push(b"2\n[]");
        assert_eq!(all(&mut chunks), ["[]"]);
    }

    #[test]
    fn what_is_no_chunk() {
        for (text, wrong) in [
            ("x", Invalid::Malformed("no length before a chunk")),
            ("\n[]", Invalid::Malformed("no length before a chunk")),
            ("-1\n[]", Invalid::Malformed("no length before a chunk")),
            ("12345678901", Invalid::Malformed("no length before a chunk")),
            ("<html>", Invalid::Malformed("no length before a chunk")),
            ("101\n", Invalid::TooLong),
            ("9999999999\n", Invalid::TooLong),
            ("3\n[\"😀\"]", Invalid::Malformed("a chunk that ends in a character")),
        ] {
            let mut chunks = Chunks::new(100);
            chunks.push(text.as_bytes());
            assert_eq!(chunks.next(), Err(wrong), "{text}");
        }
        // Bytes count, however few units they are.
        let mut chunks = Chunks::new(100);
        chunks.push(format!("60\n{}", "漢".repeat(50)).as_bytes());
        assert_eq!(chunks.next(), Err(Invalid::TooLong));
        let mut chunks = Chunks::new(100);
        chunks.push(b"4\n[\xff\xfe]");
        assert!(chunks.next().is_err());
    }

    fn texts(chunk: &str, aid: Option<u64>) -> Vec<String> {
        let messages = Messages::of(chunk.to_owned(), aid).unwrap();
        messages.map(|frame| frame.as_text().unwrap().to_owned()).collect()
    }

    #[test]
    fn what_is_in_a_chunk() {
        let said =
            |sid: Option<&str>, last, stop| Ok(Said { sid: sid.map(str::to_owned), last, stop });
        let first = "[[0,[\"c\",\"sid\",null,8]],[1,\"hi\"]]\n";
        assert_eq!(look(first, None), said(Some("sid"), Some(1), false));
        assert_eq!(texts(first, None), ["hi"]);
        let more =
            " [ [ 1 , \"old\" ] , [2,\"\\\"é\\ud83d\\u0000\\\"\"],[3,[\"noop\"]],[4,\"x\"] ]\n";
        assert_eq!(look(more, Some(1)), said(None, Some(4), false));
        assert_eq!(texts(more, Some(1)), ["\"é\u{fffd}\0\"", "x"]);
        let last = "[[5,\"\\\"primus::server::close\\\"\"],[6,[\"stop\"]],[7,\"late\"]]\n";
        assert_eq!(look(last, Some(4)), said(None, Some(7), true));
        assert_eq!(look("[]", Some(4)), said(None, Some(4), false));
        assert_eq!(look("[[3,\"x\"]]", Some(4)), said(None, Some(4), false));
        assert_eq!(texts("[]", None), [] as [String; 0]);
    }

    #[test]
    fn what_is_no_array() {
        for text in [
            "",
            "{}",
            "1",
            "[1]",
            "[[]]",
            "[[0]]",
            "[[0,1,2]]",
            "[[0,\"x\"]",
            "[[0,\"x\"],]",
            "[[0,\"x\"]]]",
            "[[-1,\"x\"]]",
            "[[0.5,\"x\"]]",
            "[[\"0\",\"x\"]]",
            "[[99999999999999999999,\"x\"]]",
            "[[0,x]]",
            "[[0,{}]]",
            "[[0,5]]",
            "[[0,\"x\"] [1,\"y\"]]",
        ] {
            assert!(look(text, None).is_err(), "{text}");
        }
        assert_eq!(look("[[2,\"x\"]]", Some(0)), Err(Invalid::Malformed("an array was left out")));
        assert_eq!(look("[[1,\"x\"]]", None), Err(Invalid::Malformed("an array was left out")));
        assert_eq!(
            look("[[0,\"x\"],[2,\"x\"]]", None),
            Err(Invalid::Malformed("an array was left out"))
        );
    }

    #[test]
    fn answers_to_what_was_sent() {
        assert_eq!(status(b"7\n[1,0,0]"), Some(true));
        assert_eq!(status(b"8\n[0,-1,0]\n"), Some(false));
        for bad in [&b""[..], b"[1,0,0]", b"7\n", b"7\n[]", b"ok", b"2\n{}", b"\xff\n[1]x"] {
            assert_eq!(status(bad), None, "{bad:?}");
        }
    }
}
