//! Members that come into a room again on one connection.

use super::*;

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
