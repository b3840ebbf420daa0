//! What a server does with rooms that it shares.

use std::sync::Arc;
use std::time::Instant;

use super::early::give_early;
use super::packet::{self, Fate, MOST_VALUES, Told};
use super::pending::Pending;
use super::state::{Append, Fetch, Streams};
use crate::deadline::after;
use crate::error::{Error, Result};
use crate::link::{Batch, Heard, LinkState, Reply};
use crate::plugins::cluster::carried::MOST_DEPTH;
use crate::plugins::history::core::{self, Job, Missing, Reader};
use crate::plugins::history::log::{Elsewhere, Entry, Fetched, Filled, Taken};
use crate::plugins::history::position::Position;
use crate::plugins::history::server::{Jobs, Kept, Recorder, State, push_live};
use crate::plugins::history::split::{Unused, recipients};
use crate::plugins::history::wire::At;
use crate::plugins::history::write::Outcome;
use crate::plugins::rooms::{RoomMessage, Shared};
use crate::server::{Primus, Spark};

/// Rooms that are asked for at a time.
const CHUNK: usize = 50;

/// Rooms to be asked for, each from a position or from the beginning.
pub(super) type Wanted = Vec<(Arc<str>, Option<Position>)>;

impl Recorder {
    /// Begins to hear what is written.
    pub fn listen(&self) {
        let Some(streams) = &self.streams else { return };
        let me = self.me.clone();
        let hear = move |heard: Heard<'_>| {
            let Some(this) = me.upgrade() else { return };
            match heard {
                Heard::Message { payload, .. } => this.heard(payload),
                Heard::Back => this.catch_up(),
                Heard::Cut => {}
            }
        };
        let subscription = streams.link.subscribe(&streams.channel(), hear);
        *streams.subscription.lock() = Some(subscription);
        streams.link.on_state_for(&self.me, |this, state| {
            this.look_after(state == LinkState::Down);
        });
    }

    pub fn listen_no_more(&self) {
        if let Some(streams) = &self.streams {
            let subscription = streams.subscription.lock().take();
            drop(subscription);
        }
    }

    /// Writes a message: to Redis, and from there to the members everywhere.
    pub fn write_shared(
        &self,
        streams: &Streams,
        primus: &Primus,
        rooms: &Shared<Spark>,
        message: RoomMessage,
    ) -> Result<usize> {
        let Kept { entry, names, kept } = self.entry(primus, message, true)?;
        let encoded = packet::encode(&entry).ok_or_else(|| {
            let most = format!("{MOST_DEPTH} levels, or {MOST_VALUES} values");
            Error::Misuse(format!("the message has more than {most}, and cannot be kept"))
        })?;
        let (names, kept): (Arc<[String]>, Arc<[Arc<str>]>) = (names.into(), kept.into());
        let (now, outcome) = (primus.0.timer.now(), Outcome::default());
        let (count, posted, _unused) = self.change(|state, jobs| {
            state.remote.sent += 1;
            state.written += 1;
            let (sent, number) = (state.remote.sent, state.written);
            let append =
                Append { sent, writer: &self.boot, entry: &encoded, names: &names, rooms: &kept };
            let epoch = self.new_epoch(state);
            let posted = streams.append(&append, &self.bounds, &epoch);
            let early = posted.is_err() || !streams.comes_back();
            let mut unused = Vec::new();
            if early {
                // Behind those before it, of which nobody has heard yet.
                for pending in state.remote.pending.late(now, true) {
                    unused.push(give_early(pending, rooms, jobs));
                }
            }
            let whole = state.splits.count(rooms, &entry, &names).filter(|_| !early);
            let count = whole.unwrap_or_else(|| {
                let recipients = recipients(rooms, &names, kept.iter().map(|room| &**room));
                let (live, count) = core::early(&entry, &kept, &recipients);
                if early {
                    jobs.push(Job::Write(live, outcome.clone()));
                }
                unused.push(recipients);
                count
            });
            match &posted {
                Ok(()) => state.remote.pending.push(Pending {
                    sent,
                    number,
                    entry: entry.clone(),
                    names: names.clone(),
                    rooms: kept.clone(),
                    at: now,
                    early,
                    passed: None,
                }),
                Err(_) => state.remote.break_rooms(&*kept),
            }
            (count, posted, unused)
        });
        self.watch_later(primus, now);
        self.sweep_later(primus, after(now, self.bounds.window));
        posted?;
        outcome.take().map_or(Ok(count), Err)
    }

    fn new_epoch(&self, state: &mut State) -> String {
        state.remote.epochs += 1;
        format!("{}.{}", self.boot, state.remote.epochs)
    }

    /// Something was published.
    fn heard(&self, payload: &[u8]) {
        let (Some(told), Ok((primus, rooms))) = (packet::told(payload), self.server()) else {
            return;
        };
        let is_own = told.writer == self.boot;
        let decoded = if is_own { None } else { packet::decode(told.entry) };
        let now = primus.0.timer.now();
        let (wanted, is_refused, _unused) = self.change(|state, jobs| {
            let own = is_own.then(|| state.remote.pending.published(told.number, now)).flatten();
            let entry = own.as_ref().map(|own| &own.entry).or(decoded.as_ref());
            // As if it were not kept, then: what the rooms have is not what was there.
            let is_back = entry.is_some_and(|entry| told.fate.is_over_others(&state.log, entry));
            let fate = if is_back { &Fate::Refused { anew: false } } else { &told.fate };
            let is_refused = matches!(fate, Fate::Refused { .. });
            let (wanted, unused) = match *fate {
                Fate::Kept(ref places) => {
                    let to = (&told, &**places);
                    self.placed((state, jobs), to, (own, decoded), (&rooms, now))
                }
                Fate::Refused { anew } => {
                    let pending = own.or_else(|| Some(self.of_another(decoded?, &told, now)));
                    let refused =
                        pending.map(|pending| self.refused((state, jobs), &pending, anew, &rooms));
                    (Wanted::new(), refused.unwrap_or_default())
                }
                Fate::GivenUp => (self.given_up(state, &told.names), Unused::default()),
            };
            (wanted, is_refused, unused)
        });
        self.ask(wanted);
        self.sweep_later(&primus, after(now, self.bounds.window));
        if is_refused {
            self.watch_later(&primus, now);
        }
    }

    /// A message has its places: those who are there get it.
    fn placed(
        &self,
        (state, jobs): (&mut State, &mut Jobs),
        (told, places): (&Told<'_>, &[At]),
        (own, decoded): (Option<Pending>, Option<Arc<Entry>>),
        (rooms, now): (&Shared<Spark>, Instant),
    ) -> (Wanted, Unused) {
        let given = own.as_ref().filter(|pending| pending.early).map(|one| one.number);
        let entry = own.map(|pending| pending.entry).or(decoded);
        let mut wanted = Wanted::new();
        let Some(entry) = entry.or_else(|| packet::decode(told.entry)) else {
            // Nobody can read it: a hole, of which those who are there are told.
            for (room, _) in places {
                self.want(state, (room.clone(), Elsewhere::Later), None, &mut wanted);
            }
            return (wanted, Unused::default());
        };
        let mut next: Vec<At> = Vec::new();
        for (room, at) in places {
            match state.log.take(room, at, &entry, now) {
                Taken::Next | Taken::Anew => next.push((room.clone(), at.clone())),
                Taken::Old => {}
                Taken::Early => {
                    self.want(state, (room.clone(), Elsewhere::Later), None, &mut wanted);
                }
            }
        }
        if next.is_empty() {
            return (wanted, Unused::default());
        }
        let (live, _, unused) = state.splits.live(rooms, (&entry, &told.names), &next, given, now);
        for room in push_live((state, jobs), live, &Outcome::default()) {
            self.want(state, (room, Elsewhere::Later), None, &mut wanted);
        }
        (wanted, unused)
    }

    /// What is kept of rooms was given up: those that are known here have other epochs.
    fn given_up(&self, state: &mut State, names: &[String]) -> Wanted {
        let mut wanted = Wanted::new();
        for room in names.iter().map(|name| Arc::from(&**name)) {
            if state.log.known(&room).is_some() {
                self.want(state, (room, Elsewhere::Later), None, &mut wanted);
            }
        }
        wanted
    }

    /// A room is wanted from where it is known to stand, or all of it.
    pub(super) fn want(
        &self,
        state: &mut State,
        (room, elsewhere): Missing,
        reader: Option<&Spark>,
        wanted: &mut Wanted,
    ) {
        let known = state.log.known(&room).cloned();
        let from = known.filter(|_| elsewhere != Elsewhere::Everything);
        if state.remote.wants(&room, reader, from.is_none()) {
            wanted.push((room, from));
        }
    }

    /// A client cannot be brought to these rooms with what is here.
    pub fn ask_for(&self, spark: &Spark, rooms: Vec<Missing>) {
        if rooms.is_empty() {
            return;
        }
        let wanted = self.look(|state| {
            let mut wanted = Wanted::new();
            rooms.into_iter().for_each(|room| self.want(state, room, Some(spark), &mut wanted));
            wanted
        });
        self.ask(wanted);
    }

    /// It hears again, and may have missed something: of rooms that have members here.
    fn catch_up(&self) {
        let Ok((_, rooms)) = self.server() else { return };
        let wanted = self.look(|state| {
            let mut wanted = Wanted::new();
            for room in state.log.names() {
                match rooms.table(|table| table.count(&room)) {
                    0 => state.log.drop_room(&room),
                    _ => self.want(state, (room, Elsewhere::Later), None, &mut wanted),
                }
            }
            wanted
        });
        self.ask(wanted);
    }

    /// Asks Redis for rooms.
    pub(super) fn ask(&self, wanted: Wanted) {
        let Some(streams) = &self.streams else { return };
        for chunk in wanted.chunks(CHUNK) {
            let (epoch, key) =
                self.look(|state| (self.new_epoch(state), state.log.own_key().clone()));
            let batch = chunk.iter().fold(Batch::new(), |batch, (room, from)| {
                streams.fetch(batch, room, from.as_ref(), &self.bounds, (&epoch, &key))
            });
            let (me, chunk) = (self.me.clone(), chunk.to_vec());
            streams.link.ask(batch, move |replies: Result<Vec<Reply>>| {
                let Some(this) = me.upgrade() else { return };
                let replies = replies.unwrap_or_default();
                let mut again = Wanted::new();
                for (at, (room, from)) in chunk.into_iter().enumerate() {
                    let fetched = replies.get(at).and_then(packet::fetched);
                    let complete = from.is_none();
                    let fetched = fetched.map(|fetched| Fetched { complete, ..fetched });
                    again.extend(this.fetched(room, fetched));
                }
                this.ask(again);
            });
        }
    }

    /// A room was asked for. Gives it if it is to be asked for again.
    fn fetched(&self, room: Arc<str>, fetched: Option<Fetched>) -> Wanted {
        let Ok((primus, rooms)) = self.server() else { return Wanted::new() };
        let (now, failed) = (primus.0.timer.now(), fetched.is_none());
        let (wanted, is_stale, _dropped) = self.change(|state, jobs| {
            let fetch = state.remote.fetching.remove(&room).unwrap_or_default();
            let Fetch { mut waiting, again, mut late, void, .. } = fetch;
            let mut kept = Vec::new();
            if void && !failed {
                late.extend(waiting.drain());
            }
            if let Some(fetched) = fetched.filter(|_| !void) {
                for reader in &waiting {
                    reader.seat(|seat| seat.stands(&room, &fetched, now));
                }
                let filled = state.log.fill(&room, fetched, now);
                kept.push(self.write_filled((state, jobs), (&room, now), filled, &rooms));
            }
            let is_stale = failed || state.log.key(&room).is_none();
            if is_stale {
                state.remote.note_stale(&room);
            }
            let mut wanted = Wanted::new();
            // Without Redis there is nothing to wait for.
            let (go_on, finally) =
                if failed { (Default::default(), late) } else { (late, Default::default()) };
            for reader in waiting.iter().chain(&finally) {
                self.bring_finally((state, jobs), reader, &room, now);
            }
            for one in &go_on {
                let all = (room.clone(), Elsewhere::Everything);
                self.want(state, all, Some(one), &mut wanted);
            }
            if again && !failed && go_on.is_empty() {
                self.want(state, (room.clone(), Elsewhere::Later), None, &mut wanted);
            }
            (wanted, is_stale, (kept, waiting, go_on, finally))
        });
        if is_stale {
            self.watch_later(&primus, now);
        }
        wanted
    }

    fn bring_finally(
        &self,
        (state, jobs): (&mut State, &mut Jobs),
        reader: &Spark,
        room: &Arc<str>,
        now: Instant,
    ) {
        if self.is_in(reader, room) {
            let (rooms, at) = (std::slice::from_ref(room), (now, state.written + 1));
            let (replays, _) = core::bring(&mut state.log, reader, rooms, at, true);
            if !replays.is_empty() {
                state.splits.change(room);
                jobs.push(Job::Bring { reader: reader.clone(), replays, first: false });
            }
        }
    }

    /// Writes what has come by asking to those who are there, or tells them that something
    /// is missing.
    fn write_filled(
        &self,
        (state, jobs): (&mut State, &mut Jobs),
        (room, now): (&Arc<str>, Instant),
        filled: Filled,
        rooms: &Shared<Spark>,
    ) -> core::Recipients<Spark> {
        let names = [(**room).to_owned()];
        let recipients = recipients(rooms, &names, std::iter::once(&**room));
        let Filled { new, torn } = filled;
        let is_torn = torn.is_some() && new.is_empty();
        for (at, entry) in new {
            let given = self.given(state, &entry);
            let places = [(room.clone(), at)];
            let (live, _) = core::live(&entry, &places, &recipients, given, now);
            jobs.push(Job::Write(live, Outcome::default()));
        }
        jobs.extend(core::news(&state.log, room, recipients.members.iter().flatten(), is_torn));
        recipients
    }

    /// The number of a message of this server that its members have had.
    fn given(&self, state: &mut State, entry: &Entry) -> Option<u64> {
        let id = entry.id.as_deref().filter(|id| id.starts_with(&self.boot))?;
        let pending = state.remote.pending.found(id)?;
        pending.early.then_some(pending.number)
    }
}
