//! What a server says, taken apart: lines of an answer as they arrive, and frames,
//! which are the same on a WebSocket.

use std::fmt;

use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, Visitor};

use crate::close::{CloseReason, Ended};
use crate::frame::{Frame, FrameText};

/// Most letters of a reason that are kept.
const REASON_MAX: usize = 200;

/// A frame.
pub(super) enum Said {
    /// Nothing, or nothing that matters: a heartbeat, or the filling in front of a
    /// stream, which looks like one.
    Nothing,
    /// The session is open.
    Open,
    /// Messages.
    Messages(Elements),
    /// A message.
    Message(Frame),
    /// The session is closed.
    Close(CloseReason),
}

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Invalid(pub &'static str);

impl From<Invalid> for CloseReason {
    fn from(invalid: Invalid) -> Self {
        CloseReason::new(Ended::Protocol, 1002, format!("sockjs: {}", invalid.0), true)
    }
}

impl Said {
    /// What a line says.
    pub fn of_line(line: Vec<u8>) -> Result<Self, Invalid> {
        let text = String::from_utf8(line).map_err(|_| Invalid("text is not UTF-8"))?;
        Self::of_text(text.into())
    }

    /// What a message of a WebSocket says.
    pub fn of_frame(frame: Frame) -> Result<Self, Invalid> {
        match frame {
            Frame::Text(text) => Self::of_text(text),
            Frame::Binary(_) => Err(Invalid("bytes where only text goes")),
        }
    }

    fn of_text(text: FrameText) -> Result<Self, Invalid> {
        match text.as_bytes().first() {
            None | Some(b'h') => Ok(Said::Nothing),
            Some(b'o') => Ok(Said::Open),
            Some(b'a') => Ok(Said::Messages(Elements::new(text))),
            Some(b'm') => {
                let mut cursor = Cursor { text, at: 1 };
                let message = cursor.value()?;
                cursor.end()?;
                Ok(Said::Message(message))
            }
            Some(b'c') => {
                let why = text.get(1..).map(serde_json::from_str::<(u16, String)>);
                let Some(Ok((code, text))) = why else { return Err(Invalid("bad close frame")) };
                let text: String = text.chars().take(REASON_MAX).collect();
                Ok(Said::Close(CloseReason::new(Ended::Remote, code, text, true)))
            }
            Some(_) => Err(Invalid("unknown kind of frame")),
        }
    }
}

/// The messages of one frame, taken out one by one. A fault shows where it is: those
/// before it are delivered.
pub(super) struct Elements {
    cursor: Cursor,
    stage: Stage,
}

enum Stage {
    Begin,
    Within,
    Over,
}

impl Elements {
    fn new(text: FrameText) -> Self {
        Elements { cursor: Cursor { text, at: 1 }, stage: Stage::Begin }
    }

    fn element(&mut self) -> Result<Option<Frame>, Invalid> {
        let cursor = &mut self.cursor;
        let first = match self.stage {
            Stage::Over => return Ok(None),
            Stage::Begin => {
                cursor.take(b'[')?;
                true
            }
            Stage::Within => false,
        };
        self.stage = Stage::Within;
        if cursor.next() == Some(b']') {
            cursor.at += 1;
            cursor.end()?;
            self.stage = Stage::Over;
            return Ok(None);
        }
        if !first {
            cursor.take(b',')?;
        }
        cursor.value().map(Some)
    }
}

impl Iterator for Elements {
    type Item = Result<Frame, CloseReason>;

    fn next(&mut self) -> Option<Self::Item> {
        let element = self.element();
        if element.is_err() {
            self.stage = Stage::Over;
        }
        element.map_err(CloseReason::from).transpose()
    }
}

/// A place in the JSON of a frame.
struct Cursor {
    text: FrameText,
    at: usize,
}

impl Cursor {
    /// The next byte that is no space.
    fn next(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let space = rest.iter().take_while(|byte| b" \t\r\n".contains(byte)).count();
        self.at += space;
        rest.get(space).copied()
    }

    fn take(&mut self, byte: u8) -> Result<(), Invalid> {
        if self.next() != Some(byte) {
            return Err(Invalid("no array of messages"));
        }
        self.at += 1;
        Ok(())
    }

    fn end(&mut self) -> Result<(), Invalid> {
        self.next().map_or(Ok(()), |_| Err(Invalid("text behind a frame")))
    }

    /// A message: the text of a string, or the JSON of anything else.
    fn value(&mut self) -> Result<Frame, Invalid> {
        if self.next() == Some(b'"') {
            return self.parse::<Text>().map(|text| Frame::text(text.0));
        }
        let begin = self.at;
        self.parse::<IgnoredAny>()?;
        Ok(Frame::text(self.text.get(begin..self.at).unwrap_or_default()))
    }

    fn parse<T: DeserializeOwned>(&mut self) -> Result<T, Invalid> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<T>();
        let value = values.next().and_then(Result::ok).ok_or(Invalid("bad JSON"))?;
        self.at += values.byte_offset();
        Ok(value)
    }
}

/// A JSON string. A lone surrogate in it, which no text can have, becomes U+FFFD.
struct Text(String);

impl<'de> serde::Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // As bytes, because lone surrogates are then no error.
        from.deserialize_bytes(AnyText)
    }
}

struct AnyText;

impl Visitor<'_> for AnyText {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Text, E> {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return Ok(Text(text.to_owned()));
        }
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            // The first of the three bytes that stand for a surrogate.
            if chunk.invalid().first() == Some(&0xed) {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        Ok(Text(text))
    }
}

/// The lines of one answer after the other, as they arrive.
pub(super) struct Lines {
    /// Longest line in bytes.
    longest: usize,
    /// What has arrived; the first `taken` bytes are behind us.
    buf: Vec<u8>,
    taken: usize,
    /// Where the search for the end of the line goes on.
    at: usize,
}

/// A line is longer than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Lines {
    /// For lines of at most so many bytes.
    pub fn new(longest: usize) -> Self {
        Lines { longest, buf: Vec::new(), taken: 0, at: 0 }
    }

    /// Takes in more of an answer.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buf.drain(..self.taken);
        self.at -= self.taken;
        self.taken = 0;
        self.buf.extend_from_slice(bytes);
    }

    /// The next line that has arrived whole.
    pub fn next(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        let rest = self.buf.get(self.at..).unwrap_or_default();
        let found = rest.iter().position(|byte| *byte == b'\n');
        self.at = found.map_or(self.buf.len(), |end| self.at + end);
        let line = self.buf.get(self.taken..self.at).unwrap_or_default();
        if line.len() > self.longest {
            return Err(TooLong);
        }
        if found.is_none() {
            return Ok(None);
        }
        let line = line.to_vec();
        self.at += 1;
        self.taken = self.at;
        Ok(Some(line))
    }

    /// The answer is over; whether that was amid a line.
    pub fn finish(&mut self) -> bool {
        let cut = self.buf.len() > self.taken;
        *self = Lines::new(self.longest);
        cut
    }
}

#[cfg(test)]
mod tests;
