//! Messages that come together, as an array of JSON, or alone.

use super::strings::{NotJson, skip_space, skip_value, string};
use crate::frame::{Frame, FrameText};

/// Why something is no messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// It is no JSON.
    NotJson,
    /// It is no array, where it must be one.
    NotArray,
    /// There are more messages in it than there may be.
    TooMany,
}

impl From<NotJson> for Invalid {
    fn from(NotJson: NotJson) -> Self {
        Invalid::NotJson
    }
}

/// Messages that have come together. They are taken out one by one, so that many
/// short ones take no more memory than the text that they are in.
#[derive(Debug)]
pub(crate) struct Messages {
    text: FrameText,
    /// Where the next one begins; at the end of the text there is none.
    at: usize,
    scratch: String,
}

impl Messages {
    /// The elements of an array, which is the whole text: `most` of them at the most.
    pub fn of_array(text: FrameText, most: usize) -> Result<Self, Invalid> {
        Self::of_array_at(text, 0, most)
    }

    /// The elements of an array that is the text from `start` on.
    pub fn of_array_at(text: FrameText, start: usize, most: usize) -> Result<Self, Invalid> {
        let start = skip_space(&text, start);
        if text.as_bytes().get(start) != Some(&b'[') {
            let end = skip_space(&text, skip_value(&text, start)?);
            return Err(if end == text.len() { Invalid::NotArray } else { Invalid::NotJson });
        }
        let first = check(&text, start + 1, most)?;
        Ok(Messages { text, at: first, scratch: String::new() })
    }

    /// The value that is the whole text, which was found to be one.
    pub fn of_value(text: FrameText) -> Self {
        Messages { at: skip_space(&text, 0), text, scratch: String::new() }
    }
}

/// The message that is the text from `start` on.
pub(crate) fn one_at(text: FrameText, start: usize) -> Result<Frame, Invalid> {
    let at = skip_space(&text, start);
    if skip_space(&text, skip_value(&text, at)?) < text.len() {
        return Err(Invalid::NotJson);
    }
    let mut one = Messages { text, at, scratch: String::new() };
    one.next().ok_or(Invalid::NotJson)
}

/// Checks the rest of an array, behind its bracket; where its first element is, or
/// the end of the text.
fn check(text: &str, start: usize, most: usize) -> Result<usize, Invalid> {
    let first = skip_space(text, start);
    let is_next = |at: usize, byte: u8| text.as_bytes().get(at) == Some(&byte);
    let is_end = |at: usize| skip_space(text, at) == text.len();
    if is_next(first, b']') {
        return if is_end(first + 1) { Ok(text.len()) } else { Err(Invalid::NotJson) };
    }
    let (mut at, mut count) = (first, 0);
    loop {
        at = skip_space(text, skip_value(text, at)?);
        count += 1;
        if count > most {
            return Err(Invalid::TooMany);
        }
        if is_next(at, b']') {
            return if is_end(at + 1) { Ok(first) } else { Err(Invalid::NotJson) };
        }
        if !is_next(at, b',') {
            return Err(Invalid::NotJson);
        }
        at = skip_space(text, at + 1);
    }
}

impl Iterator for Messages {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        let text = &*self.text;
        let (frame, end) = match text.as_bytes().get(self.at)? {
            b'"' => {
                let (one, end) = string(text, self.at + 1, &mut self.scratch).ok()?;
                (Frame::text(one), end)
            }
            // The parser is to see what it is.
            _ => {
                let end = skip_value(text, self.at).ok()?;
                (Frame::text(text.get(self.at..end)?), end)
            }
        };
        // It was checked: a comma and another one, or the end.
        let end = skip_space(text, end);
        self.at = match text.as_bytes().get(end) {
            Some(b',') => skip_space(text, end + 1),
            _ => text.len(),
        };
        Some(frame)
    }
}
