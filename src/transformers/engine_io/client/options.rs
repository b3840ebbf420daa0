//! The options of the client's transport, by their names in engine.io-client.

use crate::error::Result;
use crate::transformers::engine_io::session::client::Settings;
use crate::transformers::engine_io::{Carrier, Format, Revision};
use crate::transformers::options::{Expected, OptionSet, choice, truth};

/// What the application may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// `transports`: what opens a session.
    first: Carrier,
    /// `transports`: what else is in the list.
    second: Option<Carrier>,
    /// `upgrade`: whether a session that polls goes over to a WebSocket.
    upgrade: bool,
    /// `forceBase64`: the server is asked to send text only.
    b64: bool,
    /// `protocol`
    revision: Revision,
    /// `doubleEncoding`: the server is engine.io 1.x.
    double: bool,
    /// `withCredentials`: requests carry the cookies that answers set.
    credentials: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            first: Carrier::Polling,
            second: Some(Carrier::Websocket),
            upgrade: true,
            b64: true,
            revision: Revision::V4,
            double: false,
            credentials: false,
        }
    }
}

impl OptionSet for Options {
    fn set(&mut self, name: &str, value: &str) -> Option<Result<(), Expected>> {
        Some(match name {
            "transports" => {
                transports(value).map(|(first, second)| (self.first, self.second) = (first, second))
            }
            "upgrade" => truth(value).map(|on| self.upgrade = on),
            "forcebase64" => truth(value).map(|on| self.b64 = on),
            "protocol" | "eio" => revision(value).map(|revision| self.revision = revision),
            "doubleencoding" => truth(value).map(|on| self.double = on),
            "withcredentials" => truth(value).map(|on| self.credentials = on),
            _ => return None,
        })
    }
}

impl Options {
    /// What a session must know of them.
    pub fn settings(&self) -> Settings {
        let upgrade = self.upgrade && self.second == Some(Carrier::Websocket);
        Settings { revision: self.revision, first: self.first, upgrade }
    }

    /// Whether requests carry the cookies that answers set.
    pub fn credentials(&self) -> bool {
        self.credentials
    }

    /// What packets look like.
    pub fn format(&self) -> Format {
        let double = self.double && self.revision == Revision::V3;
        Format { revision: self.revision, b64: self.b64, double }
    }
}

/// What a client must be told to speak with the engine.io of a server with this
/// version of Primus, unless it was told before.
pub(crate) fn options_for(
    version: Option<(u32, u32)>,
    given: &[(String, String)],
) -> Vec<(&'static str, &'static str)> {
    let is_given = |names: &[&str]| {
        names.iter().any(|name| given.iter().any(|(n, _)| n.eq_ignore_ascii_case(name)))
    };
    let mut options = Vec::new();
    if version.is_some_and(|version| version < (8, 0)) && !is_given(&["protocol", "EIO"]) {
        options.push(("protocol", "3"));
        if version < Some((6, 1)) && !is_given(&["doubleEncoding"]) {
            options.push(("doubleEncoding", "true"));
        }
    }
    options
}

/// The first of the list, and another one that is in it.
fn transports(value: &str) -> Result<(Carrier, Option<Carrier>), Expected> {
    const EXPECTED: Expected = Expected("a list of `polling` and `websocket`, in order");
    let of = |name: &str| match name {
        "polling" => Some(Carrier::Polling),
        "websocket" => Some(Carrier::Websocket),
        _ => None,
    };
    let all = choice(value, of).ok_or(EXPECTED)?;
    Ok((*all.first().ok_or(EXPECTED)?, all.get(1).copied()))
}

fn revision(value: &str) -> Result<Revision, Expected> {
    match value {
        "3" => Ok(Revision::V3),
        "4" => Ok(Revision::V4),
        _ => Err(Expected("`3` or `4`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transformers::options::asked;

    fn parse(given: &[(&str, &str)]) -> Result<Options> {
        Ok(asked::of(given)?.0)
    }

    #[test]
    fn transports_in_order() {
        let of = |list| {
            let settings = parse(&[("transports", list)]).unwrap().settings();
            (settings.first, settings.upgrade)
        };
        assert_eq!(parse(&[]).unwrap(), Options::default());
        assert_eq!(of("polling,websocket"), (Carrier::Polling, true));
        assert_eq!(of("[\"polling\", \"websocket\"]"), (Carrier::Polling, true));
        assert_eq!(of("POLLING"), (Carrier::Polling, false));
        assert_eq!(of("websocket"), (Carrier::Websocket, false));
        assert_eq!(of("websocket polling"), (Carrier::Websocket, false));
        for list in ["", "[]", "pigeons", "polling,pigeons"] {
            asked::refused::<Options>(&[("transports", list)]);
        }
    }

    #[test]
    fn the_others() {
        let upgrade = |pairs| parse(pairs).unwrap().settings().upgrade;
        assert!(upgrade(&[]));
        assert!(!upgrade(&[("upgrade", "false")]));
        assert!(!upgrade(&[("Upgrade", "false"), ("transports", "polling,websocket")]));
        assert!(!parse(&[]).unwrap().credentials());
        assert!(parse(&[("withCredentials", "true")]).unwrap().credentials());
        assert!(!parse(&[("forceBase64", "0")]).unwrap().format().b64);
        for name in ["protocol", "EIO"] {
            let options = parse(&[(name, "3"), ("doubleEncoding", "true")]).unwrap();
            assert_eq!(options.format().revision, Revision::V3);
            assert!(options.format().double);
            asked::refused::<Options>(&[(name, "2")]);
        }
        assert!(!parse(&[("doubleEncoding", "true")]).unwrap().format().double);
        asked::refused::<Options>(&[("upgrade", "perhaps")]);
        assert_eq!(parse(&[("rememberUpgrade", "true")]).unwrap(), Options::default());
    }
}
