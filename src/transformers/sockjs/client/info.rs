//! What a server says of itself before a session is opened.

use std::time::Duration;

use serde_json::Value;

use super::options::Transport;

/// How long the answer may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(8);

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
}
