//! The options of the server's side, by the names that Socket.IO 0.9 documents; for
//! the spaces in them `_` or `-` may stand.
//!
//! | name | value | default |
//! |---|---|---|
//! | `transports` | those that are offered, in order: `websocket`, `htmlfile`, `xhr-polling`, `jsonp-polling` | all |
//! | `heartbeats` | whether clients that have a WebSocket or a stream are asked for signs of life | `true` |
//! | `heartbeat interval` | seconds from one to the next question | 25 |
//! | `heartbeat timeout` | seconds that an answer may take; clients give up too when they hear nothing for so long | 60 |
//! | `close timeout` | seconds that a client may be away between two polls | 60 |
//! | `polling duration` | seconds after which a poll is answered that there is nothing for | 20 |

use std::time::Duration;

use super::route::Kind;
use crate::error::Result;
use crate::transformers::options::{Expected, OptionSet, choice, truth};

/// Longer times are no use.
const LONGEST: f64 = 1_000_000.0;

/// The options of the server's side.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    /// `transports`
    pub(super) transports: Vec<Kind>,
    /// `heartbeats`
    pub heartbeats: bool,
    /// `heartbeat interval`
    pub heartbeat_interval: Duration,
    /// `heartbeat timeout`
    pub heartbeat_timeout: Duration,
    /// `close timeout`
    pub close_timeout: Duration,
    /// `polling duration`
    pub polling_duration: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            transports: Kind::ALL.into(),
            heartbeats: true,
            heartbeat_interval: Duration::from_secs(25),
            heartbeat_timeout: Duration::from_secs(60),
            close_timeout: Duration::from_secs(60),
            polling_duration: Duration::from_secs(20),
        }
    }
}

impl OptionSet for Options {
    fn set(&mut self, name: &str, value: &str) -> Option<Result<(), Expected>> {
        Some(match &*name.replace(['_', '-'], " ") {
            "transports" => transports(value).map(|transports| self.transports = transports),
            "heartbeats" => truth(value).map(|on| self.heartbeats = on),
            "heartbeat interval" => seconds(value).map(|time| self.heartbeat_interval = time),
            "heartbeat timeout" => seconds(value).map(|time| self.heartbeat_timeout = time),
            "close timeout" => seconds(value).map(|time| self.close_timeout = time),
            "polling duration" => seconds(value).map(|time| self.polling_duration = time),
            _ => return None,
        })
    }
}

impl Options {
    /// What a client is told of a session that it may begin.
    pub(super) fn handshake(&self, id: &str) -> String {
        let heartbeat = match self.heartbeats {
            true => self.heartbeat_timeout.as_secs_f64().to_string(),
            false => String::new(),
        };
        let close = self.close_timeout.as_secs_f64();
        let transports: Vec<_> = self.transports.iter().map(|kind| kind.name()).collect();
        format!("{id}:{heartbeat}:{close}:{}", transports.join(","))
    }
}

fn seconds(value: &str) -> Result<Duration, Expected> {
    let seconds = value.parse().ok().filter(|seconds| (0.001..=LONGEST).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or(Expected("seconds, from 0.001 to 1000000"))
}

/// Those of the list, each once.
fn transports(value: &str) -> Result<Vec<Kind>, Expected> {
    const EXPECTED: Expected =
        Expected("a list of `websocket`, `htmlfile`, `xhr-polling` and `jsonp-polling`, in order");
    choice(value, Kind::of_name).ok_or(EXPECTED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transformers::options::asked;

    #[test]
    fn each_option_is_read_by_its_name() {
        let defaults = Options::default;
        let ms = Duration::from_millis;
        let both = || vec![Kind::XhrPolling, Kind::Websocket];
        for (name, value, expected) in [
            ("transports", "xhr-polling, websocket", Options { transports: both(), ..defaults() }),
            (
                "transports",
                "[\"xhr-polling\",\"websocket\",\"xhr-polling\"]",
                Options { transports: both(), ..defaults() },
            ),
            ("heartbeats", "false", Options { heartbeats: false, ..defaults() }),
            ("heartbeat interval", "0.3", Options { heartbeat_interval: ms(300), ..defaults() }),
            ("Heartbeat_Timeout", "0.5", Options { heartbeat_timeout: ms(500), ..defaults() }),
            ("close-timeout", "2", Options { close_timeout: ms(2000), ..defaults() }),
            ("polling duration", "0.4", Options { polling_duration: ms(400), ..defaults() }),
        ] {
            assert_eq!(asked::one::<Options>(name, value).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn values_that_cannot_be_used_are_errors() {
        asked::refused::<Options>(&[
            ("transports", ""),
            ("transports", "websocket,flashsocket"),
            ("heartbeats", "maybe"),
            ("heartbeat interval", "0"),
            ("heartbeat interval", "-1"),
            ("heartbeat timeout", "1s"),
            ("close timeout", "NaN"),
            ("close timeout", "inf"),
            ("polling duration", "1e7"),
        ]);
    }

    #[test]
    fn names_that_mean_nothing_are_told() {
        let (options, unknown) = asked::of::<Options>(&[("log level", "1")]).unwrap();
        assert_eq!((options, unknown), (Options::default(), vec!["log level".to_owned()]));
    }

    #[test]
    fn the_handshake_as_recorded() {
        let told = |options: Options| options.handshake("8dOl1SEjOJ2t3ar8-TRe");
        let all = "websocket,htmlfile,xhr-polling,jsonp-polling";
        let half = Duration::from_millis(500);
        for (options, times) in [
            (Options::default(), "60:60"),
            (Options { heartbeat_timeout: half, ..Options::default() }, "0.5:60"),
            (Options { close_timeout: half, ..Options::default() }, "60:0.5"),
            (Options { heartbeats: false, ..Options::default() }, ":60"),
        ] {
            assert_eq!(told(options), format!("8dOl1SEjOJ2t3ar8-TRe:{times}:{all}"));
        }
    }
}
