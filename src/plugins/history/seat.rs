//! What a server knows of one client that has the other half.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

#[cfg(feature = "redis")]
use super::log::Fetched;
use super::log::{Elsewhere, Entry, Log, Since};
use super::position::Position;
use super::ticket::Key;
use super::wire::{At, Claim, Hello, How, Report};

/// What a client gets when it has come into a room.
#[derive(Debug)]
pub(super) struct Replay {
    /// Where the first of the messages stands.
    pub from: Position,
    pub entries: Vec<Arc<Entry>>,
    /// Who gets it, and whom it may leave out.
    pub ids: Arc<[String]>,
    /// What it is told behind them.
    pub report: Report,
}

/// Whether a room can be brought to a client.
pub(super) enum Ready {
    Yes(Replay),
    /// What is kept here does not reach to where it was, but something may elsewhere.
    Not(Elsewhere),
}

/// A client, as one of its connections.
#[derive(Debug)]
pub(super) struct Seat {
    /// It has said what it has.
    greeted: bool,
    /// Where it was in rooms that it has not come into yet.
    claims: HashMap<Arc<str>, Claim>,
    /// The name of the client, and the ids of its sparks.
    ids: Arc<[String]>,
    /// It does not know all rooms in which it was.
    more: bool,
    rooms: HashMap<Arc<str>, Standing>,
}

/// A room that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    /// It came into it at that time, when it stood there as far as is known, and is brought
    /// there yet.
    Waits(Option<Position>, Instant),
    /// It gets messages as they come, from this one on, as the server numbers its own.
    Live(u64, Right),
}

/// Behind which position it may read a room when it comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Right {
    since: Position,
    /// It has a ticket for that.
    is_told: bool,
}

impl Right {
    fn ticket(&mut self, key: Option<&Key>, client: &str, room: &str) -> Option<String> {
        let ticket = key.map(|key| key.ticket(client, room, &self.since));
        self.is_told = ticket.is_some();
        ticket
    }
}

impl Seat {
    /// The connection `spark` of a client of this name.
    pub fn new(client: &str, spark: &str) -> Self {
        Seat {
            greeted: false,
            claims: HashMap::new(),
            ids: [client, spark].map(str::to_owned).into(),
            more: false,
            rooms: HashMap::new(),
        }
    }

    /// The name of the client.
    pub fn client(&self) -> &str {
        self.ids.first().map_or("", String::as_str)
    }

    /// Takes what it has; false when it has said so before.
    pub fn greet(&mut self, hello: Hello) -> bool {
        if std::mem::replace(&mut self.greeted, true) {
            return false;
        }
        self.claims.extend(hello.at.into_iter().map(|claim| (claim.room.clone(), claim)));
        self.ids = self.ids.iter().cloned().chain(hello.ids).collect();
        self.more = hello.more;
        true
    }

    /// Whether it has said what it has.
    pub fn is_greeted(&self) -> bool {
        self.greeted
    }

    /// Whether a message is not for it.
    pub fn is_left_out(&self, entry: &Entry) -> bool {
        entry.leaves_out(&self.ids)
    }

    /// The rooms to which it is to be brought.
    pub fn waiting(&self) -> Vec<Arc<str>> {
        let waits = |(_, standing): &(&_, &Standing)| matches!(standing, Standing::Waits(..));
        let mut rooms: Vec<_> =
            self.rooms.iter().filter(waits).map(|(room, _)| Arc::clone(room)).collect();
        rooms.sort_unstable();
        rooms
    }

    /// From when on it gets the messages of a room as they come, if it does.
    pub fn live_from(&self, room: &str) -> Option<u64> {
        match self.rooms.get(room) {
            Some(Standing::Live(from, _)) => Some(*from),
            _ => None,
        }
    }

    /// It has come into a room, which stands there if that is known.
    pub fn came(&mut self, room: &Arc<str>, last: Option<Position>, now: Instant) {
        self.rooms.entry(room.clone()).or_insert(Standing::Waits(last, now));
    }

    /// A message at this place finds it in the room. If nobody has said so yet, it came
    /// into it just before.
    pub fn found(&mut self, (room, at): &At, now: Instant) {
        let before = || Position::new(at.epoch.clone(), at.offset.saturating_sub(1));
        let waits = || Standing::Waits(Some(before()), now);
        self.rooms.entry(room.clone()).or_insert_with(waits);
    }

    /// A message at this place is for it. True if the room has begun anew with it: then the
    /// ticket is none any more.
    pub fn follows(&mut self, (room, at): &At) -> bool {
        let Some(Standing::Live(_, right)) = self.rooms.get_mut(room) else { return false };
        let is_anew = right.since.epoch != at.epoch;
        if is_anew {
            let since = Position::new(at.epoch.clone(), at.offset.saturating_sub(1));
            *right = Right { since, is_told: false };
        }
        is_anew
    }

    /// What it is told of a room that it is in as that stands now: that something is missing,
    /// also if the room has begun anew and nobody has told it, or its ticket if it has none.
    pub fn news(&mut self, room: &Arc<str>, log: &Log, is_torn: bool) -> Option<Report> {
        let Some(Standing::Live(_, right)) = self.rooms.get_mut(room) else { return None };
        let position = log.known(room)?.clone();
        let is_anew = right.since.epoch != position.epoch;
        if is_anew {
            *right = Right { since: position.clone(), is_told: false };
        }
        let how = if is_torn || is_anew { How::Torn } else { How::New };
        if how == How::New && (right.is_told || log.key(room).is_none()) {
            return None;
        }
        let client = self.ids.first().map_or("", String::as_str);
        let ticket = right.ticket(log.key(room), client, room);
        Some(Report { room: room.clone(), position, how, count: 0, ticket })
    }

    /// A message has come to the room that will not come again: one that has not said where it
    /// was, and has not got it, is told that something is missing.
    #[cfg(feature = "redis")]
    pub fn misses(&mut self, room: &str) {
        let is_greeted = self.greeted;
        if let Some(Standing::Waits(came, _)) = self.rooms.get_mut(room).filter(|_| !is_greeted) {
            *came = Some(Position::new("", 0));
        }
    }

    /// Whether it is in a room.
    pub fn is_in(&self, room: &str) -> bool {
        self.rooms.contains_key(room)
    }

    /// It has left a room; false when it was not in.
    pub fn left(&mut self, room: &str) -> bool {
        self.claims.remove(room);
        self.rooms.remove(room).is_some()
    }

    /// What was fetched of a room into which it came says where that stood then: messages
    /// that are no older than its coming are for it.
    #[cfg(feature = "redis")]
    pub fn stands(&mut self, room: &str, fetched: &Fetched, now: Instant) {
        if let Some(Standing::Waits(came @ None, since)) = self.rooms.get_mut(room) {
            let time = now.saturating_duration_since(*since);
            let first = fetched.entries.iter().find(|(.., age)| *age <= time);
            let before = |offset: &u64| offset.saturating_sub(1);
            let offset = first.map_or(fetched.last.offset, |(offset, ..)| before(offset));
            *came = Some(Position::new(fetched.last.epoch.clone(), offset));
        }
    }

    /// Brings it to where a room is now, to get messages from that number on. `finally`:
    /// with what there is.
    pub fn bring(
        &mut self,
        room: &Arc<str>,
        log: &mut Log,
        now: Instant,
        next: u64,
        finally: bool,
    ) -> Option<Ready> {
        let Some(Standing::Waits(came, entered)) = self.rooms.get(room) else { return None };
        let (claim, place) = (self.claims.get(room), log.place(room));
        if !finally && log.key(room).is_none() {
            // Neither can a ticket be made, nor one be known again. What there is then is
            // all that it gets.
            let has = claim.map(|claim| &claim.position).or(came.as_ref());
            let reaches = |log: &mut Log, has| matches!(log.since(room, has, now), Since::All(_));
            let lacks =
                |has| !reaches(log, has) && log.elsewhere(room, has) == Elsewhere::Everything;
            return Some(Ready::Not(match place.is_none() || has.is_some_and(lacks) {
                true => Elsewhere::Everything,
                false => Elsewhere::Later,
            }));
        }
        let may = claim.and_then(|claim| may_read(claim, log.key(room), self.client()));
        let proves_nothing = claim.is_some() && may.is_none();
        let came = came.clone().or_else(|| log.before(room, *entered));
        let last = log.position(room);
        let has = claim.map(|claim| claim.position.clone()).or(came);
        let has = has.filter(|_| !proves_nothing).unwrap_or_else(|| last.clone());
        let (found, elsewhere) = match proves_nothing {
            true => (Since::Lost, Elsewhere::Nothing),
            false if finally => (log.since(room, &has, now), Elsewhere::Nothing),
            false => (log.since(room, &has, now), log.elsewhere(room, &has)),
        };
        let (entries, how, since) = match (found, may) {
            (Since::All(entries), Some(may)) => (entries, How::Whole, may),
            (Since::All(entries), None) if self.more => (entries, How::Torn, has.clone()),
            (Since::All(entries), None) => (entries, How::New, has.clone()),
            (Since::Lost, _) if elsewhere != Elsewhere::Nothing => {
                return Some(Ready::Not(elsewhere));
            }
            (Since::Lost, _) => (Vec::new(), How::Torn, last.clone()),
        };
        let mut right = Right { since, is_told: false };
        let ticket = right.ticket(log.key(room), self.client(), room);
        self.claims.remove(room);
        self.rooms.insert(room.clone(), Standing::Live(next, right));
        let report = Report { room: room.clone(), position: last, how, count: 0, ticket };
        let ids = self.ids.clone();
        Some(Ready::Yes(Replay { from: has.after(1), entries, ids, report }))
    }
}

/// Behind which position a client may read, if it shows that it was given one, and says that
/// it is no further back.
fn may_read(claim: &Claim, key: Option<&Key>, client: &str) -> Option<Position> {
    let Claim { room, position, ticket } = claim;
    let since = key?.since(client, room, &position.epoch, ticket.as_ref()?)?;
    (since.offset <= position.offset).then_some(since)
}
