//! What a request asks for, by its path and its method.
//!
//! The path begins with the pathname of Primus, behind which any letters may follow
//! up to the next slash: very old clients put their query there. A slash at the end
//! of a path changes nothing.

use super::receivers::Kind;

/// Longest name of a session, in bytes. Clients make up eight letters, the test suite
/// of the protocol 36.
const SESSION_MAX: usize = 128;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// Whether somebody is there.
    Greeting,
    /// The page that a client puts into an iframe.
    Iframe,
    /// What the server offers.
    Info,
    /// Which methods there are.
    Options,
    /// Whether answers come piece by piece.
    ChunkingTest,
    /// A WebSocket that carries the frames of SockJS.
    Websocket,
    /// A WebSocket that carries messages and nothing else.
    RawWebsocket,
    /// To wait for frames.
    Receive(Kind),
    /// To send messages.
    Send(By),
}

/// How messages are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Xhr,
    Jsonp,
}

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Route {
    path: Path,
    /// The methods that there are, in the order in which they are named.
    methods: &'static [(&'static str, Ask)],
    /// The header field `Allow`.
    pub allow: &'static str,
    /// Scripts of other origins may use it, also those that say no origin.
    pub cors: bool,
    /// Its answers may set a cookie.
    pub cookie: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Path {
    /// The pathname alone.
    Base,
    /// One segment.
    One(&'static str),
    /// Any name of a page for iframes.
    Iframe,
    /// The server, the session, and this.
    Session(&'static str),
}

/// The table.
const ROUTES: &[Route] = &[
    Route {
        path: Path::Base,
        methods: &[("GET", Ask::Greeting)],
        allow: "GET",
        cors: false,
        cookie: false,
    },
    Route {
        path: Path::Iframe,
        methods: &[("GET", Ask::Iframe)],
        allow: "GET",
        cors: false,
        cookie: false,
    },
    Route {
        path: Path::One("info"),
        methods: &[("OPTIONS", Ask::Options), ("GET", Ask::Info)],
        allow: "OPTIONS, GET",
        cors: true,
        cookie: false,
    },
    Route {
        path: Path::One("chunking_test"),
        methods: &[("OPTIONS", Ask::Options), ("POST", Ask::ChunkingTest)],
        allow: "OPTIONS, POST",
        cors: true,
        cookie: false,
    },
    Route {
        path: Path::One("websocket"),
        methods: &[("GET", Ask::RawWebsocket)],
        allow: "GET",
        cors: false,
        cookie: false,
    },
    Route {
        path: Path::Session("websocket"),
        methods: &[("GET", Ask::Websocket)],
        allow: "GET",
        cors: false,
        cookie: false,
    },
    Route {
        path: Path::Session("xhr"),
        methods: &[("POST", Ask::Receive(Kind::Xhr)), ("OPTIONS", Ask::Options)],
        allow: "POST, OPTIONS",
        cors: true,
        cookie: true,
    },
    Route {
        path: Path::Session("xhr_streaming"),
        methods: &[("POST", Ask::Receive(Kind::XhrStreaming)), ("OPTIONS", Ask::Options)],
        allow: "POST, OPTIONS",
        cors: true,
        cookie: true,
    },
    Route {
        path: Path::Session("xhr_send"),
        methods: &[("POST", Ask::Send(By::Xhr)), ("OPTIONS", Ask::Options)],
        allow: "POST, OPTIONS",
        cors: true,
        cookie: true,
    },
    Route {
        path: Path::Session("eventsource"),
        methods: &[("GET", Ask::Receive(Kind::EventSource))],
        allow: "GET",
        cors: true,
        cookie: true,
    },
    Route {
        path: Path::Session("htmlfile"),
        methods: &[("GET", Ask::Receive(Kind::HtmlFile))],
        allow: "GET",
        cors: false,
        cookie: true,
    },
    Route {
        path: Path::Session("jsonp"),
        methods: &[("GET", Ask::Receive(Kind::Jsonp))],
        allow: "GET",
        cors: false,
        cookie: true,
    },
    Route {
        path: Path::Session("jsonp_send"),
        methods: &[("POST", Ask::Send(By::Jsonp))],
        allow: "POST",
        cors: false,
        cookie: true,
    },
];

/// A request that is understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked<'a> {
    pub ask: Ask,
    pub route: &'static Route,
    /// The name of the session; empty where there is none.
    pub session: &'a str,
}

/// What is wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// There is no such page.
    Page,
    /// There is one, for these methods.
    Method(&'static str),
}

/// What a request asks for, with this path and method, of a server with this
/// pathname.
pub(super) fn ask<'a>(path: &'a str, pathname: &str, method: &str) -> Result<Asked<'a>, Wrong> {
    let (segments, count) = segments(path, pathname).ok_or(Wrong::Page)?;
    let segments = &segments[..count];
    let found = ROUTES.iter().find_map(|route| Some((route, route.path.session(segments)?)));
    let (route, session) = found.ok_or(Wrong::Page)?;
    let ask = route.methods.iter().find(|(name, _)| *name == method);
    let (_, ask) = ask.ok_or(Wrong::Method(route.allow))?;
    Ok(Asked { ask: *ask, route, session })
}

/// The session that a request names, whatever it asks for.
pub(super) fn session<'a>(path: &'a str, pathname: &str) -> Option<&'a str> {
    match segments(path, pathname)? {
        ([server, session, _], 3) => names(server, session).then_some(session),
        _ => None,
    }
}

/// No path of ours has more segments.
const MOST: usize = 3;

/// The segments of the path behind the pathname, and how many they are. `None`: it is
/// none of ours.
fn segments<'a>(path: &'a str, pathname: &str) -> Option<([&'a str; MOST], usize)> {
    let mut below = path.strip_prefix(pathname)?;
    if !pathname.ends_with('/') {
        below = below.find('/').map_or("", |slash| &below[slash..]);
    }
    let (mut segments, mut count) = ([""; MOST], 0);
    if below.is_empty() {
        return Some((segments, count));
    }
    let below = below.strip_prefix('/')?;
    if below.is_empty() {
        return Some((segments, count));
    }
    for segment in below.strip_suffix('/').unwrap_or(below).split('/') {
        *segments.get_mut(count)? = segment;
        count += 1;
    }
    Some((segments, count))
}

impl Path {
    /// The session's name if the path is this one, empty where it has none.
    fn session<'a>(&self, segments: &[&'a str]) -> Option<&'a str> {
        let is_it = match (self, segments) {
            (Path::Base, []) => true,
            (Path::One(name), [segment]) => name == segment,
            (Path::Iframe, [segment]) => is_iframe(segment),
            (Path::Session(name), [server, session, segment]) => {
                return (name == segment && names(server, session)).then_some(session);
            }
            _ => false,
        };
        is_it.then_some("")
    }
}

/// Whether these can be the names of a server and of a session.
fn names(server: &str, session: &str) -> bool {
    let is_name = |name: &str| !name.is_empty() && !name.contains('.') && name.len() <= SESSION_MAX;
    is_name(server) && is_name(session)
}

/// `iframe[0-9-.a-z_]*.html`, in which the last dot is any character.
fn is_iframe(segment: &str) -> bool {
    let name = segment.strip_prefix("iframe").and_then(|rest| rest.strip_suffix("html"));
    let mut chars = name.unwrap_or_default().chars();
    let is_known = |c: char| c.is_ascii_digit() || c.is_ascii_lowercase() || "-._".contains(c);
    chars.next_back().is_some() && chars.all(is_known)
}

#[cfg(test)]
mod tests;
