//! What is not to be stuck behind something else. Needs no Redis.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use primus::Error;
use primus::link::Batch;

use super::hostile::{idle, read_until, serve, welcome};
use super::*;
use crate::common::*;

/// A URL at which nobody listens.
fn nowhere() -> String {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("redis://127.0.0.1:{}", taken.local_addr().unwrap().port())
}

/// The pauses are long, so that only a wake can be in time.
#[test]
fn a_question_is_refused_at_once_also_while_publishes_wait() {
    let pause = Duration::from_secs(15);
    let link = quick(&nowhere()).pauses(pause, pause).open().unwrap();
    Complaints::of(&link).expect("refused");
    for waiting in 0..3 {
        let begun = Instant::now();
        let answer = link.fetch(Batch::new().cmd(&["PING"]), PATIENCE);
        assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?} behind {waiting}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        link.publish("a", b"x".to_vec()).unwrap();
    }
}

/// What the publishes among these bytes say.
fn said(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.split("\r\n").filter(|line| line.starts_with("say-"));
    lines.map(str::to_owned).collect()
}

/// A large message takes several times as long to send as Redis may owe a reply.
#[test]
fn a_large_message_gets_through_a_slow_connection() {
    const SIZE: usize = 8 << 20;
    let (url, count) = serve(|_, mut stream| {
        // What is under way is not to be so much that it hides the speed.
        let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 64 << 10);
        if welcome(&mut stream) {
            return idle(&mut stream);
        }
        let (mut all, mut buffer, mut is_answered) = (0, vec![0; 64 << 10], false);
        let mut end = Vec::new();
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            all += read;
            end.extend_from_slice(&buffer[..read]);
            end.drain(..end.len().saturating_sub(16));
            if all < SIZE {
                crate::common::pause(Duration::from_millis(12));
            } else if !std::mem::replace(&mut is_answered, true) {
                let _ = stream.write_all(b":1\r\n");
            }
            if end.ends_with(b"say-after\r\n") {
                let _ = stream.write_all(b":1\r\n");
            } else if end.ends_with(b"PING\r\n") {
                let _ = stream.write_all(b"+PONG\r\n");
            }
        }
    });
    let link = quick(&url).open().unwrap();
    assert!(link.wait_connected(PATIENCE));
    link.publish("a", vec![b'x'; SIZE]).unwrap();
    link.publish("a", b"say-after".to_vec()).unwrap();
    wait_for("queue", 0, || link.metrics().queue_commands);
    println!("{} connections", count.load(std::sync::atomic::Ordering::Relaxed));
    assert_eq!(link.metrics().dropped, 0);
}

/// The same the other way: the reply takes longer than Redis may be silent.
#[test]
fn a_large_reply_gets_through_a_slow_connection() {
    const SIZE: usize = 4 << 20;
    let (url, _) = serve(|_, mut stream| {
        if welcome(&mut stream) {
            return idle(&mut stream);
        }
        if !read_until(&mut stream, "LARGE") {
            return;
        }
        let _ = stream.write_all(format!("${SIZE}\r\n").as_bytes());
        for part in vec![b'x'; SIZE].chunks(64 << 10) {
            let _ = stream.write_all(part);
            crate::common::pause(Duration::from_millis(25));
        }
        let _ = stream.write_all(b"\r\n");
        idle(&mut stream);
    });
    let link = quick(&url).open().unwrap();
    assert!(link.wait_connected(PATIENCE));
    let reply = one(&link, &["LARGE"]).unwrap();
    assert_eq!(reply, text(&"x".repeat(SIZE)));
}

/// A message at which the connection ends without a word, or which is met with silence,
/// is given up in the end; those before it and behind it are not.
fn given_up(is_silent: bool) {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    let (url, _) = serve(move |_, mut stream| {
        if welcome(&mut stream) {
            return idle(&mut stream);
        }
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            let all = said(&buffer[..read]);
            if all.iter().any(|said| said == "say-bad") {
                // Together with what came before it.
                match is_silent {
                    true => return drop(stream.read_to_end(&mut Vec::new())),
                    false => return,
                }
            }
            for said in all {
                let _ = tell.lock().unwrap().send(said);
                let _ = stream.write_all(b":1\r\n");
            }
            if buffer[..read].ends_with(b"PING\r\n") {
                let _ = stream.write_all(b"+PONG\r\n");
            }
        }
    });
    let link = quick(&url).response_timeout(Duration::from_millis(150)).open().unwrap();
    let complaints = Complaints::of(&link);
    assert!(link.wait_connected(PATIENCE));
    let batches = ["say-1", "say-2", "say-bad", "say-3", "say-4"];
    for text in batches {
        link.publish("a", text.into()).unwrap();
    }
    complaints.expect("1 commands were given up");
    wait_for("queue", 0, || link.metrics().queue_commands);
    assert_eq!(link.metrics().dropped, 1);
    // What was answered in vain is sent again.
    let mut seen = HashSet::new();
    let heard: Vec<_> = told.try_iter().filter(|said| seen.insert(said.clone())).collect();
    assert_eq!(heard, ["say-1", "say-2", "say-3", "say-4"]);
}

#[test]
fn a_message_that_ends_each_connection_is_given_up() {
    given_up(false);
}

#[test]
fn a_message_that_is_met_with_silence_is_given_up() {
    given_up(true);
}

#[test]
fn what_is_lost_by_the_end_is_told() {
    let link = quick(&nowhere()).open().unwrap();
    let (tell, told) = channel();
    link.on_error(move |error| {
        let _ = tell.send(error.to_string());
    });
    for _ in 0..3 {
        link.publish("a", b"x".to_vec()).unwrap();
    }
    link.close(Duration::ZERO);
    let told: Vec<String> = told.try_iter().collect();
    assert!(told.iter().any(|error| error.contains("3 commands")), "{told:?}");
}

/// Listeners that are taken out hear nothing, and nothing of them stays.
#[test]
fn listeners_can_be_taken_out() {
    let (url, _) = serve(|_, mut stream| {
        welcome(&mut stream);
        idle(&mut stream);
    });
    let link = quick(&url).open().unwrap();
    let held = Arc::new(());
    let (one, two, three) = (held.clone(), held.clone(), held.clone());
    let ids =
        [link.on_state(move |_| drop(one.clone())), link.on_error(move |_| drop(two.clone()))];
    assert!(link.wait_connected(PATIENCE));
    let late = link.on_state(move |_| drop(three.clone()));
    for id in ids.into_iter().chain([late]) {
        assert!(link.off(id));
        assert!(!link.off(id));
    }
    wait_until("they are gone", || Arc::strong_count(&held) == 1);
    let states = states(&link);
    assert_eq!(states.recv_timeout(PATIENCE).unwrap(), LinkState::Up);
}
