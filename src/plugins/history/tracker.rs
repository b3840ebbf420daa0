//! What a client knows of rooms: bounded, and without any input or output.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::position::Position;
use super::wire::{At, Claim, Hello, How, LONGEST_NAME, Report};

/// Ids of its sparks that a client remembers.
pub(super) const MOST_IDS: usize = 16;

/// Ids of messages that a client remembers, of those that may come more than once.
const MOST_MESSAGES: usize = 1_000;

/// And of those that came without a place, which they get later: as many as wait for
/// that at a server.
const MOST_EARLY: usize = 20_000;

/// How it went with a room.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// The room.
    pub room: String,
    /// Whether the client has had all messages of it, now that those which it had missed
    /// have come. If not, what the application knows by them may be out of date.
    pub whole: bool,
    /// How many it had missed that have come now.
    pub count: u64,
}

impl Recovered {
    fn torn(room: &str) -> Self {
        Recovered { room: room.to_owned(), whole: false, count: 0 }
    }
}

struct Place {
    last: Position,
    /// What the server gave it for when it comes back.
    ticket: Option<String>,
    used: u64,
}

/// What becomes of a message.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Judged {
    /// It has not come before.
    pub is_new: bool,
    /// Rooms in which others before it are missing.
    pub torn: Vec<Recovered>,
}

/// What a client knows.
pub(super) struct Tracker {
    most: usize,
    rooms: HashMap<String, Place>,
    uses: u64,
    /// Some were forgotten.
    more: bool,
    /// The last one first.
    ids: VecDeque<String>,
    seen: Ids,
    early: Ids,
}

/// Ids, of which the oldest is forgotten when they are too many.
struct Ids {
    most: usize,
    known: HashSet<Arc<str>>,
    order: VecDeque<Arc<str>>,
}

impl Ids {
    fn new(most: usize) -> Self {
        Ids { most, known: HashSet::new(), order: VecDeque::new() }
    }

    /// False when it is known.
    fn note(&mut self, id: &str) -> bool {
        if self.known.contains(id) {
            return false;
        }
        let id: Arc<str> = id.into();
        self.order.push_back(id.clone());
        self.known.insert(id);
        if self.order.len() > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

impl Tracker {
    pub fn new(most: usize) -> Self {
        Tracker {
            most: most.max(1),
            rooms: HashMap::new(),
            uses: 0,
            more: false,
            ids: VecDeque::new(),
            seen: Ids::new(MOST_MESSAGES),
            early: Ids::new(MOST_EARLY),
        }
    }

    /// What to say when a connection opens.
    pub fn hello(&self) -> Hello {
        let at = |(room, place): (&String, &Place)| Claim {
            room: room.as_str().into(),
            position: place.last.clone(),
            ticket: place.ticket.clone(),
        };
        Hello {
            ids: self.ids.iter().cloned().collect(),
            at: self.rooms.iter().map(at).collect(),
            more: self.more,
        }
    }

    /// The server has answered: the id of the spark.
    pub fn is_spark(&mut self, id: String) {
        if id.len() <= LONGEST_NAME && self.ids.front() != Some(&id) {
            self.ids.push_front(id);
            self.ids.truncate(MOST_IDS);
        }
    }

    /// A message has come, or the word that there was one.
    pub fn judge(&mut self, id: Option<String>, at: &[At]) -> Judged {
        let (mut is_new, mut torn) = (true, Vec::new());
        for (room, at) in at {
            let next = match self.rooms.get(&**room).map(|place| &place.last) {
                Some(last) if last.epoch != at.epoch => Err(()),
                Some(last) if at.offset <= last.offset => Ok(false),
                Some(last) if at.offset > last.offset + 1 => Err(()),
                _ => Ok(true),
            };
            if next == Ok(false) {
                is_new = false;
                continue;
            }
            torn.extend(next.err().map(|()| Recovered::torn(room)));
            self.place(room, at.clone(), None);
        }
        if let Some(id) = id.filter(|id| id.len() <= LONGEST_NAME) {
            is_new &= match at {
                [] => !self.seen.known.contains(&*id) && self.early.note(&id),
                _ => self.seen.note(&id) && !self.early.known.contains(&*id),
            };
        }
        Judged { is_new, torn }
    }

    /// The server has said how rooms stand.
    pub fn report(&mut self, reports: Vec<Report>) -> Vec<Recovered> {
        let mut recovered = Vec::new();
        for Report { room, position, how, count, ticket } in reports {
            self.place(&room, position, ticket);
            if how != How::New {
                let (room, whole) = ((*room).to_owned(), how == How::Whole);
                recovered.push(Recovered { room, whole, count });
            }
        }
        recovered
    }

    /// It is in a room no more.
    pub fn left(&mut self, room: &str) {
        self.rooms.remove(room);
    }

    /// It is there now. A ticket is good until there is another one.
    fn place(&mut self, room: &str, last: Position, ticket: Option<String>) {
        self.uses += 1;
        if let Some(known) = self.rooms.get_mut(room) {
            known.last = last;
            known.used = self.uses;
            known.ticket = ticket.or(known.ticket.take());
            return;
        }
        let place = Place { last, ticket, used: self.uses };
        if self.rooms.len() >= self.most {
            let oldest = self.rooms.iter().min_by_key(|(_, place)| place.used);
            let oldest = oldest.map(|(room, _)| room.clone());
            oldest.map(|room| self.rooms.remove(&room));
            self.more = true;
        }
        self.rooms.insert(room.to_owned(), place);
    }
}
