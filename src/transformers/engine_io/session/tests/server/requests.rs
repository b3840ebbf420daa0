//! Polls and POSTs, one rule each.

use super::*;

#[test]
fn a_poll_is_held_until_something_waits() {
    let mut run = Run::polling();
    assert_eq!(run.offer(true), (false, vec![]));
    assert_eq!(run.feed(Input::Get), [Accept]);
    assert!(run.session.is_polled());
    assert_eq!(run.offer(false), (false, vec![]));
    assert_eq!(run.offer(true), (true, vec![]));
    assert!(!run.session.is_polled());
    assert_eq!(run.offer(true), (false, vec![]));
    assert_eq!(run.feed(Input::GetLost), []);
    assert_eq!(run.feed(Input::Get), [Accept]);
}

#[test]
fn a_second_poll_ends_the_session() {
    let mut run = Run::polling();
    run.feed(Input::Get);
    let effects = run.feed(Input::Get);
    let expected = vec![CLOSE, Refuse(Refusal::Overlap)];
    assert_eq!(over(effects), (expected, Some(Ended::Protocol)));
    run.is_over();
}

#[test]
fn a_poll_that_is_lost_ends_the_session() {
    let mut run = Run::polling();
    run.feed(Input::Get);
    run.feed(POST);
    assert_eq!(over(run.feed(Input::GetLost)), (vec![CutPost], Some(Ended::Lost)));
    run.is_over();
}

#[test]
fn a_post_is_delivered_and_answered() {
    let mut run = Run::polling();
    assert_eq!(run.feed(POST), [Accept]);
    assert_eq!(run.packet(message()), [Deliver(Frame::text("x"))]);
    for ignored in [Packet::Open("{}".into()), Packet::Upgrade, Packet::Noop] {
        assert_eq!(run.packet(ignored), []);
    }
    assert_eq!(run.feed(Input::Posted), [Answered]);
    assert_eq!(run.feed(Input::Posted), []);
    assert_eq!(run.feed(POST), [Accept]);
    assert_eq!(run.feed(Input::Posted), [Answered]);
}

#[test]
fn a_second_post_ends_the_session() {
    for read in [false, true] {
        let mut run = Run::polling();
        run.feed(Input::Get);
        run.feed(POST);
        if read {
            run.packet(message());
        }
        let effects = run.feed(POST);
        let expected = vec![CutPost, CLOSE, Refuse(Refusal::Overlap)];
        assert_eq!(over(effects), (expected, Some(Ended::Protocol)));
        run.is_over();
    }
}

#[test]
fn a_post_that_is_lost_ends_the_session_and_one_too_large_does_not() {
    let mut run = Run::polling();
    run.feed(POST);
    assert_eq!(run.feed(Input::PostTooLarge), [Refuse(Refusal::TooLarge)]);
    assert_eq!(run.feed(POST), [Accept]);
    run.feed(Input::Get);
    assert_eq!(over(run.feed(Input::PostLost)), (vec![CLOSE], Some(Ended::Lost)));
    run.is_over();
}

#[test]
fn a_post_is_binary_in_revision_3_only() {
    let binary = || Input::Post { binary: true };
    let mut run = Run::open(Revision::V3, Carrier::Polling);
    assert_eq!(run.feed(binary()), [Accept]);
    let mut run = Run::polling();
    run.feed(Input::Get);
    let expected = vec![CLOSE, Refuse(Refusal::Content)];
    assert_eq!(over(run.feed(binary())), (expected, Some(Ended::Protocol)));
    run.is_over();
}

#[test]
fn what_is_no_packet_ends_the_session_but_the_post_is_answered() {
    let bad = || Input::Packet(Err(Invalid("unknown packet type")));
    let mut run = Run::polling();
    run.feed(Input::Get);
    run.feed(POST);
    run.packet(message());
    assert_eq!(over(run.feed(bad())), (vec![CLOSE], Some(Ended::Protocol)));
    assert_eq!(run.feed(Input::Posted), [Answered]);
    run.is_over();
    let mut run = Run::websocket();
    assert_eq!(over(run.feed(bad())), (vec![], Some(Ended::Protocol)));
    run.is_over();
}

#[test]
fn the_client_closes_with_a_packet_when_it_polls() {
    let mut run = Run::polling();
    run.feed(Input::Get);
    run.feed(POST);
    assert_eq!(over(run.packet(Packet::Close)), (vec![NOOP], Some(Ended::Remote)));
    // What follows it in the same body counts no more.
    assert_eq!(run.packet(message()), []);
    assert_eq!(run.feed(Input::Posted), [Answered]);
    run.is_over();
    // The poll is still on its way.
    let mut run = Run::polling();
    run.feed(POST);
    assert_eq!(over(run.packet(Packet::Close)), (vec![OWE_NOOP], Some(Ended::Remote)));
    run.is_over();
    for mut run in [Run::websocket(), Run::upgraded()] {
        assert_eq!(run.packet(Packet::Close), []);
        assert_eq!(run.packet(message()), [Deliver(Frame::text("x"))]);
        let reason = CloseReason::new(Ended::Remote, 1001, "bye", true);
        assert_eq!(run.feed(Input::Lost(reason.clone())), [Over(Some(reason))]);
        run.is_over();
    }
}

#[test]
fn requests_for_a_session_on_a_websocket() {
    for mut run in [Run::websocket(), Run::upgraded()] {
        assert_eq!(run.feed(Input::Get), [Refuse(Refusal::Mismatch)]);
        assert_eq!(run.feed(POST), [Refuse(Refusal::Mismatch)]);
        assert_eq!(run.feed(Input::Upgrade), [Refuse(Refusal::Close)]);
        assert_eq!(run.session.carrier(), Some(Carrier::Websocket));
    }
}
