//! Packets: `type:id:endpoint:data`, in which the id may have a `+` behind it, and
//! all but the type may be missing.
//!
//! | type | | data |
//! |---|---|---|
//! | `0` | disconnect | |
//! | `1` | connect | a query |
//! | `2` | heartbeat | |
//! | `3` | message | text |
//! | `4` | message | JSON |
//! | `5` | event | JSON |
//! | `6` | acknowledgement | the id, and perhaps `+` and JSON |
//! | `7` | error | what is wrong, and perhaps `+` and what to do about it |
//! | `8` | nothing | |
//!
//! Primus uses no endpoints, events or acknowledgements of its own. A packet with an
//! id is acknowledged as Socket.IO does it without an application's doing: at once,
//! unless a `+` says that the application has something to say to it.

/// What the server says when it, or the client, is about to leave.
pub(crate) const DISCONNECT: &str = "0::";
/// The session is open.
pub(crate) const CONNECT: &str = "1::";
/// To be answered by the same.
pub(crate) const HEARTBEAT: &str = "2::";
/// What stands before a message.
pub(crate) const MESSAGE: &str = "3:::";
/// There is no such session; the client is to begin anew.
pub(crate) const UNKNOWN: &str = "7:::1+0";
/// Nothing.
pub(crate) const NOOP: &str = "8::";

/// Bytes of a packet beside those of its data, at the most.
pub(crate) const HEAD_MAX: usize = 2 * FIELD_MAX + 8;

/// Longest id and longest endpoint in bytes. Ids are counted up from 1.
const FIELD_MAX: usize = 32;

/// What a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Disconnect,
    Connect,
    Heartbeat,
    Message,
    Json,
    Event,
    Ack,
    Error,
    Noop,
}

/// A packet, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet<'a> {
    pub kind: Kind,
    /// Digits; empty where there is none.
    pub id: &'a str,
    /// The application is to acknowledge it, if it has an id.
    pub asks: bool,
    /// Empty for the one that Primus uses.
    pub endpoint: &'a str,
    pub data: &'a str,
}

impl Kind {
    fn of(digit: &str) -> Option<Self> {
        Some(match digit {
            "0" => Kind::Disconnect,
            "1" => Kind::Connect,
            "2" => Kind::Heartbeat,
            "3" => Kind::Message,
            "4" => Kind::Json,
            "5" => Kind::Event,
            "6" => Kind::Ack,
            "7" => Kind::Error,
            "8" => Kind::Noop,
            _ => return None,
        })
    }
}

impl<'a> Packet<'a> {
    /// Reads one. What is none is nothing to Socket.IO, which goes on behind it.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let kind = Kind::of(kind)?;
        let (id, rest) = rest.split_once(':')?;
        let (id, asks) = id.strip_suffix('+').map_or((id, false), |id| (id, true));
        let (endpoint, data) = rest.split_once(':').unwrap_or((rest, ""));
        let is_sound = id.bytes().all(|byte| byte.is_ascii_digit())
            && id.len() <= FIELD_MAX
            && endpoint.len() <= FIELD_MAX;
        is_sound.then_some(Packet { kind, id, asks, endpoint, data })
    }

    /// The text of the message, if it is one for Primus.
    pub fn message(self) -> Option<&'a str> {
        let is_message = matches!(self.kind, Kind::Message | Kind::Json);
        (is_message && self.endpoint.is_empty()).then_some(self.data)
    }

    /// Whether it is one of Primus's endpoint and of this kind.
    pub fn is(self, kind: Kind) -> bool {
        self.kind == kind && self.endpoint.is_empty()
    }

    /// The acknowledgement that it is to get at once, if it is.
    pub fn ack(self) -> Option<String> {
        let silent = matches!(self.kind, Kind::Heartbeat) || self.is(Kind::Disconnect);
        let wanted = !self.id.is_empty() && !self.asks && !silent;
        wanted.then(|| format!("6::{}:{}", self.endpoint, self.id))
    }
}

/// What a message needs in front of its text.
#[inline]
pub(crate) fn head_of(text: &str) -> &'static str {
    // As Socket.IO writes a packet without data.
    if text.is_empty() { "3::" } else { MESSAGE }
}

#[cfg(test)]
mod tests;
