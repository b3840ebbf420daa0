//! Which wire protocols there are, and their names.

use crate::error::{Error, Result};

/// The wire protocols that are spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// RFC 6455, a message in each message of a WebSocket.
    Websockets,
    /// Engine.IO, revisions 3 and 4.
    EngineIo,
    /// SockJS 0.3.
    Sockjs,
    /// BrowserChannel, version 8.
    BrowserChannel,
    /// Socket.IO 0.9.
    SocketIo,
}

impl Kind {
    /// All of them, in the order in which clients are to try them.
    pub const ALL: [Kind; 5] =
        [Kind::Websockets, Kind::EngineIo, Kind::Sockjs, Kind::BrowserChannel, Kind::SocketIo];

    /// The names under which it may be asked for, its own first.
    fn names(self) -> (&'static str, &'static [&'static str]) {
        match self {
            // The others are WebSocket servers of Primus too: they speak the same
            // protocol, and differ in little, see `Flavour`.
            Kind::Websockets => ("websockets", &["faye", "uws", "lws", "ws"]),
            Kind::EngineIo => ("engine.io", &[]),
            Kind::Sockjs => ("sockjs", &[]),
            Kind::BrowserChannel => ("browserchannel", &[]),
            Kind::SocketIo => ("socket.io", &[]),
        }
    }

    /// Its own name.
    pub fn name(self) -> &'static str {
        self.names().0
    }

    /// Whether its messages may be bytes; else they are text.
    pub fn takes_bytes(self) -> bool {
        !matches!(self, Kind::Sockjs | Kind::BrowserChannel | Kind::SocketIo)
    }

    /// The one with this name, and the name as it is written here; case does not
    /// matter.
    ///
    /// # Errors
    /// [`Error::Option`] when there is none.
    pub fn of_name(name: &str) -> Result<(Self, &'static str)> {
        let all = || {
            Kind::ALL.into_iter().flat_map(|kind| {
                let (own, others) = kind.names();
                [own].into_iter().chain(others.iter().copied()).map(move |name| (kind, name))
            })
        };
        let found = all().find(|(_, known)| known.eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            let known: Vec<_> = all().map(|(_, name)| name).collect();
            let known = known.join(", ");
            Error::Option(format!("unknown transformer `{name}`; known transformers: {known}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_known_in_any_case() {
        for kind in Kind::ALL {
            let (own, others) = kind.names();
            for name in others.iter().chain([&own]) {
                assert_eq!(Kind::of_name(&name.to_uppercase()).unwrap(), (kind, *name));
            }
        }
        let error = Kind::of_name("engine").unwrap_err().to_string();
        let known = "known transformers: websockets, faye, uws, lws, ws, engine.io, sockjs, \
                     browserchannel, socket.io";
        assert!(error.ends_with(known), "{error}");
    }
}
