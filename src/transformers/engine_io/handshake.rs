//! What the packet says that opens a session.

use std::time::Duration;

use serde_json::Value;

use super::packet::Invalid;

/// The data of [`Packet::Open`](super::packet::Packet::Open).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Handshake {
    /// The session's id.
    pub sid: String,
    /// The session polls and may go over to a WebSocket.
    pub upgrade: bool,
    /// The time between two pings, of either side.
    pub ping_interval: Duration,
    /// How long an answer to one may take.
    pub ping_timeout: Duration,
    /// The longest request body, and message, in bytes; old servers do not
    /// say.
    pub max_payload: Option<usize>,
}

/// Longest handshake in bytes that is accepted: the id stands in every request.
const LONGEST: usize = 16 << 10;

/// A server cannot make its clients wait longer than that.
const LONGEST_MS: f64 = 1e9;

impl Handshake {
    /// The JSON text, with the fields in the order of engine.io.
    pub fn to_json(&self) -> String {
        let sid = Value::from(self.sid.as_str());
        let upgrades = if self.upgrade { r#"["websocket"]"# } else { "[]" };
        let interval = self.ping_interval.as_millis();
        let timeout = self.ping_timeout.as_millis();
        let mut text = format!(
            r#"{{"sid":{sid},"upgrades":{upgrades},"pingInterval":{interval},"pingTimeout":{timeout}"#
        );
        if let Some(max) = self.max_payload {
            text += &format!(r#","maxPayload":{max}"#);
        }
        text + "}"
    }

    /// Reads the JSON text. Every session has a heartbeat.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.len() > LONGEST {
            return Err(Invalid("handshake: too long"));
        }
        let json: Value = serde_json::from_str(text).map_err(|_| Invalid("handshake: no JSON"))?;
        let sid = json.get("sid").and_then(Value::as_str).filter(|sid| !sid.is_empty());
        let upgrades = json.get("upgrades").and_then(Value::as_array);
        let span = |name: &str| {
            let ms = json.get(name).and_then(Value::as_f64).filter(|ms| *ms >= 0.0)?;
            Some(Duration::from_millis(ms.min(LONGEST_MS) as u64))
        };
        let max = json.get("maxPayload").and_then(Value::as_f64).filter(|max| *max > 0.0);
        Ok(Handshake {
            sid: sid.ok_or(Invalid("handshake: no sid"))?.to_owned(),
            upgrade: upgrades.is_some_and(|all| all.iter().any(|one| one == "websocket")),
            ping_interval: span("pingInterval").ok_or(Invalid("handshake: no pingInterval"))?,
            ping_timeout: span("pingTimeout").ok_or(Invalid("handshake: no pingTimeout"))?,
            max_payload: max.map(|max| max as usize),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_as_recorded() {
        for text in [
            r#"{"sid":"kI3UGo10lKQPpWIDAAAA","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":10485760}"#,
            r#"{"sid":"jPGpvEliV9NiniryAAAQ","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#,
        ] {
            let handshake = Handshake::parse(text).unwrap();
            assert_eq!(handshake.ping_interval, Duration::from_secs(25));
            assert_eq!(handshake.upgrade, text.contains("websocket"));
            assert_eq!(handshake.to_json(), text);
        }
    }

    #[test]
    fn what_a_client_cannot_use() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"sid":"","pingInterval":1,"pingTimeout":1}"#,
            r#"{"sid":7,"pingInterval":1,"pingTimeout":1}"#,
            r#"{"sid":"a","pingInterval":-1,"pingTimeout":1}"#,
            r#"{"sid":"a","pingInterval":1,"pingTimeout":"1"}"#,
        ] {
            assert!(Handshake::parse(text).is_err(), "{text}");
        }
        let odd = r#"{"sid":"a","upgrades":{},"pingInterval":1e300,"pingTimeout":0.7,"maxPayload":-1,"more":1}"#;
        let odd = Handshake::parse(odd).unwrap();
        assert_eq!(odd.ping_interval, Duration::from_millis(LONGEST_MS as u64));
        assert_eq!((odd.ping_timeout, odd.max_payload, odd.upgrade), (Duration::ZERO, None, false));
    }
}
