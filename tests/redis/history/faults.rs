//! Redis that does not answer, refuses to write, or is too slow for what waits.

use super::*;

fn two(redis: &Redis) -> ([Server; 2], [User; 2]) {
    let servers = [Server::start(redis, &["r"]), Server::start(redis, &["r"])];
    let users = [User::come(&servers[0]), User::come(&servers[1])];
    ready(&[&servers[0], &servers[1]], &[&users[0], &users[1]]);
    (servers, users)
}

#[test]
fn while_redis_hangs_members_here_get_messages_and_the_others_get_them_then() {
    let Some(redis) = Redis::start() else { return };
    let (servers, users) = two(&redis);
    redis.pause();
    (1..=50).for_each(|n| servers[0].write("r", n));
    users[0].gets(&(1..=50).collect::<Vec<_>>());
    assert!(users[1].got().is_empty());
    redis.resume();
    users[1].gets(&(1..=50).collect::<Vec<_>>());
    servers[1].write("r", 51);
    for user in &users {
        user.gets(&(1..=51).collect::<Vec<_>>());
        assert!(!user.is_torn(), "{:?}", user.told());
    }
}

#[test]
fn who_got_messages_early_gets_none_of_them_again_at_another_server() {
    let Some(redis) = Redis::start() else { return };
    let (servers, users) = two(&redis);
    redis.pause();
    // More than a client remembers of those with places.
    let last = 3_000;
    (1..=last).for_each(|n| servers[0].write("r", n));
    users[0].gets(&(1..=last).collect::<Vec<_>>());
    users[0].goes_to(&servers[1]);
    servers[0].throw_off();
    wait_until("it is at the other one", || servers[1].primus.connected() == 2);
    redis.resume();
    users[1].gets(&(1..=last).collect::<Vec<_>>());
    servers[0].write("r", last + 1);
    users.iter().for_each(|user| user.gets(&(1..=last + 1).collect::<Vec<_>>()));
}

#[test]
fn a_server_that_may_not_hear_redis_does_not_keep_its_members_waiting() {
    let Some(redis) = Redis::start() else { return };
    redis.cli(&["ACL", "SETUSER", "ann", "on", ">secret", "+@all", "~*", "resetchannels"]);
    let link = RedisLink::open(&redis.url_as("ann:secret")).unwrap();
    let server = Server::start_on(link, &["r"], |history| history);
    let user = User::come(&server);
    wait_until("it is refused", || server.link.metrics().subscriptions_refused == 1);
    assert!(server.link.is_connected());
    (1..=3).for_each(|n| server.write("r", n));
    // It would come before what waits for Redis.
    server.primus.write(&4).unwrap();
    user.gets(&[1, 2, 3, 4]);
}

#[test]
fn redis_without_memory_keeps_nobody_from_messages_and_all_are_told_at_once() {
    let Some(redis) = Redis::start() else { return };
    let (servers, users) = two(&redis);
    let errors = Arc::new(Mutex::new(Vec::new()));
    let told = errors.clone();
    servers[0].link.on_error(move |error| told.lock().unwrap().push(error.to_string()));
    redis.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    (1..=5).for_each(|n| servers[0].write("r", n));
    for user in &users {
        user.gets(&[1, 2, 3, 4, 5]);
        wait_until("it is told", || user.told() == [(false, 0)]);
    }
    let is_told = || errors.lock().unwrap().iter().any(|error| error.contains("OOM"));
    wait_until("the error is told", is_told);
    redis.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    servers[0].write("r", 6);
    users.iter().for_each(|user| user.gets(&[1, 2, 3, 4, 5, 6]));
    servers[1].write("r", 7);
    for user in &users {
        user.gets(&[1, 2, 3, 4, 5, 6, 7]);
        // What comes with the new beginning.
        assert!(user.told().len() <= 2, "{:?}", user.told());
    }
    // And from then on it is whole again.
    for (user, (from, to)) in users.iter().zip([(0, 1), (1, 0)]) {
        let before = user.told().len();
        user.goes_to(&servers[to]);
        servers[from].throw_off();
        wait_until("it is back", || user.told().len() > before);
        assert!(user.told()[before].0, "{:?}", user.told());
    }
    servers[0].write("r", 8);
    users.iter().for_each(|user| user.gets(&[1, 2, 3, 4, 5, 6, 7, 8]));
}

/// Who was not there for a message that is not kept is told when it comes back, also by a
/// server that has heard of nothing.
#[test]
fn whoever_was_away_when_redis_had_no_memory_is_told() {
    let Some(redis) = Redis::start() else { return };
    let (servers, users) = two(&redis);
    *users[0].goes_to.lock().unwrap() = "http://127.0.0.1:1".to_owned();
    servers[0].throw_off();
    wait_until("it is gone", || servers[0].primus.connected() == 0);
    redis.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    servers[1].write("r", 1);
    users[1].gets(&[1]);
    redis.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    let fresh = Server::start(&redis, &["r"]);
    users[0].goes_to(&fresh);
    users[0].client.open().unwrap();
    wait_until("it is told", || users[0].told() == [(false, 0)]);
    servers[1].write("r", 2);
    users[0].gets(&[2]);
    users[1].gets(&[1, 2]);
}

/// A Redis that may not change anything cannot give up what it has, either, until it may.
#[test]
fn what_cannot_be_given_up_at_once_is_given_up_later() {
    let Some(redis) = Redis::start() else { return };
    let (servers, users) = two(&redis);
    redis.cli(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    servers[0].write("r", 1);
    for user in &users {
        user.gets(&[1]);
        wait_until("it is told", || user.told() == [(false, 0)]);
    }
    assert_eq!(redis.cli(&["EXISTS", "primus:history:stream:r"]), "1");
    redis.cli(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
    wait_until("it is gone", || redis.cli(&["EXISTS", "primus:history:stream:r"]) == "0");
    servers[1].write("r", 2);
    users.iter().for_each(|user| user.gets(&[1, 2]));
}

#[test]
fn what_does_not_fit_into_the_queue_is_written_here_and_told_to_the_others() {
    let Some(redis) = Redis::start() else { return };
    let link = RedisLink::builder(&redis.url()).queue(100_000).open().unwrap();
    let servers = [Server::start_on(link, &["r"], |it| it), Server::start(&redis, &["r"])];
    let users = [User::come(&servers[0]), User::come(&servers[1])];
    ready(&[&servers[0], &servers[1]], &[&users[0], &users[1]]);
    redis.pause();
    let room = servers[0].primus.room("r");
    let refused = (1..=2_000u64).filter(|n| room.write(n).is_err()).count();
    assert!(refused > 100, "{refused}");
    users[0].gets(&(1..=2_000).collect::<Vec<_>>());
    redis.resume();
    wait_until("it is told", || users[1].is_torn());
    let got = users[1].got();
    assert!(got.is_sorted_by(|a, b| a < b) && got.len() <= 2_000 - refused, "{got:?}");
    servers[1].write("r", 2_001);
    users.iter().for_each(|user| wait_until("it goes on", || user.got().last() == Some(&2_001)));
    assert_eq!(users[0].got().len(), 2_001);
}

/// A replica that takes over may lack the last messages, and counts on from what it has.
#[test]
fn when_redis_has_lost_its_last_messages_none_is_lost_that_comes_then() {
    let Some(redis) = Redis::start() else { return };
    let (servers, users) = two(&redis);
    let keys = ["primus:history:room:r", "primus:history:stream:r"];
    keys.iter().for_each(|key| drop(redis.cli(&["COPY", key, &format!("{key}-old")])));
    (1..=3).for_each(|n| servers[0].write("r", n));
    users.iter().for_each(|user| user.gets(&[1, 2, 3]));
    keys.iter().for_each(|key| drop(redis.cli(&["COPY", &format!("{key}-old"), key, "REPLACE"])));
    (4..=9).for_each(|n| servers[0].write("r", n));
    users.iter().for_each(|user| user.gets(&[1, 2, 3, 4, 5, 6, 7, 8, 9]));
    users.iter().for_each(|user| wait_until("it is told", || user.is_torn()));
}
