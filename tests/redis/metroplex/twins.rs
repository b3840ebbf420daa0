//! Two servers with one address.

use super::*;

const ADDRESS: &str = "http://127.0.0.1:7777";

fn twin(redis: &Redis, name: &str) -> Server {
    Server::begin(&redis.url(), name, |plugin| plugin.address(ADDRESS))
}

#[test]
fn the_last_has_the_address_both_tell_and_nobody_else_is_harmed() {
    let Some(redis) = Redis::start() else { return };
    let bystander = Server::start(&redis, "c");
    let _client = bystander.client();
    let first = twin(&redis, "a");
    first.registers();
    let _its = first.client();
    let second = twin(&redis, "b");
    second.registers();
    let told = first.errors.recv_timeout(PATIENCE).expect("the first tells");
    assert!(told.contains(ADDRESS) && told.contains("not in the registry"), "{told}");
    let told = second.errors.recv_timeout(PATIENCE).expect("the second tells");
    assert!(told.contains(ADDRESS) && told.contains("wants"), "{told}");
    assert!(!first.metroplex.is_registered() && second.metroplex.is_registered());

    // It stays so, and what the first has is not written.
    let (_late, client) = (first.client(), second.client());
    wait_for("sparks", vec!["b-1".to_owned()], || sparks_at(&redis, ADDRESS));
    for _ in 0..3 {
        crate::common::pause(INTERVAL - LATENCY);
        assert_eq!(sparks_at(&redis, ADDRESS), ["b-1"]);
        assert!(second.metroplex.is_registered() && !first.metroplex.is_registered());
    }
    assert!(first.errors.is_empty() && second.errors.is_empty(), "told once");
    assert!(first.registered.is_empty() && second.registered.is_empty());
    bystander.has(&redis, &["c-1"]);
    assert!(bystander.errors.is_empty() && bystander.unregistered.is_empty());

    // When the second goes, the first takes its place.
    drop(client);
    second.primus.destroy(Default::default());
    first.registers();
    wait_for("sparks", vec!["a-1".to_owned(), "a-2".to_owned()], || sparks_at(&redis, ADDRESS));
}

#[test]
fn the_end_of_the_one_that_was_replaced_takes_nothing_away() {
    let Some(redis) = Redis::start() else { return };
    let old = twin(&redis, "a");
    old.registers();
    let new = twin(&redis, "b");
    new.registers();
    let _client = new.client();
    wait_for("sparks", vec!["b-1".to_owned()], || sparks_at(&redis, ADDRESS));
    old.primus.destroy(Default::default());
    assert_eq!(servers(&redis), [ADDRESS]);
    assert_eq!(sparks_at(&redis, ADDRESS), ["b-1"]);
    assert!(old.unregistered.is_empty());
    assert!(new.metroplex.is_registered());
}

/// Whoever finds the address free first has it; it is one of them, and stays.
#[test]
fn after_flushall_one_of_them_has_it() {
    let Some(redis) = Redis::start() else { return };
    let both = [twin(&redis, "a"), twin(&redis, "b")];
    both.iter().for_each(|server| server.registers());
    wait_until("one has lost", || {
        both.iter().filter(|server| server.metroplex.is_registered()).count() == 1
    });
    redis.cli(&["FLUSHALL"]);
    wait_for("servers", vec![ADDRESS.to_owned()], || servers(&redis));
    crate::common::pause(2 * INTERVAL);
    let registered = |server: &&Server| server.metroplex.is_registered();
    assert_eq!(both.iter().filter(registered).count(), 1);
}
