//! The network goes and comes.

use super::*;

#[test]
fn the_network_goes_and_comes() {
    let mut bench = Bench::new(ALL).opened();
    assert_eq!(bench.input(Input::Network(true)), "", "no news");
    assert_eq!(bench.input(Input::Network(false)), "offline, bye, closed, close 1000, end");
    assert_eq!(bench.input(Input::Network(false)), "");
    assert!(!bench.machine.over(), "it will be back");
    assert_eq!(bench.input(Input::Network(true)), "online, scheduled 1 500ms");
    let mut bench = Bench::new(NEVER).opened();
    bench.input(Input::Network(false));
    assert!(bench.machine.over());
    assert_eq!(bench.input(Input::Network(true)), "online");
}

#[test]
fn no_network_stops_the_attempts() {
    let mut bench = Bench::new(ALL).opened();
    bench.lost();
    assert_eq!(bench.input(Input::Network(false)), "offline, end");
    assert_eq!(bench.machine.deadline(), None);
    assert_eq!(bench.input(Input::Network(true)), "online, scheduled 1 500ms");
}

#[test]
fn what_had_ended_does_not_come_back_with_the_network() {
    let mut bench = Bench::new(ALL).opened();
    bench.input(Input::End);
    assert_eq!(bench.input(Input::Network(false)), "offline");
    assert!(bench.machine.over());
    assert_eq!(bench.input(Input::Network(true)), "online");
    assert_eq!(bench.machine.deadline(), None);
}
