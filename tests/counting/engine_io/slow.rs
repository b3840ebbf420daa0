//! Clients that poll too slowly, or not at all, and what they cost.

use std::time::Duration;

use primus::{Ended, Error, ManualClock, SlowConsumer, Spark};

use crate::client::*;
use crate::common::*;
use crate::runner::Test;

pub const TESTS: &[Test] = tests![
    a_client_that_does_not_poll_is_cut_at_the_bound,
    a_client_that_does_not_poll_is_cut_at_the_bound_by_broadcasts,
    a_client_that_does_not_poll_misses_the_newest,
    a_client_that_does_not_poll_misses_the_newest_broadcasts,
    a_client_that_does_not_poll_misses_the_oldest,
    a_client_that_does_not_poll_misses_the_oldest_broadcasts,
    slow_read_of_a_poll,
    broadcasts_reach_everybody_else,
    a_client_that_vanishes_is_freed_after_the_heartbeat,
];

const BOUND: usize = 1 << 20;

const SECOND: Duration = Duration::from_secs(1);

/// Writes, to the spark or to all, four times what may wait, while nobody
/// polls.
fn overfill(policy: SlowConsumer, broadcasts: bool, check: impl Fn(&Server, Client, &Spark)) {
    let server = echo(patient().backlog(BOUND).slow_consumer(policy));
    let baseline = Baseline::of(&server);
    for revision in [3, 4] {
        let client = Client::open_with(server.addr, revision, "");
        let spark = server.spark();
        let mut witness = Peer::open_with(server.addr, "/primus/?EIO=4&transport=websocket", "");
        witness.expect_text();
        wait_for("sparks", 2, || server.primus.connected());
        let handled = || {
            let metrics = server.primus.metrics();
            metrics.messages_out + metrics.messages_dropped
        };
        let (text, before, earlier) = ("x".repeat(10_000), resident(), handled());
        for n in 0..400 {
            if broadcasts {
                // One at a time: the witness has each before the next.
                server.primus.write(&(n, &text)).unwrap();
                assert!(witness.expect_text().starts_with(&format!("4[{n},")));
            } else {
                let _ = spark.write(&(n, &text));
            }
            assert!(spark.buffered() <= BOUND);
        }
        let all = if broadcasts { 800 } else { 400 };
        let done = || handled() >= earlier + all || spark.close_reason().is_some();
        wait_until("all are written", done);
        let grown = resident().saturating_sub(before);
        assert!(grown < BOUND + (4 << 20), "grew by {grown}");
        witness.close();
        check(&server, client, &spark);
        server.wait_empty();
        wait_for("bytes that wait", 0, || server.primus.metrics().backlog_bytes);
        still_serves(&server);
        server.wait_empty();
    }
    baseline.wait();
}

fn is_cut_at_the_bound(broadcasts: bool) {
    overfill(SlowConsumer::default(), broadcasts, |server, mut client, spark| {
        wait_until("it has ended", || spark.close_reason().is_some());
        assert_eq!(spark.close_reason().unwrap().by, Ended::SlowConsumer);
        assert_eq!(spark.buffered(), 0);
        assert!(matches!(spark.write("late"), Err(Error::Closed)));
        client.wait_forgotten();
        assert_eq!(client.send(&["4\"late\""]).status, 400);
        assert!(server.primus.metrics().slow_consumers_cut > 0);
    });
}

fn a_client_that_does_not_poll_is_cut_at_the_bound() {
    is_cut_at_the_bound(false);
}

fn a_client_that_does_not_poll_is_cut_at_the_bound_by_broadcasts() {
    is_cut_at_the_bound(true);
}

/// What still comes is looked at.
fn misses(policy: SlowConsumer, broadcasts: bool, look: fn(&[u32])) {
    overfill(policy, broadcasts, |server, mut client, spark| {
        assert!(spark.close_reason().is_none());
        assert!(spark.buffered() > BOUND / 2);
        assert!(server.primus.metrics().messages_dropped > 250);
        let mut came = client.poll();
        spark.write("end").unwrap();
        came.extend(poll_to_end(&mut client));
        look(&numbers(&came));
        client.close();
    });
}

fn misses_the_newest(broadcasts: bool) {
    misses(SlowConsumer::DropNewest, broadcasts, |came| {
        assert!((50..=110).contains(&came.len()), "{}", came.len());
        assert!(came.iter().copied().eq(0..came.len() as u32));
    });
}

fn a_client_that_does_not_poll_misses_the_newest() {
    misses_the_newest(false);
}

fn a_client_that_does_not_poll_misses_the_newest_broadcasts() {
    misses_the_newest(true);
}

fn misses_the_oldest(broadcasts: bool) {
    misses(SlowConsumer::DropOldest, broadcasts, |came| {
        assert!(came.len() > 50, "{}", came.len());
        assert!(came.iter().copied().eq(400 - came.len() as u32..400), "{came:?}");
    });
}

fn a_client_that_does_not_poll_misses_the_oldest() {
    misses_the_oldest(false);
}

fn a_client_that_does_not_poll_misses_the_oldest_broadcasts() {
    misses_the_oldest(true);
}

/// One whose connection takes no more of the answer.
fn stuck_answer(server: &Server) -> (Client, Spark) {
    let mut client = Client::open(server.addr);
    let spark = server.primus.spark(&client.sid).unwrap();
    client.ask_poll();
    // Held: the first answers come, and are read.
    spark.write("held?").unwrap();
    client.packets();
    client.ask_poll();
    spark.write(&"x".repeat(2 << 20)).unwrap();
    (client, spark)
}

fn slow_read_of_a_poll() {
    let clock = ManualClock::new();
    let builder = patient().clock(&clock).ping_interval(None);
    let server = echo(builder.backlog(BOUND).send_buffer(16 << 10));
    let baseline = Baseline::of(&server);
    // It reads in the end.
    let (mut client, spark) = stuck_answer(&server);
    spark.write("behind").unwrap();
    wait_until("it waits behind the answer", || spark.buffered() > 0);
    still_serves(&server);
    assert_eq!(client.packets()[0].len(), (2 << 20) + 3);
    assert_eq!(client.poll(), ["4\"behind\""]);
    client.close();
    // It does not, and more is written.
    let (client, spark) = stuck_answer(&server);
    while spark.write(&"x".repeat(10_000)).is_ok() {}
    wait_until("it has ended", || spark.close_reason().is_some());
    assert_eq!(spark.close_reason().unwrap().by, Ended::SlowConsumer);
    client.wait_forgotten();
    // The one that it does not read.
    let stuck = only_get(client);
    wait_for("threads", 4, || server_threads().len());
    drop(stuck);
    // It does not, and the heartbeat stops.
    let (client, spark) = stuck_answer(&server);
    clock.advance(25 * SECOND);
    clock.advance(20 * SECOND);
    wait_until("it has ended", || spark.close_reason().is_some());
    assert_eq!(spark.close_reason().unwrap().by, Ended::Heartbeat);
    client.wait_forgotten();
    server.wait_empty();
    // What was not sent is not kept for ever, nor is the thread.
    let stuck = only_get(client);
    pass_until(&clock, "threads", || server_threads().len() == 4);
    drop(stuck);
    // It asks for its end, and does not read the answer.
    let (mut client, _) = stuck_answer(&server);
    client.say("1");
    client.wait_forgotten();
    let stuck = only_get(client);
    pass_until(&clock, "threads", || server_threads().len() == 4);
    drop(stuck);
    // It asks again instead.
    let (client, _) = stuck_answer(&server);
    assert_eq!(ask(server.addr, get(&client.query("polling"))).status, 400);
    client.wait_forgotten();
    let stuck = only_get(client);
    pass_until(&clock, "threads", || server_threads().len() == 4);
    drop(stuck);
    still_serves(&server);
    baseline.wait();
}

/// The connection that a client polls by; its other one is closed.
fn only_get(client: Client) -> Peer {
    client.get
}

/// Lets time pass until something has come about.
fn pass_until(clock: &ManualClock, what: &str, done: impl Fn() -> bool) {
    wait_until(what, || {
        clock.advance(SECOND);
        done()
    });
}

/// One that never polls holds up nobody: WebSockets from the start and by
/// upgrade, and clients that do poll.
fn broadcasts_reach_everybody_else() {
    const COUNT: usize = 300;
    for policy in [SlowConsumer::default(), SlowConsumer::DropNewest, SlowConsumer::DropOldest] {
        let server = echo(patient().backlog(BOUND).slow_consumer(policy));
        let mute = Client::open(server.addr);
        let mute_spark = server.spark();
        let mut pollers = [3, 4].map(|revision| Client::open_with(server.addr, revision, ""));
        let mut sockets: Vec<_> = [3, 4]
            .into_iter()
            .flat_map(|revision| {
                let target = format!("/primus/?EIO={revision}&transport=websocket");
                let mut direct = Peer::open_with(server.addr, &target, "");
                direct.expect_text();
                let upgraded = Client::open_with(server.addr, revision, "").go_over().0;
                [direct, upgraded]
            })
            .collect();
        // The upgrades are through.
        for socket in &mut sockets {
            socket.text("4\"ready\"");
            assert_eq!(socket.expect_text(), "4\"ready\"");
        }
        let text = "x".repeat(10_000);
        let before = resident();
        for n in 0..COUNT {
            // Half of the polls are held, half come later.
            if n % 2 == 0 {
                pollers.iter_mut().for_each(Client::ask_poll);
            }
            server.primus.write(&(n, &text)).unwrap();
            for socket in &mut sockets {
                assert!(socket.expect_text().starts_with(&format!("4[{n},")));
            }
            for poller in &mut pollers {
                if n % 2 == 1 {
                    poller.ask_poll();
                }
                assert_eq!(numbers(&poller.packets()), [n as u32]);
            }
            assert!(mute_spark.buffered() <= BOUND);
        }
        let grown = resident().saturating_sub(before);
        assert!(grown < BOUND + (4 << 20), "grew by {grown}");
        let cut = matches!(policy, SlowConsumer::Close { .. });
        wait_for("sparks", 6 + usize::from(!cut), || server.primus.connected());
        assert_eq!(mute_spark.close_reason().is_none(), !cut);
        mute_spark.end_options(ending(true));
        drop(mute);
        pollers.into_iter().for_each(Client::close);
        sockets.into_iter().for_each(Peer::close);
        if !cut {
            // Nobody comes for the end of it.
            assert!(server.primus.metrics().backlog_bytes > 0);
        }
        drop(server);
        wait_for("threads", 0, || server_threads().len());
    }
}

/// The cable is pulled: no end of the stream tells of it.
fn a_client_that_vanishes_is_freed_after_the_heartbeat() {
    let clock = ManualClock::new();
    // While a POST comes in nobody else is judged: it has its own time.
    let builder = limited(|limits| limits.body_timeout = Duration::from_millis(100));
    let server = echo(builder.clock(&clock).ping_interval(None));
    let baseline = Baseline::of(&server);
    for revision in [3, 4] {
        for place in ["fresh", "between polls", "in a poll", "in a post", "probing", "upgraded"] {
            let mut client = Client::open_with(server.addr, revision, "");
            let spark = server.spark();
            let mut socket = None;
            if place != "fresh" {
                client.say("4\"x\"");
                assert_eq!(client.poll(), ["4\"x\""]);
            }
            match place {
                "in a poll" => client.ask_poll(),
                "in a post" => client.post = begin_post(&client, 10),
                "probing" => socket = Some(client.probe()),
                "upgraded" => {
                    let mut taken = client.probe();
                    taken.text("5");
                    taken.text("4\"y\"");
                    assert_eq!(taken.expect_text(), "4\"y\"");
                    socket = Some(taken);
                }
                _ => {}
            }
            if place != "in a poll" {
                let _ = spark.write("waits");
            }
            // Two rounds at most: what was said before may count in the first.
            pass_until(&clock, place, || spark.close_reason().is_some());
            let by = spark.close_reason().unwrap().by;
            let expected = if place == "fresh" { Ended::Lost } else { Ended::Heartbeat };
            assert_eq!(by, expected, "{place}");
            server.wait_empty();
            client.wait_forgotten();
            wait_for("bytes that wait", 0, || server.primus.metrics().backlog_bytes);
            let counted = || server.primus.metrics().connections["engine.io"].now;
            wait_for("connections", 0, counted);
            drop((client, socket));
        }
    }
    baseline.wait();
}
