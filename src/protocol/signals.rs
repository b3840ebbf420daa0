//! How a connection shows the generation of its client before anything is said.

use std::time::Duration;

use super::{Generation, number};

/// Clients that ping do so within this time, by default after 25 s.
const FIRST_CLIENT_PING: Duration = Duration::from_secs(27);

/// The shortest and longest time-out that a happn client can ask for.
const HAPPN_TIMEOUT_MS: (f64, f64) = (100.0, 3_600_000.0);

/// The defaults of a happn client in milliseconds.
const HAPPN_PING_MS: f64 = 25_000.0;
const HAPPN_PONG_MS: f64 = 10_000.0;

/// What a connection shows of its generation when it opens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signals<'a> {
    /// The query parameter `ping`.
    pub ping: Option<&'a str>,
    /// The query parameter `pong`.
    pub pong: Option<&'a str>,
    /// The header `Sec-WebSocket-Key` of an upgrade.
    pub websocket_key: Option<&'a str>,
    /// The transformer's name, as in `/spec`.
    pub transformer: &'a str,
    /// The query parameter `EIO` of engine.io.
    pub eio: Option<u8>,
}

impl Signals<'_> {
    /// What shows which side pings, the happn query left aside.
    pub(super) fn generation(&self) -> Generation {
        if self.transformer == "socket.io" || self.websocket_key.is_some_and(is_old_key) {
            Generation::ClientPings
        } else if self.eio.is_some_and(|eio| eio >= 4) {
            Generation::ServerPings
        } else {
            Generation::Detect
        }
    }

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

/// Whether a `Sec-WebSocket-Key` is of the form that only old Node clients use:
/// base64 of `13-` and digits (the version and the time).
fn is_old_key(key: &str) -> bool {
    let Some(rest) = key.trim_end_matches('=').strip_prefix("MTMt") else { return false };
    let (mut bits, mut count) = (0u32, 0);
    for letter in rest.bytes() {
        let Some(six) = base64_digit(letter) else { return false };
        bits = bits << 6 | six;
        count += 6;
        if count >= 8 {
            count -= 8;
            if !((bits >> count) as u8).is_ascii_digit() {
                return false;
            }
            bits &= (1 << count) - 1;
        }
    }
    rest.len() >= 2
}

fn base64_digit(letter: u8) -> Option<u32> {
    let digit = match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(digit))
}
