//! A WebSocket takes the place of the polls, or fails to.

use super::*;

#[test]
fn a_probe_releases_polls_every_100_ms() {
    let mut run = Run::polling();
    run.at(10).feed(Input::Get);
    assert_eq!(run.at(1_000).feed(Input::Upgrade), [Accept]);
    assert_eq!(run.deadline(), Some(11_000));
    let answer = Effect::SendProbe(PacketRef::Pong(PROBE));
    assert_eq!(run.at(1_050).probe(ping(PROBE)), [answer]);
    assert_eq!(run.deadline(), Some(1_150));
    assert_eq!(run.at(1_149).feed(TICK), []);
    assert_eq!(run.at(1_150).feed(TICK), [NOOP]);
    // No ticks while there is no poll to release.
    assert_eq!(run.deadline(), Some(11_000));
    assert_eq!(run.at(1_430).feed(Input::Get), [Accept]);
    assert_eq!(run.deadline(), Some(1_450));
    // Messages release it as well.
    assert_eq!(run.offer(true), (true, vec![]));
    assert_eq!(run.deadline(), Some(11_000));
    run.at(1_450).feed(Input::Get);
    assert_eq!(run.deadline(), Some(1_550));
}

#[test]
fn the_websocket_takes_over() {
    let mut run = Run::polling();
    run.feed(Input::Upgrade);
    run.probe(ping(PROBE));
    run.feed(Input::Get);
    run.feed(POST);
    // The client should not have a poll open, nor a POST.
    assert_eq!(run.probe(Packet::Upgrade), [NOOP, CutPost, Switch]);
    assert_eq!(run.session.carrier(), Some(Carrier::Websocket));
    assert_eq!(run.packet(message()), [Deliver(Frame::text("x"))]);
    assert_eq!(run.feed(Input::PostLost), []);
    assert_eq!(run.feed(Input::GetLost), []);
    assert_eq!(run.feed(Input::ProbeLost), []);
    assert_eq!(run.offer(true), (false, vec![]));
    assert_eq!(run.deadline(), Some(25_000));
}

#[test]
fn a_probe_that_fails_leaves_the_session_as_it_was() {
    let mut run = Run::polling();
    for bad in [
        Ok(message()),
        Ok(ping("")),
        Ok(ping("probes")),
        Ok(pong()),
        Ok(Packet::Close),
        Err(Invalid("empty packet")),
    ] {
        assert_eq!(run.feed(Input::Upgrade), [Accept]);
        assert_eq!(run.feed(Input::Upgrade), [Refuse(Refusal::Close)]);
        assert_eq!(run.feed(Input::Probe(bad)), [CloseProbe]);
    }
    assert_eq!(run.probe(Packet::Upgrade), []);
    assert_eq!(run.feed(Input::Upgrade), [Accept]);
    assert_eq!(run.feed(Input::ProbeLost), []);
    assert_eq!(run.at(1_000).feed(Input::Upgrade), [Accept]);
    run.probe(ping(PROBE));
    assert_eq!(run.at(11_000).feed(TICK), [CloseProbe]);
    assert_eq!(run.feed(Input::Get), [Accept]);
    assert_eq!(run.deadline(), Some(25_000));
    assert_eq!(run.feed(Input::Upgrade), [Accept]);
}

#[test]
fn a_probe_is_closed_with_its_session() {
    let mut run = Run::polling();
    run.feed(Input::Upgrade);
    run.feed(Input::Get);
    let effects = run.feed(Input::GetLost);
    assert_eq!(over(effects), (vec![CloseProbe], Some(Ended::Lost)));
    run.is_over();
}

/// Its client polls no more, and would not learn of the end otherwise.
#[test]
fn a_websocket_takes_over_a_session_that_ends() {
    let mut run = Run::polling();
    run.feed(Input::Upgrade);
    run.probe(ping(PROBE));
    assert_eq!(run.feed(Input::End), []);
    assert_eq!(run.probe(Packet::Upgrade), [Switch]);
    assert_eq!(run.packet(message()), []);
    assert_eq!(run.feed(Input::Lost(CloseReason::lost(""))), [Over(None)]);
    run.is_over();
    // But if it does poll, it learns of the end there.
    let mut run = Run::polling();
    run.feed(Input::Upgrade);
    run.feed(Input::End);
    run.feed(Input::Get);
    assert_eq!(run.offer(false), (false, vec![NOOP_CLOSE, CloseProbe, Over(None)]));
    run.is_over();
}
