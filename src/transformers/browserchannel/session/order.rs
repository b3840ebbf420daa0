//! The order in which what a client sends is handled: requests by their numbers, and
//! the maps in them by theirs.
//!
//! A request that comes before its turn is kept until those before it have come, as
//! far as there is room. One that comes again is handled again, of which nothing is
//! left if its maps have all been here: a client repeats what was not answered, and may
//! add more to it.

use std::collections::{BTreeMap, VecDeque};

use crate::transformers::browserchannel::maps::{Map, Maps, Taken};

/// So many requests may wait for others: a client has one under way, and tells of its
/// end at any time.
const EARLY_MAX: usize = 16;

/// Bytes that a map counts besides its own: an empty one takes room too.
const COST: usize = 128;

/// What a request brings.
#[derive(Debug)]
pub(in crate::transformers::browserchannel) enum Brought {
    /// Maps.
    Maps(Maps),
    /// The end.
    End,
}

impl Brought {
    fn size(&self) -> usize {
        match self {
            Brought::Maps(maps) => COST + maps.size(),
            Brought::End => COST,
        }
    }
}

/// What follows from what was brought, in order.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// A map.
    Map(Map),
    /// Nothing yet, or no more: a map has been here before, or is put by for its turn.
    Nothing,
    /// More has to wait for its turn than there is room for.
    Full,
    /// The end.
    End,
}

/// A request comes so early that there is no room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooEarly;

/// See the module.
#[derive(Debug)]
pub(super) struct Order {
    /// The number of the next request.
    request: u64,
    /// Those that are early.
    early: BTreeMap<u64, Brought>,
    /// Whose turn it is, the first one first.
    turn: VecDeque<Brought>,
    /// The number of the next map.
    map: u64,
    /// Those that are early.
    ahead: BTreeMap<u64, Map>,
    /// Bytes of what is early.
    waiting: usize,
    /// Bytes that may be.
    room: usize,
}

impl Order {
    /// The session was opened by the request with this number. `room`: bytes of what
    /// may wait for its turn.
    pub fn new(opener: u64, room: usize) -> Self {
        Order {
            request: opener,
            early: BTreeMap::new(),
            turn: VecDeque::new(),
            map: 0,
            ahead: BTreeMap::new(),
            waiting: 0,
            room,
        }
    }

    /// A request has come.
    pub fn come(&mut self, number: u64, brought: Brought) -> Result<(), TooEarly> {
        if number > self.request {
            return self.keep(number, brought);
        }
        self.turn.push_back(brought);
        if number == self.request {
            self.request += 1;
            while let Some(next) = self.early.remove(&self.request) {
                self.waiting -= next.size();
                self.turn.push_back(next);
                self.request += 1;
            }
        }
        Ok(())
    }

    fn keep(&mut self, number: u64, brought: Brought) -> Result<(), TooEarly> {
        let size = brought.size();
        let before = self.early.get(&number).map_or(0, Brought::size);
        let waiting = self.waiting - before;
        let fits = waiting == 0 || waiting.saturating_add(size) <= self.room;
        if !fits || before == 0 && self.early.len() >= EARLY_MAX {
            return Err(TooEarly);
        }
        self.waiting = waiting + size;
        self.early.insert(number, brought);
        Ok(())
    }

    /// Whether there is a next [step](Self::step).
    pub fn has_more(&self) -> bool {
        !self.turn.is_empty() || self.ahead.contains_key(&self.map)
    }

    /// What follows next, and how many bytes were gone over for it.
    pub fn step(&mut self) -> Option<(usize, Step)> {
        if let Some(map) = self.ahead.remove(&self.map) {
            let size = size(&map);
            self.waiting -= size;
            self.map += 1;
            return Some((size, Step::Map(map)));
        }
        let Brought::Maps(maps) = self.turn.front_mut()? else {
            self.turn.pop_front();
            return Some((0, Step::End));
        };
        let (next, ahead) = (self.map, &self.ahead);
        let is_new = |number| number >= next && !ahead.contains_key(&number);
        let Some(Taken { number, map, size }) = maps.take(is_new) else {
            self.turn.pop_front();
            return Some((0, Step::Nothing));
        };
        let step = match map {
            Some(map) if number == self.map => {
                self.map += 1;
                Step::Map(map)
            }
            Some(map) => match self.put_ahead(number, map) {
                true => Step::Nothing,
                false => Step::Full,
            },
            None => Step::Nothing,
        };
        Some((size, step))
    }

    /// Keeps a map for its turn; false if there is no room.
    fn put_ahead(&mut self, number: u64, map: Map) -> bool {
        let size = size(&map);
        if self.waiting > 0 && self.waiting.saturating_add(size) > self.room {
            return false;
        }
        self.waiting += size;
        self.ahead.insert(number, map);
        true
    }

    /// Nothing more will be handled.
    pub fn clear(&mut self) {
        *self = Order { map: self.map, ..Order::new(self.request, 0) };
    }
}

fn size(map: &Map) -> usize {
    COST + if let Map::Message(frame) = map { frame.len() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;
    use crate::transformers::browserchannel::maps::Most;

    const ROOM: usize = 1 << 10;

    fn maps(first: u64, texts: &[&str]) -> Brought {
        let mut body =
            crate::transformers::browserchannel::maps::head(texts.len(), first).into_bytes();
        for (at, text) in texts.iter().enumerate() {
            crate::transformers::browserchannel::maps::put(at, text, &mut body);
        }
        Brought::Maps(Maps::parse(body, false, Most { maps: 1_000, length: 1 << 20 }).unwrap())
    }

    fn message(text: &str) -> Step {
        Step::Map(Map::Message(Frame::text(text)))
    }

    fn steps(order: &mut Order) -> Vec<Step> {
        let steps = std::iter::from_fn(|| order.step()).map(|(_, step)| step);
        let steps = steps.filter(|step| *step != Step::Nothing).collect();
        assert!(!order.has_more());
        steps
    }

    #[test]
    fn requests_wait_for_those_before_them() {
        let mut order = Order::new(100, ROOM);
        order.come(100, maps(0, &[])).unwrap();
        assert_eq!(steps(&mut order), []);
        order.come(102, maps(1, &["second"])).unwrap();
        order.come(103, Brought::End).unwrap();
        assert_eq!(steps(&mut order), []);
        order.come(101, maps(0, &["first"])).unwrap();
        assert_eq!(steps(&mut order), [message("first"), message("second"), Step::End]);
        assert_eq!(order.waiting, 0);
    }

    #[test]
    fn a_request_that_comes_again_brings_only_what_is_new() {
        let mut order = Order::new(100, ROOM);
        order.come(100, maps(0, &["a"])).unwrap();
        order.come(101, maps(1, &["b"])).unwrap();
        order.come(101, maps(1, &["b", "c"])).unwrap();
        order.come(100, maps(0, &["a"])).unwrap();
        assert_eq!(steps(&mut order), ["a", "b", "c"].map(message));
        order.come(7, Brought::End).unwrap();
        assert_eq!(steps(&mut order), [Step::End]);
    }

    #[test]
    fn maps_wait_for_those_before_them() {
        let mut order = Order::new(0, ROOM);
        order.come(0, maps(2, &["c", "d"])).unwrap();
        order.come(1, maps(3, &["other"])).unwrap();
        assert_eq!(steps(&mut order), []);
        order.come(2, maps(0, &["a", "b"])).unwrap();
        assert_eq!(steps(&mut order), ["a", "b", "c", "d"].map(message));
        assert_eq!((order.map, order.waiting), (4, 0));
    }

    #[test]
    fn no_more_waits_than_there_is_room_for() {
        let mut order = Order::new(0, ROOM);
        for number in 1..=EARLY_MAX as u64 / 4 {
            order.come(number, Brought::End).unwrap();
        }
        let long = "x".repeat(500);
        assert_eq!(order.come(9, maps(0, &[&long])), Err(TooEarly));
        // In the place of another.
        order.come(2, maps(0, &["x"])).unwrap();
        let before = order.waiting;
        order.come(2, maps(0, &["y"])).unwrap();
        assert_eq!(order.waiting, before);

        let mut order = Order::new(0, 1 << 20);
        for number in 1..=EARLY_MAX as u64 {
            order.come(number * 1_000, Brought::End).unwrap();
        }
        assert_eq!(order.come(5, Brought::End), Err(TooEarly));
        order.come(1_000, Brought::End).unwrap();

        // One is kept however long it is.
        let mut order = Order::new(0, 10);
        order.come(1, maps(0, &["x"])).unwrap();
        assert_eq!(order.come(2, Brought::End), Err(TooEarly));
        order.come(0, maps(0, &[])).unwrap();
        assert_eq!(steps(&mut order), [message("x")]);
    }

    #[test]
    fn no_more_maps_wait_than_there_is_room_for() {
        let mut order = Order::new(0, ROOM);
        let texts = vec!["x"; 20];
        order.come(0, maps(5, &texts)).unwrap();
        let before = ROOM / (COST + 1);
        let steps: Vec<_> = (0..=before).map(|_| order.step().unwrap().1).collect();
        assert_eq!(steps.last(), Some(&Step::Full));
        assert!(steps[..before].iter().all(|step| *step == Step::Nothing));
        assert_eq!(order.ahead.len(), before);
        order.clear();
        assert_eq!((order.step(), order.waiting, order.ahead.len()), (None, 0, 0));
    }
}
