//! Which protocol a request speaks, where a server speaks several at one path.
//!
//! The rules are one [table](TABLE), which
//! [`docs::port`](crate::docs::port) shows: no request fits two of its rows, whatever is
//! switched on, and one that fits none is nobody's. It looks at the path, at whether
//! the query has `EIO`, and at whether the request asks for an upgrade; at nothing that
//! a server remembers, so that what a request is never depends on the requests before
//! it. The rest is the protocol's: a known path with a
//! wrong method, version or session is answered in its way.
//!
//! It costs a request a few comparisons, and the messages of a connection that stays
//! nothing.

use super::kind::Kind::{self, BrowserChannel, EngineIo, SocketIo, Sockjs, Websockets};
use crate::http::pairs;

/// What is looked at of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// Of the server.
    pub pathname: &'a str,
    /// Of the request.
    pub path: &'a str,
    /// Without its question mark.
    pub query: &'a str,
    /// Whether it asks for a WebSocket.
    pub upgrade: bool,
}

/// A row: requests that look alike, and whose they are: the first protocol's of
/// these that is switched on.
pub(crate) struct Row {
    /// What the path behind the pathname is, as the documentation says it.
    #[cfg_attr(not(test), allow(dead_code))]
    pub below: &'static str,
    fits: fn(&Below<'_>) -> bool,
    pub requests: &'static [Kind],
    pub upgrades: &'static [Kind],
}

/// The table.
pub(crate) const TABLE: [Row; 6] = [
    Row {
        below: "nothing, or `/`; with `EIO` in the query",
        fits: |below| below.is_base() && below.has_eio(),
        requests: &[EngineIo],
        upgrades: &[EngineIo],
    },
    Row {
        below: "nothing, or `/`; without",
        fits: |below| below.is_base() && !below.has_eio(),
        // Who asks so in earnest has lost its `Upgrade` to a proxy. Else it is
        // somebody who looks whether a server is there.
        requests: &[Websockets, Sockjs, SocketIo],
        upgrades: &[Websockets],
    },
    Row {
        below: "`/info`, `/iframe….html`, `/chunking_test`, `/websocket`",
        fits: |below| below.one().is_some_and(is_page_of_sockjs),
        requests: &[Sockjs],
        upgrades: &[Sockjs],
    },
    Row {
        below: "`/<server>/<session>/` and `websocket`, `xhr`, `xhr_streaming`, `xhr_send`, \
                `eventsource`, `htmlfile`, `jsonp` or `jsonp_send`",
        fits: |below| below.is_session_of_sockjs() && !below.is_session_of_socket_io(),
        requests: &[Sockjs],
        upgrades: &[Sockjs],
    },
    Row {
        below: "`/test`, `/bind`, `/bcsocket.js`",
        fits: |below| {
            !below.slash
                && below.one().is_some_and(|name| matches!(name, "test" | "bind" | "bcsocket.js"))
        },
        requests: &[BrowserChannel],
        upgrades: &[BrowserChannel],
    },
    Row {
        below: "`/1`; `/1/` and `websocket`, `htmlfile`, `xhr-polling`, `jsonp-polling`, \
                `flashsocket` or nothing, and `/<session>`",
        fits: |below| below.one() == Some("1") || below.is_session_of_socket_io(),
        requests: &[SocketIo],
        upgrades: &[SocketIo],
    },
];

/// Whose a request is: the first of these that is switched on.
pub(crate) fn owners(asked: &Asked<'_>) -> &'static [Kind] {
    let row = Below::of(asked).and_then(|below| TABLE.iter().find(|row| (row.fits)(&below)));
    match row {
        Some(row) if asked.upgrade => row.upgrades,
        Some(row) => row.requests,
        None => &[],
    }
}

/// The path behind the pathname, in its parts.
struct Below<'a> {
    parts: [&'a str; 3],
    count: usize,
    /// Whether a slash is at its end.
    slash: bool,
    query: &'a str,
}

impl<'a> Below<'a> {
    /// `None`: it is not below the pathname, or has more parts than any path that is
    /// known. That the pathname ends with a slash means nothing.
    fn of(asked: &Asked<'a>) -> Option<Self> {
        let pathname = asked.pathname.trim_end_matches('/');
        let rest = asked.path.strip_prefix(pathname)?;
        let mut below = Below { parts: [""; 3], count: 0, slash: false, query: asked.query };
        if rest.is_empty() {
            return Some(below);
        }
        // `/primusx` is another path.
        let rest = rest.strip_prefix('/')?;
        let cut = rest.strip_suffix('/');
        below.slash = rest.is_empty() || cut.is_some();
        if rest.is_empty() {
            return Some(below);
        }
        for part in cut.unwrap_or(rest).split('/') {
            *below.parts.get_mut(below.count)? = part;
            below.count += 1;
        }
        Some(below)
    }

    fn is_base(&self) -> bool {
        self.count == 0
    }

    fn has_eio(&self) -> bool {
        pairs(self.query).any(|(name, _)| name == "EIO")
    }

    /// The only part.
    fn one(&self) -> Option<&'a str> {
        (self.count == 1).then_some(self.parts[0])
    }

    fn is_session_of_sockjs(&self) -> bool {
        let [server, session, transport] = self.parts;
        let names = |name: &str| !name.is_empty() && !name.contains('.');
        self.count == 3
            && names(server)
            && names(session)
            && matches!(
                transport,
                "websocket"
                    | "xhr"
                    | "xhr_streaming"
                    | "xhr_send"
                    | "eventsource"
                    | "htmlfile"
                    | "jsonp"
                    | "jsonp_send"
            )
    }

    fn is_session_of_socket_io(&self) -> bool {
        let [version, transport, session] = self.parts;
        self.count == 3
            && version == "1"
            && !session.is_empty()
            && matches!(
                transport,
                "websocket" | "htmlfile" | "xhr-polling" | "jsonp-polling" | "flashsocket" | ""
            )
    }
}

/// Names of pages that no other protocol has. Which pages there are, it knows itself.
fn is_page_of_sockjs(name: &str) -> bool {
    matches!(name, "info" | "chunking_test" | "websocket")
        || name.starts_with("iframe") && name.ends_with("html")
}

#[cfg(test)]
mod tests;
