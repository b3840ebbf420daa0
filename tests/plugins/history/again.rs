//! Members that come into a room again: on one connection, or after one that broke early.

use serde_json::json;

use super::*;
use crate::common::Peer;

/// What another thread has written to many may be on its way still.
#[test]
fn who_leaves_and_comes_again_gets_what_was_written_before_all_the_same() {
    let server = server(&["r"]);
    let (pair, got) = come(&server);
    let (rounds, each) = (200, 20);
    for round in 0..rounds {
        let room = server.primus.room("r");
        let write = move || {
            for n in 1..=each {
                room.write(&(round * each + n)).unwrap();
            }
        };
        thread::spawn(write).join().unwrap();
        assert!(pair.spark().unwrap().leave("r"));
        pair.spark().unwrap().join("r").unwrap();
    }
    let all: Vec<u64> = (1..=rounds * each).collect();
    wait_for("all come", all, || got.numbers());
    assert!(got.told().is_empty(), "{:?}", got.told());
}

/// Who has had something of a room can come back to it, however early its connection breaks.
#[test]
fn the_first_ticket_is_there_before_the_first_message() {
    let server = server(&["r"]);
    let room = server.primus.room("r");
    let come = |ready: bool, at: serde_json::Value| {
        let mut peer = Peer::open_with(server.addr, "/primus?_history=early", "");
        if ready {
            wait_until("it is in the room", || !room.is_empty());
            (1..=3).for_each(|n| assert_eq!(room.write(&n).unwrap(), 1));
        }
        peer.text(&json!({ "primus-history": ["hello", [], at, false] }).to_string());
        peer
    };
    let said = |peer: &mut Peer| {
        let mut said: serde_json::Value = serde_json::from_str(&peer.expect_text()).unwrap();
        said["primus-history"].take()
    };
    let mut peer = come(true, json!([]));
    let first = said(&mut peer);
    let (place, ticket) = (&first[1][0], &first[1][0][5]);
    assert_eq!((&first[0], &place[2], &place[3]), (&json!("rooms"), &json!(0), &json!(0)));
    (1..=3).for_each(|n| assert_eq!(said(&mut peer)[3], n));
    // It has not got the answer, that it knows.
    peer.close();
    let mut peer = come(false, json!([["r", place[1], 2, ticket]]));
    assert_eq!(said(&mut peer)[3], 3);
    let back = said(&mut peer)[2][0].take();
    assert_eq!((&back[2], &back[3], &back[4]), (&json!(3), &json!(1), &json!(1)));
    peer.close();
}
