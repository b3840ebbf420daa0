//! How a server writes what its clients are to have.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::core::{Group, Job, Live};
use super::position::Position;
use super::seat::Replay;
use super::wire::{At, How, Report, ToClient};
use crate::channel::Channel;
use crate::error::{Error, Result, caught};
use crate::plugins::rooms::{RoomMessage, Shared, write_stored};
use crate::server::{Audience, Primus, Spark};
use crate::sync::Lock;
use crate::value::{MAX_DEPTH, Value};

/// Levels more than a message has that it may take to write it: two around it, and some in
/// what a parser makes of values that it has no word for.
const SPARE: usize = 8;

/// What comes with a message that is written: what kept it from being written, for whoever
/// wrote it, and where else it goes.
#[derive(Clone, Default)]
pub(super) struct Outcome(Arc<Errand>);

#[derive(Default)]
struct Errand {
    failed: Lock<Option<Error>>,
    hand_on: Option<HandOn>,
}

/// A message that the store of the rooms is handed.
pub(super) struct HandOn {
    pub rooms: Arc<Shared<Spark>>,
    pub message: RoomMessage,
}

impl Outcome {
    pub fn new(hand_on: Option<HandOn>) -> Self {
        Outcome(Arc::new(Errand { failed: Lock::default(), hand_on }))
    }

    pub fn take(&self) -> Option<Error> {
        self.0.failed.lock().take()
    }

    fn note(&self, result: Result<()>) {
        if let Err(error) = result {
            self.0.failed.lock().get_or_insert(error);
        }
    }
}

/// Does what is to be done.
pub(super) fn perform(job: Job<Spark, Outcome>) {
    match job {
        Job::Write(live, outcome) => write_live(live, &outcome),
        Job::Bring { reader, replays, first } => {
            if !first {
                follow(&reader);
            }
            let mut said = HashSet::new();
            let reports =
                replays.into_iter().map(|replay| write_replay(&reader, replay, &mut said));
            let reports: Vec<Report> = reports.collect();
            let said = match first {
                true => ToClient::Hello { spark: reader.id(), reports: &reports },
                false => ToClient::Rooms { reports: &reports },
            };
            // It may have ended meanwhile, or read too slowly.
            let _ = reader.write_past(&said);
        }
        Job::Tell { reader, report } => {
            follow(&reader);
            let _ = reader.write_past(&ToClient::Rooms { reports: &[report] });
        }
        Job::Left { reader, rooms } => {
            follow(&reader);
            let _ = reader.write_past(&ToClient::Left { rooms: &rooms });
        }
    }
}

/// What is written to a client now comes behind the messages of rooms that it got as they came,
/// which another thread may have written to many: it took them for old ones otherwise.
fn follow(reader: &Spark) {
    reader.primus().0.broadcaster.follow();
}

/// A message as members get it.
#[derive(Clone, Copy)]
enum Said<'a> {
    Plain(&'a Value),
    Placed(ToClient<'a>),
}

impl Serialize for Said<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Said::Plain(value) => value.serialize(serializer),
            Said::Placed(said) => said.serialize(serializer),
        }
    }
}

fn write_live(live: Live<Spark>, outcome: &Outcome) {
    let Live { entry, plain, groups, .. } = live;
    let hand_on = outcome.0.hand_on.as_ref();
    let first = plain.iter().chain(groups.iter().map(|group| &group.readers)).next();
    let primus = match first.and_then(|some| some.sparks().first()) {
        Some(spark) => Some(spark.primus()),
        None => hand_on.and_then(|hand_on| hand_on.rooms.primus.upgrade()),
    };
    let Some(primus) = primus else { return };
    let id = entry.id.as_deref();
    let mut messages: Vec<(Said<'_>, Audience)> =
        plain.into_iter().map(|to| (Said::Plain(&entry.value), to)).collect();
    for Group { at, readers, without } in &groups {
        let data = (!without).then_some(&entry.value);
        if !has_transforms(&primus) {
            messages.push((Said::Placed(ToClient::Message { id, at, data }), readers.clone()));
            continue;
        }
        // As with other messages to many, nobody is told of one of them.
        readers.sparks().iter().for_each(|reader| drop(write_one(reader, id, at, data)));
    }
    match hand_on.and_then(|hand_on| Some((hand_on.rooms.store.as_deref()?, &hand_on.message))) {
        Some((store, message)) => {
            outcome.note(write_stored(&primus, &messages, message, store));
        }
        None => {
            for (said, to) in &messages {
                outcome.note(write_many(&primus, said, to));
            }
        }
    }
}

/// A message to many. Where it cannot be encoded, which a parser of the application's may
/// find out here alone, they are told that there was one.
fn write_many(primus: &Primus, said: &Said<'_>, to: &Audience) -> Result<()> {
    let written = caught(|| primus.write_audience(said, to)).and_then(|result| result);
    if let Said::Placed(ToClient::Message { id, at, data: Some(_) }) = *said
        && is_unwritable(&written)
    {
        let _ = primus.write_audience(&ToClient::Message { id, at, data: None }, to);
    }
    written
}

/// Whether the parser has refused a message.
fn is_unwritable<T>(written: &Result<T>) -> bool {
    matches!(written, Err(Error::Parser(_) | Error::Panicked(_)))
}

/// Whether a message can be written: as to a room that is not kept, and to clients that get
/// it with its places, which takes two levels more. With outgoing transforms each may get
/// another one.
///
/// # Errors
/// [`Error::Parser`] if not. Then nobody is to get it, nor is it to be kept: those who came
/// back would run into it.
pub(super) fn check(primus: &Primus, value: &Value) -> Result<()> {
    let parser = primus.0.codec.parser();
    if has_transforms(primus) {
        return Ok(());
    }
    if parser.is_custom() {
        parser.encode(value, primus)?;
    }
    if value.levels() > MAX_DEPTH - SPARE {
        parser.encode(&ToClient::Message { id: None, at: &[], data: Some(value) }, primus)?;
    }
    Ok(())
}

fn has_transforms(primus: &Primus) -> bool {
    !primus.0.codec.outgoing.is_empty()
}

/// A message to one; false where it cannot be encoded. The transforms see what is inside
/// alone; where they drop it, as there, the client is told that there was one.
fn write_one(reader: &Spark, id: Option<&str>, at: &[At], data: Option<&Value>) -> Result<bool> {
    let write = |data: Option<&Value>| {
        let message = ToClient::Message { id, at, data };
        caught(|| reader.write_past(&message)).and_then(|result| result).map(|_| true)
    };
    let written = match data {
        Some(data) if has_transforms(&reader.primus()) => {
            write(reader.outgoing(data.clone()).unwrap_or_default().as_ref())
        }
        data => write(data),
    };
    match is_unwritable(&written) {
        true => write(None).map(|_| false),
        false => written,
    }
}

/// What a client has missed in a room, but for those that it gets in another one already;
/// gives what it is told then.
fn write_replay(reader: &Spark, replay: Replay, said: &mut HashSet<Arc<str>>) -> Report {
    let Replay { from, entries, ids, mut report } = replay;
    let primus = reader.primus();
    if report.how != How::Whole && !entries.is_empty() && report.ticket.is_some() {
        // Before them, as its connection may break in their midst, and it has none yet.
        let before = Position::new(from.epoch.clone(), from.offset.saturating_sub(1));
        let ahead = Report { position: before, how: How::New, ..report.clone() };
        let _ = reader.write_past(&ToClient::Rooms { reports: &[ahead] });
    }
    // Half of what may wait for it: the rest is for what goes on.
    let most = primus.0.options.backlog / 2;
    let (before, mut given) = (reader.buffered(), 0usize);
    for (entry, number) in entries.iter().zip(0..) {
        let is_for_it = !entry.leaves_out(&ids);
        let again = entry.id.as_ref().is_some_and(|id| !said.insert(id.clone()));
        let data = (is_for_it && !again).then_some(&entry.value);
        // What goes behind other messages does not wait for it yet.
        let waits = if primus.0.broadcaster.behind() { before.saturating_add(given) } else { 0 };
        let waits = waits.max(reader.buffered());
        let fits = waits.saturating_add(entry.bytes()) <= most.max(entry.bytes());
        given = given.saturating_add(entry.bytes());
        let at = [(report.room.clone(), from.after(number))];
        match fits.then(|| write_one(reader, entry.id.as_deref(), &at, data)) {
            Some(Ok(true)) => report.count += u64::from(is_for_it),
            // It does not keep the others from coming.
            Some(Ok(false)) => report.how = How::Torn,
            Some(Err(_)) | None => {
                report.how = How::Torn;
                break;
            }
        }
    }
    report
}
