//! What a request asks for, by its path, its method and its query.
//!
//! | path | method | query | |
//! |---|---|---|---|
//! | `/test` | GET | `MODE=init` | what the server is reached by |
//! | `/test` | GET, POST | | whether answers come piece by piece |
//! | `/bind` | POST | no `SID` | to open a session |
//! | `/bind` | POST | `SID` | to send: the forward channel |
//! | `/bind` | GET | `SID`, `RID=rpc`, `TYPE=xmlhttp` or `html` | to wait: the back channel |
//! | `/bind` | GET | `TYPE=terminate` | to end the session |
//!
//! All of them have `VER=8`. Every other parameter is the application's own.

use std::borrow::Cow;

use super::maps::number;
use super::shape::Shape;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// What the server is reached by.
    Init,
    /// Whether answers come piece by piece.
    Probe(Shape),
    /// To open a session.
    Open {
        rid: u64,
        /// The session that it takes the place of.
        old: Option<String>,
    },
    /// To send.
    Send { sid: String, rid: u64, aid: Option<u64> },
    /// To wait.
    Wait {
        sid: String,
        aid: Option<u64>,
        /// The answer stays open.
        stays: bool,
        shape: Shape,
    },
    /// To end a session; `None`: none that was opened.
    Terminate(Option<(String, u64)>),
}

/// How a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is not below the pathname.
    Outside,
    /// There is no such page.
    Page,
    /// There is one, for other methods.
    Method,
    Version,
    /// A parameter comes twice.
    Twice,
    UnknownSid,
    NoSid,
    NotRpc,
    Type,
    /// What was acknowledged was never sent, or is no number.
    Aid,
    /// What it brings cannot be made use of.
    BadData,
    /// It brings too much.
    TooLarge,
    /// So many requests are missing before it that it is not kept.
    TooEarly,
    /// What it brings has ended the session.
    Forbidden,
    /// There were too many for sessions that are unknown.
    Guesses,
}

impl Refusal {
    pub fn status(self) -> u16 {
        match self {
            Refusal::Outside | Refusal::Page => 404,
            Refusal::Method => 405,
            Refusal::Forbidden => 403,
            Refusal::TooLarge => 413,
            Refusal::Guesses => 429,
            _ => 400,
        }
    }

    /// The body of the answer. What the client has sent is not repeated.
    pub fn body(self) -> String {
        let text = match self {
            Refusal::Outside => return "Not Found".into(),
            Refusal::Page => return "Not found".into(),
            Refusal::Method => return "Method not allowed".into(),
            Refusal::Version => "Version 8 required",
            Refusal::Twice => "Parameter given twice",
            Refusal::UnknownSid => "Unknown SID",
            Refusal::NoSid => "Invalid SID",
            Refusal::NotRpc => "Expected RPC",
            Refusal::Type => "Invalid TYPE",
            Refusal::Aid => "Invalid AID",
            Refusal::BadData => "Bad data",
            Refusal::TooLarge => "Too much data",
            Refusal::TooEarly => "Too many requests are missing",
            Refusal::Forbidden => "Forbidden",
            Refusal::Guesses => "Too many unknown sessions",
        };
        format!("<html><body><h1>{text}</h1></body></html>")
    }
}

/// The parameters that mean something.
const NAMES: [&str; 9] = ["VER", "MODE", "TYPE", "SID", "RID", "AID", "CI", "DOMAIN", "OSID"];

/// Their values.
struct Query<'a>([Option<Cow<'a, str>>; NAMES.len()]);

impl<'a> Query<'a> {
    fn of(pairs: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Result<Self, Refusal> {
        let mut values = [const { None }; NAMES.len()];
        for (name, value) in pairs {
            if let Some(at) = NAMES.iter().position(|known| *known == name)
                && values[at].replace(value).is_some()
            {
                return Err(Refusal::Twice);
            }
        }
        Ok(Query(values))
    }

    fn get(&self, name: &str) -> Option<&str> {
        let at = NAMES.iter().position(|known| *known == name)?;
        self.0[at].as_deref()
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.get(name) == Some(value)
    }

    /// The session; an empty name is none.
    fn sid(&self, name: &str) -> Option<String> {
        self.get(name).filter(|sid| !sid.is_empty()).map(str::to_owned)
    }

    /// What was received last; `-1`: nothing.
    fn aid(&self) -> Result<Option<u64>, Refusal> {
        match self.get("AID") {
            None | Some("-1") => Ok(None),
            Some(value) => number(value).map(Some).ok_or(Refusal::Aid),
        }
    }

    fn rid(&self) -> Result<u64, Refusal> {
        self.get("RID").and_then(number).ok_or(Refusal::BadData)
    }

    /// In which form the answer comes.
    fn shape(&self) -> Option<Shape> {
        match self.get("TYPE") {
            Some("html") => Some(Shape::page(self.get("DOMAIN").unwrap_or_default())),
            Some("xmlhttp") => Some(Shape::Xhr),
            _ => None,
        }
    }
}

/// What a request asks for, with this path, method and query, of a server with this
/// pathname.
pub(super) fn ask<'a>(
    (path, pathname): (&str, &str),
    method: &str,
    query: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
) -> Result<Ask, Refusal> {
    let below = path.strip_prefix(pathname.trim_end_matches('/'));
    let page = below.and_then(|below| below.strip_prefix('/')).ok_or(Refusal::Outside)?;
    if !matches!(page, "test" | "bind") {
        return Err(Refusal::Page);
    }
    let query = Query::of(query)?;
    if !query.is("VER", "8") {
        return Err(Refusal::Version);
    }
    match (page, method) {
        ("test", "GET") if query.is("MODE", "init") => Ok(Ask::Init),
        ("test", "GET" | "POST") => Ok(Ask::Probe(query.shape().unwrap_or(Shape::Xhr))),
        ("bind", "POST") => send(&query),
        ("bind", "GET") => wait(&query),
        _ => Err(Refusal::Method),
    }
}

fn send(query: &Query<'_>) -> Result<Ask, Refusal> {
    let rid = query.rid();
    match query.sid("SID") {
        Some(sid) => Ok(Ask::Send { sid, rid: rid?, aid: query.aid()? }),
        None => Ok(Ask::Open { rid: rid?, old: query.sid("OSID") }),
    }
}

fn wait(query: &Query<'_>) -> Result<Ask, Refusal> {
    let sid = query.sid("SID");
    if query.is("TYPE", "terminate") {
        let ended = sid.map(|sid| Ok((sid, query.rid()?))).transpose()?;
        return Ok(Ask::Terminate(ended));
    }
    let shape = query.shape().ok_or(Refusal::Type)?;
    let sid = sid.ok_or(Refusal::NoSid)?;
    match query.is("RID", "rpc") {
        true => Ok(Ask::Wait { sid, aid: query.aid()?, stays: query.is("CI", "0"), shape }),
        false => Err(Refusal::NotRpc),
    }
}

/// The session that a request names, whatever it asks for.
pub(super) fn session<'a>(
    query: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
) -> Option<String> {
    Query::of(query).ok()?.sid("SID")
}

#[cfg(test)]
mod tests;
