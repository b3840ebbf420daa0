//! What reaches a channel and is none of its messages.

use std::time::Instant;

use crate::rate::PerSecond;
use crate::sync::Lock;

/// Says so in the log, once a second at most: whoever can publish there could fill it.
pub(super) struct Foreign {
    plugin: &'static str,
    rate: Lock<PerSecond>,
}

impl Foreign {
    pub fn new(plugin: &'static str) -> Self {
        Foreign { plugin, rate: Lock::new(PerSecond::new(1)) }
    }

    /// One more was passed over.
    pub fn note(&self, channel: &str, why: &str) {
        if self.rate.lock().allow(Instant::now()) {
            let (plugin, channel) = (self.plugin, channel.escape_debug());
            log::warn!("{plugin}: a message on {channel} is passed over: {why}");
        }
    }
}
