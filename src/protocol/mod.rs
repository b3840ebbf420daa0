//! What Primus itself says over a connection: strings that begin with
//! `primus::`, encoded by the parser like any other message.
//!
//! | text | meaning |
//! |---|---|
//! | `primus::ping::<ms>` | a heartbeat; which side sends it depends on the [generation](Generation) |
//! | `primus::pong::<ms>` | its answer, with the number of the ping |
//! | `primus::id::` | the client asks for its spark's id |
//! | `primus::id::<id>` | the server's answer |
//! | `primus::server::close` | the coming end is meant: do not reconnect |
//!
//! Everything else that begins so is the application's. Nothing here knows a
//! socket or a clock: time is an argument.

mod client;
mod number;
mod server;
mod signals;
mod yeast;

use std::time::{Duration, Instant};

pub use client::{ClientHeartbeat, ClientMode, ClientReceived, ClientTick};
pub use number::number;
pub use server::{Heartbeat, HeartbeatOptions, Received, Tick};
pub use signals::{Generation, Signals};
pub use yeast::Yeast;

/// How all of them begin.
pub const PREFIX: &str = "primus::";

/// Announces that the server ends the connection on purpose.
pub const SERVER_CLOSE: &str = "primus::server::close";

/// Asks the server for the spark's id.
pub const ID_REQUEST: &str = "primus::id::";

/// A message with the form of Primus's own, and its value. Whether it is one
/// depends on the side that receives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control<'a> {
    /// `primus::ping::<number>`
    Ping(&'a str),
    /// `primus::pong::<number>`
    Pong(&'a str),
    /// `primus::id::<id>`
    Id(&'a str),
    /// `primus::server::<what>`
    Server(&'a str),
}

/// Tells Primus's messages from the application's (`None`).
///
/// Takes apart what is malformed exactly as Primus does: the type ends at the
/// first colon after the prefix, one more character is skipped, whatever it
/// is, and the rest is the value. Where there is no colon, the type is the text
/// less its last character, and the value the whole less its first.
pub fn classify(text: &str) -> Option<Control<'_>> {
    let rest = text.strip_prefix(PREFIX)?;
    let (kind, value) = match rest.split_once(':') {
        Some((kind, value)) => (kind, skip_one(value)),
        None => (drop_last(rest), skip_one(text)),
    };
    match kind {
        "ping" => Some(Control::Ping(value)),
        "pong" => Some(Control::Pong(value)),
        "id" => Some(Control::Id(value)),
        "server" => Some(Control::Server(value)),
        _ => None,
    }
}

fn skip_one(text: &str) -> &str {
    let mut chars = text.chars();
    chars.next();
    chars.as_str()
}

fn drop_last(text: &str) -> &str {
    let mut chars = text.chars();
    chars.next_back();
    chars.as_str()
}

/// A heartbeat with the time in milliseconds since 1970.
pub fn ping(wall_ms: u64) -> String {
    format!("primus::ping::{wall_ms}")
}

/// The answer to a heartbeat that had this value: the number that JavaScript
/// makes of it.
pub fn pong(value: &str) -> String {
    format!("primus::pong::{}", number::text(number(value)))
}

/// An answer to a heartbeat that was never sent, with the server's time.
fn unasked_pong(wall_ms: u64) -> String {
    format!("primus::pong::{wall_ms}")
}

/// The answer to [`ID_REQUEST`].
pub fn id(id: &str) -> String {
    format!("primus::id::{id}")
}

/// The time `span` after `from`; at least a millisecond, for a span of nothing
/// would tick without end.
fn after(from: Instant, span: Option<Duration>) -> Option<Instant> {
    from.checked_add(span?.max(Duration::from_millis(1)))
}

/// The deadline that the timer must be told of: `due`, if it comes before what
/// the timer was told last. A later one waits for the tick at the earlier.
fn sooner(due: Option<Instant>, told: &mut Option<Instant>) -> Option<Instant> {
    let due = due?;
    if told.is_some_and(|told| told <= due) {
        return None;
    }
    *told = Some(due);
    Some(due)
}

#[cfg(test)]
mod tests;
