//! Guesses at the ids of sessions.

use std::collections::HashSet;

use primus::Primus;

use crate::client::*;
use crate::common::*;
use crate::runner::Test;

pub const TESTS: &[Test] = tests![session_id_guessing,];

const OPEN: &str = "EIO=4&transport=polling";

/// What a stranger learns by asking for a session: all there is of the answer
/// but the time.
fn asked_for(server: &Server, sid: &str) -> Vec<String> {
    let query = format!("{OPEN}&sid={sid}");
    let mut learnt = Vec::new();
    for bytes in [get(&query).into_bytes(), post(&query, "", b"4\"stranger\"")] {
        let answer = ask(server.addr, bytes);
        assert_eq!((answer.status, &*answer.body), (400, UNKNOWN), "{sid}");
        let head = answer.head.lines().filter(|line| !line.to_lowercase().starts_with("date"));
        learnt.extend(head.map(str::to_owned));
    }
    let mut peer = server.connect();
    let query = query.replace("polling", "websocket");
    peer.send(&upgrade(&format!("/primus/?{query}"), ""));
    let answer = peer.read_response();
    assert_eq!((answer.status, &*answer.body), (400, "Session ID unknown"), "{sid}");
    learnt.push(answer.head);
    learnt
}

fn session_id_guessing() {
    let server = echo(Primus::builder());
    let other = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    let foreign = Client::open(other.addr);
    let mut expired = Client::open(server.addr);
    let ended = expired.sid.clone();
    // Its own client gets one more answer.
    expired.say("1");
    assert_eq!(expired.poll(), ["6"]);
    wait_for("sparks", 1, || server.primus.connected());
    let (upgraded, _) = {
        let upgraded = Client::open(server.addr);
        let sid = upgraded.sid.clone();
        let (mut socket, _) = upgraded.go_over();
        socket.text("4\"x\"");
        assert_eq!(socket.expect_text(), "4\"x\"");
        socket.close();
        (sid, ())
    };
    wait_for("sparks", 1, || server.primus.connected());
    let expected = asked_for(&server, "AAAAAAAAAAAAAAAAAAAA");
    // One letter away from one that is open, in each place.
    let near = (0..20).map(|at| {
        let mut near = client.sid.clone().into_bytes();
        near[at] = if near[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(near).unwrap()
    });
    let mut guesses: Vec<String> = near.collect();
    guesses.extend([ended, upgraded, foreign.sid.clone()]);
    guesses.extend([
        client.sid[..19].to_owned(),
        format!("{}A", client.sid),
        client.sid.to_lowercase() + "x",
        format!("{}%00", client.sid),
        format!("%20{}", client.sid),
        "..".into(),
        "*".into(),
        "a".into(),
    ]);
    for guess in guesses {
        assert_eq!(asked_for(&server, &guess), expected, "{guess}");
    }
    // None of the sessions has noticed.
    client.say("4\"x\"");
    assert_eq!(client.poll(), ["4\"x\""]);
    assert!(foreign.is_known());
    // The ids vary freely in each of their letters.
    let mut positions = vec![HashSet::new(); 20];
    let mut peer = server.connect();
    let mut sids = HashSet::new();
    for _ in 0..500 {
        let sid = sid_of(&peer.ask(&get(OPEN)).body);
        for (byte, seen) in sid.bytes().zip(&mut positions) {
            seen.insert(byte);
        }
        let query = format!("{OPEN}&sid={sid}");
        peer.send(&post(&query, "", b"1"));
        assert_eq!(peer.read_response().body, "ok");
        assert!(sids.insert(sid));
    }
    // 64 letters, 6 bits each: 120 in all.
    assert!(positions.iter().all(|seen| seen.len() > 55));
}
