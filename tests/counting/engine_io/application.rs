//! Applications that fail while sessions poll.

use std::time::Duration;

use crossbeam_channel::unbounded;
use primus::{Destroy, Ended, Primus};

use crate::client::*;
use crate::common::*;
use crate::runner::Test;

pub const TESTS: &[Test] =
    tests![panics_in_listeners_end_that_session_alone, a_listener_that_never_returns,];

/// Polls until the session has ended, whatever comes.
fn poll_out(client: &mut Client) {
    loop {
        client.ask_poll();
        let answer = client.get.read_response();
        if answer.status != 200 || packets(client.revision, &answer.body).contains(&"1".to_owned())
        {
            return;
        }
    }
}

fn panics_in_listeners_end_that_session_alone() {
    let server = Server::start(engine(Primus::builder()));
    let baseline = Baseline::of(&server);
    let (ended, end) = unbounded();
    server.primus.on_connection(move |spark| {
        let ended = ended.clone();
        spark.on_end(move |_, reason| drop(ended.send(reason.clone())));
        let place = spark.query().next().map(|(key, _)| key.into_owned()).unwrap_or_default();
        let fail = move |here: &str| assert!(place != here, "in {here}");
        fail("connection");
        let (in_data, in_end, in_state) = (fail.clone(), fail.clone(), fail.clone());
        spark.on_data(move |spark, message| {
            in_data("data");
            spark.write_frame(message.frame()).map(drop)
        });
        spark.on_end(move |_, _| in_end("end"));
        spark.on_ready_state_change(move |_, _| in_state("state"));
        spark.on_drain(move |_| fail("drain"));
    });
    let open = |place: &str| {
        let opened = ask(server.addr, get(&format!("{place}&EIO=4&transport=polling")));
        Client {
            addr: server.addr,
            revision: 4,
            sid: sid_of(&opened.body),
            get: server.connect(),
            post: server.connect(),
            opened,
        }
    };
    let mut witness = open("none");
    for place in ["connection", "data", "drain"] {
        for over in [false, true] {
            let mut client = open(place);
            if over && place == "data" {
                let mut socket = client.probe();
                socket.text("5");
                socket.text("4\"x\"");
                socket.expect_ended(None);
            } else {
                // Written while nobody polls, which a drain follows.
                let spark = server.primus.spark(&client.sid);
                spark.iter().for_each(|spark| drop(spark.write("x")));
                client.send(&["4\"x\""]);
                poll_out(&mut client);
            }
            let reason = end.recv_timeout(PATIENCE).unwrap();
            assert_eq!((reason.by, reason.code), (Ended::Application, 1011), "{place}");
            client.wait_forgotten();
        }
    }
    for place in ["end", "state"] {
        open(place).close();
        assert_eq!(end.recv_timeout(PATIENCE).unwrap().by, Ended::Remote, "{place}");
    }
    wait_for("sparks", 1, || server.primus.connected());
    wait_until("all are counted", || server.primus.metrics().panics_caught >= 8);
    witness.say("4\"x\"");
    assert_eq!(witness.poll(), ["4\"x\""]);
    witness.close();
    baseline.wait();
}

/// It holds up its own client, once so much waits for it, and nobody else.
fn a_listener_that_never_returns() {
    let mut server =
        Server::start(engine(limited(|limits| limits.inbox = 64 << 10).ping_interval(None)));
    server.may_be_stuck = true;
    let (release, released) = unbounded::<()>();
    server.primus.on_connection(move |spark| {
        let released = released.clone();
        spark.on_data(move |spark, message| {
            if message.as_str() == Some("stop") {
                let _ = released.recv();
            }
            spark.write_frame(message.frame()).map(drop)
        });
    });
    let mut stuck = Client::open(server.addr);
    stuck.say("4\"stop\"");
    let before = resident();
    let message = format!("4\"{}\"", "x".repeat(20_000));
    let query = stuck.query("polling");
    let mut accepted = 0;
    loop {
        stuck.post.send(&post(&query, "", message.as_bytes()));
        match stuck.post.response_within(Duration::from_millis(200)) {
            Some(answer) => assert_eq!(answer.body, "ok"),
            None => break,
        }
        accepted += 1;
        assert!(accepted < 20, "never held back");
    }
    assert!(resident().saturating_sub(before) < 4 << 20);
    let mut other = Client::open(server.addr);
    for _ in 0..10 {
        other.say("4\"x\"");
        assert_eq!(other.poll(), ["4\"x\""]);
    }
    other.close();
    wait_for("sparks", 1, || server.primus.connected());
    // Broadcasts reach it, for they do not need its thread.
    server.primus.write("to all").unwrap();
    assert_eq!(stuck.poll(), ["4\"to all\""]);
    // It may go over, and end, but its thread stays.
    let primus = server.primus.clone();
    let options = Destroy::default().timeout(Duration::from_millis(20));
    let destroyed = in_time("destroy", move || primus.destroy(options));
    assert_eq!(destroyed.sparks, 1);
    assert!(destroyed.stuck >= 1, "{destroyed:?}");
    drop(release);
    wait_for("threads", 0, || server_threads().len());
}
