//! The memberships of one server as lists in Redis, whatever these are called.
//!
//! What has changed is noted, and a thread of the store's own writes it: whether somebody is
//! in a room it looks up when it writes that, so that the order in which changes are noted
//! does not matter, and what could not be written, because Redis was away or full, is noted
//! still.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::replies::{PATIENCE, refused};
use crate::error::{BoxError, catch};
use crate::link::{Batch, LinkState, RedisLink};
use crate::plugins::rooms::{Change, Here};
use crate::sync::Lock;

/// So many memberships are written together.
const TOGETHER: usize = 200;

/// So many changes may wait for Redis.
const WAITING: usize = 100_000;

/// How long after Redis has refused to write it is asked again.
const AGAIN: Duration = Duration::from_secs(5);

/// How memberships are written.
pub(super) trait Lists: Send + Sync + 'static {
    /// Appends the commands for one that has begun, or is to be there again.
    fn join(&self, batch: &mut Batch, id: &str, room: &str);

    /// And for one that has ended.
    fn leave(&self, batch: &mut Batch, id: &str, room: &str);
}

/// What keeps the lists; its thread ends with the last handle.
pub(super) struct Keeper {
    notes: Arc<Notes>,
    wake: Sender<()>,
}

#[derive(Default)]
struct Notes {
    state: Lock<State>,
}

#[derive(Default)]
struct State {
    /// Id and room of what may be otherwise than Redis has it.
    changed: BTreeSet<(Arc<str>, Arc<str>)>,
    /// Whether everybody who is in a room is to be written.
    all: bool,
    /// Rooms are taken out: nobody is in one.
    over: bool,
}

impl Keeper {
    /// Starts the thread, which writes everybody when the link is up, and again each time.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn start(
        plugin: &'static str,
        link: &RedisLink,
        lists: impl Lists,
        here: Here,
    ) -> io::Result<Keeper> {
        let (wake, woken) = bounded(1);
        let notes = Arc::new(Notes::default());
        let writer = Writer {
            plugin,
            link: link.clone(),
            lists: Box::new(lists),
            here,
            notes: notes.clone(),
        };
        thread::Builder::new().name("primus-members".into()).spawn(move || writer.run(&woken))?;
        let bell = wake.clone();
        link.on_state_for(&Arc::downgrade(&notes), move |notes, state| {
            if state == LinkState::Up {
                notes.state.lock().all = true;
                let _ = bell.try_send(());
            }
        });
        Ok(Keeper { notes, wake })
    }

    /// Notes what has changed.
    ///
    /// # Errors
    /// Too much waits for Redis already.
    pub fn note(&self, changes: &[Change]) -> Result<(), BoxError> {
        let mut state = self.notes.state.lock();
        for change in changes {
            if state.changed.len() >= WAITING {
                // Who has come is written with all others; who has left is not.
                state.all = true;
                return Err(format!("{WAITING} changes wait for Redis already").into());
            }
            state.changed.insert((change.spark.id().into(), change.room.clone()));
        }
        drop(state);
        let _ = self.wake.try_send(());
        Ok(())
    }

    /// Has everybody written again.
    pub fn write_all(&self) {
        self.notes.state.lock().all = true;
        let _ = self.wake.try_send(());
    }

    /// Has everybody taken out: `here` still knows who is there.
    pub fn remove_all(&self, here: &Here) {
        let rooms = here.names();
        let members = rooms.iter().map(|room| (Arc::<str>::from(&**room), here.members(room)));
        let members: Vec<_> = members.collect();
        let mut state = self.notes.state.lock();
        state.over = true;
        for (room, ids) in members {
            state.changed.extend(ids.iter().map(|id| (Arc::from(&**id), room.clone())));
        }
        drop(state);
        let _ = self.wake.try_send(());
    }
}

/// The thread.
struct Writer {
    plugin: &'static str,
    link: RedisLink,
    lists: Box<dyn Lists>,
    here: Here,
    notes: Arc<Notes>,
}

impl Writer {
    fn run(&self, woken: &Receiver<()>) {
        let mut failed = false;
        loop {
            let woke = match failed {
                true => woken.recv_timeout(AGAIN),
                false => woken.recv().map_err(RecvTimeoutError::from),
            };
            // The last handle is gone, but for that of the link: what is noted is still written.
            let last =
                Arc::strong_count(&self.notes) == 1 || woke == Err(RecvTimeoutError::Disconnected);
            failed = match catch(|| self.write()) {
                Ok(Ok(())) => false,
                Ok(Err(error)) => {
                    if self.link.is_connected() {
                        log::warn!("{}: memberships are not written: {error}", self.plugin);
                    }
                    true
                }
                Err(panic) => {
                    log::error!("{} panicked: {panic}", self.plugin);
                    true
                }
            };
            if last {
                return;
            }
        }
    }

    /// Writes all that is noted.
    fn write(&self) -> Result<(), BoxError> {
        if !self.link.is_connected() {
            // It is told when that is up.
            return Ok(());
        }
        let all = std::mem::take(&mut self.notes.state.lock().all);
        if all && let Err(error) = self.write_everybody() {
            self.notes.state.lock().all = true;
            return Err(error);
        }
        loop {
            let some = self.take();
            if some.is_empty() {
                return Ok(());
            }
            if let Err(error) = self.send(&some) {
                self.notes.state.lock().changed.extend(some);
                return Err(error);
            }
        }
    }

    fn take(&self) -> Vec<(Arc<str>, Arc<str>)> {
        let mut state = self.notes.state.lock();
        let some = std::iter::from_fn(|| state.changed.pop_first());
        some.take(TOGETHER).collect()
    }

    fn write_everybody(&self) -> Result<(), BoxError> {
        for room in self.here.names() {
            let room = Arc::<str>::from(room);
            let members = self.here.members(&room);
            for some in members.chunks(TOGETHER) {
                let some: Vec<_> = some.iter().map(|id| (Arc::from(&**id), room.clone())).collect();
                self.send(&some)?;
            }
        }
        Ok(())
    }

    /// Writes these as they are now, and waits for the answer.
    fn send(&self, some: &[(Arc<str>, Arc<str>)]) -> Result<(), BoxError> {
        let over = self.notes.state.lock().over;
        let mut batch = Batch::new();
        for (id, room) in some {
            match !over && self.here.has(room, id) {
                true => self.lists.join(&mut batch, id, room),
                false => self.lists.leave(&mut batch, id, room),
            }
        }
        let replies = self.link.fetch(batch, PATIENCE)?;
        replies.iter().try_for_each(refused)
    }
}
