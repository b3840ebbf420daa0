//! Clients that do not take what is written to them.

use std::sync::mpsc;
use std::time::Duration;

use primus::{Ended, Error, ManualClock, Primus, SlowConsumer, Spark};

use crate::client::*;
use crate::common::*;

const BOUND: usize = 1 << 20;
const SECOND: Duration = Duration::from_secs(1);

/// The numbers at the beginning of messages `4[number,…]`.
fn numbers(packets: &[String]) -> Vec<u32> {
    let number = |packet: &String| {
        let (number, _) = packet.strip_prefix("4[").unwrap().split_once(',').unwrap();
        number.parse().unwrap()
    };
    packets.iter().map(number).collect()
}

/// Polls until a message that is `"end"`.
fn poll_to_end(client: &mut Client) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    while all.last().is_none_or(|last| last != "4\"end\"") {
        all.extend(client.poll());
    }
    all.pop();
    all
}

/// Writes, to the spark or to all, four times what may wait, while nobody
/// polls.
fn overfill(policy: SlowConsumer, broadcasts: bool, check: impl Fn(&Server, Client, &Spark)) {
    let _turn = alone();
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

#[test]
fn a_client_that_does_not_poll_is_cut_at_the_bound() {
    is_cut_at_the_bound(false);
}

#[test]
fn a_client_that_does_not_poll_is_cut_at_the_bound_by_broadcasts() {
    is_cut_at_the_bound(true);
}

fn misses_the_newest(broadcasts: bool) {
    overfill(SlowConsumer::DropNewest, broadcasts, |server, mut client, spark| {
        assert!(spark.close_reason().is_none());
        assert!(spark.buffered() > BOUND / 2);
        assert!(server.primus.metrics().messages_dropped > 250);
        let mut came = client.poll();
        spark.write("end").unwrap();
        came.extend(poll_to_end(&mut client));
        let came = numbers(&came);
        assert!((50..=110).contains(&came.len()), "{}", came.len());
        assert!(came.iter().copied().eq(0..came.len() as u32));
        client.close();
    });
}

#[test]
fn a_client_that_does_not_poll_misses_the_newest() {
    misses_the_newest(false);
}

#[test]
fn a_client_that_does_not_poll_misses_the_newest_broadcasts() {
    misses_the_newest(true);
}

fn misses_the_oldest(broadcasts: bool) {
    overfill(SlowConsumer::DropOldest, broadcasts, |server, mut client, spark| {
        assert!(spark.close_reason().is_none());
        assert!(spark.buffered() > BOUND / 2);
        assert!(server.primus.metrics().messages_dropped > 250);
        let mut came = client.poll();
        spark.write("end").unwrap();
        came.extend(poll_to_end(&mut client));
        let came = numbers(&came);
        assert!(came.len() > 50, "{}", came.len());
        assert!(came.iter().copied().eq(400 - came.len() as u32..400), "{came:?}");
        client.close();
    });
}

#[test]
fn a_client_that_does_not_poll_misses_the_oldest() {
    misses_the_oldest(false);
}

#[test]
fn a_client_that_does_not_poll_misses_the_oldest_broadcasts() {
    misses_the_oldest(true);
}

#[test]
fn a_client_that_polls_too_slowly_is_cut_after_the_grace_period() {
    let _turn = shared();
    let clock = ManualClock::new();
    let grace = 5 * SECOND;
    let builder = Primus::builder().clock(&clock).ping_interval(None).backlog(BOUND);
    let server = echo(builder.slow_consumer(SlowConsumer::Close { grace }));
    let mut client = Client::open(server.addr);
    let spark = server.spark();
    let fill = || {
        while spark.buffered() <= BOUND / 2 {
            spark.write(&"x".repeat(10_000)).unwrap();
        }
    };
    fill();
    clock.advance(grace - Duration::from_millis(1));
    // In time.
    client.poll();
    wait_for("bytes that wait", 0, || spark.buffered());
    clock.advance(grace);
    fill();
    clock.advance(grace - Duration::from_millis(1));
    assert!(spark.close_reason().is_none());
    clock.advance(Duration::from_millis(1));
    server.wait_empty();
    wait_until("it has ended", || spark.close_reason().is_some());
    assert_eq!(spark.close_reason().unwrap().by, Ended::SlowConsumer);
    client.wait_forgotten();
}

#[test]
fn a_poll_that_takes_all_that_waits_drains_the_spark() {
    let _turn = shared();
    let server = echo(Primus::builder());
    let (tell, drained) = mpsc::channel();
    server.primus.on_connection(move |spark| {
        let tell = tell.clone();
        spark.on_drain(move |spark| {
            let _ = tell.send(spark.buffered());
        });
    });
    for revision in [3, 4] {
        let mut client = Client::open_with(server.addr, revision, "");
        let spark = server.spark();
        for _ in 0..3 {
            for n in 0..100 {
                spark.write(&n).unwrap();
            }
            assert!(!spark.wait_drain(Duration::from_millis(5)));
            assert!(drained.try_recv().is_err());
            client.poll_for(100);
            assert!(spark.wait_drain(PATIENCE));
            assert_eq!(drained.recv_timeout(PATIENCE), Ok(0));
        }
        // As does the WebSocket that takes over.
        spark.write("waits").unwrap();
        let mut socket = client.probe();
        socket.text("5");
        assert_eq!(socket.expect_text(), "4\"waits\"");
        assert_eq!(drained.recv_timeout(PATIENCE), Ok(0));
        socket.close();
        server.wait_empty();
    }
}

/// Who waits for the drain of a session that ends waits no longer.
#[test]
fn nobody_waits_for_the_drain_of_a_session_that_is_over() {
    let _turn = shared();
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    let spark = server.spark();
    spark.write("waits").unwrap();
    let waiting = std::thread::spawn(move || spark.wait_drain(PATIENCE));
    client.say("1");
    assert!(!waiting.join().unwrap());
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

#[test]
fn slow_read_of_a_poll() {
    let _turn = alone();
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
#[test]
fn broadcasts_reach_everybody_else() {
    const COUNT: usize = 300;
    let _turn = alone();
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
        mute_spark.end_options(crate::ending::ending(true));
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
#[test]
fn a_client_that_vanishes_is_freed_after_the_heartbeat() {
    let _turn = alone();
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
                "in a post" => client.post = crate::polling::begin_post(&client, 10),
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

/// As on a WebSocket: what a listener writes while more messages wait counts
/// against the bound, too.
#[test]
fn an_echo_to_a_client_that_does_not_poll_keeps_the_newest_within_a_small_bound() {
    let _turn = shared();
    for bound in [4 << 10, 10_000] {
        let server = echo(patient().backlog(bound).slow_consumer(SlowConsumer::DropOldest));
        let mut client = Client::open(server.addr);
        let packets: Vec<_> = (0..1_000).map(|n| format!("4[{n},{}]", "9".repeat(100))).collect();
        let packets: Vec<_> = packets.iter().map(String::as_str).collect();
        client.send(&packets);
        client.send(&["4\"end\""]);
        wait_for("echoes", 1_001, || server.primus.metrics().messages_out);
        let waiting = server.spark().buffered();
        assert!((bound - 200..=bound).contains(&waiting), "{waiting}");
        let came = numbers(&poll_to_end(&mut client));
        assert_eq!(came.last(), Some(&999));
        assert!(came.is_sorted());
        client.close();
    }
}
