//! Attacks on the browserchannel server, after which no thread, descriptor or memory may
//! be missing.

use std::net::Shutdown;
use std::time::Duration;

use primus::{Ended, Frame, ManualClock, Primus};

use crate::common::browserchannel::*;
use crate::common::*;
use crate::runner::Test;
use crate::ways::*;

pub const TESTS: &[Test] = tests![
    post_flood_to_unknown_sessions,
    session_exhaustion,
    idle_back_channels_need_no_wake_ups,
    reset_at_each_byte,
    churn_leaves_no_memory_behind,
    an_idle_client_takes_little_memory,
    maps_before_their_turn_are_bounded,
    arrays_that_nobody_acknowledges_are_bounded,
    back_channels_take_the_place_of_each_other,
    what_is_owed_to_clients_that_left_is_bounded,
];

const MIB: usize = 1 << 20;

/// The path of a session's requests that send something.
fn sending(sid: &str, rid: u64) -> String {
    format!("/bind?VER=8&SID={sid}&AID=0&RID={rid}")
}

fn post_flood_to_unknown_sessions() {
    let server = echo(limited(|limits| limits.unknown_sessions = 1_000_000));
    let baseline = Baseline::of(&server);
    let mut client = Client::open(server.addr);
    let before = resident();
    let target = sending("nobody", 2);
    for framing in ["Content-Length: 1000000000\r\n", "Transfer-Encoding: chunked\r\n"] {
        let head = format!("POST /primus{target} HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n");
        bodies_for_nobody_are_not_taken(&server, &head);
    }
    // One after the other on one connection.
    let mut peer = server.connect();
    for _ in 0..200 {
        peer.send(&post(&target, "", maps(0, &["1"])));
        let answer = peer.read_response();
        assert_eq!((answer.status, &*answer.body), UNKNOWN);
    }
    client.round("\"x\"");
    let grown = resident().saturating_sub(before);
    assert!(grown < 8 * MIB, "grew by {grown}");
    client.terminate();
    drop((client, peer));
    server.wait_empty();
    baseline.wait();
}

/// Sessions whose clients do not come back.
fn session_exhaustion() {
    let clock = ManualClock::new();
    let builder = limited(|limits| limits.fresh_sessions = 10);
    let server = echo(builder.clock(&clock).ping_interval(None));
    let baseline = Baseline::of(&server);
    // One that is listened to is not among those that pay for it.
    let mut client = Client::open(server.addr);
    let mut back = client.wait();
    client.say(&["1"]);
    assert_eq!(message(&back.next()), "1");
    let mut flood = server.connect();
    for _ in 0..200 {
        flood.send(&post("/bind?VER=8&RID=100", "", "count=0"));
        assert_eq!(flood.read_response().status, 200);
    }
    wait_for("sparks", 11, || server.primus.connected());
    wait_until("threads", || server_threads().len() <= 4 + 11 + 3);
    client.say(&["2"]);
    assert_eq!(message(&back.next()), "2");
    // And they do not stay.
    clock.advance(Duration::from_secs(31));
    wait_for("sparks", 1, || server.primus.connected());
    client.terminate();
    drop((client, back, flood));
    server.wait_empty();
    baseline.wait();
}

/// Between two noops nothing has to be done for a back channel.
fn idle_back_channels_need_no_wake_ups() {
    let server = echo(Primus::builder());
    let clients: Vec<_> = (0..50).map(|_| Client::open(server.addr)).collect();
    let backs: Vec<_> = clients.iter().map(Client::wait).collect();
    wait_for("sparks", backs.len(), || server.primus.connected());
    there_are_no_wake_ups(backs.len());
}

fn reset_at_each_byte() {
    let before = descriptors();
    let server = echo(limited(|limits| limits.unknown_sessions = 1_000_000));
    let opener = post("/bind?VER=8&RID=1", "", maps(0, &["1"]));
    for end in (0..=opener.len()).chain([opener.len()]) {
        leave(&server, &opener[..end], end);
    }
    for kind in ["CI=0&TYPE=xmlhttp", "CI=1&TYPE=xmlhttp", "CI=0&TYPE=html"] {
        for end in (0..200).step_by(5) {
            let client = Client::open(server.addr);
            let all = [
                get(&client.target(&format!("RID=rpc&AID=0&{kind}")), ""),
                post(&client.target("RID=101&AID=0"), "", maps(0, &["1", "2"])),
                get(&client.target("RID=102&TYPE=terminate"), ""),
            ];
            for bytes in all {
                leave(&server, &bytes[..end.min(bytes.len())], end);
            }
        }
    }
    still_serves(&server);
    ends_clean(server, before);
}

fn churn_leaves_no_memory_behind() {
    let server = echo(Primus::builder());
    nothing_is_left_of(&server, |round| {
        let mut client = Client::open(server.addr);
        let kind = ["CI=0&TYPE=xmlhttp", "CI=1&TYPE=xmlhttp", "CI=0&TYPE=html"][round % 3];
        if kind.ends_with("html") {
            let mut page = server.connect();
            page.send(&get(&client.target(&format!("RID=rpc&AID=0&{kind}")), ""));
            assert!(page.read_head().starts_with("HTTP/1.1 200 "));
            client.say(&["1"]);
            page.shutdown(Shutdown::Both);
        } else {
            client.say(&["1"]);
            assert_eq!(message(&client.wait_with(kind).next()), "1");
        }
        client.terminate();
    });
}

fn an_idle_client_takes_little_memory() {
    let descriptors = descriptors();
    let server = echo(Primus::builder());
    let each = memory_of_each(|| {
        let mut client = Client::open(server.addr);
        let mut back = client.wait();
        client.say(&["1"]);
        assert_eq!(message(&back.next()), "1");
        (client, back)
    });
    assert!(each < EACH_CLIENT, "{each} bytes");
    ends_clean(server, descriptors);
}

/// Requests whose turn has not come are kept, as far as there is room.
fn maps_before_their_turn_are_bounded() {
    const CLIENTS: usize = 20;
    let builder = limited(|limits| limits.inbox = MIB);
    let server = echo(builder.ping_interval(None));
    let baseline = Baseline::of(&server);
    let text = format!("\"{}\"", "x".repeat(50_000));
    let (mut clients, before) = (Vec::new(), resident());
    for _ in 0..CLIENTS {
        let mut client = Client::open(server.addr);
        let early = |n: u64| {
            let body = format!("count=1&ofs={n}&req0__S={text}");
            ask(server.addr, post(&sending(&client.sid, 200 + n), "", body)).status
        };
        let taken = (0..40).map(early).take_while(|status| *status == 200).count();
        assert!((1..=16).contains(&taken), "{taken} requests were kept");
        // And maps of a request whose turn it is.
        client.posts = server.connect();
        let answer = client.bring(format!("count=1&ofs=900&req0__S={text}"));
        assert_eq!(answer.status, 200);
        clients.push(client);
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < CLIENTS * (MIB + MIB / 2), "grew by {grown}");
    server.primus.for_each(|spark| spark.end());
    drop(clients);
    server.wait_empty();
    baseline.wait();
}

/// What was sent is kept until it is acknowledged: that counts as much as what waits.
fn arrays_that_nobody_acknowledges_are_bounded() {
    let server = echo(Primus::builder().backlog(MIB).ping_interval(None));
    let baseline = Baseline::of(&server);
    let client = Client::open(server.addr);
    let spark = server.spark();
    let mut back = client.wait();
    let (text, before) = (format!("\"{}\"", "x".repeat(10_000)), resident());
    let mut sent = 0;
    while spark.write_frame(&Frame::text(&*text)).is_ok() {
        sent += 1;
        assert!(sent < 400, "what is read and not acknowledged has no bound");
        assert!(spark.buffered() <= MIB, "{}", spark.buffered());
        // It reads all that comes, and says nothing of it.
        while back.peer.stream.set_nonblocking(true).is_ok() && reads(&mut back) {}
    }
    assert!(sent > 50, "{sent}");
    wait_until("it has ended", || spark.close_reason().is_some());
    assert_eq!(spark.close_reason().unwrap().by, Ended::SlowConsumer);
    let grown = resident().saturating_sub(before);
    assert!(grown < 6 * MIB, "grew by {grown}");
    drop((client, back, spark));
    server.wait_empty();
    wait_for("bytes that wait", 0, || server.primus.metrics().backlog_bytes);
    baseline.wait();
}

/// Reads what there is, and throws it away.
fn reads(back: &mut Back) -> bool {
    use std::io::Read;
    back.peer.stream.read(&mut [0; 64 << 10]).is_ok_and(|read| read > 0)
}

/// However often a client asks for one, it has one, and that one works.
fn back_channels_take_the_place_of_each_other() {
    let server = echo(Primus::builder().ping_interval(None));
    let baseline = Baseline::of(&server);
    let mut client = Client::open(server.addr);
    let mut replaced: Vec<_> = (0..100).map(|_| client.wait()).collect();
    let mut last = replaced.pop().expect("a back channel");
    for back in replaced {
        assert_eq!(back.rest(), Vec::<serde_json::Value>::new());
    }
    wait_until("threads", || server_threads().len() <= 4 + 1 + 3);
    client.say(&["1"]);
    assert_eq!(message(&last.next()), "1");
    client.terminate();
    drop((client, last));
    server.wait_empty();
    baseline.wait();
}

/// What clients have not acknowledged is kept for a while when their sparks end, but not
/// for all that ever were.
fn what_is_owed_to_clients_that_left_is_bounded() {
    const OWED: usize = 16 * MIB;
    let server = echo(Primus::builder().ping_interval(None));
    let baseline = Baseline::of(&server);
    let text = format!("\"{}\"", "x".repeat(MIB));
    let come_and_go = |count: usize| {
        for _ in 0..count {
            let client = Client::open(server.addr);
            let spark = server.spark();
            let mut back = client.wait();
            spark.write_frame(&Frame::text(&*text)).unwrap();
            assert_eq!(message(&back.next()).len(), text.len());
            spark.end();
            server.wait_empty();
        }
    };
    let before = resident();
    come_and_go(60);
    // Until a client has taken the end, or its time for that is over, it has a thread.
    wait_until("their threads have ended", || server_threads().len() <= 4 + 1);
    let grown = resident().saturating_sub(before);
    assert!(grown < OWED + 12 * MIB, "grew by {grown}");
    baseline.wait();
}
