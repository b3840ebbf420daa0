//! What a server says of a session that may begin.

use std::time::Duration;

use super::options::Transport;

/// How long the answer may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(8);

/// Longest id that is accepted: it stands in every request.
const ID_MAX: usize = 128;

/// Longer times mean never.
const LONGEST: f64 = 1_000_000.0;

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Handshake {
    pub id: String,
    /// The server says something on a WebSocket more often than that.
    pub heartbeat: Option<Duration>,
    /// It answers a poll sooner than that.
    pub close: Option<Duration>,
    transports: String,
}

impl Handshake {
    /// The body of the answer; `None` if it is none of this protocol.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let text = str::from_utf8(body).ok()?;
        let [id, heartbeat, close, transports] = text.splitn(4, ':').collect::<Vec<_>>()[..] else {
            return None;
        };
        let is_sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        let is_id = !id.is_empty() && id.len() <= ID_MAX && id.bytes().all(is_sound);
        is_id.then(|| Handshake {
            id: id.to_owned(),
            heartbeat: seconds(heartbeat),
            close: seconds(close),
            transports: transports.to_owned(),
        })
    }

    /// Whether the server has this transport.
    pub fn offers(&self, transport: Transport) -> bool {
        self.transports.split(',').any(|name| name.trim() == transport.name())
    }
}

/// A time, if it is one.
fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().parse().ok()?;
    (0.001..=LONGEST).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_recorded() {
        let text = "8dOl1SEjOJ2t3ar8-TRe:0.5:60:websocket,htmlfile,xhr-polling,jsonp-polling";
        let handshake = Handshake::parse(text.as_bytes()).unwrap();
        assert_eq!(handshake.id, "8dOl1SEjOJ2t3ar8-TRe");
        assert_eq!(handshake.heartbeat, Some(Duration::from_millis(500)));
        assert_eq!(handshake.close, Some(Duration::from_secs(60)));
        assert!(handshake.offers(Transport::Websocket) && handshake.offers(Transport::XhrPolling));
        // Without heartbeats.
        let handshake = Handshake::parse(b"abc::60:xhr-polling").unwrap();
        assert_eq!(handshake.heartbeat, None);
        assert!(!handshake.offers(Transport::Websocket));
    }

    #[test]
    fn what_is_none() {
        let long = format!("{}:60:60:websocket", "a".repeat(ID_MAX + 1));
        for text in [
            "",
            "abc",
            "abc:60:60",
            ":60:60:websocket",
            "a/b:60:60:websocket",
            "a b:60:60:websocket",
            "a?b:60:60:websocket",
            "a\r\nb:60:60:websocket",
            "é:60:60:websocket",
            "Welcome to socket.io.",
            "<html>",
            &long,
        ] {
            assert_eq!(Handshake::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Handshake::parse(b"\xff:60:60:websocket"), None);
    }

    #[test]
    fn times_that_are_none() {
        for time in ["", "0", "-1", "NaN", "inf", "1e300", "x"] {
            let handshake = Handshake::parse(format!("a:{time}:{time}:x").as_bytes()).unwrap();
            assert_eq!((handshake.heartbeat, handshake.close), (None, None), "{time}");
        }
    }
}
