//! What a server says of itself before a session is opened, and how long that
//! took.

use std::time::Duration;

use serde_json::Value;

use super::options::Transport;

/// How long the answer may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(8);

/// How many times as long as that a transport has to open a session: there and back,
/// twice.
const ROUND_TRIPS: u32 = 2;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Info {
    websocket: bool,
}

impl Info {
    /// The body of the answer. One that says nothing we know is as good as none.
    pub fn parse(body: &[u8]) -> Self {
        let value = serde_json::from_slice::<Value>(body).unwrap_or_default();
        Info { websocket: value.get("websocket") != Some(&Value::Bool(false)) }
    }

    /// Whether this transport may work.
    pub fn allows(self, transport: Transport) -> bool {
        transport != Transport::Websocket || self.websocket
    }
}

/// How long a transport has to open a session with a server that answered in this time,
/// as sockjs-client works it out.
pub(super) fn patience(round_trip: Duration) -> Duration {
    let once = if round_trip > Duration::from_millis(100) {
        round_trip.saturating_mul(4)
    } else {
        round_trip + Duration::from_millis(300)
    };
    once.saturating_mul(ROUND_TRIPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_false_switches_the_websocket_off() {
        let allows = |body: &str| Info::parse(body.as_bytes()).allows(Transport::Websocket);
        assert!(!allows(r#"{"websocket":false,"origins":["*:*"],"cookie_needed":false}"#));
        for body in ["", "nonsense", "[]", "{}", r#"{"websocket":true}"#, r#"{"websocket":0}"#] {
            assert!(allows(body), "{body}");
        }
        assert!(Info::parse(br#"{"websocket":false}"#).allows(Transport::XhrPolling));
    }

    #[test]
    fn slow_servers_get_more_time() {
        for (round_trip, expected) in [(0, 600), (5, 610), (100, 800), (101, 808), (1000, 8000)] {
            let got = patience(Duration::from_millis(round_trip));
            assert_eq!(got, Duration::from_millis(expected), "{round_trip}");
        }
    }
}
