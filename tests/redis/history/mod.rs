//! Rooms that several servers keep in Redis.

mod faults;
mod killed;
mod moves;

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use primus::plugins::history::{ClientHistory, History, Recovered};
use primus::plugins::rooms::{PrimusRooms, Rooms, SparkRooms};
use primus::{Client, Destroy, EndOptions, Message, Primus, RedisLink, Value};
use serde_json::json;

use crate::common::Peer;
use crate::server::Redis;

const PATIENCE: Duration = Duration::from_secs(30);

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "did not come about: {what}");
        crate::common::pause(Duration::from_millis(2));
    }
}

/// A server of a fleet; its sparks come into these rooms by themselves.
struct Server {
    primus: Primus,
    url: String,
    link: RedisLink,
}

impl Server {
    fn start(redis: &Redis, rooms: &'static [&str]) -> Self {
        Server::start_with(redis, rooms, |history| history)
    }

    fn start_with(
        redis: &Redis,
        rooms: &'static [&str],
        options: impl FnOnce(History) -> History,
    ) -> Self {
        Server::start_on(RedisLink::open(&redis.url()).unwrap(), rooms, options)
    }

    fn start_on(
        link: RedisLink,
        rooms: &'static [&str],
        options: impl FnOnce(History) -> History,
    ) -> Self {
        assert!(link.wait_connected(PATIENCE), "Redis is there");
        let history = options(History::redis(&link));
        let primus = Primus::builder().plugin(Rooms::new()).plugin(history).build().unwrap();
        primus.on_connection(move |spark| spark.join_all(rooms).map(drop));
        let address = primus.listen("127.0.0.1:0").unwrap();
        Server { primus, url: format!("http://{address}"), link }
    }

    fn write(&self, room: &str, n: u64) {
        self.primus.room(room).write(&n).unwrap();
    }

    /// Ends all connections, which may come back.
    fn throw_off(&self) {
        self.primus.for_each(|spark| spark.end_options(EndOptions::default().reconnect(true)));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.primus.destroy(Destroy::default().timeout(Duration::from_millis(200)));
        self.link.close(Duration::ZERO);
    }
}

/// A client that goes to one of several servers each time, and what came to it.
struct User {
    client: Client,
    goes_to: Arc<Mutex<String>>,
    got: Arc<Mutex<Vec<u64>>>,
    told: Arc<Mutex<Vec<Recovered>>>,
}

impl User {
    fn come(server: &Server) -> Self {
        let user = User::come_to(&server.url);
        assert!(server.primus.connected() > 0, "it is in a room");
        user
    }

    fn come_to(url: &str) -> Self {
        let (got, told) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let goes_to = Arc::new(Mutex::new(url.to_owned()));
        let builder = Client::builder(url)
            .plugin(History::new())
            .reconnect_min(Duration::from_millis(1))
            .reconnect_max(Duration::from_millis(20))
            .reconnect_retries(u32::MAX);
        let (data, recovered, place) = (got.clone(), told.clone(), goes_to.clone());
        let client = builder.connect_with(move |client| {
            client.on_data(move |_, message: &Message| {
                data.lock().unwrap().extend(message.value().as_u64());
            });
            client.on_recovered(move |_, one| recovered.lock().unwrap().push(one.clone()));
            client.on_outgoing_url(move |_, url| {
                let place = place.lock().unwrap();
                let (host, port) = place["http://".len()..].split_once(':').unwrap();
                (url.host, url.port) = (host.to_owned(), port.parse().unwrap());
            });
        });
        let user = User { client: client.unwrap(), goes_to, got, told };
        // What is asked behind the first word is answered behind the answer.
        user.client.id(PATIENCE).unwrap();
        user
    }

    fn got(&self) -> Vec<u64> {
        self.got.lock().unwrap().clone()
    }

    fn told(&self) -> Vec<(bool, u64)> {
        self.told.lock().unwrap().iter().map(|one| (one.whole, one.count)).collect()
    }

    fn is_torn(&self) -> bool {
        self.told().iter().any(|(whole, _)| !whole)
    }

    fn goes_to(&self, server: &Server) {
        *self.goes_to.lock().unwrap() = server.url.clone();
    }

    #[track_caller]
    fn gets(&self, wanted: &[u64]) {
        let deadline = Instant::now() + PATIENCE;
        while self.got() != wanted {
            let got = self.got();
            assert!(Instant::now() < deadline, "{got:?} in place of {wanted:?}");
            crate::common::pause(Duration::from_millis(2));
        }
    }
}

impl Drop for User {
    fn drop(&mut self) {
        self.client.destroy();
    }
}

/// Whether a room of a server knows where it stands: a first message came through.
fn ready(servers: &[&Server], users: &[&User]) {
    for (at, server) in servers.iter().enumerate() {
        server.write("r", at as u64);
    }
    for user in users {
        wait_until("the first come", || user.got().len() == servers.len());
        user.got.lock().unwrap().clear();
    }
}

#[test]
fn members_on_all_servers_get_everything_in_one_order() {
    let Some(redis) = Redis::start() else { return };
    let servers = [Server::start(&redis, &["r"]), Server::start(&redis, &["r"])];
    let users = [User::come(&servers[0]), User::come(&servers[1])];
    ready(&[&servers[0], &servers[1]], &[&users[0], &users[1]]);
    thread::scope(|scope| {
        for (at, server) in servers.iter().enumerate() {
            scope.spawn(move || (0..200).for_each(|n| server.write("r", 1_000 * at as u64 + n)));
        }
    });
    for user in &users {
        wait_until("all come", || user.got().len() == 400);
        assert!(!user.is_torn());
    }
    assert_eq!(users[0].got(), users[1].got());
}

#[test]
fn a_client_that_is_thrown_off_200_times_and_lands_anywhere_misses_and_repeats_nothing() {
    let Some(redis) = Redis::start() else { return };
    let servers = [Server::start(&redis, &["r"]), Server::start(&redis, &["r"])];
    let user = User::come(&servers[0]);
    ready(&[&servers[0], &servers[1]], &[&user]);
    let (stop, stopped) = channel::<()>();
    let writer = servers[1].primus.clone();
    let writer = thread::spawn(move || {
        let mut n = 0;
        while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            n += 1;
            writer.room("r").write(&n).unwrap();
            crate::common::pause(Duration::from_millis(1));
        }
        n
    });
    for times in 0..200 {
        let before = user.told().len();
        user.goes_to(&servers[times * 7 / 3 % 2]);
        servers.iter().for_each(Server::throw_off);
        wait_until("it is back", || user.told().len() > before);
    }
    drop(stop);
    let last: u64 = writer.join().unwrap();
    user.gets(&(1..=last).collect::<Vec<_>>());
    assert!(!user.is_torn(), "{:?}", user.told());
}

#[test]
fn who_is_left_out_stays_so_on_another_server() {
    let Some(redis) = Redis::start() else { return };
    let servers = [Server::start(&redis, &["r"]), Server::start(&redis, &["r"])];
    let user = User::come(&servers[0]);
    ready(&[&servers[0]], &[&user]);
    let mut spark = None;
    servers[0].primus.for_each(|one| spark = Some(one.clone()));
    user.goes_to(&servers[1]);
    servers[0].primus.room("r").except(spark.unwrap().id()).write(&1).unwrap();
    servers[0].throw_off();
    wait_until("it is back", || !user.told().is_empty());
    servers[0].write("r", 2);
    user.gets(&[2]);
    assert!(!user.is_torn());
}

/// A member that came late and says that it was there all the time.
#[test]
fn nobody_reads_from_before_it_came_on_any_server() {
    let Some(redis) = Redis::start() else { return };
    let servers = [Server::start(&redis, &["r"]), Server::start(&redis, &["r"])];
    let user = User::come(&servers[0]);
    ready(&[&servers[0]], &[&user]);
    (1..=3).for_each(|n| servers[0].write("r", n));
    user.gets(&[1, 2, 3]);
    let come = |server: &Server, at: serde_json::Value| {
        let address = server.url["http://".len()..].parse().unwrap();
        let mut peer = Peer::open_with(address, "/primus?_history=late", "");
        peer.text(&json!({ "primus-history": ["hello", [], at, false] }).to_string());
        peer
    };
    fn said(peer: &mut Peer) -> serde_json::Value {
        let mut said = serde_json::from_str::<serde_json::Value>(&peer.expect_text()).unwrap();
        said["primus-history"].take()
    }
    /// What it is told of its room, with the answer or behind it.
    fn report(said: &serde_json::Value) -> Option<serde_json::Value> {
        let rooms = if said[0] == "hello" { &said[2] } else { &said[1] };
        assert!(said[0] == "hello" || said[0] == "rooms", "{said}");
        rooms.as_array()?.first().cloned()
    }
    fn place(peer: &mut Peer) -> serde_json::Value {
        loop {
            if let Some(place) = report(&said(peer)) {
                return place;
            }
        }
    }
    let mut late = come(&servers[0], json!([]));
    let place_of_late = place(&mut late);
    let (epoch, ticket) = (&place_of_late[1], &place_of_late[5]);
    assert_eq!((&place_of_late[3], ticket.is_string()), (&json!(0), true));
    late.close();
    for server in &servers {
        for at in [json!([["r", epoch, 0, ticket]]), json!([["r", epoch, 0]])] {
            let mut peer = come(server, at);
            assert_eq!(place(&mut peer)[3], 2);
            peer.close();
        }
    }
    // But from then on, wherever it comes back.
    servers[0].write("r", 4);
    user.gets(&[1, 2, 3, 4]);
    let mut peer = come(&servers[1], json!([["r", epoch, place_of_late[2], ticket]]));
    // It may be there before the message has come to its server.
    let (mut messages, mut back) = (Vec::new(), None);
    while messages.is_empty() || back.is_none() {
        let mut said = said(&mut peer);
        match said[0] == "message" {
            true => messages.push(said[3].take()),
            false => back = report(&said).or(back),
        }
    }
    assert_eq!((&messages[..], &back.unwrap()[3]), (&[json!(4)][..], &json!(1)));
    peer.close();
}

#[test]
fn a_restart_of_redis_in_the_midst_is_told_and_holds_nobody_up() {
    let Some(mut redis) = Redis::start() else { return };
    let servers = [Server::start(&redis, &["r"]), Server::start(&redis, &["r"])];
    let users = [User::come(&servers[0]), User::come(&servers[1])];
    ready(&[&servers[0], &servers[1]], &[&users[0], &users[1]]);
    (1..=10).for_each(|n| servers[0].write("r", n));
    users.iter().for_each(|user| user.gets(&(1..=10).collect::<Vec<_>>()));
    redis.stop();
    wait_until("both know", || servers.iter().all(|server| !server.link.is_connected()));
    (11..=20).for_each(|n| servers[0].write("r", n));
    // Here at once, there when Redis is back: and nothing twice.
    users[0].gets(&(1..=20).collect::<Vec<_>>());
    assert_eq!(users[1].got().len(), 10);
    redis.restart();
    wait_until("both are back", || servers.iter().all(|server| server.link.is_connected()));
    users[1].gets(&(1..=20).collect::<Vec<_>>());
    servers[1].write("r", 21);
    users.iter().for_each(|user| user.gets(&(1..=21).collect::<Vec<_>>()));
    // It had kept nothing, so the room has begun anew.
    users.iter().for_each(|user| wait_until("it is told", || user.is_torn()));
}

#[test]
fn a_cut_of_the_subscription_alone_loses_nothing() {
    let Some(redis) = Redis::start() else { return };
    let servers = [Server::start(&redis, &["r"]), Server::start(&redis, &["r"])];
    let users = [User::come(&servers[0]), User::come(&servers[1])];
    ready(&[&servers[0], &servers[1]], &[&users[0], &users[1]]);
    for round in 0..5 {
        redis.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        (1..=100).for_each(|n| servers[0].write("r", 100 * round + n));
    }
    for user in &users {
        user.gets(&(1..=500).collect::<Vec<_>>());
        assert!(!user.is_torn(), "{:?}", user.told());
    }
}

#[test]
fn when_redis_has_forgotten_everything_it_is_told() {
    let Some(redis) = Redis::start() else { return };
    let server = Server::start(&redis, &["r"]);
    let user = User::come(&server);
    ready(&[&server], &[&user]);
    server.write("r", 1);
    user.gets(&[1]);
    redis.cli(&["FLUSHALL"]);
    server.write("r", 2);
    user.gets(&[1, 2]);
    wait_until("it is told", || user.told() == [(false, 0)]);
}

#[test]
fn a_window_that_is_too_short_is_told() {
    let Some(redis) = Redis::start() else { return };
    let short = |history: History| history.messages(5);
    let servers =
        [Server::start_with(&redis, &["r"], short), Server::start_with(&redis, &["r"], short)];
    let user = User::come(&servers[0]);
    ready(&[&servers[0]], &[&user]);
    for (missed, whole, from, to) in [(5, true, 0, 1), (6, false, 1, 0)] {
        // Whoever is there says when the other server has heard it all.
        let other = User::come(&servers[to]);
        // Nobody is there to be reached.
        *user.goes_to.lock().unwrap() = "http://127.0.0.1:1".to_owned();
        servers[from].throw_off();
        wait_until("it is gone", || user.client.ready_state() != primus::ReadyState::Open);
        user.told.lock().unwrap().clear();
        (0..missed).for_each(|n| servers[from].write("r", n));
        other.gets(&(0..missed).collect::<Vec<_>>());
        user.goes_to(&servers[to]);
        user.client.open().unwrap();
        wait_until("it is told", || user.told() == [(whole, if whole { missed } else { 0 })]);
    }
}

/// What stands under our keys, and what is published on our channel, by others.
#[test]
fn strangers_in_redis_do_no_harm() {
    let Some(redis) = Redis::start() else { return };
    let server = Server::start(&redis, &["r", "s"]);
    let user = User::come(&server);
    ready(&[&server], &[&user]);
    for payload in ["", "x", "1:a", "1:a1:17:[\"x\",]", "99999999:a", "1:a1:11:x2:[]1:r1:e1:1"] {
        redis.cli(&["PUBLISH", "primus:history:told", payload]);
    }
    redis.cli(&["SET", "primus:history:room:s", "none of yours"]);
    server.write("s", 1);
    server.write("r", 2);
    // It is written here nevertheless, though later.
    wait_until("both come", || {
        let mut got = user.got();
        got.sort_unstable();
        got == [1, 2]
    });
}

#[test]
fn nothing_stays_for_ever() {
    let Some(redis) = Redis::start() else { return };
    let server = Server::start_with(&redis, &["r"], |history| history.messages(10).bytes(3_000));
    let user = User::come(&server);
    ready(&[&server], &[&user]);
    for n in 0..100 {
        server.primus.room("r").write(&Value::from("x".repeat(n))).unwrap();
    }
    server.write("r", 1);
    user.gets(&[1]);
    for key in redis.lines(&["KEYS", "*"]) {
        let ttl: i64 = redis.cli(&["PTTL", &key]).trim().parse().unwrap();
        assert!(ttl > 0, "{key}: {ttl}");
    }
    let count: usize = redis.cli(&["XLEN", "primus:history:stream:r"]).trim().parse().unwrap();
    assert!(count <= 10, "{count}");
}
