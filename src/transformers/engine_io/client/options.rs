//! The options of the client's transport, by their names in engine.io-client.

use crate::error::{Error, Result};
use crate::transformers::engine_io::session::client::{Carrier, Settings};
use crate::transformers::engine_io::{Format, Revision};

/// What the application may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// `transports`: what opens a session.
    first: Carrier,
    /// `transports`, `upgrade`: whether one that polls goes over to a
    /// WebSocket.
    upgrade: bool,
    /// `forceBase64`: the server is asked to send text only.
    b64: bool,
    /// `protocol`.
    revision: Revision,
}

impl Default for Options {
    fn default() -> Self {
        Options { first: Carrier::Polling, upgrade: true, b64: true, revision: Revision::V4 }
    }
}

impl Options {
    /// Reads names and values. An unknown name is logged and passed over.
    pub fn parse(pairs: &[(String, String)]) -> Result<Self> {
        let mut options = Options::default();
        let (mut offered, mut upgrade) = (true, true);
        for (name, value) in pairs {
            match name.as_str() {
                "transports" => {
                    (options.first, offered) = transports(value).ok_or_else(|| {
                        bad(name, value, "a list of `polling` and `websocket`, in order")
                    })?;
                }
                "upgrade" => upgrade = switch(name, value)?,
                "forceBase64" => options.b64 = switch(name, value)?,
                "protocol" | "EIO" => {
                    options.revision = match value.trim() {
                        "3" => Revision::V3,
                        "4" => Revision::V4,
                        _ => return Err(bad(name, value, "3 or 4")),
                    };
                }
                _ => log::warn!("`engine.io` has no transport option `{name}`"),
            }
        }
        options.upgrade = offered && upgrade;
        Ok(options)
    }

    /// What a session must know of them.
    pub fn settings(&self) -> Settings {
        Settings { revision: self.revision, first: self.first, upgrade: self.upgrade }
    }

    /// What packets look like.
    pub fn format(&self) -> Format {
        Format { b64: self.b64, ..Format::new(self.revision) }
    }
}

/// The first of the list, and whether it may be left for a WebSocket.
fn transports(list: &str) -> Option<(Carrier, bool)> {
    // A JavaScript array will do.
    let between = |c: char| c == ',' || c.is_whitespace() || "[]\"'".contains(c);
    let mut names = list.split(between).filter(|name| !name.is_empty()).map(|name| match name {
        _ if name.eq_ignore_ascii_case("polling") => Some(Carrier::Polling),
        _ if name.eq_ignore_ascii_case("websocket") => Some(Carrier::WebSocket),
        _ => None,
    });
    let first = names.next()??;
    let others: Option<Vec<_>> = names.collect();
    Some((first, others?.contains(&Carrier::WebSocket)))
}

fn switch(name: &str, value: &str) -> Result<bool> {
    match value.trim() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(bad(name, value, "true or false")),
    }
}

fn bad(name: &str, value: &str, wanted: &str) -> Error {
    let value = value.escape_debug();
    Error::Option(format!("transport option `{name}`: `{value}` is not {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<Options> {
        let owned: Vec<_> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Options::parse(&owned)
    }

    #[test]
    fn transports_in_order() {
        let of = |list| parse(&[("transports", list)]).map(|o| (o.first, o.upgrade)).unwrap();
        assert_eq!(parse(&[]).unwrap(), Options::default());
        assert_eq!(of("polling,websocket"), (Carrier::Polling, true));
        assert_eq!(of("[\"polling\", \"websocket\"]"), (Carrier::Polling, true));
        assert_eq!(of("POLLING"), (Carrier::Polling, false));
        assert_eq!(of("websocket"), (Carrier::WebSocket, false));
        assert_eq!(of("websocket polling"), (Carrier::WebSocket, false));
        for list in ["", "[]", "pigeons", "polling,pigeons"] {
            assert!(matches!(parse(&[("transports", list)]), Err(Error::Option(_))), "{list}");
        }
    }

    #[test]
    fn the_others() {
        assert!(!parse(&[("upgrade", "false")]).unwrap().upgrade);
        assert!(
            !parse(&[("upgrade", "false"), ("transports", "polling,websocket")]).unwrap().upgrade
        );
        assert!(!parse(&[("forceBase64", "0")]).unwrap().b64);
        for name in ["protocol", "EIO"] {
            assert_eq!(parse(&[(name, "3")]).unwrap().revision, Revision::V3);
            assert!(matches!(parse(&[(name, "2")]), Err(Error::Option(_))));
        }
        assert!(parse(&[("upgrade", "perhaps")]).is_err());
        assert_eq!(parse(&[("rememberUpgrade", "true")]).unwrap(), Options::default());
    }
}
