//! The options of the server's side, by the names that engine.io documents.
//!
//! | name | value | default |
//! |---|---|---|
//! | `pingInterval` | milliseconds from the session's start or a pong to a ping | 25000 |
//! | `pingTimeout` | milliseconds that an answer may take | 20000 |
//! | `upgradeTimeout` | milliseconds that a WebSocket may probe | 10000 |
//! | `maxHttpBufferSize` | bytes of the longest POST and message | the server's `max_length` |
//! | `transports` | `polling,websocket` or one of them, or a JSON list | both |
//! | `allowUpgrades` | whether WebSockets are offered to sessions that poll | `true` |
//! | `allowEIO3` | whether clients of revision 3 (Primus 2 to 7) are served | `true`, other than engine.io |
//! | `cookie` | `true`, a name, or a JSON object as for engine.io | `false` |
//! | `doubleEncoding` | clients of revision 3 are engine.io 1.x (Primus 2.4 to 6.0) | `false`; not in engine.io |

use std::time::Duration;

use serde_json::Value;

use super::handshake::Handshake;
use super::request::Allowed;
use super::session::server::Timing;
use crate::error::Result;
use crate::http::is_token;
use crate::transformers::options::{Expected, OptionSet, list, millis, truth};

/// The options of the server's side.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    /// `pingInterval`, `pingTimeout` and `upgradeTimeout`.
    pub timing: Timing,
    /// `maxHttpBufferSize`, if given.
    pub max_http_buffer_size: Option<usize>,
    /// `transports`, `allowEIO3` and `doubleEncoding`.
    pub allowed: Allowed,
    /// `allowUpgrades`
    pub upgrades: bool,
    /// `cookie`
    pub cookie: Option<Cookie>,
}

/// The cookie that the answer to a handshake sets. Nothing depends on it here;
/// load balancers may send all requests of a session to one server by it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cookie {
    name: String,
    /// Everything behind the session's id.
    attributes: String,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            timing: Timing {
                ping_interval: Duration::from_secs(25),
                ping_timeout: Duration::from_secs(20),
                upgrade_timeout: Duration::from_secs(10),
            },
            max_http_buffer_size: None,
            allowed: Allowed { polling: true, websocket: true, revision_3: true, double: false },
            upgrades: true,
            cookie: None,
        }
    }
}

impl OptionSet for Options {
    fn set(&mut self, name: &str, value: &str) -> Option<Result<(), Expected>> {
        let allowed = &mut self.allowed;
        Some(match name {
            "pinginterval" => millis(value).map(|span| self.timing.ping_interval = span),
            "pingtimeout" => millis(value).map(|span| self.timing.ping_timeout = span),
            "upgradetimeout" => millis(value).map(|span| self.timing.upgrade_timeout = span),
            "maxhttpbuffersize" => bytes(value).map(|max| self.max_http_buffer_size = Some(max)),
            "transports" => transports(value)
                .map(|(polling, websocket)| *allowed = Allowed { polling, websocket, ..*allowed }),
            "allowupgrades" => truth(value).map(|on| self.upgrades = on),
            "alloweio3" => truth(value).map(|on| allowed.revision_3 = on),
            "doubleencoding" => truth(value).map(|on| allowed.double = on),
            "cookie" => Cookie::parse(value).map(|cookie| self.cookie = cookie),
            _ => return None,
        })
    }
}

impl Options {
    /// The handshake of a new session. `max_length` is the server's.
    pub fn handshake(&self, sid: String, polls: bool, max_length: usize) -> Handshake {
        Handshake {
            sid,
            upgrade: polls && self.upgrades && self.allowed.websocket,
            ping_interval: self.timing.ping_interval,
            ping_timeout: self.timing.ping_timeout,
            max_payload: Some(self.max_body(max_length)),
        }
    }

    /// The longest body and message. `max_length` is the server's.
    pub fn max_body(&self, max_length: usize) -> usize {
        self.max_http_buffer_size.unwrap_or(max_length)
    }
}

fn bytes(value: &str) -> Result<usize, Expected> {
    let bytes = value.parse().ok().filter(|bytes| *bytes > 0);
    bytes.ok_or(Expected("a whole number of bytes, at least 1"))
}

/// Whether polling and WebSockets are listed.
fn transports(value: &str) -> Result<(bool, bool), Expected> {
    const EXPECTED: Expected = Expected("`polling`, `websocket`, or both with a comma");
    let (mut polling, mut websocket) = (false, false);
    for name in list(value) {
        match &*name {
            "polling" => polling = true,
            "websocket" => websocket = true,
            _ => return Err(EXPECTED),
        }
    }
    if polling || websocket { Ok((polling, websocket)) } else { Err(EXPECTED) }
}

impl Cookie {
    /// The value of the header `Set-Cookie`.
    pub fn header(&self, sid: &str) -> String {
        format!("{}={sid}{}", self.name, self.attributes)
    }

    fn parse(value: &str) -> Result<Option<Self>, Expected> {
        const EXPECTED: Expected = Expected(
            "`true`, `false`, a name, or JSON with `name`, `path`, `domain`, `maxAge`, \
             `httpOnly`, `secure` and `sameSite`",
        );
        if value.starts_with('{') {
            let json: Value = serde_json::from_str(value).map_err(|_| EXPECTED)?;
            return Self::of_json(&json).map(Some).ok_or(EXPECTED);
        }
        match truth(value) {
            Ok(false) => Ok(None),
            Ok(true) => Self::named("io").map(Some).ok_or(EXPECTED),
            Err(_) => Self::named(value).map(Some).ok_or(EXPECTED),
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::of_json(&serde_json::json!({ "name": name }))
    }

    /// engine.io's form. What it does not mention is as there: the path `/`,
    /// `HttpOnly`, and `SameSite=Lax`.
    fn of_json(json: &Value) -> Option<Self> {
        const KNOWN: [&str; 7] =
            ["name", "path", "domain", "maxAge", "httpOnly", "secure", "sameSite"];
        let fields = json.as_object()?;
        if fields.keys().any(|key| !KNOWN.contains(&&**key)) {
            return None;
        }
        let name = fields.get("name").map_or(Some("io"), Value::as_str)?;
        // A token, says RFC 6265.
        if !is_token(name) {
            return None;
        }
        let truth = |name: &str, default| fields.get(name).map_or(Some(default), Value::as_bool);
        let mut attributes = String::new();
        if let Some(seconds) = fields.get("maxAge") {
            attributes += &format!("; Max-Age={}", seconds.as_i64()?);
        }
        if let Some(domain) = fields.get("domain") {
            attributes += &format!("; Domain={}", domain.as_str().filter(|v| is_value(v))?);
        }
        let path = match fields.get("path") {
            Some(Value::Bool(false)) => None,
            Some(path) => Some(path.as_str().filter(|path| is_value(path))?),
            None => Some("/"),
        };
        attributes += &path.map(|path| format!("; Path={path}")).unwrap_or_default();
        if truth("httpOnly", path.is_some())? {
            attributes += "; HttpOnly";
        }
        if truth("secure", false)? {
            attributes += "; Secure";
        }
        attributes += match fields.get("sameSite") {
            None => "; SameSite=Lax",
            Some(Value::Bool(true)) => "; SameSite=Strict",
            Some(Value::Bool(false)) => "",
            Some(site) => match &*site.as_str()?.to_ascii_lowercase() {
                "strict" => "; SameSite=Strict",
                "lax" => "; SameSite=Lax",
                "none" => "; SameSite=None",
                _ => return None,
            },
        };
        Some(Cookie { name: name.to_owned(), attributes })
    }
}

/// What cannot end an attribute, or the header.
fn is_value(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| (b' '..0x7f).contains(&byte) && byte != b';')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transformers::options::asked;

    fn parse(given: &[(&str, &str)]) -> Result<(Options, Vec<String>)> {
        asked::of(given)
    }

    fn cookie(value: &str) -> Option<String> {
        parse(&[("cookie", value)]).unwrap().0.cookie.map(|cookie| cookie.header("S"))
    }

    #[test]
    fn defaults() {
        let (options, unknown) = parse(&[]).unwrap();
        assert_eq!((&options, unknown.len()), (&Options::default(), 0));
        let json = options.handshake("kI3UGo10lKQPpWIDAAAA".into(), true, 10_485_760).to_json();
        assert_eq!(
            json,
            r#"{"sid":"kI3UGo10lKQPpWIDAAAA","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":10485760}"#
        );
        assert!(!options.handshake(String::new(), false, 1).upgrade);
    }

    #[test]
    fn everything_set() {
        let (options, unknown) = parse(&[
            ("pingInterval", "300"),
            ("PINGTIMEOUT", " 250 "),
            ("upgradetimeout", "7"),
            ("maxHttpBufferSize", "99"),
            ("transports", "websocket"),
            ("allowUpgrades", "False"),
            ("allowEIO3", "0"),
            ("doubleEncoding", "true"),
            ("initialPacket", "x"),
            ("pingInterval", "301"),
        ])
        .unwrap();
        let ms = Duration::from_millis;
        let timing =
            Timing { ping_interval: ms(301), ping_timeout: ms(250), upgrade_timeout: ms(7) };
        let allowed = Allowed { polling: false, websocket: true, revision_3: false, double: true };
        let max_http_buffer_size = Some(99);
        let expected =
            Options { timing, max_http_buffer_size, allowed, upgrades: false, cookie: None };
        assert_eq!((options, unknown), (expected, vec!["initialPacket".to_owned()]));
    }

    #[test]
    fn transports() {
        for (value, expected) in [
            ("polling,websocket", (true, true)),
            ("websocket, polling", (true, true)),
            ("Polling", (true, false)),
            (r#"["websocket"]"#, (false, true)),
            (r#"["websocket","polling"]"#, (true, true)),
        ] {
            let (options, _) = parse(&[("transports", value)]).unwrap();
            let Allowed { polling, websocket, .. } = options.allowed;
            assert_eq!((polling, websocket), expected, "{value}");
            assert_eq!(options.handshake(String::new(), true, 1).upgrade, websocket);
        }
    }

    #[test]
    fn cookies() {
        assert_eq!(cookie("false"), None);
        assert_eq!(cookie("true").unwrap(), "io=S; Path=/; HttpOnly; SameSite=Lax");
        assert_eq!(cookie("lb").unwrap(), "lb=S; Path=/; HttpOnly; SameSite=Lax");
        assert_eq!(cookie("{}"), cookie("true"));
        let json = r#"{"name":"a","path":"/x","domain":"e.org","maxAge":60,"httpOnly":false,"secure":true,"sameSite":"none"}"#;
        let header = "a=S; Max-Age=60; Domain=e.org; Path=/x; Secure; SameSite=None";
        assert_eq!(cookie(json).unwrap(), header);
        assert_eq!(cookie(r#"{"path":false,"sameSite":false}"#).unwrap(), "io=S");
        let strict = r#"{"path":false,"httpOnly":true,"sameSite":true}"#;
        assert_eq!(cookie(strict).unwrap(), "io=S; HttpOnly; SameSite=Strict");
    }

    #[test]
    fn values_that_cannot_be_used() {
        asked::refused::<Options>(&[
            ("pingInterval", "0"),
            ("pingInterval", "-1"),
            ("pingInterval", "25s"),
            ("pingTimeout", ""),
            ("pingTimeout", "1e3"),
            ("upgradeTimeout", "1000000001"),
            ("maxHttpBufferSize", "0"),
            ("maxHttpBufferSize", "1MB"),
            ("transports", ""),
            ("transports", "[]"),
            ("transports", "[1]"),
            ("transports", "polling,webtransport"),
            ("allowUpgrades", "yes"),
            ("allowEIO3", ""),
            ("doubleEncoding", "2"),
            ("cookie", ""),
            ("cookie", "a b"),
            ("cookie", "a=b"),
            ("cookie", "a;b"),
            ("cookie", "{"),
            ("cookie", r#"{"name":""}"#),
            ("cookie", r#"{"name":7}"#),
            ("cookie", r#"{"path":"/;x"}"#),
            ("cookie", r#"{"path":"/\r\nX: y"}"#),
            ("cookie", r#"{"path":true}"#),
            ("cookie", r#"{"domain":"\u00e9"}"#),
            ("cookie", r#"{"maxAge":"1"}"#),
            ("cookie", r#"{"httpOnly":1}"#),
            ("cookie", r#"{"sameSite":"some"}"#),
            ("cookie", r#"{"expires":"x"}"#),
        ]);
    }
}
