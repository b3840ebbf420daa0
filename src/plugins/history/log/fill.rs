//! Rooms whose messages are counted elsewhere: what is known of them here is filled up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Entry, Kept, Key, Log, Position};

/// What became of a message that was counted elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plugins::history) enum Taken {
    Next,
    /// It is there already.
    Old,
    /// There are others before it.
    Early,
    /// The room has begun anew with it, or before it.
    Anew,
}

/// What was fetched of a room.
pub(in crate::plugins::history) struct Fetched {
    /// Where it stands.
    pub last: Position,
    /// Its messages by their offsets, without a hole, and how old they are.
    pub entries: Vec<(u64, Arc<Entry>, Duration)>,
    /// There are no others.
    pub complete: bool,
    /// What tickets of its epoch are made with.
    pub key: Option<Key>,
}

/// What that was good for.
#[derive(Debug, Default)]
pub(in crate::plugins::history) struct Filled {
    /// Messages that come behind those that were known.
    pub new: Vec<(Position, Arc<Entry>)>,
    /// Messages behind those that were known are missing, and the room stands there now.
    pub torn: Option<Position>,
}

impl Log {
    /// For rooms whose messages are counted elsewhere.
    pub fn of_others(mut self) -> Self {
        self.counts = false;
        // Nor do those epochs begin like this that the same server thinks up for all.
        self.boot.push('~');
        self
    }

    /// For tickets of rooms that have no key yet.
    pub fn own_key(&self) -> &Key {
        &self.key
    }

    /// What is kept of a room is given up: all that it has when it is known again is new to
    /// those who are there. True if it was not so already.
    pub fn give_up(&mut self, room: &Arc<str>) -> bool {
        let is_known = self.known(room).is_some_and(|last| !last.epoch.starts_with(&self.boot));
        if is_known {
            self.forget(room);
            self.position(room);
        }
        is_known
    }

    /// Knows nothing more of a room.
    pub fn drop_room(&mut self, room: &str) {
        self.forget(room);
    }

    pub fn names(&self) -> Vec<Arc<str>> {
        self.tracks.keys().cloned().collect()
    }

    /// Keeps a message that was counted elsewhere.
    pub fn take(
        &mut self,
        room: &Arc<str>,
        at: &Position,
        entry: &Arc<Entry>,
        now: Instant,
    ) -> Taken {
        let last = self.known(room).cloned();
        match last {
            Some(last) if last.epoch == at.epoch => match at.offset {
                offset if offset <= last.offset => Taken::Old,
                offset if offset == last.offset + 1 => {
                    self.push(room, entry, now);
                    Taken::Next
                }
                _ => Taken::Early,
            },
            last => {
                let before = Position::new(at.epoch.clone(), at.offset.saturating_sub(1));
                self.begin(room, before);
                self.push(room, entry, now);
                if last.is_some() { Taken::Anew } else { Taken::Next }
            }
        }
    }

    /// Whether another message than this one stood at its place: Redis has lost its last ones,
    /// and counts on from those before.
    pub fn has_other(&self, room: &str, at: &Position, entry: &Entry) -> bool {
        let Some(track) = self.tracks.get(room) else { return false };
        if track.last.epoch != at.epoch || at.offset > track.last.offset {
            return false;
        }
        let back = (track.last.offset - at.offset) as usize;
        match track.kept.iter().rev().nth(back) {
            Some(kept) => kept.entry.id != entry.id,
            // If it had just come from there, it was kept.
            None => track.kept.is_empty() && entry.bytes() <= self.bounds.bytes,
        }
    }

    /// Takes what was fetched of a room.
    pub fn fill(&mut self, room: &Arc<str>, fetched: Fetched, now: Instant) -> Filled {
        let (complete, key) = (fetched.complete, fetched.key.clone());
        let filled = self.fill_up(room, fetched, now);
        if let Some(track) = self.tracks.get_mut(room) {
            track.complete |= complete;
            track.key = key.or(track.key.take());
        }
        filled
    }

    fn fill_up(&mut self, room: &Arc<str>, fetched: Fetched, now: Instant) -> Filled {
        let Fetched { last, entries, .. } = fetched;
        let (mut filled, known) = (Filled::default(), self.known(room).cloned());
        let first = entries.first().map_or(last.offset + 1, |(offset, ..)| *offset);
        let start = Position::new(last.epoch.clone(), first.saturating_sub(1));
        let at = |age: Duration| now.checked_sub(age).unwrap_or(now);
        let Some(mut known) = known.filter(|known| known.epoch == last.epoch) else {
            let was_known = self.known(room).is_some();
            self.begin(room, start);
            for (offset, entry, age) in entries {
                self.push(room, &entry, at(age));
                if was_known {
                    // Whoever is there has had nothing of this epoch.
                    let place = Position::new(last.epoch.clone(), offset);
                    filled.new.push((place, entry));
                }
            }
            self.stand(room, &last);
            filled.torn = was_known.then_some(last);
            return filled;
        };
        self.fill_before(room, &entries, at);
        for (offset, entry, age) in entries {
            if offset <= known.offset {
                continue;
            }
            if offset > known.offset + 1 {
                let before = Position::new(last.epoch.clone(), offset - 1);
                self.begin(room, before);
                filled.torn = Some(last.clone());
            }
            self.push(room, &entry, at(age));
            known = Position::new(last.epoch.clone(), offset);
            filled.new.push((known.clone(), entry));
        }
        if self.stand(room, &last) {
            filled.torn = Some(last);
        }
        filled
    }

    /// Puts those in front that are older than what is kept, if they reach up to it.
    fn fill_before(
        &mut self,
        room: &str,
        entries: &[(u64, Arc<Entry>, Duration)],
        at: impl Fn(Duration) -> Instant,
    ) {
        let Some(track) = self.tracks.get_mut(room) else { return };
        let older = entries.iter().rev().skip_while(|(offset, ..)| *offset >= track.first());
        let older: Vec<_> = older.collect();
        for (offset, entry, age) in older {
            let full = track.kept.len() >= self.bounds.messages
                || track.bytes + entry.bytes() > self.bounds.bytes;
            if full || *offset + 1 != track.first() {
                return;
            }
            track.kept.push_front(Kept { entry: entry.clone(), at: at(*age) });
            track.bytes += entry.bytes();
            self.bytes += entry.bytes();
        }
    }

    /// Has a room stand there, if it is behind; true if it was.
    fn stand(&mut self, room: &Arc<str>, last: &Position) -> bool {
        let behind = self.known(room).is_some_and(|known| known.offset < last.offset);
        if behind {
            self.begin(room, last.clone());
        }
        behind
    }
}
