//! The options of the server's side, by the names that sockjs-node documents.
//!
//! | name | value | default |
//! |---|---|---|
//! | `response_limit` | UTF-16 units of a stream after which the client must come again; 0: none | 131072 |
//! | `heartbeat_delay` | milliseconds without a frame after which a heartbeat is sent | 25000 |
//! | `disconnect_delay` | milliseconds that a client may be away between two requests | 5000 |
//! | `websocket` | whether WebSockets are offered | `true` |
//! | `jsessionid` | whether a cookie `JSESSIONID` is set, for load balancers | `false` |
//! | `sockjs_url` | where the pages of iframes get sockjs-client from | its version 1 on jsDelivr |
//! | `base_url` | where clients are told to go on after `/info` | where they are |

use std::time::Duration;

use crate::error::Result;
use crate::transformers::options::{Expected, OptionSet, millis, truth};

/// The options of the server's side.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    /// `response_limit`; `None`: there is none.
    pub response_limit: Option<usize>,
    /// `heartbeat_delay`
    pub heartbeat_delay: Duration,
    /// `disconnect_delay`
    pub disconnect_delay: Duration,
    /// `websocket`
    pub websocket: bool,
    /// `jsessionid`
    pub jsessionid: bool,
    /// `sockjs_url`
    pub sockjs_url: String,
    /// `base_url`
    pub base_url: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            response_limit: Some(128 << 10),
            heartbeat_delay: Duration::from_secs(25),
            disconnect_delay: Duration::from_secs(5),
            websocket: true,
            jsessionid: false,
            sockjs_url: "https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js".into(),
            base_url: None,
        }
    }
}

impl OptionSet for Options {
    fn set(&mut self, name: &str, value: &str) -> Option<Result<(), Expected>> {
        Some(match name {
            "response_limit" => limit(value).map(|limit| self.response_limit = limit),
            "heartbeat_delay" => millis(value).map(|delay| self.heartbeat_delay = delay),
            "disconnect_delay" => millis(value).map(|delay| self.disconnect_delay = delay),
            "websocket" => truth(value).map(|on| self.websocket = on),
            "jsessionid" => truth(value).map(|on| self.jsessionid = on),
            "sockjs_url" => url(value).map(|url| self.sockjs_url = url),
            "base_url" => url(value).map(|url| self.base_url = Some(url)),
            _ => return None,
        })
    }
}

fn limit(value: &str) -> Result<Option<usize>, Expected> {
    let limit: usize = value.parse().map_err(|_| Expected("a whole number"))?;
    Ok(Some(limit).filter(|limit| *limit > 0))
}

/// A URL, whole or relative: what can stand in an attribute and in a JSON string as
/// it is.
fn url(value: &str) -> Result<String, Expected> {
    let fits = |byte: u8| (b'!'..0x7f).contains(&byte) && !b"\"'<>\\`".contains(&byte);
    match !value.is_empty() && value.bytes().all(fits) {
        true => Ok(value.to_owned()),
        false => Err(Expected("a URL, with all escaped that URLs do not have")),
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
        let url = || "https://example.com/sockjs.js?a=b".to_owned();
        for (name, value, expected) in [
            ("response_limit", "400", Options { response_limit: Some(400), ..defaults() }),
            ("Response_Limit", "0", Options { response_limit: None, ..defaults() }),
            ("heartbeat_delay", "250", Options { heartbeat_delay: ms(250), ..defaults() }),
            ("disconnect_delay", "400", Options { disconnect_delay: ms(400), ..defaults() }),
            ("websocket", "false", Options { websocket: false, ..defaults() }),
            ("jsessionid", "true", Options { jsessionid: true, ..defaults() }),
            ("sockjs_url", &url(), Options { sockjs_url: url(), ..defaults() }),
            ("base_url", &url(), Options { base_url: Some(url()), ..defaults() }),
        ] {
            assert_eq!(asked::one::<Options>(name, value).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn values_that_cannot_be_used_are_errors() {
        asked::refused::<Options>(&[
            ("response_limit", "-1"),
            ("response_limit", "much"),
            ("heartbeat_delay", "0"),
            ("heartbeat_delay", "1000000001"),
            ("disconnect_delay", "5s"),
            ("websocket", "maybe"),
            ("jsessionid", ""),
            ("sockjs_url", ""),
            ("sockjs_url", "a\"><script>"),
            ("base_url", "a b"),
            ("base_url", "é"),
        ]);
    }

    #[test]
    fn names_that_mean_nothing_are_told() {
        let (options, unknown) = asked::of::<Options>(&[("prefix", "/x")]).unwrap();
        assert_eq!((options, unknown), (Options::default(), vec!["prefix".to_owned()]));
    }
}
