//! What a server does with what happens to its rooms, as jobs that are to be done in their
//! order: without any input or output, so that all of it can be tested by itself.

use std::collections::HashMap;
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Instant;

use super::log::{Elsewhere, Entry, Log};
use super::seat::{Ready, Replay, Seat};
use super::wire::{At, Hello, Report};

/// A connection.
pub(super) trait Reader: Clone + Eq + Hash {
    /// Several, as a message for them is given to them.
    type Many: Clone;

    fn many(those: Vec<Self>) -> Self::Many;

    fn id(&self) -> &str;

    /// Looks at what is known of it, if its client has the other half.
    fn seat<R>(&self, look: impl FnOnce(&mut Seat) -> R) -> Option<R>;
}

/// What is to be done.
pub(super) enum Job<M: Reader, O> {
    /// And what comes with it.
    Write(Live<M>, O),
    /// Bring a client to where its rooms are, behind its first word or later.
    Bring {
        reader: M,
        replays: Vec<Replay>,
        first: bool,
    },
    /// Tell a client how a room stands, behind the messages that it got as they came.
    Tell {
        reader: M,
        report: Report,
    },
    Left {
        reader: M,
        rooms: Vec<Arc<str>>,
    },
}

/// A message for those who are there.
pub(super) struct Live<M: Reader> {
    pub entry: Arc<Entry>,
    /// To these as it is.
    pub plain: Option<M::Many>,
    /// To these with its places in the rooms that they are in.
    pub groups: Vec<Group<M>>,
    /// Those whose tickets for rooms are none any more, because these have begun anew.
    pub anew: Vec<(M, Arc<str>)>,
}

pub(super) struct Group<M: Reader> {
    pub at: Vec<At>,
    pub readers: M::Many,
    /// They are left out, and are told of the places alone.
    pub without: bool,
}

/// Those for whom a message is.
pub(super) struct Recipients<M> {
    /// Each once.
    pub all: Vec<M>,
    /// For each room that is kept, who is in the room of this very name.
    pub members: Vec<Vec<M>>,
}

impl<M: Reader> Recipients<M> {
    /// For each of them, the rooms that are kept and that it is in, by their numbers.
    fn rooms(&self) -> impl Fn(&M) -> Vec<usize> {
        let (count, only) = (self.all.len(), &self.members);
        // As a rule: a single room, and nobody listens by a wildcard.
        let all = matches!(&**only, [members] if members.len() == count);
        let sets: Vec<HashSet<&M>> = match all {
            true => Vec::new(),
            false => only.iter().map(|members| members.iter().collect()).collect(),
        };
        move |reader| match all {
            true => vec![0],
            false => (0..sets.len()).filter(|room| sets[*room].contains(reader)).collect(),
        }
    }
}

/// Whom a message at these places goes to, and how; `count` is how many get it. `given`:
/// those have it who got messages when this one had its number among the server's own.
/// Whoever has come into a room, of which nobody has told yet, comes right before it.
pub(super) fn live<M: Reader>(
    entry: &Arc<Entry>,
    places: &[At],
    recipients: &Recipients<M>,
    given: Option<u64>,
    now: Instant,
) -> (Live<M>, usize) {
    sort(entry, places, recipients, given, Some(now))
}

fn sort<M: Reader>(
    entry: &Arc<Entry>,
    places: &[At],
    recipients: &Recipients<M>,
    given: Option<u64>,
    now: Option<Instant>,
) -> (Live<M>, usize) {
    let (mut plain, mut count) = (Vec::new(), 0);
    let mut groups: HashMap<(Vec<usize>, bool), Vec<M>> = HashMap::new();
    let mut anew = Vec::new();
    let rooms_of = recipients.rooms();
    for reader in &recipients.all {
        let rooms = rooms_of(reader);
        let id = reader.id();
        // As another connection before, too.
        let without = !entry.except.is_empty()
            && (entry.except.iter().any(|left_out| left_out == id)
                || reader.seat(|seat| seat.is_left_out(entry)) == Some(true));
        count += usize::from(!without);
        let live = reader.seat(|seat| {
            if let Some(now) = now {
                rooms.iter().for_each(|room| seat.found(&places[*room], now));
                let begun = rooms.iter().map(|room| &places[*room]).filter(|at| seat.follows(at));
                anew.extend(begun.map(|(room, _)| (reader.clone(), room.clone())));
            }
            let from = |room: &usize| Some((*room, seat.live_from(&places[*room].0)?));
            let live: Vec<_> = rooms.iter().filter_map(from).collect();
            let has = given.is_some_and(|given| live.iter().any(|(_, from)| *from <= given));
            // Without a place, it may come to nobody a second time.
            let waits = live.is_empty() && (now.is_some() || !seat.is_greeted());
            (live.into_iter().map(|(room, _)| room).collect::<Vec<_>>(), has, waits)
        });
        match live.filter(|_| !rooms.is_empty()) {
            // It comes to it yet.
            Some((.., true)) => {}
            Some((live, has, _)) => {
                groups.entry((live, without || has)).or_default().push(reader.clone());
            }
            None if without || given.is_some() => {}
            None => plain.push(reader.clone()),
        }
    }
    let group = |((rooms, without), readers): ((Vec<usize>, bool), _)| Group {
        at: rooms.into_iter().map(|room| places[room].clone()).collect(),
        readers: M::many(readers),
        without,
    };
    let groups = groups.into_iter().map(group).collect();
    let plain = (!plain.is_empty()).then(|| M::many(plain));
    (Live { entry: entry.clone(), plain, groups, anew }, count)
}

/// Whom a message goes to that has no places yet.
#[cfg(feature = "redis")]
pub(super) fn early<M: Reader>(
    entry: &Arc<Entry>,
    rooms: &[Arc<str>],
    recipients: &Recipients<M>,
) -> (Live<M>, usize) {
    use super::position::Position;
    let places = rooms.iter().map(|room| (room.clone(), Position::new("", 0)));
    let (mut live, count) = sort(entry, &places.collect::<Vec<_>>(), recipients, None, None);
    live.groups.retain(|group| !group.without);
    live.groups.iter_mut().for_each(|group| group.at.clear());
    (live, count)
}

/// Keeps a message in rooms, and gives its places there.
pub(super) fn keep(log: &mut Log, rooms: &[Arc<str>], entry: &Arc<Entry>, now: Instant) -> Vec<At> {
    rooms.iter().map(|room| (room.clone(), log.append(room, entry, now))).collect()
}

/// A room of which more may be known elsewhere.
pub(super) type Missing = (Arc<str>, Elsewhere);

/// Brings a client to rooms, to get messages from the one of this number on. `finally`:
/// with what there is. Gives also the rooms of which that is too little.
pub(super) fn bring<M: Reader>(
    log: &mut Log,
    reader: &M,
    rooms: &[Arc<str>],
    (now, next): (Instant, u64),
    finally: bool,
) -> (Vec<Replay>, Vec<Missing>) {
    let (mut replays, mut missing) = (Vec::new(), Vec::new());
    for room in rooms {
        match reader.seat(|seat| seat.bring(room, log, now, next, finally)).flatten() {
            Some(Ready::Yes(replay)) => replays.push(replay),
            Some(Ready::Not(elsewhere)) => missing.push((room.clone(), elsewhere)),
            None => {}
        }
    }
    (replays, missing)
}

/// What members are to know of a room as it stands now: tickets for those who have none, and
/// that something is missing.
pub(super) fn news<'a, M: Reader + 'a, O>(
    log: &Log,
    room: &Arc<str>,
    members: impl IntoIterator<Item = &'a M>,
    is_torn: bool,
) -> Vec<Job<M, O>> {
    let bring = |reader: &M| {
        let report = reader.seat(|seat| seat.news(room, log, is_torn)).flatten()?;
        Some(Job::Tell { reader: reader.clone(), report })
    };
    members.into_iter().filter_map(bring).collect()
}

/// A client has said what it has: those rooms to which it is to be brought, unless it had
/// said so before.
pub(super) fn greet<M: Reader>(reader: &M, hello: Hello) -> Option<Vec<Arc<str>>> {
    reader.seat(|seat| seat.greet(hello).then(|| seat.waiting()))?
}

/// A connection may have come into rooms, or left them: those to which it is to be
/// brought, and those that it has left.
pub(super) fn moved<M: Reader>(
    log: &mut Log,
    reader: &M,
    rooms: &[Arc<str>],
    now: Instant,
    is_in: impl Fn(&str) -> bool,
) -> (Vec<Arc<str>>, Vec<Arc<str>>) {
    let (mut came, mut left) = (Vec::new(), Vec::new());
    for room in rooms {
        let is_in = is_in(room);
        reader.seat(|seat| match (is_in, seat.is_in(room)) {
            (true, _) if seat.live_from(room).is_none() => {
                seat.came(room, log.place(room), now);
                came.extend(seat.is_greeted().then(|| room.clone()));
            }
            (false, true) => {
                seat.left(room);
                left.push(room.clone());
            }
            _ => {}
        });
    }
    (came, left)
}
