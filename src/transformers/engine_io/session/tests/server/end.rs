//! The end of a session.

use super::*;

#[test]
fn the_end_of_a_session_that_is_polled() {
    let mut run = Run::polling();
    run.feed(Input::Get);
    assert_eq!(run.offer(false), (false, vec![]));
    assert_eq!(run.feed(Input::End), [CLOSE, Over(None)]);
    run.is_over();
}

#[test]
fn the_end_of_a_session_waits_for_a_poll() {
    let mut run = Run::polling();
    run.feed(POST);
    assert_eq!(run.feed(Input::End), []);
    assert_eq!(run.packet(message()), []);
    assert_eq!(run.packet(pong()), []);
    assert_eq!(run.feed(Input::Posted), [Answered]);
    // The heartbeat rests.
    assert_eq!(run.deadline(), None);
    assert_eq!(run.at(99_000).feed(TICK), []);
    // Messages first.
    assert_eq!(run.feed(Input::Get), [Accept]);
    assert_eq!(run.offer(true), (true, vec![]));
    assert_eq!(run.feed(Input::Get), [Accept]);
    assert_eq!(run.offer(false), (false, vec![NOOP_CLOSE, Over(None)]));
    run.is_over();
}

#[test]
fn the_end_of_a_session_that_nobody_polls() {
    let mut run = Run::polling();
    assert_eq!(run.feed(Input::End), []);
    assert_eq!(run.deadline(), Some(15_000));
    assert_eq!(run.at(15_000).feed(TICK), [Over(None)]);
    run.is_over();
}

#[test]
fn both_sides_close() {
    let mut run = Run::polling();
    run.feed(POST);
    run.feed(Input::End);
    assert_eq!(run.packet(Packet::Close), [OWE_NOOP, Over(None)]);
    assert_eq!(run.feed(Input::Posted), [Answered]);
    run.is_over();
    for mut run in [Run::websocket(), Run::upgraded()] {
        assert_eq!(run.feed(Input::End), []);
        assert_eq!(run.packet(message()), []);
        assert_eq!(run.deadline(), None);
        assert_eq!(run.feed(Input::Lost(CloseReason::lost(""))), [Over(None)]);
        run.is_over();
    }
}
