//! Writing the rooms of a server to Redis, on a thread of its own.

use std::collections::HashSet;
use std::sync::Weak;

use super::chores::Todo;
use super::keys::{CHUNK, Keys, Pending};
use super::live::Live;
use crate::error::{Error, Result, catch};
use crate::link::{Batch, Reply, refusal};
use crate::plugins::rooms::Here;

/// A batch that has so many bytes is sent.
const BATCH: usize = 256 << 10;

/// Does what there is to do, until it is ended.
pub(super) fn run(live: &Weak<Live>) {
    // It is ended before the last handle goes.
    while let Some(live) = live.upgrade() {
        let todo = live.chores.next();
        let over = todo.over;
        if let Err(text) = catch(|| live.tidy(todo)) {
            log::error!("cluster: writing the rooms panicked: {}", text.escape_debug());
        }
        if over {
            return;
        }
    }
}

/// # Rooms in Redis
impl Live {
    /// The keys of this server.
    fn keys(&self) -> Option<Keys> {
        Some(self.keys_of(self.metroplex.own_address()?).of_process(&self.registered_as))
    }

    /// The keys of a server.
    pub fn keys_of(&self, address: &str) -> Keys {
        Keys::of(self.metroplex.own_namespace(), address, self.metroplex.own_interval())
    }

    /// Does what is to be done. What fails is done from the beginning at the next tick;
    /// while this server is not registered, there is nothing, for all is written then.
    fn tidy(&self, todo: Todo) {
        let Some(keys) = self.keys() else { return };
        if !todo.over {
            for address in &todo.gone {
                // If not by this, they go by themselves.
                let _ = self.send(self.keys_of(address).remove_all());
            }
        }
        let outcome = match todo {
            Todo { over: true, .. } => self.send(keys.remove_all()).map(drop),
            _ if !self.metroplex.is_registered() => Ok(()),
            Todo { rewrite: true, .. } => self.rewrite(&keys),
            Todo { pending, renew, .. } => {
                self.change(&keys, &pending).and_then(|()| match renew {
                    true => self.renew(&keys),
                    false => Ok(()),
                })
            }
        };
        match outcome {
            Ok(()) | Err(Error::Closed) => {}
            Err(error) => {
                self.chores.has_failed();
                self.warn(&format!("the rooms are not all in Redis: {error}"));
            }
        }
    }

    fn change(&self, keys: &Keys, pending: &Pending) -> Result<()> {
        let Some(here) = self.here.get() else { return Ok(()) };
        let mut batch = Batch::new();
        for (room, changes) in &pending.rooms {
            // By now; what changes meanwhile comes with the next changes.
            keys.change(&mut batch, room, changes, here.count(room) > 0);
            self.write_full(&mut batch)?;
        }
        self.write(batch)
    }

    /// Writes all, and takes away what a server before this one has left: one room after
    /// the other, each of which is as before until then.
    fn rewrite(&self, keys: &Keys) -> Result<()> {
        self.counters.rewrites.add(1);
        let here = self.here.get();
        let names = here.as_ref().map(Here::names).unwrap_or_default();
        self.write_rooms(keys, &names)?;
        self.clear_rooms(keys, &names)
    }

    fn write_rooms(&self, keys: &Keys, names: &[String]) -> Result<()> {
        let Some(here) = self.here.get() else { return Ok(()) };
        let mut batch = Batch::new();
        for room in names {
            let members = here.members(room);
            // One that is empty by now comes with the next changes.
            if !members.is_empty() {
                keys.rewrite(&mut batch, room, &members);
            }
            self.write_full(&mut batch)?;
        }
        self.write(batch)
    }

    /// Takes the rooms away that stand in Redis, and are not these.
    fn clear_rooms(&self, keys: &Keys, names: &[String]) -> Result<()> {
        let known: HashSet<&String> = names.iter().collect();
        let mut batch = Batch::new();
        for room in self.rooms_there(keys)?.iter().filter(|room| !known.contains(room)) {
            keys.clear(&mut batch, room);
            self.write_full(&mut batch)?;
        }
        self.write(batch)
    }

    /// The rooms of this server, as they stand in Redis; none where something else does.
    fn rooms_there(&self, keys: &Keys) -> Result<Vec<String>> {
        let batch = Batch::new().cmd(&["SMEMBERS", &keys.rooms()]);
        let replies = self.link().fetch(batch, self.patience(self.options.timeout))?;
        Ok(replies.first().map(texts).unwrap_or_default())
    }

    /// Lets all keys live on, and puts those rooms right that are not as they are here.
    fn renew(&self, keys: &Keys) -> Result<()> {
        let Some(here) = self.here.get() else { return Ok(()) };
        let names = here.names();
        let mut wrong = Vec::new();
        for some in names.chunks(CHUNK) {
            let sizes = self.renewed(keys, some.iter().map(|room| keys.room(room)))?;
            let is_wrong = |(room, size): &(&String, _)| *size != Some(here.count(room));
            wrong.extend(some.iter().zip(sizes).filter(is_wrong).map(|(room, _)| room.clone()));
        }
        let size = self.renewed(keys, [keys.rooms()])?;
        let is_whole = size == [Some(names.len())];
        if !is_whole {
            let there: HashSet<_> = self.rooms_there(keys)?.into_iter().collect();
            wrong.extend(names.iter().filter(|room| !there.contains(*room)).cloned());
        }
        // What has just changed here is yet to be told.
        self.chores.without_pending(&mut wrong);
        wrong.sort_unstable();
        wrong.dedup();
        self.counters.mended.add(wrong.len());
        self.write_rooms(keys, &wrong)?;
        match is_whole {
            true => Ok(()),
            // By now, and not as they were when Redis was asked.
            false => self.clear_rooms(keys, &here.names()),
        }
    }

    /// Lets keys live on. Gives how large their sets are; none for what is no set.
    fn renewed(
        &self,
        keys: &Keys,
        of: impl IntoIterator<Item = String>,
    ) -> Result<Vec<Option<usize>>> {
        let mut batch = Batch::new();
        of.into_iter().for_each(|key| keys.renew(&mut batch, &key));
        let replies = self.link().fetch(batch, self.patience(self.options.timeout))?;
        let size = |reply: &Reply| match reply {
            Reply::Int(size) => usize::try_from(*size).ok(),
            _ => None,
        };
        Ok(replies.iter().step_by(2).map(size).collect())
    }

    /// Sends scripts that write rooms, if there are enough of them.
    fn write_full(&self, batch: &mut Batch) -> Result<()> {
        match batch.len() >= CHUNK || batch.bytes() >= BATCH {
            // All of it is taken away in a moment.
            true if self.chores.is_over() => Err(Error::Closed),
            true => self.write(std::mem::take(batch)),
            false => Ok(()),
        }
    }

    fn write(&self, batch: Batch) -> Result<()> {
        match self.send(batch)?.iter().all(|reply| matches!(reply, Reply::Int(1))) {
            true => Ok(()),
            false => Err(Error::Unavailable("another process has the address".into())),
        }
    }

    fn send(&self, batch: Batch) -> Result<Vec<Reply>> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let replies = self.link().fetch(batch, self.patience(self.options.timeout))?;
        replies.iter().find_map(refusal).map_or(Ok(replies), Err::<_, Error>)
    }
}

/// The texts of a list; what else there is in it is left out.
pub(super) fn texts(reply: &Reply) -> Vec<String> {
    let list = reply.as_sequence().unwrap_or_default();
    list.iter().filter_map(text).collect()
}

/// The text of a reply, if it is one.
pub(super) fn text(reply: &Reply) -> Option<String> {
    match reply {
        Reply::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Reply::SimpleString(text) => Some(text.clone()),
        _ => None,
    }
}
