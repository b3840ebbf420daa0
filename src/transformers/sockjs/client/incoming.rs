//! The frames of a server, taken apart: lines of an answer, or messages of a
//! WebSocket.

use crate::close::{CloseReason, Ended};
use crate::frame::{Frame, FrameText};
use crate::transformers::json::{Messages, one_at};

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
    Messages(Messages),
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
            Some(b'a') => {
                // However many there are: each is made when its turn comes.
                let messages = Messages::of_array_at(text, 1, usize::MAX);
                messages.map(Said::Messages).map_err(|_| Invalid("no array of messages"))
            }
            Some(b'm') => {
                let message = one_at(text, 1);
                message.map(Said::Message).map_err(|_| Invalid("no message"))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages of a frame.
    fn messages(text: &str) -> Result<Vec<String>, Invalid> {
        let texts = |messages: &mut dyn Iterator<Item = Frame>| {
            messages.map(|message| message.as_text().unwrap().to_owned()).collect()
        };
        match Said::of_line(text.into())? {
            Said::Messages(mut messages) => Ok(texts(&mut messages)),
            Said::Message(message) => Ok(texts(&mut std::iter::once(message))),
            _ => panic!("{text}"),
        }
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

    /// Of a frame with a fault nothing is delivered.
    #[test]
    fn what_is_no_frame_of_messages() {
        for frame in [
            "a",
            "a1",
            "a{}",
            "a[",
            "a[,]",
            "a[\"a\"",
            "a[\"a\",",
            "a[\"a\",]",
            "a[\"a\" \"b\"]",
            "a[\"a\"]x",
            "a[\"a\"][]",
            "a[\"a\",\"b]",
            "a[\"a\n\"]",
            "a[\"\\x\"]",
            "a[\"\\ud8\"]",
            "a[nul]",
            "a[1 2]",
        ] {
            assert_eq!(messages(frame), Err(Invalid("no array of messages")), "{frame}");
        }
        for frame in ["m", "m\"a", "m\"a\"\"b\"", "mnul"] {
            assert_eq!(messages(frame), Err(Invalid("no message")), "{frame}");
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
        assert!(messages(&frame[..deep]).is_err());
        let many = format!("a[{}0]", "0,".repeat(deep));
        let Ok(Said::Messages(many)) = Said::of_line(many.into()) else { panic!("no messages") };
        assert!(many.eq(std::iter::repeat_n(Frame::text("0"), deep + 1)));
    }
}
