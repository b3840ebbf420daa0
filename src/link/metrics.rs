//! What a link tells about itself.

use std::time::SystemTime;

/// What a link has done since it was opened, and how it stands; from
/// [`RedisLink::metrics`](crate::RedisLink::metrics).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkMetrics {
    /// Whether the link is up: both connections stand, and Redis has answered to all
    /// subscriptions.
    pub connected: bool,
    /// Since when; `None` while it is not.
    pub connected_since: Option<SystemTime>,
    /// How often the link was up again after it had been down.
    pub reconnects: u64,
    /// Commands that wait to be sent or answered.
    pub queue_commands: usize,
    /// Bytes of these, as they count for [`queue`](crate::link::LinkBuilder::queue).
    pub queue_bytes: usize,
    /// Commands that were not carried out, or may not have been: refused by a full
    /// queue, or accepted and given up when a connection broke or the link ended.
    pub dropped: u64,
    /// Commands sent, those that were sent again included.
    pub commands_sent: u64,
    /// Replies that were errors.
    pub refused: u64,
    /// Published messages received.
    pub messages_received: u64,
    /// Subscriptions: channels and patterns.
    pub subscriptions: usize,
    /// Channels and patterns that Redis refuses: nothing is heard there.
    pub subscriptions_refused: usize,
    /// Things told to [`on_error`](crate::RedisLink::on_error), and those like them
    /// that were left out there.
    pub errors: u64,
    /// The last of them.
    pub last_error: Option<String>,
}
