//! What is heard.

use std::sync::Arc;

/// What a subscription hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// Something was published.
    Message {
        /// The channel; for a [pattern](crate::RedisLink::psubscribe) the one that it
        /// was really published on. What is not UTF-8 in it is replaced.
        channel: &'a str,
        /// What was published: any bytes, by anybody who may publish there.
        payload: &'a [u8],
    },
    /// The subscription stood and broke: from now on messages may be missing.
    Cut,
    /// The subscription stands: for the first time, or again after a
    /// [`Cut`](Self::Cut). What is published from now on is heard.
    Back,
}

/// Who hears.
pub(super) type Hear = Arc<dyn Fn(Heard<'_>) + Send + Sync>;
