//! The wire protocols, one folder each, and their catalogue. What the server
//! asks of them is in [`serve`], what the client asks in [`connect`].

use std::sync::Arc;

use self::connect::Dials;
use self::options::OptionSet;
use self::serve::Transformer;
use crate::error::{Error, Result};
use crate::parsers::Parser;
use crate::spec::Spec;

pub(crate) mod connect;
pub(crate) mod engine_io;
#[cfg(test)]
pub(crate) mod nobody;
pub(crate) mod options;
pub(crate) mod polled;
pub(crate) mod serve;
pub(crate) mod sockjs;
pub(crate) mod websockets;

/// Options of a transformer, as the application gives them: names and values.
type Given = [(String, String)];

/// The wire protocols that are spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// RFC 6455, a message in each message of a WebSocket.
    Websockets,
    /// Engine.IO, revisions 3 and 4.
    EngineIo,
    /// SockJS 0.3.
    Sockjs,
}

/// A protocol's part of the browser's client.
pub(crate) struct Script {
    /// The code.
    pub text: &'static str,
    /// Whether it uses the library's `requests.js`.
    pub requests: bool,
}

impl Kind {
    /// All of them.
    const ALL: [Kind; 3] = [Kind::Websockets, Kind::EngineIo, Kind::Sockjs];

    /// The names under which it may be asked for, its own first.
    fn names(self) -> (&'static str, &'static [&'static str]) {
        match self {
            // The others are WebSocket servers of Primus too: they speak the same
            // protocol, and differ in nothing that a client may rely on.
            Kind::Websockets => ("websockets", &["faye", "uws", "lws"]),
            Kind::EngineIo => ("engine.io", &[]),
            Kind::Sockjs => ("sockjs", &[]),
        }
    }

    /// Its own name.
    pub fn name(self) -> &'static str {
        self.names().0
    }

    /// Whether its messages may be bytes; else they are text.
    pub fn takes_bytes(self) -> bool {
        self != Kind::Sockjs
    }

    /// The parser as it is to be used, if this can carry its messages. Of one of the
    /// application's own that is known only when it has made one.
    ///
    /// # Errors
    /// [`Error::Option`], which names parsers that will do.
    pub fn check_parser(self, parser: Parser) -> Result<Parser> {
        if self.takes_bytes() {
            return Ok(parser);
        }
        if !parser.makes_bytes() {
            return Ok(parser.of_texts(self.name()));
        }
        let (own, parser) = (self.name(), parser.name());
        Err(Error::Option(format!(
            "the transformer `{own}` carries text only, and the parser `{parser}` makes bytes; \
             use the parser `json` or `ejson`, or another transformer"
        )))
    }

    /// The one with this name; case does not matter.
    ///
    /// # Errors
    /// [`Error::Option`] when there is none.
    pub fn of_name(name: &str) -> Result<Self> {
        let all = || {
            Kind::ALL.into_iter().flat_map(|kind| {
                let (own, others) = kind.names();
                [own].into_iter().chain(others.iter().copied()).map(move |name| (kind, name))
            })
        };
        let found = all().find(|(_, known)| known.eq_ignore_ascii_case(name));
        found.map(|(kind, _)| kind).ok_or_else(|| {
            let known: Vec<_> = all().map(|(_, name)| name).collect();
            let known = known.join(", ");
            Error::Option(format!("unknown transformer `{name}`; known transformers: {known}"))
        })
    }

    /// Its server.
    ///
    /// # Errors
    /// [`Error::Option`] for the value of an option that cannot be used.
    pub fn server(self, given: &Given) -> Result<Box<dyn Transformer>> {
        let (server, unknown): (Box<dyn Transformer>, _) = match self {
            Kind::Websockets => {
                (Box::new(websockets::server::Websockets), options::read(given, |_, _| None)?)
            }
            Kind::EngineIo => {
                let (options, unknown) = engine_io::options::Options::parse(given)?;
                (Box::new(engine_io::server::EngineIo::new(options)), unknown)
            }
            Kind::Sockjs => {
                let (options, unknown) = sockjs::options::Options::parse(given)?;
                (Box::new(sockjs::server::SockJs::new(options)), unknown)
            }
        };
        options::warn(self.name(), &unknown);
        Ok(server)
    }

    /// Its client.
    ///
    /// # Errors
    /// [`Error::Option`] for the value of an option that cannot be used.
    pub fn client(self, given: &Given) -> Result<Arc<dyn Dials>> {
        let (client, unknown): (Arc<dyn Dials>, _) = match self {
            Kind::Websockets => {
                (Arc::new(websockets::client::Websockets), options::read(given, |_, _| None)?)
            }
            Kind::EngineIo => {
                let (options, unknown) = engine_io::client::Options::parse(given)?;
                (Arc::new(engine_io::client::EngineIo(options)), unknown)
            }
            Kind::Sockjs => {
                let (options, unknown) = sockjs::client::Options::parse(given)?;
                (Arc::new(sockjs::client::Sockjs(options)), unknown)
            }
        };
        options::warn(self.name(), &unknown);
        Ok(client)
    }

    /// The options that its client needs for the server of this document, beside
    /// those that were given.
    pub fn options_for(self, server: &Spec, given: &Given) -> Vec<(&'static str, &'static str)> {
        match self {
            Kind::Websockets | Kind::Sockjs => Vec::new(),
            Kind::EngineIo => engine_io::client::options_for(server.version(), given),
        }
    }

    /// What the browser's client has of it.
    pub fn script(self) -> Script {
        match self {
            Kind::Websockets => {
                Script { text: include_str!("websockets/client.js"), requests: false }
            }
            Kind::EngineIo => Script { text: include_str!("engine_io/client.js"), requests: true },
            Kind::Sockjs => Script { text: include_str!("sockjs/client.js"), requests: true },
        }
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
                assert_eq!(Kind::of_name(&name.to_uppercase()).unwrap(), kind);
            }
        }
        let error = Kind::of_name("engine").unwrap_err().to_string();
        let known = "known transformers: websockets, faye, uws, lws, engine.io, sockjs";
        assert!(error.ends_with(known), "{error}");
    }
}
