//! The options of the client's transport, by their names in socket.io-client.

use std::time::Duration;

use crate::error::Result;
use crate::transformers::options::{Expected, OptionSet, list, millis_or_none, truth};

/// How a session may go over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Websocket,
    XhrPolling,
}

impl Transport {
    /// In the order in which they are tried.
    const ALL: [Transport; 2] = [Transport::Websocket, Transport::XhrPolling];

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
    let mut transports = Vec::new();
    for name in list(value) {
        let transport = Transport::ALL
            .into_iter()
            .find(|transport| transport.name() == name)
            .ok_or(EXPECTED)?;
        if !transports.contains(&transport) {
            transports.push(transport);
        }
    }
    if transports.is_empty() { Err(EXPECTED) } else { Ok(transports) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn parse(name: &str, value: &str) -> Result<Options> {
        Ok(Options::parse(&[(name.to_owned(), value.to_owned())])?.0)
    }

    #[test]
    fn transports_in_order() {
        let of = |list| parse("transports", list).unwrap().transports;
        assert_eq!(Options::default().transports, [Transport::Websocket, Transport::XhrPolling]);
        assert_eq!(of("xhr-polling, websocket"), [Transport::XhrPolling, Transport::Websocket]);
        assert_eq!(of("[\"XHR-polling\"]"), [Transport::XhrPolling]);
        assert_eq!(of("websocket websocket"), [Transport::Websocket]);
        for list in ["", "[]", "htmlfile", "websocket,polling"] {
            assert!(matches!(parse("transports", list), Err(Error::Option(_))), "{list}");
        }
    }

    #[test]
    fn the_others() {
        for name in ["connect timeout", "Connect-Timeout", "timeout"] {
            assert_eq!(parse(name, "1500").unwrap().timeout, Duration::from_millis(1500), "{name}");
        }
        assert!(!parse("withCredentials", "false").unwrap().credentials);
        for (name, value) in [("timeout", "soon"), ("timeout", "-1"), ("withCredentials", "a")] {
            let error = parse(name, value).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
        let given = [("reconnect".to_owned(), "1".to_owned())];
        assert_eq!(Options::parse(&given).unwrap().1, ["reconnect"]);
    }
}
