//! The rooms of a server, joined to those of the others.

use std::sync::{Arc, OnceLock};

use super::keys::{CHUNK, Keys};
use super::live::{Live, Seat};
use super::tidy::texts;
use super::wire::tail;
use crate::error::{BoxError, Error, Result};
use crate::link::{Batch, Reply, refusal};
use crate::plugins::calls::missing;
use crate::plugins::rooms::{Change, Here, RoomMessage, RoomStore};
use crate::server::HandOn;

/// What [`Cluster::rooms`](super::Cluster::rooms) gives.
pub(super) struct Store {
    pub seat: Seat,
    pub live: Arc<OnceLock<Arc<Live>>>,
}

impl Store {
    fn live(&self) -> Result<&Arc<Live>> {
        self.live.get().ok_or_else(|| missing("cluster"))
    }
}

impl RoomStore for Store {
    fn attach(&self, here: Here) -> Result<(), BoxError> {
        self.seat.set(Some(here));
        // Sparks may have been in rooms before the server was in the cluster.
        if let Some(live) = self.live.get() {
            live.chores.rewrite();
        }
        Ok(())
    }

    fn changed(&self, changes: &[Change]) -> Result<(), BoxError> {
        if let Some(live) = self.live.get() {
            live.chores.changed(changes);
        }
        Ok(())
    }

    fn write(&self, message: &RoomMessage) -> Result<(), BoxError> {
        self.prepare(message)?()
    }

    fn prepare<'a>(&'a self, message: &'a RoomMessage) -> Result<HandOn<'a>, BoxError> {
        let RoomMessage { rooms, except, value, .. } = message;
        let (live, beside) = (self.live()?, rooms.len() + except.len());
        let tail = live.prepare(value, beside, || tail::rooms(rooms, except, value))?;
        Ok(Box::new(move || Ok(live.publish(live.buses.of(rooms), &tail)?)))
    }

    fn members(&self, room: &str) -> Result<Vec<String>, BoxError> {
        Ok(self.live()?.union(|keys| vec![keys.room(room)])?)
    }

    fn members_of(&self, rooms: &[String]) -> Result<Vec<String>, BoxError> {
        Ok(self.live()?.union(|keys| rooms.iter().map(|room| keys.room(room)).collect())?)
    }

    fn names(&self) -> Result<Vec<String>, BoxError> {
        Ok(self.live()?.union(|keys| vec![keys.rooms()])?)
    }

    fn detach(&self) {
        self.seat.set(None);
        if let Some(live) = self.live.get() {
            live.chores.rewrite();
        }
    }
}

/// # Asking Redis
///
/// On the calling thread, which waits.
impl Live {
    /// The keys of the other servers, with their addresses.
    fn others(&self) -> Result<Vec<(String, Keys)>> {
        let with_keys = |address: String| {
            let keys = self.keys_of(&address);
            (address, keys)
        };
        Ok(self.metroplex.others()?.into_iter().map(with_keys).collect())
    }

    /// What is in these sets of the other servers, each once. However many there are, they
    /// are asked about together.
    pub fn union(&self, sets: impl Fn(&Keys) -> Vec<String>) -> Result<Vec<String>> {
        let keys: Vec<_> = self.others()?.iter().flat_map(|(_, keys)| sets(keys)).collect();
        let mut batch = Batch::new();
        for keys in keys.chunks(CHUNK) {
            let words = std::iter::once("SUNION").chain(keys.iter().map(String::as_str));
            batch.add(&words.collect::<Vec<_>>());
        }
        let mut all: Vec<_> = self.asked(batch)?.iter().flat_map(texts).collect();
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }

    /// How large the sets of the other servers are, with their addresses.
    pub fn sizes(&self, key: impl Fn(&Keys) -> String) -> Result<Vec<(String, usize)>> {
        let others = self.others()?;
        let mut batch = Batch::new();
        others.iter().for_each(|(_, keys)| batch.add(&["SCARD", &key(keys)]));
        let size = |reply: &Reply| match reply {
            Reply::Int(count) => usize::try_from(*count).unwrap_or(0),
            _ => 0,
        };
        let sizes = self.asked(batch)?;
        Ok(others.into_iter().map(|(address, _)| address).zip(sizes.iter().map(size)).collect())
    }

    pub fn asked(&self, batch: Batch) -> Result<Vec<Reply>> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let replies = self.link().fetch(batch, self.options.timeout)?;
        replies.iter().find_map(refusal).map_or(Ok(replies), Err::<_, Error>)
    }
}
