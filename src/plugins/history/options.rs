//! What the plugin is told to do.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::log::Bounds;
use super::server::Installed;
#[cfg(feature = "redis")]
use super::streams::Streams;
use super::which::Which;
#[cfg(feature = "redis")]
use crate::sync::Lock;

/// The plugin `history`: see [its page](super). For servers and clients. Registered with
/// [`Builder::plugin`](crate::Builder::plugin), behind
/// [`Rooms`](crate::plugins::Rooms), and with
/// [`ClientBuilder::plugin`](crate::ClientBuilder::plugin).
pub struct History {
    pub(super) which: Which,
    pub(super) bounds: Bounds,
    pub(super) known: usize,
    #[cfg(feature = "redis")]
    pub(super) streams: Lock<Option<Streams>>,
    pub(super) installed: OnceLock<Installed>,
}

impl Default for History {
    fn default() -> Self {
        History::new()
    }
}

/// # What is kept, on a server
impl History {
    /// All rooms, with the default bounds.
    pub fn new() -> Self {
        let bounds = Bounds {
            messages: 1_000,
            bytes: 1 << 20,
            window: Duration::from_secs(300),
            rooms: 10_000,
            total: 64 << 20,
        };
        History {
            which: Which::All,
            bounds,
            known: 1_000,
            #[cfg(feature = "redis")]
            streams: Lock::default(),
            installed: OnceLock::new(),
        }
    }

    /// Keeps the rooms of these names, and no others.
    pub fn rooms<N: Into<String>>(self, names: impl IntoIterator<Item = N>) -> Self {
        let names: HashSet<String> = names.into_iter().map(Into::into).collect();
        self.rooms_where(move |room| names.contains(room))
    }

    /// Keeps those rooms of which `keeps` says so, by their names. It is called often,
    /// from any thread, and always says the same of a name.
    pub fn rooms_where(mut self, keeps: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.which = Which::Those(Arc::new(keeps));
        self
    }

    /// Messages that are kept of a room. Beyond it the oldest goes. Default 1,000.
    pub fn messages(mut self, messages: usize) -> Self {
        self.bounds.messages = messages;
        self
    }

    /// Bytes of memory that the messages of a room take. Beyond it the oldest goes; a
    /// message that is larger by itself is not kept. Default 1 MiB.
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bounds.bytes = bytes;
        self
    }

    /// How long a message is kept: how long a client may be away. Default 5 min.
    pub fn window(mut self, window: Duration) -> Self {
        self.bounds.window = window;
        self
    }

    /// Rooms of which anything is known. Beyond it the one that was used least recently
    /// is forgotten: clients that come back to it are told that they may have missed
    /// something. Default 10,000.
    pub fn most_rooms(mut self, rooms: usize) -> Self {
        self.bounds.rooms = rooms;
        self
    }

    /// Bytes of memory for the messages of all rooms together. Beyond it the oldest
    /// messages of the rooms used least recently go. Default 64 MiB.
    pub fn total_bytes(mut self, bytes: usize) -> Self {
        self.bounds.total = bytes;
        self
    }
}

/// # Several servers
#[cfg(feature = "redis")]
impl History {
    /// All rooms, with the default bounds, kept in Redis: members on all servers that are
    /// linked to it get what is written to rooms on any, and a client may come back to
    /// another server. All servers are to have the same options.
    pub fn redis(link: &crate::RedisLink) -> Self {
        let history = History::new();
        *history.streams.lock() = Some(Streams::new(link));
        history
    }

    /// What the keys in Redis, and the channel, begin with: the text and a colon. Default
    /// `primus:history`.
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        if let Some(streams) = &mut *self.streams.lock() {
            streams.prefix = prefix.into();
        }
        self
    }
}

/// # What is there, on a server
impl History {
    /// Bytes of memory that the messages kept now take; 0 before it is registered.
    pub fn kept_bytes(&self) -> usize {
        self.installed.get().map_or(0, |installed| installed.recorder.size().0)
    }

    /// Rooms of which something is known now.
    pub fn kept_rooms(&self) -> usize {
        self.installed.get().map_or(0, |installed| installed.recorder.size().1)
    }
}

/// # On a client
impl History {
    /// Rooms of which a client knows where it was. Beyond it the one from which it has
    /// not heard for longest is forgotten, and the client is told that it may have missed
    /// something where it comes back to a room that it does not know. Default 1,000.
    pub fn known_rooms(mut self, rooms: usize) -> Self {
        self.known = rooms;
        self
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}
