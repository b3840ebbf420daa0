//! What a request asks for, and the answers to one that is refused.

use std::borrow::Cow;

use super::{Carrier, Format, Revision, jsonp};
use crate::http::is_text_byte;

/// The query parameters of the protocol. One that is given twice counts as
/// unusable.
#[derive(Debug, Default)]
pub(crate) struct Query<'a> {
    eio: Parameter<'a>,
    transport: Parameter<'a>,
    sid: Parameter<'a>,
    b64: Parameter<'a>,
    j: Parameter<'a>,
}

#[derive(Debug, Default)]
enum Parameter<'a> {
    #[default]
    Absent,
    Given(Cow<'a, str>),
    Repeated,
}

/// What the server allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowed {
    /// `transports` has `polling`.
    pub polling: bool,
    /// `transports` has `websocket`.
    pub websocket: bool,
    /// `allowEIO3`
    pub revision_3: bool,
    /// `doubleEncoding`
    pub double: bool,
}

/// What a request is.
#[derive(Debug, PartialEq)]
pub(crate) enum Ask {
    /// A session is to begin.
    Open {
        /// How its packets look.
        format: Format,
        /// Over what.
        carrier: Carrier,
        /// The number of its JSONP function, if it polls so.
        jsonp: Option<String>,
    },
    /// A poll.
    Get,
    /// A POST.
    Post,
    /// A WebSocket that wants to take over.
    Upgrade,
}

/// The request line and headers that matter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    /// In capitals.
    pub method: &'a str,
    /// It asks for a WebSocket.
    pub upgrade: bool,
    /// The header `Origin`.
    pub origin: Option<&'a str>,
}

/// A request that is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Code 0: no transport, or not one that is enabled.
    UnknownTransport,
    /// Code 1.
    UnknownSession,
    /// The same, of which there were too many.
    Guesses,
    /// Code 2: a session begins with GET.
    Method,
    /// Code 3: it does not suit the session, or itself.
    Mismatch,
    /// Code 5.
    Version,
    /// Neither GET nor POST, for a session.
    NotImplemented,
    /// A second poll or POST while one is served.
    Overlap,
    /// A binary POST in revision 4.
    Content,
    /// A POST over the limit.
    TooLarge,
    /// An upgrade that is accepted, and closed at once with an empty close
    /// frame.
    Close,
}

impl<'a> Query<'a> {
    /// Picks the parameters out of a decoded query.
    pub fn of(pairs: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Self {
        let mut query = Query::default();
        for (name, value) in pairs {
            let parameter = match &*name {
                "EIO" => &mut query.eio,
                "transport" => &mut query.transport,
                "sid" => &mut query.sid,
                "b64" => &mut query.b64,
                "j" => &mut query.j,
                _ => continue,
            };
            *parameter = match parameter {
                Parameter::Absent => Parameter::Given(value),
                _ => Parameter::Repeated,
            };
        }
        query
    }

    /// The session that it is for. An id given twice is that of no session.
    pub fn sid(&self) -> Option<&str> {
        match &self.sid {
            Parameter::Absent => None,
            Parameter::Given(sid) if sid.is_empty() => None,
            Parameter::Given(sid) => Some(sid),
            Parameter::Repeated => Some(""),
        }
    }

    /// Whether it names the transport of polls.
    pub fn polls(&self) -> bool {
        self.transport.text() == Some("polling")
    }

    /// Judges the request. `session`: carrier and revision of the one whose
    /// [id](Self::sid) it names, if there is one.
    pub fn ask(
        &self,
        head: Head<'_>,
        allowed: Allowed,
        session: Option<(Carrier, Revision)>,
    ) -> Result<Ask, Refusal> {
        let carrier = match self.transport.text() {
            Some("polling") if allowed.polling => Carrier::Polling,
            Some("websocket") if allowed.websocket => Carrier::Websocket,
            _ => return Err(Refusal::UnknownTransport),
        };
        let revision = Revision::of_query(self.eio.text());
        if head.origin.is_some_and(is_malformed) {
            return Err(Refusal::Mismatch);
        }
        if self.sid().is_some() {
            let (current, spoken) = session.ok_or(Refusal::UnknownSession)?;
            let suits = head.upgrade || carrier == current;
            return match head.method {
                _ if !suits || spoken != revision => Err(Refusal::Mismatch),
                _ if head.upgrade && carrier == Carrier::Polling => Err(Refusal::Close),
                _ if head.upgrade => Ok(Ask::Upgrade),
                "GET" => Ok(Ask::Get),
                "POST" => Ok(Ask::Post),
                _ => Err(Refusal::NotImplemented),
            };
        }
        if head.method != "GET" {
            return Err(Refusal::Method);
        }
        match (carrier, head.upgrade) {
            (Carrier::Websocket, false) => return Err(Refusal::Mismatch),
            (Carrier::Polling, true) => return Err(Refusal::Close),
            _ => {}
        }
        if revision == Revision::V3 && !allowed.revision_3 {
            return Err(Refusal::Version);
        }
        let format = Format {
            revision,
            b64: self.b64.text().is_some_and(|value| !value.is_empty()),
            double: allowed.double && revision == Revision::V3,
        };
        let polls = carrier == Carrier::Polling;
        let jsonp = self.j.text().filter(|_| polls).map(jsonp::number);
        Ok(Ask::Open { format, carrier, jsonp })
    }
}

impl Parameter<'_> {
    fn text(&self) -> Option<&str> {
        match self {
            Parameter::Given(value) => Some(value),
            Parameter::Absent | Parameter::Repeated => None,
        }
    }
}

/// What no header may have.
fn is_malformed(value: &str) -> bool {
    !value.bytes().all(is_text_byte)
}

impl Refusal {
    /// The status of the answer. Where an upgrade is refused, it is 400.
    pub fn status(self) -> u16 {
        match self {
            Refusal::NotImplemented => 500,
            Refusal::TooLarge => 413,
            Refusal::Close => 101,
            Refusal::Guesses => 429,
            _ => 400,
        }
    }

    /// The number and the text of the error, which the answer has as JSON, and
    /// that to an upgrade as plain text. `None`: it has no body.
    fn error(self) -> Option<(u8, &'static str)> {
        Some(match self {
            Refusal::UnknownTransport => (0, "Transport unknown"),
            Refusal::UnknownSession | Refusal::Guesses => (1, "Session ID unknown"),
            Refusal::Method => (2, "Bad handshake method"),
            Refusal::Mismatch => (3, "Bad request"),
            Refusal::Version => (5, "Unsupported protocol version"),
            _ => return None,
        })
    }

    /// The body of the answer to a plain request: JSON, or nothing.
    pub fn body(self) -> String {
        let json = |(code, text)| format!(r#"{{"code":{code},"message":"{text}"}}"#);
        self.error().map_or_else(String::new, json)
    }

    /// The body of the answer to an upgrade: plain text.
    pub fn text(self) -> &'static str {
        self.error().map_or("", |(_, text)| text)
    }
}

#[cfg(test)]
mod tests;
