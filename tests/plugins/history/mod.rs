//! The plugin `history`, over sockets.

mod again;
mod hostile;
mod unwritable;

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use primus::plugins::history::{ClientHistory, History, Recovered};
use primus::plugins::rooms::{PrimusRooms, Rooms, SparkRooms};
use primus::plugins::{Emit, EmitServerExt, Emitter, EmitterServerExt, EventExt};
use primus::testing::{Pair, pair_with};
use primus::{Client, ClientBuilder, EndOptions, Message, Primus, Spark, Value};

use crate::common::{PATIENCE, Server, wait_for, wait_until};

/// A server whose sparks come into rooms by themselves.
fn server_with(history: History, rooms: &'static [&str]) -> Server {
    let builder = Primus::builder().plugin(Rooms::new()).plugin(history).plugin(Emit);
    let server = Server::start(builder.plugin(Emitter));
    server.primus.on_connection(move |spark| spark.join_all(rooms).map(drop));
    server
}

fn server(rooms: &'static [&str]) -> Server {
    server_with(History::new(), rooms)
}

/// What came to a client, in order: messages, and how it went with rooms.
#[derive(Clone, Default)]
struct Got {
    data: Arc<Mutex<Vec<Value>>>,
    told: Arc<Mutex<Vec<Recovered>>>,
}

impl Got {
    fn listen(&self, client: &Client) {
        let (data, told) = (self.data.clone(), self.told.clone());
        client.on_data(move |_, message: &Message| {
            data.lock().unwrap().push(message.value().clone())
        });
        client.on_recovered(move |_, recovered| told.lock().unwrap().push(recovered.clone()));
    }

    fn data(&self) -> Vec<Value> {
        self.data.lock().unwrap().clone()
    }

    fn numbers(&self) -> Vec<u64> {
        self.data().iter().filter_map(Value::as_u64).collect()
    }

    fn told(&self) -> Vec<(String, bool, u64)> {
        let told = self.told.lock().unwrap();
        told.iter().map(|one| (one.room.clone(), one.whole, one.count)).collect()
    }
}

/// How the clients of these tests are.
fn ours(builder: ClientBuilder) -> ClientBuilder {
    builder
        .plugin(History::new())
        .plugin(Emit)
        .plugin(Emitter)
        .reconnect_min(Duration::from_millis(1))
        .reconnect_max(Duration::from_millis(5))
        .reconnect_retries(u32::MAX)
}

/// A client with the plugin, which is in its rooms.
fn come(server: &Server) -> (Pair, Got) {
    let got = Got::default();
    let pair = pair_with(&server.primus, ours, |client| got.listen(client)).unwrap();
    settled(&pair);
    (pair, got)
}

/// Waits until the server has answered to the first word of a client.
fn settled(pair: &Pair) {
    let spark = spark_of(pair);
    wait_until("it is in its rooms", || !spark.rooms().is_empty());
    // What is asked behind the first word is answered behind the answer.
    pair.client().id(PATIENCE).unwrap();
}

fn spark_of(pair: &Pair) -> Spark {
    let mut spark = None;
    wait_until("it is connected", || {
        spark = pair.spark().ok();
        spark.is_some()
    });
    spark.unwrap()
}

/// A client without the plugin.
fn come_plain(server: &Server) -> (Client, Receiver<Value>) {
    let (tell, told) = channel();
    let client = Client::builder(&format!("http://{}", server.addr)).connect_with(|client| {
        client.on_data(move |_, message: &Message| tell.send(message.value().clone()));
    });
    (client.unwrap(), told)
}

#[test]
fn a_client_that_was_away_gets_what_it_missed_and_is_told_so() {
    let server = server(&["news"]);
    let primus = &server.primus;
    let (pair, got) = come(&server);
    primus.room("news").write(&1).unwrap();
    wait_for("it comes", vec![1], || got.numbers());
    pair.link().refuse(true);
    pair.link().cut();
    server.wait_empty();
    for n in 2..=5 {
        assert_eq!(primus.room("news").write(&n).unwrap(), 0);
    }
    pair.link().heal();
    pair.client().open().unwrap();
    wait_for("it is back", 1, || got.told().len());
    assert_eq!(got.told(), [("news".to_owned(), true, 4)]);
    primus.room("news").write(&6).unwrap();
    wait_for("all has come", (1..=6).collect::<Vec<_>>(), || got.numbers());
}

/// What came and went while it was away is not the whole of it, and it is told.
#[test]
fn whoever_was_away_for_too_long_is_told() {
    let server = server_with(History::new().messages(3), &["news"]);
    let primus = &server.primus;
    let (pair, got) = come(&server);
    primus.room("news").write(&1).unwrap();
    wait_for("it comes", vec![1], || got.numbers());
    for (missed, whole, count) in [(3, true, 3), (4, false, 0), (0, true, 0)] {
        got.told.lock().unwrap().clear();
        pair.link().refuse(true);
        pair.link().cut();
        server.wait_empty();
        (0..missed).for_each(|n| drop(primus.room("news").write(&n)));
        pair.link().heal();
        pair.client().open().unwrap();
        wait_for("it is told", vec![("news".to_owned(), whole, count)], || got.told());
    }
    assert_eq!(got.numbers(), [1, 0, 1, 2]);
}

#[test]
fn a_client_that_is_thrown_off_200_times_misses_and_repeats_nothing() {
    let server = server(&["a", "b"]);
    let primus = server.primus.clone();
    let (pair, got) = come(&server);
    let (stop, stopped) = channel::<()>();
    let writer = thread::spawn(move || {
        let mut n = 0u64;
        while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            n += 1;
            match n % 3 {
                0 => primus.room(["a", "b"]).write(&n).unwrap(),
                1 => primus.room("a").write(&n).unwrap(),
                _ => primus.room("b").write(&n).unwrap(),
            };
            crate::common::pause(Duration::from_micros(200));
        }
        n
    });
    for _ in 0..200 {
        let before = got.told().len();
        pair.link().cut();
        wait_until("it is back in both", || got.told().len() >= before + 2);
    }
    drop(stop);
    let last = writer.join().unwrap();
    wait_for("all have come", last as usize, || got.data().len());
    let mut numbers = got.numbers();
    let of = |rest: [u64; 2]| {
        let list: Vec<_> = numbers.iter().filter(|n| rest.contains(&(**n % 3))).copied().collect();
        list
    };
    // A message to both rooms may come with either.
    assert!(of([1, 1]).is_sorted() && of([2, 2]).is_sorted() && of([0, 0]).is_sorted());
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=last).collect::<Vec<_>>());
    assert!(got.told().iter().all(|(_, whole, _)| *whole), "{:?}", got.told());
}

#[test]
fn it_is_so_with_every_transformer() {
    for transformer in ["websockets", "engine.io", "sockjs", "browserchannel", "socket.io"] {
        let builder = Primus::builder().transformer(transformer);
        let server = Server::start(builder.plugin(Rooms::new()).plugin(History::new()));
        server.primus.on_connection(|spark| spark.join("news").map(drop));
        let got = Got::default();
        let builder = Client::builder(&format!("http://{}", server.addr)).transformer(transformer);
        let client = ours(builder).connect_with(|client| got.listen(client)).unwrap();
        // What is asked behind the first word is answered behind the answer.
        client.id(PATIENCE).unwrap();
        let mut n = 0u64;
        for _ in 0..5 {
            let before = got.told().len();
            server
                .primus
                .for_each(|spark| spark.end_options(EndOptions::default().reconnect(true)));
            for _ in 0..20 {
                n += 1;
                server.primus.room("news").write(&n).unwrap();
            }
            wait_until("it is back", || got.told().len() > before);
        }
        wait_for(transformer, (1..=n).collect::<Vec<_>>(), || got.numbers());
        assert!(got.told().iter().all(|(_, whole, _)| *whole));
        client.destroy();
    }
}

#[test]
fn who_writes_does_not_get_it_back_later_either() {
    let server = server(&["chat"]);
    server.primus.on_connection(|spark| {
        spark.on_data(|spark, message| spark.others_in("chat").write(message.value()).map(drop));
    });
    let ((ann, got_ann), (_bob, got_bob)) = (come(&server), come(&server));
    ann.client().write(&1).unwrap();
    wait_for("bob has it", vec![1], || got_bob.numbers());
    // Ann is gone before she can hear where the room is.
    ann.link().down().hold();
    ann.client().write(&2).unwrap();
    wait_for("bob has it", vec![1, 2], || got_bob.numbers());
    ann.link().cut();
    ann.link().heal();
    wait_for("ann is back", 1, || got_ann.told().len());
    server.primus.room("chat").write(&3).unwrap();
    wait_for("ann has it", vec![3], || got_ann.numbers());
    assert!(got_ann.told()[0].1);
    wait_for("bob has it", vec![1, 2, 3], || got_bob.numbers());
}

/// What is inside of the messages is for transforms and plugins as if it had come plain.
#[test]
fn events_and_transforms_are_as_without_it() {
    let server = server(&["news"]);
    let primus = &server.primus;
    primus.transform_outgoing(|_, value| {
        Ok(match value.as_str() {
            Some("dropped") => None,
            Some(text) => Some(format!("{text}!").into()),
            None => Some(value),
        })
    });
    let (tell, told) = channel();
    let got = Got::default();
    let pair = pair_with(&server.primus, ours, |client| {
        got.listen(client);
        let (emit, send) = (tell.clone(), tell.clone());
        client.on_event("emitted", move |_, event| emit.send(event.args().len()));
        client.on_event("sent", move |_, event| send.send(event.args().len()));
        client.transform_incoming(|_, value| {
            Ok(Some(match value.as_str() {
                Some(text) => format!("{text}?").into(),
                None => value,
            }))
        });
    });
    let pair = pair.unwrap();
    settled(&pair);
    for away in [false, true] {
        if away {
            pair.link().refuse(true);
            pair.link().cut();
            server.wait_empty();
        }
        primus.room("news").write("text").unwrap();
        primus.room("news").write("dropped").unwrap();
        primus.room("news").emit_all("emitted", (1,)).unwrap();
        primus.room("news").send_all("sent", (1, 2)).unwrap();
        // One that looks like an envelope is data inside of one.
        let odd = Value::from([("primus-history", Value::from([Value::from("left")]))]);
        primus.room("news").write(&odd).unwrap();
        if away {
            pair.link().heal();
            pair.client().open().unwrap();
        }
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), 1);
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), 2);
        let seen = [Value::from("text!?"), odd];
        wait_for("data", seen.to_vec(), || got.data());
        got.data.lock().unwrap().clear();
    }
    wait_for("it is told", 1, || got.told().len());
    assert!(got.told()[0].1);
}

#[test]
fn clients_without_the_plugin_notice_nothing() {
    let server = server(&["news", "sport"]);
    let primus = &server.primus;
    let (plain, told) = come_plain(&server);
    let (_pair, got) = come(&server);
    wait_until("both are there", || primus.room("sport").members().len() == 2);
    assert_eq!(primus.room("news").write("one").unwrap(), 2);
    assert_eq!(primus.room(["news", "sport"]).write("both").unwrap(), 2);
    let odd = Value::from([("primus-history", Value::from([Value::from("hello")]))]);
    plain.write(&odd).unwrap();
    let next = || told.recv_timeout(PATIENCE).unwrap();
    assert_eq!([next(), next()], [Value::from("one"), "both".into()]);
    wait_for("ours", vec![Value::from("one"), "both".into()], || got.data());
    assert!(told.try_recv().is_err());
}

#[test]
fn rooms_that_are_not_covered_and_rooms_by_wildcards_are_as_without_it() {
    let server = server_with(History::new().rooms(["kept"]), &["kept", "other", "user:*"]);
    let primus = &server.primus;
    let (pair, got) = come(&server);
    for room in ["kept", "other", "user:1"] {
        primus.room(room).write(room).unwrap();
    }
    primus.room(["kept", "other", "user:1"]).write("all").unwrap();
    let all: Vec<Value> = ["kept", "other", "user:1", "all"].map(Value::from).into();
    wait_for("all", all.clone(), || got.data());
    pair.link().cut();
    wait_for("it is back", vec![("kept".to_owned(), true, 0)], || got.told());
    assert_eq!(got.data(), all);
    assert_eq!(primus.plugin::<History>().unwrap().kept_rooms(), 1);
}

#[test]
fn what_was_left_is_forgotten_and_what_is_kept_goes_with_its_time() {
    let server = server_with(History::new().window(Duration::from_millis(200)), &["a", "b"]);
    let primus = &server.primus;
    let (pair, got) = come(&server);
    primus.room(["a", "b"]).write(&1).unwrap();
    wait_for("it comes", vec![1], || got.numbers());
    let spark = spark_of(&pair);
    assert!(spark.leave("b"));
    assert!(primus.plugin::<History>().unwrap().kept_bytes() > 0);
    primus.room("b").write(&2).unwrap();
    assert!(spark.join("b").unwrap());
    primus.room("b").write(&3).unwrap();
    wait_for("not what was written meanwhile", vec![1, 3], || got.numbers());
    assert!(got.told().is_empty());
    wait_for("it goes", 0, || primus.plugin::<History>().unwrap().kept_bytes());
}

#[test]
fn it_needs_rooms_and_is_there_once() {
    let misuse = Primus::builder().plugin(History::new()).plugin(Rooms::new()).build();
    let text = misuse.err().unwrap().to_string();
    assert!(text.contains("rooms"), "{text}");
    let twice = Primus::builder().plugin(Rooms::new()).plugin(History::new()).build().unwrap();
    assert!(twice.plugout("history"));
    assert_eq!(twice.room("r").write("as without it").unwrap(), 0);
    twice.destroy(Default::default());
}
