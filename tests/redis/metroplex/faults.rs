//! What can happen to Redis, or to what it holds: all is as it should be soon after.

use super::*;
use primus::Destroy;

/// A server with two clients, and a neighbour with one.
fn pair(redis: &Redis) -> (Server, Server, Vec<Client>) {
    let (one, other) = (Server::start(redis, "a"), Server::start(redis, "b"));
    let mut clients = one.clients(2);
    clients.extend(other.clients(1));
    is_whole(redis, &one, &other);
    (one, other, clients)
}

#[track_caller]
fn is_whole(redis: &Redis, one: &Server, other: &Server) {
    wait_servers(redis, &[one, other]);
    one.has(redis, &["a-1", "a-2"]);
    other.has(redis, &["b-1"]);
    wait_until("both are registered", || {
        one.metroplex.is_registered() && other.metroplex.is_registered()
    });
}

#[test]
fn a_redis_that_was_killed_and_comes_back_empty_is_told_all_again() {
    let Some(mut redis) = Redis::start() else { return };
    let (one, other, _clients) = pair(&redis);
    redis.stop();
    wait_link(&one.link, LinkState::Down);
    wait_until("it knows that it is out", || !one.metroplex.is_registered());
    // Those who come and go meanwhile.
    let (late, gone) = (one.client(), one.client());
    gone.end();
    wait_for("sparks", 3, || one.primus.connected());
    redis.restart();
    wait_servers(&redis, &[&one, &other]);
    one.has(&redis, &["a-1", "a-2", "a-3"]);
    other.has(&redis, &["b-1"]);
    late.end();
    is_whole(&redis, &one, &other);
    one.end(&redis);
    other.end(&redis);
}

#[test]
fn a_redis_that_hangs_keeps_nobody_waiting_and_is_told_all_again() {
    let Some(redis) = Redis::start() else { return };
    let (one, other, mut clients) = pair(&redis);
    redis.pause();
    let late = one.client();
    clients.remove(0).end();
    wait_for("sparks", 2, || one.primus.connected());
    one.primus.write("still here").unwrap();
    assert_eq!(late.recv_timeout(PATIENCE).unwrap().as_str(), Some("still here"));
    wait_link(&one.link, LinkState::Down);
    crate::common::pause(INTERVAL);
    redis.resume();
    wait_servers(&redis, &[&one, &other]);
    one.has(&redis, &["a-2", "a-3"]);
    other.has(&redis, &["b-1"]);
    // A server that ends while it hangs does so in time.
    redis.pause();
    // Its clients still hear its farewell, and it is bounded by its own time-out.
    let (tell, told) = unbounded();
    other.primus.once_closing(move |primus| drop(tell.send(primus.write("farewell"))));
    let begin = std::time::Instant::now();
    other.primus.destroy(Destroy::default().timeout(Duration::from_millis(600)));
    assert!(begin.elapsed() < Duration::from_millis(1_500), "{:?}", begin.elapsed());
    assert!(told.recv().unwrap().is_ok());
    let heard = clients.pop().unwrap().recv_timeout(PATIENCE).unwrap();
    assert_eq!(heard.as_str(), Some("farewell"));
    redis.resume();
    wait_servers(&redis, &[&one]);
    one.end(&redis);
}

#[test]
fn after_flushall_all_is_there_again_within_an_interval() {
    let Some(redis) = Redis::start() else { return };
    let (one, other, _clients) = pair(&redis);
    redis.cli(&["FLUSHALL"]);
    is_whole(&redis, &one, &other);
    one.registers();
    other.registers();
    // With the scripts gone too.
    redis.cli(&["SCRIPT", "FLUSH"]);
    redis.cli(&["FLUSHALL"]);
    is_whole(&redis, &one, &other);
}

#[test]
fn what_was_lost_in_part_is_told_again() {
    let Some(redis) = Redis::start() else { return };
    let (one, other, _clients) = pair(&redis);
    let set = format!("metroplex:{}:sparks", one.url);
    let boot = format!("metroplex:{}:boot", one.url);
    for lost in [
        &["DEL", &set][..],
        &["DEL", "metroplex:sparks"],
        &["DEL", "metroplex:servers"],
        &["DEL", &boot, &format!("metroplex:{}", one.url)],
        &["SREM", &set, "a-1"],
        // What a neighbour of npm's does that takes this server for dead.
        &["DEL", &set, &format!("metroplex:{}", one.url), "metroplex:sparks"],
    ] {
        redis.cli(lost);
        is_whole(&redis, &one, &other);
    }
    // Who comes before it has found out is not lost either.
    redis.cli(&["SREM", "metroplex:servers", &one.url]);
    let late = one.client();
    one.has(&redis, &["a-1", "a-2", "a-3"]);
    late.end();
    is_whole(&redis, &one, &other);
}

#[test]
fn a_key_of_its_own_that_has_a_wrong_type_is_made_anew() {
    let Some(redis) = Redis::start() else { return };
    let (one, other, _clients) = pair(&redis);
    for (key, set) in [(":sparks", false), ("", true), (":boot", true), (":rival", true)] {
        let key = format!("metroplex:{}{key}", one.url);
        redis.cli(&["DEL", &key]);
        match set {
            true => redis.cli(&["SADD", &key, "x"]),
            false => redis.cli(&["SET", &key, "x"]),
        };
        wait_until("the key is right", || {
            redis.cli(&["TYPE", &key]) == if set { "string" } else { "set" }
                || key.ends_with(":rival")
        });
        is_whole(&redis, &one, &other);
    }
}

/// They may be somebody's whose namespace it is: they are told of, and not touched.
#[test]
fn a_key_of_all_that_has_a_wrong_type_is_an_error_until_it_is_gone() {
    let Some(redis) = Redis::start() else { return };
    let (one, other, _clients) = pair(&redis);
    for key in ["metroplex:servers", "metroplex:sparks"] {
        redis.cli(&["DEL", key]);
        redis.cli(&["LPUSH", key, "not ours"]);
        // What was under way may have made it again before.
        wait_until("the wrong type", || {
            redis.cli(&["TYPE", key]) == "list" || {
                redis.cli(&["DEL", key]);
                redis.cli(&["LPUSH", key, "not ours"]);
                false
            }
        });
        let error = one.errors.recv_timeout(PATIENCE).expect("it tells");
        assert!(error.contains("WRONGTYPE"), "{error}");
        assert_eq!(redis.cli(&["LRANGE", key, "0", "-1"]), "not ours");
        redis.cli(&["DEL", key]);
        is_whole(&redis, &one, &other);
    }
    one.end(&redis);
    other.end(&redis);
}

#[test]
fn a_redis_that_is_full_is_an_error_until_there_is_room() {
    let Some(redis) = Redis::start() else { return };
    let (one, other, _clients) = pair(&redis);
    redis.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    let error = one.errors.recv_timeout(PATIENCE).expect("it tells");
    assert!(error.contains("OOM"), "{error}");
    let late = one.client();
    redis.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    one.has(&redis, &["a-1", "a-2", "a-3"]);
    late.end();
    is_whole(&redis, &one, &other);
}

/// The times under the keys are nobody's business but of those who wrote them.
#[test]
fn no_clock_is_compared() {
    let Some(redis) = Redis::start() else { return };
    let one = Server::start(&redis, "a");
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let hour = 3_600_000;
    let skewed = [
        ("http://127.0.0.1:1", (now - hour).to_string()),
        ("http://127.0.0.1:2", (now + hour).to_string()),
        ("http://127.0.0.1:3", "no time".to_owned()),
    ];
    for (address, time) in &skewed {
        redis.cli(&["SADD", "metroplex:servers", address]);
        redis.cli(&["PSETEX", &format!("metroplex:{address}"), "8000", time]);
        redis.cli(&["SADD", &format!("metroplex:{address}:sparks"), "x"]);
    }
    // It has looked at them at least once when the fourth is gone.
    redis.cli(&["SADD", "metroplex:servers", "http://127.0.0.1:4"]);
    let gone = one.unregistered.recv_timeout(PATIENCE).expect("it looks");
    assert_eq!((&*gone, servers(&redis).len()), ("http://127.0.0.1:4", 4));
    // And when their keys are gone, they are.
    let mut rest: Vec<_> =
        (0..3).map(|_| one.unregistered.recv_timeout(PATIENCE).unwrap()).collect();
    rest.sort();
    assert_eq!(rest, skewed.map(|(address, _)| address.to_owned()));
    assert_eq!(redis.cli(&["KEYS", "*127.0.0.1:1:*"]), "");
    wait_servers(&redis, &[&one]);
}

/// What npm's script does to a server that it takes for dead, because a clock is minutes
/// off; at each of its ticks.
#[test]
fn a_neighbour_with_a_clock_of_its_own_does_not_keep_it_out() {
    let Some(redis) = Redis::start() else { return };
    let (one, other, _clients) = pair(&redis);
    for _ in 0..3 {
        for spark in sparks_at(&redis, &one.url) {
            redis.cli(&["HDEL", "metroplex:sparks", &spark]);
        }
        redis.cli(&["DEL", &format!("metroplex:{}:sparks", one.url)]);
        redis.cli(&["SREM", "metroplex:servers", &one.url]);
        redis.cli(&["DEL", &format!("metroplex:{}", one.url)]);
        is_whole(&redis, &one, &other);
    }
}
