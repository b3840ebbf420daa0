//! Joined to servers that have `primus-rooms-redis-adapter`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::memberships::{Keeper, Lists};
use super::replies::{self, PATIENCE, escaped};
use crate::error::{BoxError, catch};
use crate::link::{Batch, RedisLink};
use crate::plugins::calls::missing;
use crate::plugins::omega::{Omega, forward_each};
use crate::plugins::rooms::{Change, Here, RoomMessage, RoomStore};
use crate::plugins::{Metroplex, Plugin};
use crate::server::{Primus, WeakPrimus};
use crate::sync::Lock;

/// So many messages may wait to be sent to other servers.
const WAITING: usize = 1_000;

/// The plugin `primus-rooms-redis-adapter`: the members of rooms are written into Redis as
/// the npm package of this name does, and what is written to rooms reaches the members on
/// other servers by way of [`metroplex`](crate::plugins::metroplex), which knows where they
/// are, and [`omega`](crate::plugins::omega), which goes there. See [the page](super).
///
/// A message is one HTTP request for each server that has members, and those for other
/// servers are made one after the other, by a thread of the plugin's own: as many as 1,000
/// may wait for it.
pub struct NpmRoomsAdapter {
    link: RedisLink,
    namespace: String,
    forward: bool,
    joint: Lock<Option<Arc<Joint>>>,
}

impl fmt::Debug for NpmRoomsAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NpmRoomsAdapter")
            .field("link", &self.link)
            .field("namespace", &self.namespace)
            .field("forward", &self.forward)
            .finish_non_exhaustive()
    }
}

impl NpmRoomsAdapter {
    /// With the defaults of the npm package.
    pub fn new(link: &RedisLink) -> Self {
        NpmRoomsAdapter {
            link: link.clone(),
            namespace: "bumblebee".to_owned(),
            forward: false,
            joint: Lock::default(),
        }
    }

    /// What the names of keys begin with, before a colon. Defaults to `bumblebee`.
    pub fn namespace(mut self, namespace: &str) -> Self {
        namespace.clone_into(&mut self.namespace);
        self
    }

    /// Whether messages go to members on other servers, too: `metroplexOmegaSupreme` of
    /// the npm package. It needs [`Omega`] and [`Metroplex`] registered before. Defaults to
    /// false: then the servers share the lists alone.
    pub fn forward(mut self, forward: bool) -> Self {
        self.forward = forward;
        self
    }

    /// What the plugin [`Rooms`](crate::plugins::Rooms) of the same server is given as
    /// its [`store`](crate::plugins::Rooms::store), when all options are set.
    pub fn rooms(&self) -> impl RoomStore + use<> {
        Store(self.joint())
    }

    /// What plugin and store share: made when the first of them is.
    fn joint(&self) -> Arc<Joint> {
        let make = || {
            let keys = Keys { namespace: self.namespace.clone() };
            let (link, forward) = (self.link.clone(), self.forward);
            let (here, keeper, out) = (Lock::default(), OnceLock::new(), Lock::default());
            Arc::new(Joint { link, keys, forward, here, keeper, out })
        };
        self.joint.lock().get_or_insert_with(make).clone()
    }
}

impl Plugin for NpmRoomsAdapter {
    fn name(&self) -> &str {
        "primus-rooms-redis-adapter"
    }

    fn server(&self, primus: &Primus) -> Result<(), BoxError> {
        let joint = self.joint();
        if !joint.forward {
            return Ok(());
        }
        primus.plugin::<Omega>().ok_or_else(|| missing("omega-supreme"))?;
        primus.plugin::<Metroplex>().ok_or_else(|| missing("metroplex"))?;
        let (out, letters) = bounded(WAITING);
        let (link, keys) = (joint.link.clone(), joint.keys.clone());
        let closing = Arc::new(AtomicBool::new(false));
        let carrier = Carrier { primus: primus.downgrade(), link, keys, closing: closing.clone() };
        thread::Builder::new()
            .name("primus-adapter".into())
            .spawn(move || carrier.run(&letters))?;
        *joint.out.lock() = Some(out);
        // Without the sender the thread ends, when it has sent what waits.
        let joint = Arc::downgrade(&joint);
        primus.on_closing(move |_| {
            closing.store(true, Ordering::Relaxed);
            let out = joint.upgrade().and_then(|joint| joint.out.lock().take());
            drop(out);
        });
        Ok(())
    }

    fn plugout(&self, _: &Primus) {
        let joint = self.joint.lock().take();
        let out = joint.and_then(|joint| joint.out.lock().take());
        drop(out);
    }
}

struct Joint {
    link: RedisLink,
    keys: Keys,
    forward: bool,
    here: Lock<Option<Here>>,
    keeper: OnceLock<Keeper>,
    out: Lock<Option<Sender<RoomMessage>>>,
}

/// `<namespace>:sparks:<id>` has the rooms of a connection, and
/// `<namespace>:rooms:<room>` the ids of a room's members; neither ends by itself.
#[derive(Clone)]
struct Keys {
    namespace: String,
}

impl Keys {
    fn room(&self, room: &str) -> String {
        format!("{}:rooms:{room}", self.namespace)
    }

    fn rooms(&self, rooms: &[String]) -> Vec<String> {
        rooms.iter().map(|room| self.room(room)).collect()
    }

    fn spark(&self, id: &str) -> String {
        format!("{}:sparks:{id}", self.namespace)
    }

    fn pattern(&self, of: &str) -> String {
        format!("{}:{of}:*", escaped(&self.namespace))
    }

    /// What stands in these keys behind this.
    fn strip(&self, keys: Vec<String>, of: &str) -> Vec<String> {
        let start = format!("{}:{of}:", self.namespace);
        keys.iter().filter_map(|key| key.strip_prefix(&start)).map(str::to_owned).collect()
    }
}

impl Lists for Keys {
    fn join(&self, batch: &mut Batch, id: &str, room: &str) {
        batch.add(&["SADD", &self.spark(id), room]);
        batch.add(&["SADD", &self.room(room), id]);
    }

    fn leave(&self, batch: &mut Batch, id: &str, room: &str) {
        batch.add(&["SREM", &self.spark(id), room]);
        batch.add(&["SREM", &self.room(room), id]);
    }
}

struct Store(Arc<Joint>);

impl RoomStore for Store {
    fn attach(&self, here: Here) -> Result<(), BoxError> {
        *self.0.here.lock() = Some(here.clone());
        let Joint { link, keys, keeper, .. } = &*self.0;
        let _ = keeper.set(Keeper::start("primus-rooms-redis-adapter", link, keys.clone(), here)?);
        Ok(())
    }

    fn changed(&self, changes: &[Change]) -> Result<(), BoxError> {
        self.0.keeper.get().map_or(Ok(()), |keeper| keeper.note(changes))
    }

    fn write(&self, message: &RoomMessage) -> Result<(), BoxError> {
        if !self.0.forward {
            return Ok(());
        }
        let out = self.0.out.lock().clone();
        match out.map(|out| out.try_send(message.clone())) {
            Some(Ok(())) => Ok(()),
            Some(Err(TrySendError::Full(_))) => {
                Err(format!("{WAITING} messages wait for other servers already").into())
            }
            Some(Err(TrySendError::Disconnected(_))) | None => {
                Err(missing("primus-rooms-redis-adapter").into())
            }
        }
    }

    fn members(&self, room: &str) -> Result<Vec<String>, BoxError> {
        self.members_of(&[room.to_owned()])
    }

    fn members_of(&self, rooms: &[String]) -> Result<Vec<String>, BoxError> {
        let Joint { link, keys, here, .. } = &*self.0;
        let here = here.lock().clone();
        replies::elsewhere(link, &keys.rooms(rooms), here)
    }

    fn names(&self) -> Result<Vec<String>, BoxError> {
        let Joint { link, keys, .. } = &*self.0;
        Ok(keys.strip(replies::keys(link, &keys.pattern("rooms"))?, "rooms"))
    }

    fn detach(&self) {
        let here = self.0.here.lock().take();
        if let (Some(here), Some(keeper)) = (here, self.0.keeper.get()) {
            keeper.remove_all(&here);
        }
    }
}

/// What takes messages to the other servers.
struct Carrier {
    primus: WeakPrimus,
    link: RedisLink,
    keys: Keys,
    closing: Arc<AtomicBool>,
}

impl Carrier {
    fn run(&self, letters: &Receiver<RoomMessage>) {
        for message in letters {
            let outcome = loop {
                // What comes meanwhile waits, as far as it may. The end waits no longer.
                let is_up = self.link.wait_connected(PATIENCE);
                if !is_up && !self.closing.load(Ordering::Relaxed) {
                    continue;
                }
                let Some(primus) = self.primus.upgrade() else { return };
                match catch(|| self.carry(&primus, &message)) {
                    // Redis has gone again before it had said where the members are.
                    Ok(Err(_)) if is_up && !self.link.is_connected() => {}
                    outcome => break outcome,
                }
            };
            match outcome {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    let error = error.to_string();
                    let error = error.escape_debug();
                    log::warn!(
                        "primus-rooms-redis-adapter: not sent to all other servers: {error}"
                    );
                }
                Err(panic) => log::error!("primus-rooms-redis-adapter panicked: {panic}"),
            }
        }
    }

    fn carry(&self, primus: &Primus, message: &RoomMessage) -> Result<(), BoxError> {
        let Carrier { link, keys, .. } = self;
        let mut ids: BTreeSet<String> = match &*message.rooms {
            [] => {
                let all = replies::keys(link, &keys.pattern("sparks"))?;
                keys.strip(all, "sparks").into_iter().collect()
            }
            rooms => replies::union(link, &keys.rooms(rooms))?,
        };
        ids.retain(|id| !message.except.contains(id) && primus.spark(id).is_none());
        if ids.is_empty() {
            return Ok(());
        }
        let metroplex = primus.plugin::<Metroplex>().ok_or_else(|| missing("metroplex"))?;
        let ids: Vec<String> = ids.into_iter().collect();
        let mut servers = BTreeMap::<String, Vec<String>>::new();
        let own = metroplex.own_address();
        for (id, server) in ids.iter().zip(metroplex.sparks(&ids)?) {
            // Whom the registry does not know has gone, or its server has.
            if let Some(server) = server.filter(|server| Some(&**server) != own) {
                servers.entry(server).or_default().push(id.clone());
            }
        }
        let forwarded = forward_each(primus, servers.into_iter().collect(), &message.value)?;
        match &*forwarded.failed {
            [] => Ok(()),
            [(server, error), ..] => Err(format!("{server}: {error}").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_were_recorded() {
        let keys = Keys { namespace: "bumblebee".into() };
        assert_eq!(keys.spark("s1-1"), "bumblebee:sparks:s1-1");
        assert_eq!(keys.room("news"), "bumblebee:rooms:news");
        assert_eq!(keys.pattern("rooms"), "bumblebee:rooms:*");
        let found = vec!["bumblebee:rooms:news".into(), "bumblebee:rooms:a:b".into(), "x".into()];
        assert_eq!(keys.strip(found, "rooms"), ["news", "a:b"]);
        let mut batch = Batch::new();
        keys.join(&mut batch, "s1-1", "news");
        keys.leave(&mut batch, "s1-1", "news");
        assert_eq!(batch.len(), 4);
    }
}
