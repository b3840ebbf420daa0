//! Doubles, and gaps.

use crate::plugins::cluster::peers::{Peers, Seen};

const A: &str = "http://a";

#[test]
fn what_came_before_is_a_double_and_what_is_left_out_is_missing() {
    let mut peers = Peers::default();
    let seen = [7, 8, 8, 7, 1, 9, 12, 10, 11, 13].map(|seq| peers.hear(A, "run", seq));
    let (new, double) = (Seen::New(0), Seen::Double);
    let expected = [new, new, double, double, double, new, Seen::New(2), double, double, new];
    assert_eq!(seen, expected);
    assert_eq!(peers.len(), 1);
}

#[test]
fn each_run_of_a_server_counts_for_itself() {
    let mut peers = Peers::default();
    assert_eq!(peers.hear(A, "first", 100), Seen::New(0));
    assert_eq!(peers.hear(A, "second", 1), Seen::New(0));
    assert_eq!(peers.hear(A, "second", 1), Seen::Double);
    assert_eq!(peers.hear("http://b", "third", 1), Seen::New(0));
    // It is one server, however often it was started.
    assert_eq!(peers.len(), 2);
    peers.gone(A);
    assert_eq!(peers.len(), 1);
}

/// Its link sends again what was kept, once it is back.
#[test]
fn the_numbers_of_a_server_that_was_gone_are_still_known() {
    let mut peers = Peers::default();
    for seq in 5..=7 {
        assert_eq!(peers.hear(A, "run", seq), Seen::New(0));
    }
    peers.gone(A);
    assert_eq!(peers.len(), 0);
    let seen = [5, 6, 7, 8, 10].map(|seq| peers.hear(A, "run", seq));
    let double = Seen::Double;
    assert_eq!(seen, [double, double, double, Seen::New(0), Seen::New(1)]);
    assert_eq!(peers.len(), 1);
}

#[test]
fn a_server_counts_once_it_has_an_address() {
    let mut peers = Peers::default();
    peers.hear("", "run", 1);
    assert_eq!(peers.len(), 0);
    peers.alive(A, "run", 1);
    assert_eq!(peers.len(), 1);
    peers.gone(A);
    assert_eq!(peers.len(), 0);
}

#[test]
fn a_sign_of_life_shows_what_nothing_followed() {
    let mut peers = Peers::default();
    assert_eq!(peers.alive(A, "run", 5), 0);
    assert_eq!(peers.hear(A, "run", 5), Seen::Double);
    assert_eq!(peers.hear(A, "run", 6), Seen::New(0));
    assert_eq!(peers.alive(A, "run", 6), 0);
    assert_eq!(peers.alive(A, "run", 9), 3);
    assert_eq!(peers.alive(A, "run", 9), 0);
    assert_eq!(peers.hear(A, "run", 10), Seen::New(0));
}

/// As anybody can who may publish.
#[test]
fn forged_numbers_make_nobody_deaf() {
    let far = [1 << 40, u64::MAX - 1, u64::MAX];
    for forged in far {
        let mut peers = Peers::default();
        assert_eq!(peers.hear(A, "run", 1), Seen::New(0));
        // As a sign of life: even many of them take nothing away, and count nothing.
        let counted: u64 = (0..9).map(|_| peers.alive(A, "run", forged)).sum();
        assert_eq!(counted, 0);
        assert_eq!(peers.hear(A, "run", 2), Seen::New(0));
        // One message.
        assert_eq!(peers.hear(A, "run", forged), Seen::New(0));
        assert_eq!(peers.hear(A, "run", 3), Seen::New(0));
        // Two: until the sender says how far it is.
        peers.hear(A, "run", forged - 1);
        peers.hear(A, "run", forged);
        peers.alive(A, "run", 5);
        assert_eq!(peers.hear(A, "run", 6), Seen::New(0));
        assert_eq!(peers.hear(A, "run", 9), Seen::New(2));
    }
    // And so where the gap is one that can be.
    let mut peers = Peers::default();
    peers.hear(A, "run", 1);
    assert_eq!(peers.hear(A, "run", 1_000), Seen::New(998));
    assert_eq!(peers.hear(A, "run", 2), Seen::Double);
    assert_eq!(peers.alive(A, "run", 2), 0);
    assert_eq!(peers.hear(A, "run", 3), Seen::New(0));
}

#[test]
fn a_gap_that_is_larger_than_can_be_is_followed_by_the_second_message() {
    let far = 1 << 40;
    let mut peers = Peers::default();
    peers.hear(A, "run", 1);
    assert_eq!(peers.hear(A, "run", far), Seen::New(0));
    assert_eq!(peers.hear(A, "run", far), Seen::Double);
    assert_eq!(peers.hear(A, "run", far + 1), Seen::New(1 << 24));
    assert_eq!(peers.hear(A, "run", far + 1), Seen::Double);
    assert_eq!(peers.hear(A, "run", far + 3), Seen::New(1));
}

#[test]
fn strangers_take_a_bounded_place_and_those_that_speak_are_kept() {
    let mut peers = Peers::default();
    peers.hear(A, "run", 1);
    for n in 0..20_000 {
        peers.hear(&format!("http://stranger-{n}"), &format!("run {n}"), n);
        if n % 1_000 == 0 {
            assert_eq!(
                peers.hear(A, "run", 2 + n),
                if n == 0 { Seen::New(0) } else { Seen::New(999) }
            );
        }
    }
    assert!(peers.len() <= 4_096, "{}", peers.len());
}
