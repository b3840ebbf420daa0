//! The hierarchical timing wheel: which entry is due when. No clock, no thread.
//!
//! Time is a count of ticks. Level 0 has a slot for each of the next 64 ticks,
//! level 1 one for each of the next 64 blocks of 64 ticks, and so on; eleven
//! levels reach over all of `u64`. An entry sits at the level of the highest
//! base-64 digit in which its deadline differs from the present tick, and moves
//! down when time enters its block. A bit per slot tells which are occupied, so
//! the next deadline is found by counting zeros, not by walking.

/// Base-64 digits in a `u64`.
const LEVELS: usize = 11;
/// Slots on a level, one per bit of its occupancy word.
const SLOTS: usize = 64;
/// Bits of a digit.
const BITS: u32 = 6;
/// The end of a list.
const NIL: u32 = u32::MAX;

/// Names one entry. A key stays unique after its entry is gone: keys of later
/// entries in the same place differ in the generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    index: u32,
    generation: u32,
}

impl Key {
    /// A key that names nothing.
    pub const NONE: Key = Key { index: NIL, generation: 0 };
}

/// Where an entry is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// On the list of unused entries.
    Free,
    /// In the wheel.
    Slot { level: u8, slot: u8 },
    /// Reported by `advance`, its value not taken yet.
    Due,
    /// Its value was taken; waits for `rearm` or `cancel`.
    Taken,
}

struct Entry<T> {
    at: u64,
    prev: u32,
    next: u32,
    generation: u32,
    place: Place,
    value: Option<T>,
}

/// A list of entries in order of insertion.
#[derive(Clone, Copy)]
struct Slot {
    head: u32,
    tail: u32,
    /// The earliest deadline in the list, or, when `stale`, a bound below it.
    earliest: u64,
    /// The entry that had the earliest deadline was cancelled.
    stale: bool,
}

impl Slot {
    const EMPTY: Slot = Slot { head: NIL, tail: NIL, earliest: u64::MAX, stale: false };
}

#[derive(Clone)]
struct Level {
    occupied: u64,
    slots: [Slot; SLOTS],
}

/// See the module's text. Insert and cancel take constant time.
pub struct Wheel<T> {
    entries: Vec<Entry<T>>,
    free: u32,
    levels: Vec<Level>,
    /// A bit per level that has an entry.
    occupied: u16,
    /// Everything due up to this tick has been reported.
    elapsed: u64,
}

impl<T> Wheel<T> {
    pub fn new() -> Self {
        Wheel {
            entries: Vec::new(),
            free: NIL,
            levels: vec![Level { occupied: 0, slots: [Slot::EMPTY; SLOTS] }; LEVELS],
            occupied: 0,
            elapsed: 0,
        }
    }

    /// Adds an entry. A tick that has passed counts as the present one.
    pub fn insert(&mut self, at: u64, value: T) -> Key {
        let index = self.allocate(value);
        self.link(index, at);
        Key { index, generation: self.entries[index as usize].generation }
    }

    /// Removes an entry wherever it is. Gives its value back if that was not
    /// taken yet, which means that it was still to come.
    pub fn cancel(&mut self, key: Key) -> Option<T> {
        let index = self.find(key)?;
        if let Place::Slot { level, slot } = self.entries[index as usize].place {
            self.unlink(index, level as usize, slot as usize);
        }
        self.release(index)
    }

    /// Moves an entry to another deadline; false when there is no such entry.
    /// One that is due already stays due; one whose value is taken keeps the
    /// earlier of this deadline and that of its coming `rearm`.
    pub fn reschedule(&mut self, key: Key, at: u64) -> bool {
        let Some(index) = self.find(key) else { return false };
        match self.entries[index as usize].place {
            Place::Slot { level, slot } => {
                self.unlink(index, level as usize, slot as usize);
                self.link(index, at);
            }
            Place::Taken => {
                let entry = &mut self.entries[index as usize];
                entry.at = entry.at.min(at);
            }
            Place::Due | Place::Free => {}
        }
        true
    }

    /// The earliest deadline.
    pub fn next_deadline(&mut self) -> Option<u64> {
        if self.occupied == 0 {
            return None;
        }
        let level = self.occupied.trailing_zeros() as usize;
        let slot = self.levels[level].occupied.trailing_zeros() as usize;
        if self.levels[level].slots[slot].stale {
            self.refresh(level, slot);
        }
        Some(self.levels[level].slots[slot].earliest)
    }

    /// Moves time on to `now` and appends the keys of all entries due, in the
    /// order of their deadlines and, within one tick, of their insertion. Each
    /// is then to be `take`n, and `rearm`ed or `cancel`led.
    pub fn advance(&mut self, now: u64, due: &mut Vec<Key>) {
        while let Some(next) = self.next_deadline().filter(|&next| next <= now) {
            self.enter(next);
            self.drain((next % SLOTS as u64) as usize, due);
        }
        if now > self.elapsed {
            self.enter(now);
        }
    }

    /// The value of an entry that `advance` reported, unless it has been
    /// cancelled since.
    pub fn take(&mut self, key: Key) -> Option<T> {
        let index = self.find(key)?;
        let entry = &mut self.entries[index as usize];
        if entry.place != Place::Due {
            return None;
        }
        entry.place = Place::Taken;
        entry.at = u64::MAX;
        entry.value.take()
    }

    /// Puts an entry whose value was taken back into the wheel, under the same
    /// key. Returns the value when the entry was cancelled meanwhile.
    pub fn rearm(&mut self, key: Key, at: u64, value: T) -> Option<T> {
        let Some(index) = self.find(key) else { return Some(value) };
        let entry = &mut self.entries[index as usize];
        if entry.place != Place::Taken {
            return Some(value);
        }
        entry.value = Some(value);
        let at = at.min(entry.at);
        self.link(index, at);
        None
    }

    /// Removes every entry and gives back the values.
    pub fn clear(&mut self) -> Vec<T> {
        let old = std::mem::replace(self, Wheel::new());
        self.elapsed = old.elapsed;
        old.entries.into_iter().filter_map(|entry| entry.value).collect()
    }

    fn find(&self, key: Key) -> Option<u32> {
        let entry = self.entries.get(key.index as usize)?;
        let live = entry.generation == key.generation && entry.place != Place::Free;
        live.then_some(key.index)
    }

    fn allocate(&mut self, value: T) -> u32 {
        if self.free != NIL {
            let index = self.free;
            let entry = &mut self.entries[index as usize];
            self.free = entry.next;
            entry.value = Some(value);
            return index;
        }
        let index = self.entries.len() as u32;
        assert!(index != NIL, "too many timers");
        let value = Some(value);
        let place = Place::Free;
        self.entries.push(Entry { at: 0, prev: NIL, next: NIL, generation: 1, place, value });
        index
    }

    fn release(&mut self, index: u32) -> Option<T> {
        let free = self.free;
        let entry = &mut self.entries[index as usize];
        entry.place = Place::Free;
        entry.generation = entry.generation.wrapping_add(1);
        entry.next = free;
        self.free = index;
        entry.value.take()
    }

    fn link(&mut self, index: u32, at: u64) {
        let at = at.max(self.elapsed);
        let level = level_of(at, self.elapsed);
        let slot = digit(at, level);
        let list = &mut self.levels[level].slots[slot];
        let tail = list.tail;
        if tail == NIL {
            *list = Slot { head: index, tail: index, earliest: at, stale: false };
        } else {
            list.tail = index;
            if at <= list.earliest {
                list.earliest = at;
                list.stale = false;
            }
            self.entries[tail as usize].next = index;
        }
        let entry = &mut self.entries[index as usize];
        (entry.at, entry.prev, entry.next) = (at, tail, NIL);
        entry.place = Place::Slot { level: level as u8, slot: slot as u8 };
        self.levels[level].occupied |= 1 << slot;
        self.occupied |= 1 << level;
    }

    fn unlink(&mut self, index: u32, level: usize, slot: usize) {
        let entry = &self.entries[index as usize];
        let (at, prev, next) = (entry.at, entry.prev, entry.next);
        let list = &mut self.levels[level].slots[slot];
        list.stale |= at == list.earliest;
        match prev {
            NIL => list.head = next,
            prev => self.entries[prev as usize].next = next,
        }
        match next {
            NIL => list.tail = prev,
            next => self.entries[next as usize].prev = prev,
        }
        if self.levels[level].slots[slot].head == NIL {
            self.vacate(level, slot);
        }
    }

    fn vacate(&mut self, level: usize, slot: usize) {
        self.levels[level].slots[slot] = Slot::EMPTY;
        self.levels[level].occupied &= !(1 << slot);
        if self.levels[level].occupied == 0 {
            self.occupied &= !(1 << level);
        }
    }

    /// Finds the earliest deadline of a slot anew.
    fn refresh(&mut self, level: usize, slot: usize) {
        let list = &mut self.levels[level].slots[slot];
        (list.earliest, list.stale) = (u64::MAX, false);
        let mut index = list.head;
        while index != NIL {
            let entry = &self.entries[index as usize];
            list.earliest = list.earliest.min(entry.at);
            index = entry.next;
        }
    }

    /// Makes `now` the present tick, before which nothing may be due, and moves
    /// the entries of the blocks that it lies in down to their new levels.
    fn enter(&mut self, now: u64) {
        self.elapsed = now;
        for level in (1..LEVELS).rev() {
            if self.occupied & (1 << level) == 0 {
                continue;
            }
            let slot = digit(now, level);
            let mut index = self.levels[level].slots[slot].head;
            if index == NIL {
                continue;
            }
            self.vacate(level, slot);
            while index != NIL {
                let entry = &self.entries[index as usize];
                let (at, next) = (entry.at, entry.next);
                self.link(index, at);
                index = next;
            }
        }
    }

    fn drain(&mut self, slot: usize, due: &mut Vec<Key>) {
        let mut index = self.levels[0].slots[slot].head;
        self.vacate(0, slot);
        while index != NIL {
            let entry = &mut self.entries[index as usize];
            entry.place = Place::Due;
            due.push(Key { index, generation: entry.generation });
            index = entry.next;
        }
    }
}

/// The highest base-64 digit in which two ticks differ.
fn level_of(at: u64, elapsed: u64) -> usize {
    let differing = (at ^ elapsed) | (SLOTS as u64 - 1);
    ((u64::BITS - 1 - differing.leading_zeros()) / BITS) as usize
}

fn digit(tick: u64, level: usize) -> usize {
    ((tick >> (level as u32 * BITS)) % SLOTS as u64) as usize
}

#[cfg(test)]
mod tests;
