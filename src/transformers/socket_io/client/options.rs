//! The options of the client's transport, by their names in socket.io-client.

use std::time::Duration;

use crate::error::Result;
use crate::transformers::options::{Expected, OptionSet, choice, millis_or_none, truth};

/// How a session may go over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Websocket,
    XhrPolling,
}

impl Transport {
    /// In the order in which they are tried.
    const ALL: [Transport; 2] = [Transport::Websocket, Transport::XhrPolling];

    fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|transport| transport.name() == name)
    }

    /// Its name among the `transports`, and in paths.
    pub fn name(self) -> &'static str {
        match self {
            Transport::Websocket => "websocket",
            Transport::XhrPolling => "xhr-polling",
        }
    }
}

/// What the application may choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// `transports`: what is tried, in order.
    pub transports: Vec<Transport>,
    /// `connect timeout`, or `timeout`: how long one of them has at least.
    pub timeout: Duration,
    /// `withCredentials`: requests carry the cookies that answers set.
    pub credentials: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { transports: Transport::ALL.into(), timeout: Duration::ZERO, credentials: true }
    }
}

impl OptionSet for Options {
    fn set(&mut self, name: &str, value: &str) -> Option<Result<(), Expected>> {
        Some(match &*name.replace(['_', '-'], " ") {
            "transports" => transports(value).map(|transports| self.transports = transports),
            "timeout" | "connect timeout" => millis_or_none(value).map(|time| self.timeout = time),
            "withcredentials" => truth(value).map(|on| self.credentials = on),
            _ => return None,
        })
    }
}

/// Those of the list, each once.
fn transports(value: &str) -> Result<Vec<Transport>, Expected> {
    const EXPECTED: Expected = Expected("a list of `websocket` and `xhr-polling`, in order");
    choice(value, Transport::of_name).ok_or(EXPECTED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transformers::options::asked;

    #[test]
    fn transports_in_order() {
        let of = |list| asked::one::<Options>("transports", list).unwrap().transports;
        assert_eq!(Options::default().transports, [Transport::Websocket, Transport::XhrPolling]);
        assert_eq!(of("xhr-polling, websocket"), [Transport::XhrPolling, Transport::Websocket]);
        assert_eq!(of("[\"XHR-polling\"]"), [Transport::XhrPolling]);
        assert_eq!(of("websocket websocket"), [Transport::Websocket]);
        for list in ["", "[]", "htmlfile", "websocket,polling"] {
            asked::refused::<Options>(&[("transports", list)]);
        }
    }

    #[test]
    fn the_others() {
        for name in ["connect timeout", "Connect-Timeout", "timeout"] {
            let options: Options = asked::one(name, "1500").unwrap();
            assert_eq!(options.timeout, Duration::from_millis(1500), "{name}");
        }
        assert!(!asked::one::<Options>("withCredentials", "false").unwrap().credentials);
        asked::refused::<Options>(&[
            ("timeout", "soon"),
            ("timeout", "-1"),
            ("withCredentials", "a"),
        ]);
        assert_eq!(asked::of::<Options>(&[("reconnect", "1")]).unwrap().1, ["reconnect"]);
    }
}
