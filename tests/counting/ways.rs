//! What is done to the servers of several protocols in the same way.

use std::net::Shutdown;
use std::time::{Duration, Instant};

use primus::Destroy;

use crate::common::*;

/// Sends the beginning of something, and goes in one of three ways.
pub fn leave(server: &Server, bytes: &[u8], way: usize) {
    let mut peer = server.connect();
    peer.try_send(bytes);
    match way % 3 {
        0 => peer.shutdown(Shutdown::Write),
        1 => drop(peer),
        _ => peer.reset(),
    }
}

/// Nobody gets far with a body for a session that there is not: `head` announces one,
/// in chunks or of some length.
pub fn bodies_for_nobody_are_not_taken(server: &Server, head: &str) {
    let mut peer = server.connect();
    peer.send(head.as_bytes());
    let megabyte =
        [format!("{:x}\r\n", 1 << 20).into_bytes(), vec![b'['; 1 << 20], b"\r\n".to_vec()];
    let megabyte = megabyte.concat();
    let taken = (0..100).take_while(|_| peer.try_send(&megabyte)).count();
    assert!(taken < 20, "{taken} MB were taken");
}

/// Nothing has to be done for clients that are silent, between two heartbeats.
pub fn there_are_no_wake_ups(clients: usize) {
    let mut least = Duration::MAX;
    // Some of the time the server may still be busy with what was before.
    for _ in 0..5 {
        let before = cpu_time();
        nothing_for(Duration::from_millis(300));
        least = least.min(cpu_time() - before);
    }
    assert!(least < Duration::from_millis(5), "{least:?} for {clients} clients");
}

/// What `churn` does so many times leaves no memory behind.
pub fn nothing_is_left_of(server: &Server, churn: impl Fn(usize)) {
    let come_and_go = |rounds: usize| {
        (0..rounds).for_each(&churn);
        server.wait_empty();
    };
    come_and_go(200);
    let before = resident();
    come_and_go(1000);
    let grown = resident().saturating_sub(before);
    // Four KiB a session would be four MiB.
    assert!(grown < 2 << 20, "grew by {grown}");
}

/// Memory comes down to so many bytes, and soon.
pub fn comes_back_to(what: &str, bytes: usize) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while resident() > bytes {
        let more = (resident().saturating_sub(bytes)) >> 20;
        assert!(Instant::now() < deadline, "{what}: {more} MiB more are left");
        pause(Duration::from_millis(10));
    }
}

/// What is left of a server is `descriptors`, those that were before it.
pub fn ends_clean(server: Server, before: usize) {
    assert_eq!(server.primus.metrics().panics_caught, 0);
    let destroyed = server.primus.destroy(Destroy::default().timeout(PATIENCE));
    assert_eq!(destroyed.stuck, 0);
    drop(server);
    wait_for("threads", 0, || server_threads().len());
    wait_for("descriptors", before, descriptors);
}

/// The most that a client may take that is connected and silent, with its threads and
/// those of its own connections to it, which are in this process too.
pub const EACH_CLIENT: usize = if cfg!(debug_assertions) { 96 << 10 } else { 48 << 10 };

/// The memory of a client that is connected, with its threads: `open` opens one, which
/// has had an echo.
pub fn memory_of_each<T>(open: impl Fn() -> T) -> usize {
    const COUNT: usize = 200;
    // What is set up once, and what the allocator keeps from one to the next.
    let first: Vec<_> = (0..20).map(|_| open()).collect();
    let before = resident();
    let all: Vec<_> = (0..COUNT).map(|_| open()).collect();
    let grown = resident().saturating_sub(before);
    drop((first, all));
    grown / COUNT
}
