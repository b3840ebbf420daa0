//! What Redis says to a command.

use std::fmt;

use crate::error::Error;

/// What Redis says to a command. An error of it is one of these too
/// ([`Reply::ServerError`]), which [`refusal`] makes an [`Error`] of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// Nothing: there is no such key, no such member.
    Nil,
    /// A number.
    Int(i64),
    /// Text or bytes: what was stored, as a rule.
    BulkString(Vec<u8>),
    /// Several replies.
    Array(Vec<Reply>),
    /// A word, such as `PONG`.
    SimpleString(String),
    /// `OK`.
    Okay,
    /// An error.
    ServerError(ServerError),
}

impl Reply {
    /// The parts of an array.
    pub fn as_sequence(&self) -> Option<&[Reply]> {
        match self {
            Reply::Array(parts) => Some(parts),
            _ => None,
        }
    }
}

/// An error of Redis's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError {
    text: String,
}

impl ServerError {
    /// One with this text, which begins with the code.
    pub(super) fn new(text: &str) -> Self {
        ServerError { text: text.trim_end().to_owned() }
    }

    /// What kind it is of: its first word, such as `WRONGTYPE`.
    pub fn code(&self) -> &str {
        self.text.split_once(' ').map_or(&*self.text, |(code, _)| code)
    }

    /// What it says beyond that.
    pub fn details(&self) -> Option<&str> {
        self.text.split_once(' ').map(|(_, details)| details)
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ServerError {}

/// The error that a reply is, if it is one, as [`Error::Unavailable`] with what Redis
/// says, such as `WRONGTYPE Operation against a key holding the wrong kind of value`.
pub fn refusal(reply: &Reply) -> Option<Error> {
    let Reply::ServerError(error) = reply else { return None };
    Some(Error::Unavailable(format!("Redis: {error}")))
}
