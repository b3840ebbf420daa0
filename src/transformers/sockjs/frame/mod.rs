//! The frames of SockJS, as text.
//!
//! | frame | from the server |
//! |---|---|
//! | `o` | the session is open |
//! | `h` | a heartbeat |
//! | `a["..",".."]` | messages |
//! | `m".."` | one message; no server of today sends it |
//! | `c[code,"reason"]` | the end |
//!
//! A client sends an array of messages, or on a WebSocket also a single one, without
//! a letter in front. Its messages need not be strings: whatever else they are, they
//! are handed on as the JSON text that they are.

mod incoming;
mod quote;
#[cfg(test)]
mod tests;

pub(crate) use incoming::{Received, only, received};
pub(crate) use quote::quote;

/// The session is open.
pub(crate) const OPEN: &str = "o";

/// A heartbeat.
pub(crate) const HEARTBEAT: &str = "h";

/// Why a session is over, as the client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Close {
    pub code: u16,
    pub reason: &'static str,
}

impl Close {
    /// The server has ended it.
    pub const NORMAL: Close = Close { code: 1000, reason: "Normal closure" };
    /// The server shuts down.
    pub const AWAY: Close = Close { code: 1001, reason: "Going away" };
    /// What was sent before has not been read.
    pub const INTERRUPTED: Close = Close { code: 1002, reason: "Connection interrupted" };
    /// There is no room.
    pub const LATER: Close = Close { code: 1013, reason: "Try again later" };
    /// Another request waits for the session's frames already.
    pub const ANOTHER: Close = Close { code: 2010, reason: "Another connection still open" };
    /// A ping was not answered.
    pub const SILENT: Close = Close { code: 3000, reason: "No response from heartbeat" };
    /// What came is no JSON. It is told by a WebSocket's close frame alone.
    pub const BROKEN: Close = Close { code: 3000, reason: "Broken framing." };

    /// Appends the frame.
    pub fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("c[{},", self.code).as_bytes());
        quote(self.reason, out);
        out.push(b']');
    }
}

/// Appends a frame with these messages.
pub(crate) fn put_messages<'a>(messages: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"a[");
    for (at, message) in messages.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        quote(message, out);
    }
    out.push(b']');
}
