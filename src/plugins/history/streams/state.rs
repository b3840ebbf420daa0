//! Where in Redis it is, and what this server knows of that.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::packet;
use super::pending::Pendings;
use crate::error::Result;
use crate::link::{Batch, Keep, RedisLink, Script, Subscription};
use crate::plugins::history::log::Bounds;
use crate::plugins::history::position::Position;
use crate::plugins::history::ticket::Key;
use crate::server::Spark;
use crate::sync::Lock;

static APPEND: Script = Script::new(include_str!("append.lua"));
static FETCH: Script = Script::new(include_str!("fetch.lua"));
static GIVE_UP: Script = Script::new(include_str!("give_up.lua"));

/// How long it is known at least where a room stands that nobody writes to.
const LIFE: u128 = 24 * 3600 * 1000;

/// Rooms whose history in Redis is to be given up; beyond it the others are not.
const MOST_BROKEN: usize = 10_000;

/// Rooms that are asked for when Redis is back. Those beyond it are known by what comes
/// then, and whoever has missed something is told by that.
const MOST_STALE: usize = 100_000;

/// The way to Redis.
pub(in crate::plugins::history) struct Streams {
    pub link: RedisLink,
    pub prefix: String,
    pub subscription: Lock<Option<Subscription>>,
    /// Messages on their way are looked after.
    pub watches: AtomicBool,
}

/// A message for rooms, as Redis gets it.
pub(super) struct Append<'a> {
    pub sent: u64,
    pub writer: &'a str,
    pub entry: &'a [u8],
    pub names: &'a [String],
    pub rooms: &'a [Arc<str>],
}

impl Streams {
    pub fn new(link: &RedisLink) -> Self {
        let (prefix, subscription) = ("primus:history".to_owned(), Lock::default());
        let watches = AtomicBool::new(false);
        Streams { link: link.clone(), prefix, subscription, watches }
    }

    /// Whether what is written to Redis comes back from there.
    pub(super) fn comes_back(&self) -> bool {
        let is_refused = || self.subscription.lock().as_ref().is_some_and(Subscription::is_refused);
        self.link.is_connected() && !is_refused()
    }

    pub fn channel(&self) -> String {
        format!("{}:told", self.prefix)
    }

    /// The keys of a room: what is known of it, and its messages.
    fn keys(&self, room: &str) -> [String; 2] {
        [format!("{}:room:{room}", self.prefix), format!("{}:stream:{room}", self.prefix)]
    }

    fn life(bounds: &Bounds) -> String {
        (bounds.window.as_millis().saturating_mul(2)).clamp(LIFE, LIFE * 3_650).to_string()
    }

    /// Has a message sent to Redis, now or when it is back.
    pub(super) fn append(&self, append: &Append<'_>, bounds: &Bounds, epoch: &str) -> Result<()> {
        let mut keys = vec![format!("{}:writer:{}", self.prefix, append.writer)];
        keys.extend(append.rooms.iter().flat_map(|room| self.keys(room)));
        let window = bounds.window.as_millis().clamp(1, LIFE * 3_650).to_string();
        let names = serde_json::to_vec(append.names).unwrap_or_default();
        let (sent, life) = (append.sent.to_string(), Self::life(bounds));
        let (messages, bytes) = (bounds.messages.to_string(), bounds.bytes.to_string());
        let channel = self.channel();
        let mut args: Vec<&[u8]> = vec![
            sent.as_bytes(),
            channel.as_bytes(),
            append.writer.as_bytes(),
            epoch.as_bytes(),
            window.as_bytes(),
            life.as_bytes(),
            messages.as_bytes(),
            bytes.as_bytes(),
            append.entry,
            &names,
        ];
        args.extend(append.rooms.iter().map(|room| room.as_bytes()));
        self.link.post(Batch::new().script(&APPEND, &keys, &args), Keep::Yes)
    }

    /// Asks for a room: all of it, or what is behind a position. `news`: an epoch and a key
    /// for one that has none.
    pub(super) fn fetch(
        &self,
        batch: Batch,
        room: &str,
        from: Option<&Position>,
        bounds: &Bounds,
        news: (&str, &Key),
    ) -> Batch {
        let known = from.map_or("", |from| &from.epoch);
        let first = from.map_or(1, |from| from.offset.saturating_add(1)).to_string();
        let (life, most) = (Self::life(bounds), bounds.messages.to_string());
        let args = [known, &first, news.0, &life, &most, news.1.letters()];
        batch.script(&FETCH, &self.keys(room), &args)
    }

    /// Gives up what is kept of rooms, and tells all servers so: they begin anew.
    pub(super) fn give_up(&self, rooms: &HashSet<Arc<str>>, writer: &str) -> Batch {
        let keys: Vec<String> = rooms.iter().flat_map(|room| self.keys(room)).collect();
        let (channel, told) = (self.channel(), packet::given_up(writer, rooms));
        Batch::new().script(&GIVE_UP, &keys, &[channel.as_bytes(), &told])
    }
}

/// What this server knows of the way there.
#[derive(Default)]
pub(in crate::plugins::history) struct Remote {
    /// Messages sent to Redis.
    pub sent: u64,
    /// Epochs that were thought up.
    pub epochs: u64,
    pub(super) pending: Pendings,
    pub fetching: HashMap<Arc<str>, Fetch>,
    /// Rooms that could not be asked for, and are not known to the end.
    pub(super) stale: HashSet<Arc<str>>,
    /// Rooms of which a message is nowhere.
    broken: HashSet<Arc<str>>,
}

/// A room that is being asked for.
#[derive(Default)]
pub(in crate::plugins::history) struct Fetch {
    /// All of it.
    pub whole: bool,
    /// Who waits for that.
    pub waiting: HashSet<Spark>,
    /// What is answered is no longer so.
    pub void: bool,
    /// It is to be asked for once more, and who waits for that.
    pub again: bool,
    pub late: HashSet<Spark>,
}

impl Remote {
    pub(super) fn break_rooms<'a>(&mut self, rooms: impl IntoIterator<Item = &'a Arc<str>>) {
        let room_for = MOST_BROKEN.saturating_sub(self.broken.len());
        self.broken.extend(rooms.into_iter().take(room_for).cloned());
    }

    pub(super) fn note_stale(&mut self, room: &Arc<str>) {
        if self.stale.len() < MOST_STALE {
            self.stale.insert(room.clone());
        }
    }

    /// If a room is being asked for, the answer is not to be believed.
    pub(super) fn forget_answer(&mut self, room: &str) {
        if let Some(fetch) = self.fetching.get_mut(room) {
            fetch.void = true;
        }
    }

    pub(super) fn is_broken(&self) -> bool {
        !self.broken.is_empty()
    }

    /// The broken rooms, which are to be given up now.
    pub(super) fn take_broken(&mut self) -> HashSet<Arc<str>> {
        std::mem::take(&mut self.broken)
    }

    /// Whether a room is to be asked for now, for a reader or for all; otherwise that will
    /// be done.
    pub(super) fn wants(&mut self, room: &Arc<str>, reader: Option<&Spark>, whole: bool) -> bool {
        let Some(fetch) = self.fetching.get_mut(room) else {
            let fetch = self.fetching.entry(room.clone()).or_default();
            fetch.whole = whole;
            fetch.waiting.extend(reader.cloned());
            return true;
        };
        match reader {
            Some(reader) if fetch.whole && whole => {
                fetch.waiting.insert(reader.clone());
            }
            reader => {
                fetch.again = true;
                fetch.late.extend(reader.cloned());
            }
        }
        false
    }
}
