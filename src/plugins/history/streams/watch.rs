//! Messages that take Redis too long, and what could not be done while it was away.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::early::give_early;
use super::pending::EARLY;
use super::state::Streams;
use crate::deadline::after;
use crate::error::Result;
use crate::link::{Reply, refusal};
use crate::plugins::history::log::Elsewhere;
use crate::plugins::history::server::Recorder;
use crate::plugins::rooms::Shared;
use crate::server::{Primus, Spark};

impl Recorder {
    /// Looks after messages that take too long, as long as there are any.
    pub(super) fn watch_later(&self, primus: &Primus, now: Instant) {
        let Some(streams) = &self.streams else { return };
        if streams.watches.swap(true, Ordering::AcqRel) {
            return;
        }
        let me = self.me.clone();
        let watch = move || {
            let Some(this) = me.upgrade() else { return };
            if let Some(streams) = &this.streams {
                streams.watches.store(false, Ordering::Release);
                this.look_after(!streams.comes_back());
            }
        };
        primus.0.timer.schedule_fn(after(now, EARLY / 2), Box::new(watch));
    }

    /// Gives the members here what takes Redis too long, or all of it when it is away.
    pub(super) fn look_after(&self, away: bool) {
        let (Ok((primus, rooms)), Some(streams)) = (self.server(), &self.streams) else { return };
        let now = primus.0.timer.now();
        let (goes_on, broken, _recipients) = self.change(|state, jobs| {
            let mut kept = Vec::new();
            let refused = state.remote.pending.refused(now);
            for pending in refused.iter().filter(|pending| !pending.early) {
                kept.push(give_early(pending, &rooms, jobs));
            }
            for pending in &refused {
                state.remote.break_rooms(&*pending.rooms);
            }
            for pending in state.remote.pending.late(now, away) {
                kept.push(give_early(pending, &rooms, jobs));
            }
            let remote = &mut state.remote;
            let broken = if away { Default::default() } else { remote.take_broken() };
            let goes_on =
                !remote.pending.is_empty() || remote.is_broken() || !remote.stale.is_empty();
            (goes_on, broken, kept)
        });
        self.give_up(streams, broken);
        if !away {
            self.ask_again(&rooms);
        }
        if goes_on {
            self.watch_later(&primus, now);
        }
    }

    /// Gives up what Redis has of broken rooms, now or later.
    fn give_up(&self, streams: &Streams, rooms: HashSet<Arc<str>>) {
        if rooms.is_empty() {
            return;
        }
        let (me, batch) = (self.me.clone(), streams.give_up(&rooms, &self.boot));
        streams.link.ask(batch, move |replies: Result<Vec<Reply>>| {
            let done = replies.is_ok_and(|replies| !replies.iter().any(|it| refusal(it).is_some()));
            let Some(this) = me.upgrade().filter(|_| !done) else { return };
            let Ok((primus, _)) = this.server() else { return };
            this.look(|state| state.remote.break_rooms(&rooms));
            this.watch_later(&primus, primus.0.timer.now());
        });
    }

    /// Asks for what could not be asked for before.
    fn ask_again(&self, rooms: &Shared<Spark>) {
        let wanted = self.look(|state| {
            let mut wanted = Vec::new();
            for room in std::mem::take(&mut state.remote.stale) {
                if rooms.table(|table| table.count(&room)) > 0 {
                    self.want(state, (room, Elsewhere::Later), None, &mut wanted);
                }
            }
            wanted
        });
        self.ask(wanted);
    }
}
