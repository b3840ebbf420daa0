//! Rooms over several servers, and stores that fail.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use primus::plugins::rooms::{
    Change, Here, PrimusRooms, RoomMessage, RoomStore, Rooms, SharedRooms, SparkRooms,
};
use primus::{BoxError, Error, Primus};

use super::{come, server, sorted, texts};
use crate::common::wait_until;

/// Knows members as a database would: from what it is told.
#[derive(Clone, Default)]
struct Registry(Arc<Known>);

#[derive(Default)]
struct Known {
    members: Mutex<BTreeSet<(String, String)>>,
    /// How many threads are in `changed`.
    inside: AtomicUsize,
    messages: Mutex<Vec<RoomMessage>>,
    here: Mutex<Option<Here>>,
    fails: Mutex<Option<&'static str>>,
    detached: AtomicUsize,
}

impl Registry {
    fn fails(&self) -> Result<(), BoxError> {
        let failure = *self.0.fails.lock().unwrap();
        match failure {
            None => Ok(()),
            Some("panic") => panic!("the registry is broken"),
            Some(text) => Err(text.into()),
        }
    }
}

impl RoomStore for Registry {
    fn attach(&self, here: Here) -> Result<(), BoxError> {
        self.fails()?;
        *self.0.here.lock().unwrap() = Some(here);
        Ok(())
    }

    fn changed(&self, changes: &[Change]) -> Result<(), BoxError> {
        assert_eq!(self.0.inside.fetch_add(1, Ordering::SeqCst), 0, "one thread at a time");
        let mut members = self.0.members.lock().unwrap();
        for change in changes {
            let member = (change.room.to_string(), change.spark.id().to_owned());
            match change.joined {
                true => assert!(members.insert(member), "joined twice"),
                false => assert!(members.remove(&member), "left before it joined"),
            }
        }
        drop(members);
        self.0.inside.fetch_sub(1, Ordering::SeqCst);
        self.fails()
    }

    fn write(&self, message: &RoomMessage) -> Result<(), BoxError> {
        self.0.messages.lock().unwrap().push(message.clone());
        self.fails()
    }

    fn members(&self, room: &str) -> Result<Vec<String>, BoxError> {
        self.fails()?;
        Ok(vec![format!("far:{room}"), "near".to_owned()])
    }

    fn names(&self) -> Result<Vec<String>, BoxError> {
        Ok(vec!["far".to_owned()])
    }

    fn detach(&self) {
        self.0.detached.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_store_hears_of_every_change_in_its_order() {
    let registry = Registry::default();
    let server = server(Primus::builder().plugin(Rooms::new().store(registry.clone())));
    let primus = &server.primus;
    let clients: Vec<_> = (0..4).map(|n| come(&server, &format!("{n}"))).collect();
    thread::scope(|scope| {
        for round in 0..4 {
            let sparks: Vec<_> = clients.iter().map(|(_, spark)| spark.clone()).collect();
            scope.spawn(move || {
                for n in 0..500 {
                    let (spark, other) = (&sparks[(n + round) % 4], &sparks[n % 4]);
                    spark.join_all(["a", "b", "c"]).unwrap();
                    match n % 5 {
                        0 => drop(other.leave_all()),
                        1 => drop(spark.primus().room("c").empty()),
                        _ => drop(other.leave("a")),
                    }
                }
            });
        }
    });
    let here: BTreeSet<_> = clients
        .iter()
        .flat_map(|(_, spark)| {
            spark.rooms().into_iter().map(move |room| (room, spark.id().to_owned()))
        })
        .collect();
    assert_eq!(*registry.0.members.lock().unwrap(), here);
    let view = registry.0.here.lock().unwrap().clone().unwrap();
    assert_eq!(sorted(view.names()), sorted(primus.room_names()));
    drop(clients);
    server.wait_empty();
    wait_until("all have left", || registry.0.members.lock().unwrap().is_empty());
    assert!(primus.plugout("rooms"));
    assert_eq!(registry.0.detached.load(Ordering::SeqCst), 1);
    assert!(view.names().is_empty() && view.members("a").is_empty());
}

#[test]
fn messages_go_here_and_elsewhere_and_members_are_asked_for_everywhere() {
    let registry = Registry::default();
    let server = server(Primus::builder().plugin(Rooms::new().store(registry.clone())));
    let primus = &server.primus;
    let (mut peer, spark) = come(&server, "near");
    spark.join("a").unwrap();
    primus.room("a").except("x").write(&1).unwrap();
    primus.any_room().write("all").unwrap();
    // What is for each alone is for those here.
    primus.room("a").with(|_, value| Some(value)).write(&2).unwrap();
    let messages = std::mem::take(&mut *registry.0.messages.lock().unwrap());
    let expected = [
        RoomMessage::new(vec!["a".into()], vec!["x".into()], 1.into()),
        RoomMessage::new(Vec::new(), Vec::new(), "all".into()),
    ];
    assert_eq!(messages, expected);
    assert_eq!(primus.room("a").ids().unwrap(), ["far:a", "near"]);
    assert_eq!(primus.any_room().except("near").ids().unwrap(), ["far:far"]);

    // From elsewhere: to those here, and not back.
    let here = registry.0.here.lock().unwrap().clone().unwrap();
    assert_eq!(here.members("a"), ["near"]);
    assert_eq!(here.write(&RoomMessage::new(vec!["a".into()], Vec::new(), 3.into())).unwrap(), 1);
    let not_here = RoomMessage::new(vec!["a".into()], vec!["near".into()], 4.into());
    assert_eq!(here.write(&not_here).unwrap(), 0);
    assert_eq!(here.write(&RoomMessage::new(Vec::new(), Vec::new(), 5.into())).unwrap(), 1);
    assert!(registry.0.messages.lock().unwrap().is_empty());
    assert_eq!(texts(&mut peer, 5), ["1", r#""all""#, "2", "3", "5"]);
}

#[test]
fn a_store_that_fails_keeps_nobody_here_from_anything() {
    let registry = Registry::default();
    let server = server(Primus::builder().plugin(Rooms::new().store(registry.clone())));
    let primus = &server.primus;
    let (mut peer, spark) = come(&server, "a");
    for failure in ["no network", "panic"] {
        *registry.0.fails.lock().unwrap() = Some(failure);
        assert!(spark.join("r").unwrap());
        let written = primus.room("r").write(failure);
        match (failure, written) {
            ("panic", Err(Error::Panicked(text))) => assert!(text.contains("is broken")),
            (_, Err(Error::Listener(error))) => assert_eq!(error.to_string(), failure),
            (_, other) => panic!("{other:?}"),
        }
        assert!(spark.leave("r"));
    }
    assert_eq!(texts(&mut peer, 2), [r#""no network""#, r#""panic""#]);
    *registry.0.fails.lock().unwrap() = None;
    assert!(spark.join("r").unwrap());
    assert_eq!(registry.0.members.lock().unwrap().len(), 1);

    *registry.0.fails.lock().unwrap() = Some("no database");
    let built = Primus::builder().plugin(Rooms::new().store(registry.clone())).build();
    assert!(built.is_err_and(|error| error.to_string().contains("no database")));
}

#[test]
fn servers_of_one_process_can_share_their_rooms() {
    let rooms = SharedRooms::default();
    let servers: Vec<_> = (0..3)
        .map(|_| server(Primus::builder().plugin(Rooms::new().store(rooms.store()))))
        .collect();
    let mut clients: Vec<_> =
        servers.iter().enumerate().map(|(n, server)| come(server, &format!("{n}"))).collect();
    for (_, spark) in &clients {
        spark.join_all(["r", &format!("of {}", spark.id())]).unwrap();
    }
    let primus = &servers[0].primus;
    assert_eq!(primus.room("r").write("all").unwrap(), 1);
    primus.room(["r", "of 2"]).except("1").write("two").unwrap();
    primus.room("of 1").write("one").unwrap();
    assert_eq!(primus.room("r").ids().unwrap(), ["0", "1", "2"]);
    assert_eq!(primus.room("of 2").ids().unwrap(), ["2"]);
    assert!(primus.room("of 2").is_empty());
    servers[1].primus.room("r").write("end").unwrap();
    let expected = [
        vec![r#""all""#, r#""two""#, r#""end""#],
        vec![r#""all""#, r#""one""#, r#""end""#],
        vec![r#""all""#, r#""two""#, r#""end""#],
    ];
    // What two servers write has no order between them.
    for ((peer, _), expected) in clients.iter_mut().zip(expected) {
        let got = texts(peer, 3);
        assert_eq!(sorted(got), sorted(expected.iter().map(|text| (*text).to_owned()).collect()));
    }
    // One that has gone is no hindrance.
    assert!(servers[2].primus.plugout("rooms"));
    assert_eq!(primus.room("r").ids().unwrap(), ["0", "1"]);
    primus.room("r").write("two of us").unwrap();
    assert_eq!(clients[1].0.expect_text(), r#""two of us""#);
}
