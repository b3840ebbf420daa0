//! The keys of a server's rooms, and the commands that keep them.
//!
//! | key | type, life | holds |
//! |---|---|---|
//! | `<namespace>:<address>:rooms` | set, three intervals | the names of the rooms with a member here |
//! | `<namespace>:<address>:room:<room>` | set, three intervals | the ids of the members here |
//!
//! They are one server's each: nobody else writes them, and when it is gone they go by
//! themselves. Where two processes have one address, as at a restart for a moment, only
//! the one writes that metroplex has registered.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::link::{Batch, Script};

/// So many arguments has one command, or so many commands one batch.
pub(super) const CHUNK: usize = 500;

/// So many ids go into one run of a script, which Redis does nothing beside.
const RUN: usize = 5_000;

static ROOM: Script = Script::new(include_str!("scripts/room.lua"));
static REMOVE: Script = Script::new(include_str!("scripts/remove.lua"));

/// The keys of one server.
#[derive(Clone)]
pub(super) struct Keys {
    /// Up to the address.
    server: String,
    life: String,
    /// The process that writes them; nothing for another server's.
    own: String,
}

/// Who has come into a room (true), and who has left it, by id.
pub(super) type Changes = HashMap<String, bool>;

impl Keys {
    /// Of the server with this address. They live three intervals.
    pub fn of(namespace: &str, address: &str, interval: Duration) -> Self {
        let life = (interval * 3).as_millis().to_string();
        Keys { server: format!("{namespace}:{address}"), life, own: String::new() }
    }

    /// Those of this process, which metroplex knows by this name.
    pub fn of_process(self, own: &str) -> Self {
        Keys { own: own.to_owned(), ..self }
    }

    /// The sign of life, which metroplex keeps.
    pub fn alive(&self) -> &str {
        &self.server
    }

    /// Which process has the address, which metroplex keeps of servers of this crate.
    pub fn boot(&self) -> String {
        format!("{}:boot", self.server)
    }

    pub fn rooms(&self) -> String {
        format!("{}:rooms", self.server)
    }

    pub fn room(&self, room: &str) -> String {
        format!("{}:room:{room}", self.server)
    }

    /// The connections of the server, which metroplex keeps.
    pub fn sparks(&self) -> String {
        format!("{}:sparks", self.server)
    }

    /// Writes changes of a room, which is left with members or without. The reply to each
    /// script is 1, or 0 where nothing was done, because the address is another process's;
    /// so for the others.
    pub fn change(&self, batch: &mut Batch, room: &str, changes: &Changes, is_left: bool) {
        if !is_left {
            return self.clear(batch, room);
        }
        let (come, gone): (Vec<_>, Vec<_>) = changes.iter().partition(|(_, joined)| **joined);
        let [come, gone] = [come, gone].map(|ids| ids.into_iter().map(|(id, _)| &**id).collect());
        self.write(batch, room, false, come, gone);
    }

    /// Writes a room from the beginning: at once, unless it is very large.
    pub fn rewrite(&self, batch: &mut Batch, room: &str, ids: &[String]) {
        self.write(batch, room, true, ids.iter().map(String::as_str).collect(), Vec::new());
    }

    /// Takes a room away.
    pub fn clear(&self, batch: &mut Batch, room: &str) {
        self.script(batch, room, "none", &[], &[]);
    }

    fn write(&self, batch: &mut Batch, room: &str, all: bool, come: Vec<&str>, gone: Vec<&str>) {
        let mut what = if all { "all" } else { "some" };
        for come in come.chunks(RUN) {
            self.script(batch, room, what, come, &[]);
            what = "some";
        }
        for gone in gone.chunks(RUN) {
            self.script(batch, room, what, &[], gone);
        }
    }

    fn script(&self, batch: &mut Batch, room: &str, what: &str, come: &[&str], gone: &[&str]) {
        let keys = [self.boot(), self.rooms(), self.room(room)];
        let count = come.len().to_string();
        let args = [&[&*self.own, &*self.life, room, what, &count], come, gone].concat();
        *batch = std::mem::take(batch).script(&ROOM, &keys, &args);
    }

    /// Lets a key live on, and sees how large its set is: two replies, of which the first
    /// says that.
    pub fn renew(&self, batch: &mut Batch, key: &str) {
        batch.add(&["SCARD", key]);
        batch.add(&["PEXPIRE", key, &self.life]);
    }

    /// Takes all rooms away: of this process, or of a server that was found dead.
    pub fn remove_all(&self) -> Batch {
        let keys = [self.alive().to_owned(), self.rooms(), self.boot()];
        Batch::new().script(&REMOVE, &keys, &[self.room(""), self.own.clone()])
    }
}

/// Changes of rooms, of which the last one of each member counts.
#[derive(Default)]
pub(super) struct Pending {
    pub rooms: HashMap<Arc<str>, Changes>,
    pub count: usize,
}

impl Pending {
    pub fn add(&mut self, room: &Arc<str>, id: &str, joined: bool) {
        let changes = self.rooms.entry(room.clone()).or_default();
        if changes.insert(id.to_owned(), joined).is_none() {
            self.count += 1;
        }
    }
}
