//! Messages that Redis does not keep, because it has no memory left, say.
//!
//! It passes them on nevertheless, and gives up what it has of their rooms: else these had a
//! hole that nobody could see. So all members get the message at once, without a place, and
//! are told that what is kept is not whole.

use std::sync::Arc;
use std::time::Instant;

use super::early::give_early;
use super::packet::{Fate, Told};
use super::pending::Pending;
use crate::plugins::history::core::{self, Reader};
use crate::plugins::history::log::{Entry, Log};
use crate::plugins::history::server::{Jobs, Recorder, State};
use crate::plugins::history::split::{Unused, recipients};
use crate::plugins::rooms::Shared;
use crate::server::Spark;

impl Fate {
    /// Whether a message has the place of another one: Redis has lost its last ones, as when
    /// a replica takes over that lacks them, or with an older copy of its data.
    pub fn is_over_others(&self, log: &Log, entry: &Entry) -> bool {
        let Fate::Kept(places) = self else { return false };
        places.iter().any(|(room, at)| log.has_other(room, at, entry))
    }
}

impl Recorder {
    /// A message of another server, as if it waited here for its place.
    pub(super) fn of_another(&self, entry: Arc<Entry>, told: &Told<'_>, now: Instant) -> Pending {
        let rooms = self.kept_of(&told.names).into();
        let (sent, names) = (told.number, told.names.clone().into());
        Pending { sent, number: 0, entry, names, rooms, at: now, early: false, passed: None }
    }

    /// Redis has not kept a message. `anew`: its rooms begin anew.
    pub(super) fn refused(
        &self,
        (state, jobs): (&mut State, &mut Jobs),
        pending: &Pending,
        anew: bool,
        shared: &Shared<Spark>,
    ) -> Unused {
        let rooms = &pending.rooms;
        let recipients = match pending.early {
            true => recipients(shared, &pending.names, rooms.iter().map(|room| &**room)),
            false => give_early(pending, shared, jobs),
        };
        for (room, members) in rooms.iter().zip(&recipients.members) {
            // Once, until it is known again.
            if state.log.give_up(room) {
                jobs.extend(core::news(&state.log, room, members, true));
            }
            for reader in members {
                reader.seat(|seat| seat.misses(room));
            }
            state.remote.forget_answer(room);
            // To be known again as soon as it can be.
            state.remote.note_stale(room);
        }
        if !anew {
            state.remote.break_rooms(&**rooms);
        }
        Unused::of(recipients)
    }
}
