//! Whom the messages of a room go to and how, which is not worked out anew for each of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::core::{self, Group, Live, Recipients};
use super::log::Entry;
use super::position::Position;
use super::wire::At;
use crate::plugins::rooms::Shared;
use crate::server::{Audience, Spark};

/// What is to be dropped without a lock: the last handle of a spark may be among it.
#[derive(Default)]
pub(super) struct Unused {
    _split: Option<Split>,
    _recipients: Option<Recipients<Spark>>,
}

impl Unused {
    #[cfg(feature = "redis")]
    pub fn of(recipients: Recipients<Spark>) -> Self {
        Unused { _split: None, _recipients: Some(recipients) }
    }
}

/// The members of a room, as long as nobody comes, goes, or begins to get what comes.
struct Split {
    /// All of them, as the table of rooms has them.
    of: Audience,
    /// Somebody has begun to.
    changed: bool,
    /// In which the room was.
    epoch: Arc<str>,
    plain: Option<Audience>,
    with_places: Option<Audience>,
    count: usize,
}

/// Those of rooms that were written to.
#[derive(Default)]
pub(super) struct Splits(HashMap<Arc<str>, Split>);

impl Splits {
    /// A client gets what comes into a room from now on.
    pub fn change(&mut self, room: &str) {
        if let Some(split) = self.0.get_mut(room) {
            split.changed = true;
        }
    }

    /// Somebody has come into a room or left it.
    pub fn remove(&mut self, room: &str) -> Unused {
        Unused { _split: self.0.remove(room), _recipients: None }
    }

    /// [`core::live`], for what is written to rooms of these names.
    pub fn live(
        &mut self,
        rooms: &Shared<Spark>,
        (entry, names): (&Arc<Entry>, &[String]),
        places: &[At],
        given: Option<u64>,
        now: Instant,
    ) -> (Live<Spark>, usize, Unused) {
        if let Some(all) = whole_room(rooms, entry, names).filter(|_| given.is_none())
            && let [(room, at)] = places
        {
            let known = self.0.get(room).filter(|split| split.is_for(&all, at));
            if let Some(split) = known {
                return (split.live(entry, places.to_vec()), split.count, Unused::default());
            }
            let sparks = all.sparks().to_vec();
            let recipients = Recipients { members: vec![sparks.clone()], all: sparks };
            let (live, count) = core::live(entry, places, &recipients, None, now);
            let split = Split::of(all, &live, count, at);
            let old = if count > 0 { self.0.insert(room.clone(), split) } else { Some(split) };
            return (live, count, Unused { _split: old, _recipients: Some(recipients) });
        }
        let recipients = recipients(rooms, names, places.iter().map(|(room, _)| &**room));
        let (live, count) = core::live(entry, places, &recipients, given, now);
        (live, count, Unused { _split: None, _recipients: Some(recipients) })
    }

    /// How many a message to rooms of these names is for.
    #[cfg(feature = "redis")]
    pub fn count(
        &self,
        rooms: &Shared<Spark>,
        entry: &Arc<Entry>,
        names: &[String],
    ) -> Option<usize> {
        whole_room(rooms, entry, names).map(|all| all.sparks().len())
    }
}

impl Split {
    fn of(of: Audience, live: &Live<Spark>, count: usize, at: &Position) -> Self {
        let same = |some: &Audience| match some.sparks().len() == of.sparks().len() {
            // Then it is one list for those who write to the room in other ways, too.
            true => of.clone(),
            false => some.clone(),
        };
        let plain = live.plain.as_ref().map(same);
        let with_places = live.groups.first().map(|group| same(&group.readers));
        let epoch = at.epoch.clone();
        Split { of, changed: false, epoch, plain, with_places, count }
    }

    fn is_for(&self, all: &Audience, at: &Position) -> bool {
        !self.changed && self.of.is(all) && self.epoch == at.epoch
    }

    fn live(&self, entry: &Arc<Entry>, at: Vec<At>) -> Live<Spark> {
        let group = |readers: &Audience| Group { at, readers: readers.clone(), without: false };
        let groups = self.with_places.as_ref().map(group).into_iter().collect();
        Live { entry: entry.clone(), plain: self.plain.clone(), groups, anew: Vec::new() }
    }
}

/// All members of the room of this very name, if a message is for those and for nobody else.
fn whole_room(rooms: &Shared<Spark>, entry: &Entry, names: &[String]) -> Option<Audience> {
    let [name] = names else { return None };
    if !entry.except.is_empty() {
        return None;
    }
    rooms.table(|table| table.audience_of_one(name, |sparks| Audience::of(sparks.cloned())))
}

/// Those for whom a message to these rooms is; who is left out is among them. For each of
/// those that are kept, its members.
pub(super) fn recipients<'a>(
    rooms: &Shared<Spark>,
    names: &[String],
    kept: impl Iterator<Item = &'a str>,
) -> Recipients<Spark> {
    rooms.table(|table| Recipients {
        all: table.recipients(names.iter().map(String::as_str), &[]),
        members: kept.map(|room| table.members([room])).collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::plugins::history::History;
    use crate::plugins::rooms::{PrimusRooms, Rooms, SparkRooms};
    use crate::{Client, Primus};

    fn splits<R>(primus: &Primus, look: impl FnOnce(&Splits) -> R) -> R {
        let history = primus.plugin::<History>().unwrap();
        let recorder = &history.installed.get().unwrap().recorder;
        recorder.look(|state| look(&state.splits))
    }

    /// Those without places, and those with.
    fn lists(primus: &Primus) -> Option<[Option<Audience>; 2]> {
        splits(primus, |splits| {
            let split = splits.0.get("r")?;
            Some([split.plain.clone(), split.with_places.clone()])
        })
    }

    fn len(list: &Option<Audience>) -> usize {
        list.as_ref().map_or(0, |list| list.sparks().len())
    }

    /// So the broadcaster sends them together, as those to a room that is not kept.
    #[test]
    fn messages_of_a_burst_are_for_one_and_the_same_list() {
        const PATIENCE: Duration = Duration::from_secs(30);
        let primus = Primus::builder().plugin(Rooms::new()).plugin(History::new());
        let primus = primus.build().unwrap();
        primus.on_connection(|spark| spark.join("r").map(drop));
        let url = format!("http://{}", primus.listen("127.0.0.1:0").unwrap());
        let come = |with: bool| {
            let builder = Client::builder(&url).timeout(PATIENCE);
            let builder = if with { builder.plugin(History::new()) } else { builder };
            let client = builder.connect().unwrap();
            // What is asked behind the first word is answered behind the answer.
            client.id(PATIENCE).unwrap();
            client
        };
        let write = |n: u64| assert!(primus.room("r").write(&n).unwrap() > 1);
        let (plain, with) = (come(false), come(true));
        write(1);
        let first = lists(&primus).unwrap();
        assert_eq!(first.each_ref().map(len), [1, 1]);
        (2..100).for_each(write);
        let last = lists(&primus).unwrap();
        for (one, other) in first.iter().zip(&last) {
            assert!(one.as_ref().unwrap().is(other.as_ref().unwrap()));
        }
        // Whoever comes is in it with the next one.
        let more = come(true);
        write(100);
        assert_eq!(lists(&primus).unwrap().each_ref().map(len), [1, 2]);
        assert_eq!(more.recv().unwrap().value().as_u64(), Some(100));
        for client in [&plain, &with] {
            assert!((1..=100).all(|n| client.recv().unwrap().value().as_u64() == Some(n)));
        }
        // And nothing is held of those who have gone.
        [plain, with, more].iter().for_each(Client::destroy);
        let deadline = std::time::Instant::now() + PATIENCE;
        while primus.connected() > 0 || lists(&primus).is_some() {
            assert!(std::time::Instant::now() < deadline, "all have gone");
            std::thread::yield_now();
        }
        primus.destroy(Default::default());
    }
}
