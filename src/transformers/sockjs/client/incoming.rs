//! The frames of a server, taken apart: lines of an answer, or messages of a
//! WebSocket.

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

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages of a frame; `Err`: those before the fault.
    fn messages(text: &str) -> Result<Vec<String>, Vec<String>> {
        let mut found = Vec::new();
        let said = match Said::of_line(text.into()) {
            Ok(Said::Messages(messages)) => messages,
            Ok(Said::Message(message)) => return Ok(vec![message.as_text().unwrap().to_owned()]),
            _ => return Err(found),
        };
        for message in said {
            match message {
                Ok(message) => found.push(message.as_text().unwrap().to_owned()),
                Err(reason) => {
                    assert_eq!((reason.by, reason.code), (Ended::Protocol, 1002));
                    return Err(found);
                }
            }
        }
        Ok(found)
    }

    #[test]
    fn messages_in_order() {
        for (frame, expected) in [
            ("a[]", &[][..]),
            ("a[ ]\r", &[]),
            (r#"a["one"]"#, &["one"]),
            (r#"a["", "two",	"three"] "#, &["", "two", "three"]),
            (r#"m"alone""#, &["alone"]),
            (r#"a["{\"a\":\"\\\"\"}"]"#, &[r#"{"a":"\""}"#]),
            (
                r#"a["\u00e9\ud83d\ude00é😀\u2028\b\f\n\r\t\/\\"]"#,
                &["é😀é😀\u{2028}\u{8}\u{c}\n\r\t/\\"],
            ),
            // What text cannot hold.
            (
                r#"a["\ud800","\ude00\ud83dx","\ud800\ud800"]"#,
                &["\u{fffd}", "\u{fffd}\u{fffd}x", "\u{fffd}\u{fffd}"],
            ),
            // What is no string goes to the parser as it stands.
            (
                r#"a[1,-2.50e3,true,null,"s",{"a": [1, "]"]},[[]]]"#,
                &["1", "-2.50e3", "true", "null", "s", r#"{"a": [1, "]"]}"#, "[[]]"],
            ),
            ("m[1]", &["[1]"]),
        ] {
            assert_eq!(messages(frame).unwrap(), expected, "{frame}");
        }
    }

    #[test]
    fn a_fault_shows_where_it_is() {
        for (frame, before) in [
            ("a", &[][..]),
            ("a1", &[]),
            ("a{}", &[]),
            ("a[", &[]),
            ("a[,]", &[]),
            ("a[\"a\"", &["a"]),
            ("a[\"a\",", &["a"]),
            ("a[\"a\",]", &["a"]),
            ("a[\"a\" \"b\"]", &["a"]),
            ("a[\"a\"]x", &["a"]),
            ("a[\"a\"][]", &["a"]),
            ("a[\"a\",\"b]", &["a"]),
            ("a[\"\\x\"]", &[]),
            ("a[\"\\ud8\"]", &[]),
            ("a[nul]", &[]),
            ("a[1 2]", &["1"]),
            ("m", &[]),
            ("m\"a\"\"b\"", &[]),
        ] {
            assert_eq!(messages(frame).unwrap_err(), before, "{frame}");
        }
    }

    #[test]
    fn the_other_frames() {
        let said = |text: &str| Said::of_line(text.into());
        assert!(matches!(said("o"), Ok(Said::Open)));
        assert!(matches!(said("o\r"), Ok(Said::Open)));
        for nothing in ["", "h", "h\r", &"h".repeat(2048)] {
            assert!(matches!(said(nothing), Ok(Said::Nothing)), "{nothing}");
        }
        let closed = |text| match said(text) {
            Ok(Said::Close(reason)) => Some((reason.code, reason.text)),
            Err(invalid) => {
                assert_eq!(invalid, Invalid("bad close frame"));
                None
            }
            _ => panic!("{text}"),
        };
        assert_eq!(closed(r#"c[3000,"Go away!"]"#), Some((3000, "Go away!".into())));
        assert_eq!(closed(r#"c[1000, ""]"#), Some((1000, String::new())));
        let long = format!("c[1000,{:?}]", "é".repeat(1000));
        assert_eq!(closed(&long).unwrap().1.chars().count(), REASON_MAX);
        for bad in
            ["c", "c[]", "c[1000]", "c[\"a\",\"b\"]", "c[-1,\"\"]", "c[99999,\"\"]", "c[1,\"\",2]"]
        {
            assert_eq!(closed(bad), None, "{bad}");
        }
        for bad in ["x", "O", "[1]", " o", "\u{feff}o"] {
            assert!(matches!(said(bad), Err(Invalid("unknown kind of frame"))), "{bad}");
        }
        assert!(matches!(
            Said::of_line(b"a[\"\xff\"]".to_vec()),
            Err(Invalid("text is not UTF-8"))
        ));
        assert!(Said::of_frame(Frame::binary(*b"o")).is_err());
    }

    #[test]
    fn depth_and_number_need_no_room() {
        let deep = 1_000_000;
        let frame = format!("a[{}{}]", "[".repeat(deep), "]".repeat(deep));
        assert_eq!(messages(&frame).unwrap(), [&frame[2..frame.len() - 1]]);
        assert_eq!(messages(&frame[..deep]).unwrap_err(), [""; 0]);
        let Ok(Said::Messages(many)) = Said::of_line(format!("a[{}0]", "0,".repeat(deep)).into())
        else {
            panic!("no messages");
        };
        assert!(many.eq(std::iter::repeat_n(Ok(Frame::text("0")), deep + 1)));
    }
}
