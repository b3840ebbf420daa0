//! The options of the server's side, by the names that the `browserchannel` of npm
//! documents; `base` is the pathname of Primus.
//!
//! | name | value | default |
//! |---|---|---|
//! | `keepAliveInterval` | milliseconds after which a back channel is told something | 20000 |
//! | `sessionTimeoutInterval` | milliseconds that a session lives without a back channel | 30000 |
//! | `hostPrefixes` | names in front of the host's, of which each client is told one | none |
//! | `cors` | the field `Access-Control-Allow-Origin` for those that say no origin | none |
//! | `corsAllowCredentials` | whether these may send cookies | `false` |

use std::time::Duration;

use crate::error::Result;
use crate::transformers::options::{Expected, OptionSet, list, millis, truth};

/// The options of the server's side.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    /// `keepAliveInterval`
    pub keep_alive: Duration,
    /// `sessionTimeoutInterval`
    pub session_timeout: Duration,
    /// `hostPrefixes`
    pub host_prefixes: Vec<String>,
    /// `cors`
    pub cors: Option<String>,
    /// `corsAllowCredentials`
    pub credentials: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            keep_alive: Duration::from_secs(20),
            session_timeout: Duration::from_secs(30),
            host_prefixes: Vec::new(),
            cors: None,
            credentials: false,
        }
    }
}

impl OptionSet for Options {
    fn set(&mut self, name: &str, value: &str) -> Option<Result<(), Expected>> {
        Some(match name {
            "keepaliveinterval" => millis(value).map(|time| self.keep_alive = time),
            "sessiontimeoutinterval" => millis(value).map(|time| self.session_timeout = time),
            "hostprefixes" => prefixes(value).map(|all| self.host_prefixes = all),
            "cors" => origin(value).map(|origin| self.cors = Some(origin)),
            "corsallowcredentials" => truth(value).map(|on| self.credentials = on),
            _ => return None,
        })
    }
}

/// Names that can stand in front of a host's, and in JSON as they are.
fn prefixes(value: &str) -> Result<Vec<String>, Expected> {
    let prefixes: Vec<_> = list(value).collect();
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    match prefixes.iter().all(|prefix| prefix.bytes().all(known)) {
        true => Ok(prefixes),
        false => Err(Expected("a list of names of hosts")),
    }
}

fn origin(value: &str) -> Result<String, Expected> {
    match !value.is_empty() && value.bytes().all(|byte| (b'!'..0x7f).contains(&byte)) {
        true => Ok(value.to_owned()),
        false => Err(Expected("`*` or an origin")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transformers::options::asked;

    #[test]
    fn each_option_is_read_by_its_name() {
        let defaults = Options::default;
        let ms = Duration::from_millis;
        let two = || vec!["a".to_owned(), "b-1.c".to_owned()];
        for (name, value, expected) in [
            ("keepAliveInterval", "250", Options { keep_alive: ms(250), ..defaults() }),
            ("sessionTimeoutInterval", "400", Options { session_timeout: ms(400), ..defaults() }),
            ("hostPrefixes", "[\"a\",\"b-1.c\"]", Options { host_prefixes: two(), ..defaults() }),
            ("hostPrefixes", "", defaults()),
            ("cors", "*", Options { cors: Some("*".into()), ..defaults() }),
            ("CorsAllowCredentials", "true", Options { credentials: true, ..defaults() }),
        ] {
            assert_eq!(asked::one::<Options>(name, value).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn values_that_cannot_be_used_are_errors() {
        asked::refused::<Options>(&[
            ("keepAliveInterval", "0"),
            ("sessionTimeoutInterval", "soon"),
            ("hostPrefixes", "a/b"),
            ("hostPrefixes", "a\\"),
            ("cors", ""),
            ("cors", "a b"),
            ("corsAllowCredentials", "maybe"),
        ]);
        let told = asked::of(&[("base", "/x")]).unwrap();
        assert_eq!(told, (Options::default(), vec!["base".to_owned()]));
    }
}
