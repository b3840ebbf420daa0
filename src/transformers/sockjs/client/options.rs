//! The options of the client's transport, by their names in sockjs-client.

use std::time::Duration;

use crate::error::Result;
use crate::transformers::options::{Expected, OptionSet, list, millis_or_none, truth};

/// How a session may go over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Websocket,
    XhrStreaming,
    XhrPolling,
}

impl Transport {
    /// In the order in which they are tried.
    const ALL: [Transport; 3] =
        [Transport::Websocket, Transport::XhrStreaming, Transport::XhrPolling];

    /// Its name among the `transports`.
    pub fn name(self) -> &'static str {
        match self {
            Transport::Websocket => "websocket",
            Transport::XhrStreaming => "xhr-streaming",
            Transport::XhrPolling => "xhr-polling",
        }
    }

    /// The end of its path.
    pub fn path(self) -> &'static str {
        match self {
            Transport::Websocket => "websocket",
            Transport::XhrStreaming => "xhr_streaming",
            Transport::XhrPolling => "xhr",
        }
    }
}

/// What the application may choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// `transports`: what is tried, in order.
    pub transports: Vec<Transport>,
    /// `timeout`: how long one of them has at least.
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
        Some(match name {
            "transports" => transports(value).map(|transports| self.transports = transports),
            "timeout" => millis_or_none(value).map(|time| self.timeout = time),
            "withcredentials" => truth(value).map(|on| self.credentials = on),
            _ => return None,
        })
    }
}

/// Those of the list, each once.
fn transports(value: &str) -> Result<Vec<Transport>, Expected> {
    const EXPECTED: Expected =
        Expected("a list of `websocket`, `xhr-streaming` and `xhr-polling`, in order");
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

    fn parse(pairs: &[(&str, &str)]) -> Result<Options> {
        let owned: Vec<_> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Ok(Options::parse(&owned)?.0)
    }

    #[test]
    fn transports_in_order() {
        let of = |list| parse(&[("transports", list)]).unwrap().transports;
        assert_eq!(
            parse(&[]).unwrap().transports,
            [Transport::Websocket, Transport::XhrStreaming, Transport::XhrPolling]
        );
        assert_eq!(of("xhr-polling, websocket"), [Transport::XhrPolling, Transport::Websocket]);
        assert_eq!(of("[\"XHR-streaming\"]"), [Transport::XhrStreaming]);
        assert_eq!(of("websocket websocket"), [Transport::Websocket]);
        for list in ["", "[]", "eventsource", "websocket,polling"] {
            assert!(matches!(parse(&[("transports", list)]), Err(Error::Option(_))), "{list}");
        }
    }

    #[test]
    fn the_others() {
        assert_eq!(parse(&[("Timeout", "1500")]).unwrap().timeout, Duration::from_millis(1500));
        assert!(!parse(&[("withCredentials", "false")]).unwrap().credentials);
        for (name, value) in [("timeout", "soon"), ("timeout", "-1"), ("withCredentials", "a")] {
            let error = parse(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
        let given = [("server".to_owned(), "1".to_owned())];
        assert_eq!(Options::parse(&given).unwrap().1, ["server"]);
    }
}
