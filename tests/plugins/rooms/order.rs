//! The order in which other servers are handed what is written to rooms and to all.

use std::sync::{Arc, Mutex};
use std::thread;

use primus::plugins::history::History;
use primus::plugins::rooms::{
    Change, Here, PrimusRooms, RoomMessage, RoomStore, Rooms, SharedRooms, SparkRooms,
};
use primus::{BoxError, Primus, Relay, Value};

use super::{Peer, Server, come, server, texts};

const THREADS: usize = 8;
const EACH: usize = 300;

/// Keeps what it is handed, for all and for rooms.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Value>>>);

impl Relay for Kept {
    fn all(&self, message: &Value) -> Result<(), BoxError> {
        self.0.lock().unwrap().push(message.clone());
        Ok(())
    }
}

impl RoomStore for Kept {
    fn attach(&self, _: Here) -> Result<(), BoxError> {
        Ok(())
    }

    fn changed(&self, _: &[Change]) -> Result<(), BoxError> {
        Ok(())
    }

    fn write(&self, message: &RoomMessage) -> Result<(), BoxError> {
        self.all(&message.value)
    }

    fn members(&self, _: &str) -> Result<Vec<String>, BoxError> {
        Ok(Vec::new())
    }

    fn names(&self) -> Result<Vec<String>, BoxError> {
        Ok(Vec::new())
    }
}

/// Writes to all and to rooms, from many threads.
fn write(primus: &Primus, to_all: bool) {
    thread::scope(|scope| {
        for by in 0..THREADS {
            scope.spawn(move || {
                for n in 0..EACH {
                    match n % 3 {
                        0 if to_all => primus.write(&(by, n)).map(|()| 1),
                        1 => primus.room("a").write(&(by, n)),
                        _ => primus.room(["a", "b"]).write(&(by, n)),
                    }
                    .unwrap();
                }
            });
        }
    });
}

#[test]
fn rooms_and_all_are_handed_on_in_the_order_of_the_sparks() {
    let kept = Kept::default();
    let server = server(Primus::builder().plugin(Rooms::new().store(kept.clone())));
    server.primus.add_relay(kept.clone());
    let (mut peer, spark) = come(&server, "one");
    spark.join_all(["a", "b"]).unwrap();
    write(&server.primus, true);
    let told: Vec<_> = kept.0.lock().unwrap().iter().map(Value::to_string).collect();
    assert_eq!(texts(&mut peer, THREADS * EACH), told);
}

#[test]
fn rooms_that_are_kept_are_handed_on_in_that_order_too() {
    let kept = Kept::default();
    let builder = Primus::builder().plugin(Rooms::new().store(kept.clone()));
    let server = server(builder.plugin(History::new().rooms(["a"])));
    server.primus.add_relay(kept.clone());
    let (mut peer, spark) = come(&server, "one");
    spark.join_all(["a", "b"]).unwrap();
    write(&server.primus, true);
    let told: Vec<_> = kept.0.lock().unwrap().iter().map(Value::to_string).collect();
    assert_eq!(texts(&mut peer, THREADS * EACH), told);
    // Also where nobody is.
    server.primus.room("a").except(&spark).write("to nobody here").unwrap();
    assert_eq!(kept.0.lock().unwrap().last(), Some(&Value::from("to nobody here")));
}

/// Two servers that share their rooms, and somebody at each who is in both rooms.
fn two() -> ([Server; 2], [Peer; 2]) {
    let rooms = SharedRooms::default();
    let servers =
        [0, 1].map(|_| server(Primus::builder().plugin(Rooms::new().store(rooms.store()))));
    let peers = servers.each_ref().map(|server| {
        let (peer, spark) = come(server, "one");
        spark.join_all(["a", "b"]).unwrap();
        peer
    });
    (servers, peers)
}

#[test]
fn servers_of_one_process_hear_each_other_in_order() {
    let (servers, peers) = two();
    write(&servers[0].primus, false);
    let got = peers.map(|mut peer| texts(&mut peer, THREADS * EACH));
    assert_eq!(got[0], got[1]);
}

#[test]
fn servers_of_one_process_may_write_to_each_other_in_transforms() {
    let (servers, peers) = two();
    for (at, server) in servers.iter().enumerate() {
        let other = servers[1 - at].primus.clone();
        server.primus.transform_outgoing(move |_, value| {
            if value.as_i64() == Some(0) {
                other.room("b").write(&1)?;
            }
            Ok(Some(value))
        });
    }
    thread::scope(|scope| {
        for server in &servers {
            scope.spawn(|| {
                (0..100).for_each(|_| {
                    server.primus.room("a").write(&0).unwrap();
                })
            });
        }
    });
    // Each message to `a` reaches two, and each of them writes to `b`.
    for mut peer in peers {
        let got = texts(&mut peer, 600);
        assert_eq!(got.iter().filter(|text| *text == "0").count(), 200);
    }
}
