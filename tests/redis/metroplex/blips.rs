//! Connections to Redis that break: whoever is connected all the time is known all the
//! time.

use super::*;
use primus::link::{Heard, Subscription};

/// One who only asks.
fn watcher(redis: &Redis) -> Metroplex {
    let link = link(&redis.url());
    assert!(link.wait_connected(PATIENCE));
    Metroplex::new(&link)
}

/// What is done to the set of a server's sparks, and to the hash of all.
struct Commands {
    link: RedisLink,
    seen: Receiver<String>,
    _subscriptions: [Subscription; 2],
}

impl Commands {
    fn on(redis: &Redis, server: &Server) -> Commands {
        redis.cli(&["CONFIG", "SET", "notify-keyspace-events", "KA"]);
        let link = RedisLink::builder(&redis.url()).name("observer").open().unwrap();
        let (tell, seen) = unbounded();
        let set = format!("metroplex:{}:sparks", server.url);
        let subscriptions = [set.as_str(), "metroplex:sparks"].map(|key| {
            let tell = tell.clone();
            link.subscribe(&format!("__keyspace@0__:{key}"), move |heard| match heard {
                Heard::Message { payload, .. } => {
                    drop(tell.send(String::from_utf8_lossy(payload).into_owned()));
                }
                _ => drop(tell.send("now".to_owned())),
            })
        });
        for _ in &subscriptions {
            assert_eq!(seen.recv_timeout(PATIENCE).unwrap(), "now", "it listens");
        }
        Commands { link, seen, _subscriptions: subscriptions }
    }

    /// All there were until now.
    fn so_far(&self, redis: &Redis) -> Vec<String> {
        redis.cli(&["PUBLISH", "__keyspace@0__:metroplex:sparks", "mark"]);
        let next = || self.seen.recv_timeout(PATIENCE).expect("the mark comes");
        std::iter::from_fn(|| Some(next()).filter(|text| text != "mark")).collect()
    }
}

impl Drop for Commands {
    fn drop(&mut self) {
        self.link.close(Duration::from_secs(1));
    }
}

/// Breaks all connections but those that only observe.
fn cut_all(redis: &Redis) {
    for line in redis.lines(&["CLIENT", "LIST"]) {
        let field = |name: &str| line.split(' ').find_map(|field| field.strip_prefix(name));
        if !field("name=").is_some_and(|name| name.starts_with("observer")) {
            redis.cli(&["CLIENT", "KILL", "ID", field("id=").unwrap()]);
        }
    }
}

#[test]
fn a_cut_of_the_subscriptions_alone_is_no_reason_to_register_again() {
    let Some(redis) = Redis::start() else { return };
    let server = Server::start(&redis, "a");
    let _heard = server.link.subscribe("something", |_| {});
    let _clients = server.clients(3);
    server.has(&redis, &["a-1", "a-2", "a-3"]);
    let watcher = watcher(&redis);
    let commands = Commands::on(&redis, &server);
    for cut in 1..=10 {
        let before = server.link.metrics().reconnects;
        let ids = redis.lines(&["CLIENT", "LIST", "TYPE", "pubsub"]);
        for line in ids.iter().filter(|line| !line.contains("name=observer")) {
            let id = line.split(' ').find_map(|field| field.strip_prefix("id="));
            redis.cli(&["CLIENT", "KILL", "ID", id.unwrap()]);
        }
        wait_until("it subscribes again", || {
            let place = watcher.spark("a-1").unwrap();
            assert_eq!(place.as_deref(), Some(&*server.url), "after {cut}");
            server.link.metrics().reconnects > before && server.link.is_connected()
        });
        assert!(server.metroplex.is_registered());
    }
    // What comes is told, and goes behind all that the link has told.
    let _late = server.client();
    server.has(&redis, &["a-1", "a-2", "a-3", "a-4"]);
    let seen = commands.so_far(&redis);
    assert!(seen.iter().all(|event| event == "sadd" || event == "hset"), "{seen:?}");
    assert!(server.registered.is_empty() && server.errors.is_empty());
    drop(commands);
    server.end(&redis);
}

#[test]
fn who_is_connected_while_it_registers_again_is_never_unknown() {
    let Some(redis) = Redis::start() else { return };
    let server = Server::start(&redis, "a");
    let _clients = server.clients(3);
    server.has(&redis, &["a-1", "a-2", "a-3"]);
    let commands = Commands::on(&redis, &server);
    for _ in 0..3 {
        // If nothing was under way, the cut alone would be no reason to.
        redis.cli(&["SREM", "metroplex:servers", &server.url]);
        cut_all(&redis);
        server.registers();
    }
    server.has(&redis, &["a-1", "a-2", "a-3"]);
    let seen = commands.so_far(&redis);
    assert!(seen.iter().all(|event| event == "sadd" || event == "hset"), "{seen:?}");
    drop(commands);
    server.end(&redis);
}

/// Whoever has gone meanwhile is taken out, and nobody else.
#[test]
fn what_redis_has_too_much_goes_and_what_it_lacks_comes() {
    let Some(redis) = Redis::start() else { return };
    let server = Server::start(&redis, "a");
    let _clients = server.clients(2);
    server.has(&redis, &["a-1", "a-2"]);
    let commands = Commands::on(&redis, &server);
    let set = format!("metroplex:{}:sparks", server.url);
    // More than Redis tells of at a time.
    let ghosts: Vec<_> = (0..2_500).map(|n| format!("ghost-{n}")).collect();
    let ids = ghosts.iter().map(String::as_str);
    redis.cli(&["SADD", &set].into_iter().chain(ids.clone()).collect::<Vec<_>>());
    let pairs = ids.flat_map(|id| [id, &server.url]);
    redis.cli(&["HSET", "metroplex:sparks"].into_iter().chain(pairs).collect::<Vec<_>>());
    redis.cli(&["SREM", &set, "a-2"]);
    redis.cli(&["HDEL", "metroplex:sparks", "a-2"]);
    // One of them has come back elsewhere.
    redis.cli(&["HSET", "metroplex:sparks", "ghost-7", "http://127.0.0.1:2"]);
    server.has(&redis, &["a-1", "a-2"]);
    let elsewhere = redis.cli(&["HGET", "metroplex:sparks", "ghost-7"]);
    assert_eq!(elsewhere, "http://127.0.0.1:2");
    assert!(!commands.so_far(&redis).contains(&"del".to_owned()));
    // And it is at rest again.
    server.registers();
    crate::common::pause(INTERVAL);
    assert!(server.registered.is_empty() && server.errors.is_empty());
    drop(commands);
    redis.cli(&["DEL", "metroplex:sparks"]);
}
