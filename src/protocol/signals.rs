//! How a connection shows the generation of its client before anything is said.

use std::time::Duration;

use super::number;

/// Clients that ping do so within this time, by default after 25 s.
const FIRST_CLIENT_PING: Duration = Duration::from_secs(27);

/// The shortest and longest time-out that a happn client can ask for.
const HAPPN_TIMEOUT_MS: (f64, f64) = (100.0, 3_600_000.0);

/// The defaults of a happn client in milliseconds.
const HAPPN_PING_MS: f64 = 25_000.0;
const HAPPN_PONG_MS: f64 = 10_000.0;

/// Which side of a connection sends `primus::ping::`.
///
/// Neither side of one generation understands the heartbeat of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Generation {
    /// Find out for each client, and serve all of them.
    #[default]
    Detect,
    /// The server pings, as in Primus 7 and later.
    ServerPings,
    /// The client pings, as in Primus 2 to 6.
    ClientPings,
}

/// What a connection shows of its generation when it opens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signals<'a> {
    /// The query parameter `ping`.
    pub ping: Option<&'a str>,
    /// The query parameter `pong`.
    pub pong: Option<&'a str>,
    /// What the wire protocol shows of it.
    pub generation: Generation,
}

impl Signals<'_> {
    /// The time-out of a happn client, from the query. The outer `None`: it is
    /// not one; the inner: it does not ping.
    pub(super) fn happn_timeout(&self) -> Option<Option<Duration>> {
        let ping = happn_number(self.ping?, HAPPN_PING_MS)?;
        let pong = happn_number(self.pong?, HAPPN_PONG_MS)?;
        let Some(ping) = ping else { return Some(None) };
        let (shortest, longest) = HAPPN_TIMEOUT_MS;
        let ms = (ping + pong.unwrap_or(0.0) / 2.0).clamp(shortest, longest);
        Some(Some(Duration::from_secs_f64(ms / 1000.0)))
    }
}

/// How long the first ping to an undecided client is held back.
pub(super) fn first_ping(interval: Duration) -> Duration {
    let held = interval.max(FIRST_CLIENT_PING);
    let patience = interval.saturating_mul(3) / 2;
    if held < patience { held } else { interval }
}

/// `false` (the inner `None`) or `digits[.digits]`; anything else does not come
/// from a happn client.
fn happn_number(text: &str, default: f64) -> Option<Option<f64>> {
    if text == "false" {
        return Some(None);
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let number = number(text);
    Some(Some(if number.is_finite() { number } else { default }))
}
