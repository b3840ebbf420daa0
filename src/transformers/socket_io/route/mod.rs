//! What a request asks for, by its path, its method and its query.
//!
//! | below the pathname | method | |
//! |---|---|---|
//! | nothing, `/`, `/0` | any | a greeting |
//! | `/1`, `/1/` | any | a handshake |
//! | `/1/<transport>/<id>` with `disconnect` in the query | any | the end of a session |
//! | `/1/xhr-polling/<id>`, `/1/jsonp-polling/<id>`, `/1/htmlfile/<id>` | GET | what there is to tell, when there is something |
//! | the same | POST | what the client says |
//! | `/1/websocket/<id>` | GET | a WebSocket, with an upgrade |
//! | `/<another number>`, and anything below | any | 500: of another version |
//!
//! A slash at the end of a path changes nothing, and instead of the transport of a
//! session that is to end there may be none (`/1//<id>/?disconnect=1`, which clients
//! ask for whose page goes away). What is in no row does not exist: 404; for a method
//! that a row has not, 405.

/// What carries a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Websocket,
    HtmlFile,
    XhrPolling,
    JsonpPolling,
}

impl Kind {
    /// In the order in which they are offered.
    pub const ALL: [Kind; 4] =
        [Kind::Websocket, Kind::HtmlFile, Kind::XhrPolling, Kind::JsonpPolling];

    /// Its name in paths and in the handshake.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Websocket => "websocket",
            Kind::HtmlFile => "htmlfile",
            Kind::XhrPolling => "xhr-polling",
            Kind::JsonpPolling => "jsonp-polling",
        }
    }

    /// The one with this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// Whether somebody is there.
    Greeting,
    /// An id for a session.
    Handshake,
    /// The end of a session.
    Disconnect,
    /// A WebSocket.
    Websocket,
    /// To wait for what there is to tell.
    Receive(Kind),
    /// To say something.
    Send(Kind),
}

/// A request that is understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked<'a> {
    pub ask: Ask,
    /// The session's id; empty where there is none.
    pub session: &'a str,
}

/// What is wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// There is no such page.
    Page,
    /// It is of another version of the protocol.
    Version,
    /// There is such a page, for GET and POST.
    Method,
}

/// What a request asks for, with this path and method, of a server with this
/// pathname. `leaves`: there is a `disconnect` in its query.
pub(super) fn ask<'a>(
    path: &'a str,
    pathname: &str,
    method: &str,
    leaves: bool,
) -> Result<Asked<'a>, Wrong> {
    let of = |ask, session| Ok(Asked { ask, session });
    let segments = segments(path, pathname).ok_or(Wrong::Page)?;
    let (version, rest) = segments.split_first().unwrap_or((&"0", &[]));
    if version.is_empty() || !version.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Wrong::Page);
    }
    match (*version, rest) {
        ("0", []) => of(Ask::Greeting, ""),
        ("1", []) => of(Ask::Handshake, ""),
        ("1", [name, session]) => {
            let kind = Kind::of_name(name);
            if session.is_empty() || (kind.is_none() && !(leaves && name.is_empty())) {
                return Err(Wrong::Page);
            }
            match (kind, method) {
                _ if leaves => of(Ask::Disconnect, session),
                (Some(Kind::Websocket), "GET") => of(Ask::Websocket, session),
                (Some(kind), "GET") => of(Ask::Receive(kind), session),
                (Some(kind), "POST") if kind != Kind::Websocket => of(Ask::Send(kind), session),
                _ => Err(Wrong::Method),
            }
        }
        ("1", _) => Err(Wrong::Page),
        _ => Err(Wrong::Version),
    }
}

/// The session that a request names, whatever it asks for.
pub(super) fn session<'a>(path: &'a str, pathname: &str) -> Option<&'a str> {
    match segments(path, pathname)?[..] {
        ["1", _, session] => Some(session).filter(|session| !session.is_empty()),
        _ => None,
    }
}

/// The segments of the path behind the pathname. `None`: it is none of ours.
fn segments<'a>(path: &'a str, pathname: &str) -> Option<Vec<&'a str>> {
    let below = path.strip_prefix(pathname.trim_end_matches('/'))?;
    if below.is_empty() {
        return Some(Vec::new());
    }
    let below = below.strip_prefix('/')?;
    if below.is_empty() {
        return Some(Vec::new());
    }
    let below = below.strip_suffix('/').unwrap_or(below);
    // No path of ours has more than three.
    Some(below.splitn(4, '/').collect())
}

#[cfg(test)]
mod tests;
