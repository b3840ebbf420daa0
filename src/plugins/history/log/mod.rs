//! What is kept of rooms: bounded, and without any input or output.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[cfg(feature = "redis")]
mod fill;

#[cfg(feature = "redis")]
pub(super) use fill::{Fetched, Filled, Taken};

use super::position::Position;
use super::ticket::Key;
use crate::value::Value;

/// What an entry counts for beside its value.
const OVERHEAD: usize = 128;

/// What is kept of a room, and of how many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Messages of a room.
    pub messages: usize,
    /// Bytes of these.
    pub bytes: usize,
    /// How old they are at most.
    pub window: Duration,
    /// Rooms.
    pub rooms: usize,
    /// Bytes of all messages of all rooms.
    pub total: usize,
}

/// A message, which may stand in several rooms.
#[derive(Debug)]
pub(super) struct Entry {
    /// Where it may come to a client more than once.
    pub id: Option<Arc<str>>,
    /// Who does not get it: ids of sparks, and names of clients.
    pub except: Vec<String>,
    pub value: Value,
    bytes: usize,
}

impl Entry {
    pub fn new(id: Option<Arc<str>>, except: Vec<String>, value: Value) -> Arc<Self> {
        let bytes = value.weight() + except.iter().map(String::len).sum::<usize>() + OVERHEAD;
        Arc::new(Entry { id, except, value, bytes })
    }

    /// Whether it is not for whoever has one of these ids.
    pub fn leaves_out(&self, ids: &[String]) -> bool {
        self.except.iter().any(|id| ids.contains(id))
    }

    /// What it counts for.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

struct Kept {
    entry: Arc<Entry>,
    at: Instant,
}

/// A room: its last messages, without a hole between them.
struct Track {
    last: Position,
    kept: VecDeque<Kept>,
    bytes: usize,
    /// When it was last used, among all.
    used: u64,
    /// There is no more of it elsewhere.
    complete: bool,
    /// What tickets of this epoch are made with, if that is known.
    key: Option<Key>,
}

impl Track {
    /// The offset of the first message that is kept.
    fn first(&self) -> u64 {
        self.last.offset + 1 - self.kept.len() as u64
    }

    fn drop_first(&mut self) -> usize {
        let bytes = self.kept.pop_front().map_or(0, |kept| kept.entry.bytes);
        self.bytes -= bytes;
        bytes
    }

    fn clear(&mut self) -> usize {
        self.kept.clear();
        std::mem::take(&mut self.bytes)
    }
}

/// What a room has since a position.
#[derive(Debug)]
pub(super) enum Since {
    /// All of it, in order; the first one stands right behind the position.
    All(Vec<Arc<Entry>>),
    /// It is not known, or no longer.
    Lost,
}

/// What is known of a room where all servers keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Elsewhere {
    Nothing,
    /// What comes behind that which is known here.
    Later,
    Everything,
}

/// All rooms.
pub(super) struct Log {
    bounds: Bounds,
    /// Nobody else's epochs begin like this.
    boot: String,
    /// Messages are counted here, so that a room which is not known begins.
    counts: bool,
    /// For tickets of rooms that begin here.
    key: Key,
    made: u64,
    tracks: HashMap<Arc<str>, Track>,
    /// By their last use.
    order: BTreeMap<u64, Arc<str>>,
    uses: u64,
    bytes: usize,
}

impl Log {
    pub fn new(bounds: Bounds, boot: String, key: Key) -> Self {
        Log {
            bounds,
            boot,
            counts: true,
            key,
            made: 0,
            tracks: HashMap::new(),
            order: BTreeMap::new(),
            uses: 0,
            bytes: 0,
        }
    }

    /// Keeps a message, and gives its place in the room.
    pub fn append(&mut self, room: &Arc<str>, entry: &Arc<Entry>, now: Instant) -> Position {
        let at = self.position(room).after(1);
        self.push(room, entry, now);
        at
    }

    /// Where a room stands, if that can be known here.
    pub fn place(&mut self, room: &Arc<str>) -> Option<Position> {
        match self.counts {
            true => Some(self.position(room)),
            false => self.touch(room),
        }
    }

    /// Where a room stands; one that is not known begins.
    pub fn position(&mut self, room: &Arc<str>) -> Position {
        if !self.tracks.contains_key(room) {
            self.made += 1;
            self.begin(room, Position::new(format!("{}{}", self.boot, self.made), 0));
        }
        self.touch(room).unwrap_or_else(|| Position::new("", 0))
    }

    /// Where a room stands, if it is known.
    pub fn known(&self, room: &str) -> Option<&Position> {
        self.tracks.get(room).map(|track| &track.last)
    }

    /// What tickets of a room are made with, if that is known.
    pub fn key(&self, room: &str) -> Option<&Key> {
        self.tracks.get(room)?.key.as_ref()
    }

    /// Has a room stand at a position, and nothing be known of what was before.
    fn begin(&mut self, room: &Arc<str>, last: Position) {
        let of_epoch = self.tracks.get(room).filter(|track| track.last.epoch == last.epoch);
        let key = match self.counts {
            true => Some(self.key.clone()),
            false => of_epoch.and_then(|track| track.key.clone()),
        };
        self.forget(room);
        self.uses += 1;
        let complete = self.counts || last.offset == 0;
        let (kept, bytes, used) = (VecDeque::new(), 0, self.uses);
        let track = Track { last, kept, bytes, used, complete, key };
        self.tracks.insert(room.clone(), track);
        self.order.insert(self.uses, room.clone());
        while self.tracks.len() > self.bounds.rooms.max(1)
            && let Some((_, oldest)) = self.order.first_key_value()
        {
            self.forget(&oldest.clone());
        }
    }

    /// What a room has since a position.
    pub fn since(&mut self, room: &str, from: &Position, now: Instant) -> Since {
        self.expire(room, now);
        let Some(track) = self.tracks.get(room) else { return Since::Lost };
        let last = &track.last;
        if from.epoch != last.epoch || from.offset > last.offset || from.offset + 1 < track.first()
        {
            return Since::Lost;
        }
        let skipped = (from.offset + 1 - track.first()) as usize;
        Since::All(track.kept.iter().skip(skipped).map(|kept| kept.entry.clone()).collect())
    }

    /// Where a room stood at a time, as far as its messages here say that.
    pub fn before(&self, room: &str, time: Instant) -> Option<Position> {
        let track = self.tracks.get(room)?;
        let later = track.kept.iter().filter(|kept| kept.at >= time).count() as u64;
        Some(Position::new(track.last.epoch.clone(), track.last.offset.saturating_sub(later)))
    }

    /// What may be found elsewhere of what came since a position, if it is lost here.
    pub fn elsewhere(&self, room: &str, from: &Position) -> Elsewhere {
        match self.tracks.get(room) {
            _ if self.counts => Elsewhere::Nothing,
            None => Elsewhere::Everything,
            Some(track) if track.last.epoch != from.epoch => Elsewhere::Nothing,
            Some(track) if track.last.offset < from.offset => Elsewhere::Later,
            Some(track) if track.complete => Elsewhere::Nothing,
            Some(_) => Elsewhere::Everything,
        }
    }

    /// Lets go of what is too old. Gives when there is more.
    pub fn sweep(&mut self, now: Instant) -> Option<Instant> {
        let names: Vec<_> = self.tracks.keys().cloned().collect();
        names.iter().for_each(|room| self.expire(room, now));
        let firsts = self.tracks.values().filter_map(|track| track.kept.front());
        firsts.map(|kept| kept.at).min().and_then(|at| at.checked_add(self.bounds.window))
    }

    /// Bytes of all that is kept.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Rooms that are known.
    pub fn rooms(&self) -> usize {
        self.tracks.len()
    }

    fn push(&mut self, room: &Arc<str>, entry: &Arc<Entry>, now: Instant) {
        let bounds = self.bounds;
        self.touch(room);
        let Some(track) = self.tracks.get_mut(room) else { return };
        track.last = track.last.after(1);
        track.kept.push_back(Kept { entry: entry.clone(), at: now });
        track.bytes += entry.bytes;
        self.bytes += entry.bytes;
        while track.kept.len() > bounds.messages || track.bytes > bounds.bytes {
            self.bytes -= track.drop_first();
        }
        self.expire(room, now);
        self.shrink();
    }

    /// Lets go of the rooms least used until the rest is little enough. They stand where
    /// they stood.
    fn shrink(&mut self) {
        if self.bytes <= self.bounds.total {
            return;
        }
        for room in self.order.values() {
            let Some(track) = self.tracks.get_mut(room) else { continue };
            while self.bytes > self.bounds.total && !track.kept.is_empty() {
                track.complete = self.counts;
                self.bytes -= track.drop_first();
            }
            if self.bytes <= self.bounds.total {
                return;
            }
        }
    }

    fn expire(&mut self, room: &str, now: Instant) {
        let Some(track) = self.tracks.get_mut(room) else { return };
        let window = self.bounds.window;
        let is_old = |kept: &Kept| now.saturating_duration_since(kept.at) > window;
        while track.kept.front().is_some_and(is_old) {
            self.bytes -= track.drop_first();
        }
    }

    fn touch(&mut self, room: &str) -> Option<Position> {
        let track = self.tracks.get_mut(room)?;
        let name = self.order.remove(&track.used);
        self.uses += 1;
        track.used = self.uses;
        self.order.extend(name.map(|name| (self.uses, name)));
        Some(track.last.clone())
    }

    fn forget(&mut self, room: &str) {
        if let Some(mut track) = self.tracks.remove(room) {
            self.bytes -= track.clear();
            self.order.remove(&track.used);
        }
    }
}
