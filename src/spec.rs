//! What clients must know of a server to talk to it: made by the server,
//! printed as its spec document, read back by a client that discovers it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::parsers::Parser;
use crate::protocol::ClientMode;

/// The version of Primus whose protocol is spoken.
pub(crate) const PRIMUS_VERSION: &str = "8.0.9";

/// What Primus 2 to 6 leave between the client's ping and the server's
/// time-out.
const PING_MARGIN: Duration = Duration::from_secs(10);

/// The options on which a server and its clients must agree: transformer,
/// parser, pathname and heartbeat.
///
/// [`Primus::client_options`](crate::Primus::client_options) makes one from a
/// server in this process, [`FromStr`] from a spec document that was fetched
/// in some other way, and
/// [`ClientBuilder::options`](crate::ClientBuilder::options) uses it. It is
/// displayed as the JSON document that is served at `<pathname>/spec`, with the
/// keys and their order as Primus has them, and behind these all transformers, if there
/// are several, and the plugins, if there are any.
///
/// ```
/// let primus = primus::Primus::builder().ping_interval(None).build()?;
/// let document = primus.client_options().to_string();
/// assert!(document.starts_with(r#"{"pingInterval":false,"pathname":"/primus","#));
/// assert!(document.parse::<primus::Spec>().is_ok());
/// # primus.destroy(Default::default());
/// # Ok::<(), primus::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Spec {
    /// By name, in the order in which clients are to try them; none if it has no name.
    pub(crate) transformers: Vec<String>,
    /// `None`: one that a name does not tell.
    pub(crate) parser: Option<Parser>,
    pub(crate) pathname: Option<String>,
    pub(crate) heartbeat: Heartbeat,
    /// That of Primus.
    pub(crate) version: String,
    /// The names of the server's plugins. Not in the documents of Primus.
    pub(crate) plugins: Vec<String>,
}

impl Spec {
    /// The names of the server's transformers, in the order in which clients are to try
    /// them. Servers in JavaScript have one.
    pub fn transformers(&self) -> &[String] {
        &self.transformers
    }

    /// The names of the server's plugins, in order. Servers in JavaScript do not
    /// tell.
    pub fn plugins(&self) -> &[String] {
        &self.plugins
    }

    /// The first two numbers of the version, if they are there.
    pub(crate) fn version(&self) -> Option<(u32, u32)> {
        let mut numbers = self.version.split('.').map(|number| number.parse().ok());
        Some((numbers.next()??, numbers.next()??))
    }
}

/// What a spec says of the heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heartbeat {
    /// `pingInterval`: the server pings so often, if at all.
    ServerPings(Option<Duration>),
    /// `timeout`: the client must ping, and is dead for the server after so
    /// long, if ever.
    ClientPings(Option<Duration>),
    /// Nothing.
    Untold,
}

impl Heartbeat {
    /// What the client makes of it, as the library that such a server hands to
    /// browsers.
    pub fn client_mode(self) -> Option<ClientMode> {
        match self {
            Heartbeat::ServerPings(interval) => {
                let timeout = interval.map(half_more);
                Some(ClientMode::ServerPings { timeout })
            }
            Heartbeat::ClientPings(timeout) => {
                let least = Duration::from_millis(1);
                let interval = timeout.map(|span| span.saturating_sub(PING_MARGIN).max(least));
                Some(ClientMode::ClientPings { interval, timeout: PING_MARGIN })
            }
            Heartbeat::Untold => None,
        }
    }
}

/// One and a half of it, in whole milliseconds, rounded up.
fn half_more(span: Duration) -> Duration {
    span.saturating_add(Duration::from_millis((span.as_millis() as u64).div_ceil(2)))
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |span: Option<Duration>| match span {
            Some(span) => span.as_millis().to_string(),
            None => "false".to_owned(),
        };
        let text = |text: Option<&str>| Value::from(text.unwrap_or("custom")).to_string();
        f.write_str("{")?;
        match self.heartbeat {
            Heartbeat::ServerPings(interval) => write!(f, "\"pingInterval\":{},", millis(interval)),
            Heartbeat::ClientPings(timeout) => write!(f, "\"timeout\":{},", millis(timeout)),
            Heartbeat::Untold => Ok(()),
        }?;
        write!(
            f,
            r#""pathname":{},"version":{},"parser":{},"transformer":{}"#,
            text(Some(self.pathname.as_deref().unwrap_or("/primus"))),
            text(Some(&self.version)),
            text(self.parser.as_ref().map(Parser::name)),
            text(self.transformers.first().map(String::as_str)),
        )?;
        if self.transformers.len() > 1 {
            write!(f, r#","transformers":{}"#, Value::from(self.transformers.clone()))?;
        }
        if !self.plugins.is_empty() {
            write!(f, r#","plugins":{}"#, Value::from(self.plugins.clone()))?;
        }
        f.write_str("}")
    }
}

impl FromStr for Spec {
    type Err = Error;

    /// Reads a spec document, of this or any other version of Primus.
    ///
    /// # Errors
    /// [`Error::Protocol`] when it is no JSON, [`Error::Option`] when it names
    /// a parser that is not known here.
    fn from_str(document: &str) -> Result<Self> {
        let spec: Value = serde_json::from_str(document)
            .map_err(|e| Error::Protocol(format!("the spec document is no JSON: {e}")))?;
        let text = |name: &str| spec.get(name).and_then(Value::as_str);
        let known = |name: &&str| *name != "custom";
        let span = |value: &Value| {
            value.as_f64().map(|ms| Duration::from_millis(ms.clamp(1.0, 1e12) as u64))
        };
        let heartbeat = match (spec.get("pingInterval"), spec.get("timeout")) {
            (Some(interval), _) => Heartbeat::ServerPings(span(interval)),
            (None, Some(timeout)) => Heartbeat::ClientPings(span(timeout)),
            (None, None) => Heartbeat::Untold,
        };
        let list = |name: &str| -> Vec<String> {
            let list = spec.get(name).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let mut transformers = list("transformers");
        if transformers.is_empty() {
            transformers.extend(text("transformer").filter(known).map(str::to_owned));
        }
        Ok(Spec {
            plugins: list("plugins"),
            transformers,
            parser: text("parser").filter(known).map(str::parse).transpose()?,
            pathname: text("pathname").map(str::to_owned),
            heartbeat,
            version: text("version").unwrap_or_default().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(document: &str) -> Option<ClientMode> {
        document.parse::<Spec>().unwrap().heartbeat.client_mode()
    }

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn the_document_is_that_of_primus() {
        let spec = Spec {
            transformers: vec!["websockets".into()],
            parser: Some(Parser::JSON),
            pathname: Some("/a\"b".into()),
            heartbeat: Heartbeat::ServerPings(Some(ms(30_000))),
            version: PRIMUS_VERSION.into(),
            plugins: Vec::new(),
        };
        let document = r#"{"pingInterval":30000,"pathname":"/a\"b","version":"8.0.9","parser":"json","transformer":"websockets"}"#;
        assert_eq!(spec.to_string(), document);
        assert_eq!(document.parse::<Spec>().unwrap().to_string(), document);
        assert_eq!(spec.version(), Some((8, 0)));

        let spec = Spec { plugins: vec!["emit".into(), "a\"b".into()], ..spec };
        let document = document.replace("\"}", r#"","plugins":["emit","a\"b"]}"#);
        assert_eq!(spec.to_string(), document);
        assert_eq!(document.parse::<Spec>().unwrap().plugins(), ["emit", "a\"b"]);
        let several = ["engine.io".to_owned(), "websockets".to_owned()];
        let spec = Spec { transformers: several.to_vec(), ..spec };
        let document = spec.to_string();
        let told = r#""transformer":"engine.io","transformers":["engine.io","websockets"],"#;
        assert!(document.contains(told), "{document}");
        assert_eq!(document.parse::<Spec>().unwrap().transformers(), several);
        let odd: Spec = r#"{"transformer":"sockjs","transformers":[1,{}]}"#.parse().unwrap();
        assert_eq!(odd.transformers(), ["sockjs"]);
        let odd: Spec = r#"{"plugins":[1,{},"rooms"]}"#.parse().unwrap();
        assert_eq!(odd.plugins(), ["rooms"]);
        assert!(r#"{"plugins":{}}"#.parse::<Spec>().unwrap().plugins().is_empty());
    }

    #[test]
    fn the_heartbeat_of_every_generation() {
        let pings = |timeout| Some(ClientMode::ServerPings { timeout });
        assert_eq!(mode(r#"{"pingInterval":25}"#), pings(Some(ms(38))));
        assert_eq!(mode(r#"{"pingInterval":false,"timeout":9}"#), pings(None));
        assert_eq!(mode(r#"{"pingInterval":-7}"#), pings(Some(ms(2))));
        let pinged = |interval| Some(ClientMode::ClientPings { interval, timeout: PING_MARGIN });
        assert_eq!(mode(r#"{"timeout":35000}"#), pinged(Some(ms(25_000))));
        assert_eq!(mode(r#"{"timeout":3}"#), pinged(Some(ms(1))));
        assert_eq!(mode(r#"{"timeout":false}"#), pinged(None));
        assert_eq!(mode("[]"), None);
    }

    #[test]
    fn what_has_no_name_is_left_open() {
        let spec: Spec = r#"{"parser":"custom","transformer":"custom"}"#.parse().unwrap();
        assert!(spec.parser.is_none() && spec.version().is_none());
        assert!(spec.transformers.is_empty());
        assert!(matches!(r#"{"parser":"smoke"}"#.parse::<Spec>(), Err(Error::Option(_))));
        assert!(matches!("<html>".parse::<Spec>(), Err(Error::Protocol(_))));
    }
}
