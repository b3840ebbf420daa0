//! The server's half: what is kept of its rooms, and who is to get it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::core::{self, Job, Live, Missing, Reader};
use super::log::{Bounds, Entry, Log};
use super::seat::Seat;
use super::split::{Splits, Unused};
#[cfg(feature = "redis")]
use super::streams::{Remote, Streams};
use super::ticket::Key;
use super::tracker::MOST_IDS;
use super::turns::Turns;
use super::which::Which;
use super::wire::{self, At, Claim, Hello, LONGEST_NAME, PARAMETER};
use super::write::{self, HandOn, Outcome};
use crate::channel::{Channel, Handler};
use crate::deadline::after;
use crate::error::{BoxError, Error, Result};
use crate::events::ListenerId;
use crate::id;
use crate::plugins::rooms::{RoomLog, RoomMessage, Shared, shared_of};
use crate::server::{Audience, Primus, Spark, WeakPrimus};
use crate::sync::Lock;
use crate::value::Value;

/// How long old messages may stay beyond their time, if their time is short.
const SWEEP: Duration = Duration::from_millis(500);

/// What the plugin has at its server.
pub(super) struct Installed {
    pub recorder: Arc<Recorder>,
    pub handler: ListenerId,
}

/// What one connection has, if its client has the other half.
struct Half(Option<Lock<Seat>>);

impl Reader for Spark {
    type Many = Audience;

    fn many(those: Vec<Self>) -> Audience {
        Audience::of(those)
    }

    fn id(&self) -> &str {
        Spark::id(self)
    }

    fn seat<R>(&self, look: impl FnOnce(&mut Seat) -> R) -> Option<R> {
        let half = || {
            let client = self.query_param(PARAMETER);
            let client = client.filter(|name| (1..=LONGEST_NAME).contains(&name.len()));
            Half(client.map(|name| Lock::new(Seat::new(&name, Spark::id(self)))))
        };
        let half = self.extensions().get_or_init(half);
        half.0.as_ref().map(|seat| look(&mut seat.lock()))
    }
}

/// What changes with what is written, and with who comes and goes.
pub(super) struct State {
    pub log: Log,
    /// How messages go to the members of a room.
    pub splits: Splits,
    /// Messages that this server has written.
    pub written: u64,
    #[cfg(feature = "redis")]
    pub remote: Remote,
}

pub(super) type Jobs = Vec<Job<Spark, Outcome>>;

/// Keeps what is written to rooms, and writes it.
pub(super) struct Recorder {
    pub me: Weak<Recorder>,
    primus: WeakPrimus,
    rooms: Weak<Shared<Spark>>,
    which: Which,
    pub bounds: Bounds,
    /// How many rooms a client may say that it has been in, and the bytes of their names.
    most_rooms: usize,
    longest_name: usize,
    turns: Turns<State, Job<Spark, Outcome>>,
    /// Nobody else's ids of messages begin like this.
    pub boot: String,
    ids: AtomicU64,
    is_over: AtomicBool,
    /// Old messages will be swept out.
    sweeps: AtomicBool,
    #[cfg(feature = "redis")]
    pub streams: Option<Streams>,
}

impl Recorder {
    /// Begins to keep rooms.
    pub fn install(
        primus: &Primus,
        which: Which,
        bounds: Bounds,
        #[cfg(feature = "redis")] streams: Option<Streams>,
    ) -> std::result::Result<Installed, BoxError> {
        let rooms = shared_of(primus)
            .map_err(|_| "history needs the plugin `rooms`, registered before it")?;
        let boot = id::session_id()?;
        let log = Log::new(bounds, format!("{boot}."), Key::new()?);
        #[cfg(feature = "redis")]
        let log = if streams.is_some() { log.of_others() } else { log };
        let state = State {
            log,
            splits: Splits::default(),
            written: 0,
            #[cfg(feature = "redis")]
            remote: Remote::default(),
        };
        let recorder = Arc::new_cyclic(|me: &Weak<Recorder>| Recorder {
            me: me.clone(),
            primus: primus.downgrade(),
            rooms: Arc::downgrade(&rooms),
            which,
            bounds,
            most_rooms: primus.0.limits.rooms,
            longest_name: primus.0.limits.room_name,
            turns: Turns::new(state),
            boot,
            ids: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            sweeps: AtomicBool::new(false),
            #[cfg(feature = "redis")]
            streams,
        });
        if rooms.log.set(recorder.clone()).is_err() {
            return Err("the rooms are kept already, or were before".into());
        }
        #[cfg(feature = "redis")]
        recorder.listen();
        let handler = primus.handlers().add_first(FromClients(recorder.clone()));
        Ok(Installed { recorder, handler })
    }

    /// The end: nothing is kept any more.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        drop(self.look(|state| std::mem::take(&mut state.splits)));
        #[cfg(feature = "redis")]
        self.listen_no_more();
    }

    /// Bytes of what is kept, and rooms that are known.
    pub fn size(&self) -> (usize, usize) {
        self.look(|state| (state.log.bytes(), state.log.rooms()))
    }

    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    fn keeps(&self, room: &str) -> bool {
        !self.is_over() && self.which.has(room)
    }

    /// Looks at the state, or changes it without anything to be done then.
    pub fn look<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        self.turns.look(look)
    }

    pub fn change<R>(&self, change: impl FnOnce(&mut State, &mut Jobs) -> R) -> R {
        self.turns.change(write::perform, change)
    }

    /// The server and its rooms, while they are there.
    pub fn server(&self) -> Result<(Primus, Arc<Shared<Spark>>)> {
        match (self.primus.upgrade(), self.rooms.upgrade()) {
            (Some(primus), Some(rooms)) if !primus.0.is_closing() => Ok((primus, rooms)),
            _ => Err(Error::Closed),
        }
    }

    pub fn is_in(&self, spark: &Spark, room: &str) -> bool {
        self.rooms.upgrade().is_some_and(|rooms| rooms.table(|table| table.is_in(spark, room)))
    }

    /// Brings a client to rooms, as far as what is here reaches; the rest comes later.
    fn bring(
        &self,
        (state, jobs): (&mut State, &mut Jobs),
        spark: &Spark,
        rooms: &[Arc<str>],
        now: Instant,
        first: bool,
    ) -> Vec<Missing> {
        let at = (now, state.written + 1);
        let (replays, missing) = core::bring(&mut state.log, spark, rooms, at, false);
        replays.iter().for_each(|replay| state.splits.change(&replay.report.room));
        if first || !replays.is_empty() {
            jobs.push(Job::Bring { reader: spark.clone(), replays, first });
        }
        missing
    }

    fn hello(&self, spark: &Spark, mut hello: Hello) {
        let is_fit = |room: &str| room.len() <= self.longest_name && self.keeps(room);
        hello.at.retain(|Claim { room, .. }| is_fit(room));
        let now = spark.primus().0.timer.now();
        let missing = self.change(|state, jobs| {
            let Some(mut rooms) = core::greet(spark, hello) else { return Vec::new() };
            rooms.retain(|room| self.is_in(spark, room));
            self.bring((state, jobs), spark, &rooms, now, true)
        });
        self.ask_for(spark, missing);
    }

    #[cfg(not(feature = "redis"))]
    fn ask_for(&self, _: &Spark, _: Vec<Missing>) {}

    /// Lets go of old messages when their time is over, as long as there are any.
    pub fn sweep_later(&self, primus: &Primus, at: Instant) {
        if self.sweeps.swap(true, Ordering::AcqRel) {
            return;
        }
        let this = self.me.clone();
        let sweep = move || {
            let Some(this) = this.upgrade() else { return };
            let Some(primus) = this.primus.upgrade() else { return };
            this.sweeps.store(false, Ordering::Release);
            let now = primus.0.timer.now();
            if let Some(next) = this.look(|state| state.log.sweep(now)) {
                let soon = after(now, SWEEP.max(this.bounds.window / 4));
                this.sweep_later(&primus, next.max(soon));
            }
        };
        primus.0.timer.schedule_fn(at, Box::new(sweep));
    }

    /// Those of these rooms that are kept, each once.
    pub fn kept_of(&self, names: &[String]) -> Vec<Arc<str>> {
        let mut kept: Vec<Arc<str>> = Vec::new();
        for name in names {
            if kept.iter().all(|room| **room != **name) && self.keeps(name) {
                kept.push(name.as_str().into());
            }
        }
        kept
    }

    /// What a message to rooms is kept as, and the rooms that are kept.
    ///
    /// # Errors
    /// [`Error::Parser`] when it cannot be written.
    pub fn entry(&self, primus: &Primus, message: RoomMessage, always: bool) -> Result<Kept> {
        let RoomMessage { rooms: names, mut except, value } = message;
        write::check(primus, &value)?;
        let kept = self.kept_of(&names);
        // By their names, the clients of those who are left out stay so when they come back.
        let out: Vec<_> = except.iter().filter_map(|id| primus.spark(id)).collect();
        except.extend(out.iter().filter_map(|spark| spark.seat(|seat| seat.client().to_owned())));
        let id = (always || kept.len() > 1).then(|| {
            let number = self.ids.fetch_add(1, Ordering::Relaxed);
            format!("{}.{number}", self.boot).into()
        });
        Ok(Kept { entry: Entry::new(id, except, value), names, kept })
    }
}

/// A message for those who are there, and behind it the tickets for which it is the time.
/// Gives the rooms of which these cannot be made yet.
pub(super) fn push_live(
    (state, jobs): (&mut State, &mut Jobs),
    mut live: Live<Spark>,
    outcome: &Outcome,
) -> Vec<Arc<str>> {
    let anew = std::mem::take(&mut live.anew);
    jobs.push(Job::Write(live, outcome.clone()));
    let mut keyless: Vec<Arc<str>> = Vec::new();
    for (reader, room) in &anew {
        if state.log.key(room).is_none() && !keyless.contains(room) {
            keyless.push(room.clone());
        }
        jobs.extend(core::news(&state.log, room, [reader], false));
    }
    keyless
}

/// A message that is written, and where to.
pub(super) struct Kept {
    pub entry: Arc<Entry>,
    pub names: Vec<String>,
    pub kept: Vec<Arc<str>>,
}

impl RoomLog<Spark> for Recorder {
    fn covers(&self, room: &str) -> bool {
        self.keeps(room)
    }

    fn is_shared(&self) -> bool {
        #[cfg(feature = "redis")]
        return self.streams.is_some();
        #[cfg(not(feature = "redis"))]
        return false;
    }

    fn write(&self, message: RoomMessage, everywhere: bool) -> Result<usize> {
        let (primus, rooms) = self.server()?;
        #[cfg(feature = "redis")]
        if let Some(streams) = &self.streams {
            return self.write_shared(streams, &primus, &rooms, message);
        }
        let hand_on = (everywhere && rooms.store.is_some())
            .then(|| HandOn { rooms: rooms.clone(), message: message.clone() });
        let Kept { entry, names, kept } = self.entry(&primus, message, false)?;
        let (now, outcome) = (primus.0.timer.now(), Outcome::new(hand_on));
        let (count, _unused) = self.change(|state, jobs| {
            let places: Vec<At> = core::keep(&mut state.log, &kept, &entry, now);
            let (live, count, unused) =
                state.splits.live(&rooms, (&entry, &names), &places, None, now);
            push_live((state, jobs), live, &outcome);
            (count, unused)
        });
        self.sweep_later(&primus, after(now, self.bounds.window));
        outcome.take().map_or(Ok(count), Err)
    }

    fn moved(&self, spark: &Spark, rooms: &[Arc<str>]) {
        let _unused: Vec<Unused> =
            self.look(|state| rooms.iter().map(|room| state.splits.remove(room)).collect());
        if spark.seat(|_| ()).is_none() {
            return;
        }
        let rooms: Vec<_> = rooms.iter().filter(|room| self.keeps(room)).cloned().collect();
        if rooms.is_empty() {
            return;
        }
        let now = spark.primus().0.timer.now();
        let missing = self.change(|state, jobs| {
            let is_in = |room: &str| self.is_in(spark, room);
            let (came, left) = core::moved(&mut state.log, spark, &rooms, now, is_in);
            if !left.is_empty() && spark.is_open() {
                jobs.push(Job::Left { reader: spark.clone(), rooms: left });
            }
            self.bring((state, jobs), spark, &came, now, false)
        });
        self.ask_for(spark, missing);
    }
}

/// Takes what clients say, before any transform.
struct FromClients(Arc<Recorder>);

impl Handler for FromClients {
    fn claims(&self, channel: &dyn Channel, message: &Value) -> bool {
        let has_half = |spark: &Spark| spark.seat(|_| ()).is_some();
        wire::is_of_client(message) && channel.any().downcast_ref().is_some_and(has_half)
    }

    fn handle(&self, channel: &dyn Channel, message: Value) -> std::result::Result<(), BoxError> {
        let hello = wire::hello(message, self.0.most_rooms, MOST_IDS);
        if let (Some(spark), Some(hello)) = (channel.any().downcast_ref::<Spark>(), hello) {
            self.0.hello(spark, hello);
        }
        Ok(())
    }
}
