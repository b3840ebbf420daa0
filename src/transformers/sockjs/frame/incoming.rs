//! What a client sends: an array of messages, or one. A server's have a letter in
//! front.

use crate::frame::{Frame, FrameText};
use crate::transformers::json::{self, Invalid, Messages};

/// What came in one message of a WebSocket.
#[derive(Debug)]
pub(crate) enum Received {
    /// Nothing.
    Nothing,
    /// One message.
    One(Frame),
    /// Several, or one that is no string.
    Many(Messages),
}

/// The message in an array of one string, which is what clients send when they have
/// one message to send.
#[inline]
pub(crate) fn only(text: &str, scratch: &mut String) -> Option<Frame> {
    if !text.starts_with("[\"") {
        return None;
    }
    let (string, end) = json::string(text, 2, scratch).ok()?;
    (text.get(end..) == Some("]")).then(|| Frame::text(string))
}

/// What a message of a WebSocket is: an array of messages, `most` of them at the
/// most, or one.
pub(crate) fn received(
    text: FrameText,
    most: usize,
    scratch: &mut String,
) -> Result<Received, Invalid> {
    if text.is_empty() {
        return Ok(Received::Nothing);
    }
    if let Some(frame) = only(&text, scratch) {
        return Ok(Received::One(frame));
    }
    match Messages::of_array(text.clone(), most) {
        Ok(messages) => Ok(Received::Many(messages)),
        Err(Invalid::NotArray) => {
            let mut bare = Messages::of_value(text);
            Ok(bare.next().map_or(Received::Nothing, Received::One))
        }
        Err(invalid) => Err(invalid),
    }
}
