//! Who pings whom, and what happens to those who do not.

use super::*;

#[test]
fn the_server_pings_over_whatever_carries_the_session() {
    for mut run in [Run::polling(), Run::websocket(), Run::upgraded()] {
        run.feed(Input::Get);
        assert_eq!(run.deadline(), Some(25_000));
        assert_eq!(run.at(25_000).feed(TICK), [PING]);
        assert_eq!(run.at(25_100).packet(pong()), []);
        assert_eq!(run.at(50_100).feed(TICK), [PING]);
        assert_eq!(run.deadline(), Some(70_100));
        assert_eq!(run.at(70_100).feed(Input::Tick { excused: true }), [PING]);
        let polls = run.session.is_polled();
        let expected = if polls { vec![CLOSE] } else { vec![] };
        assert_eq!(over(run.at(90_100).feed(TICK)), (expected, Some(Ended::Heartbeat)));
        run.is_over();
    }
}

#[test]
fn the_heartbeat_goes_on_while_a_websocket_probes() {
    let mut run = Run::polling();
    run.at(20_000).feed(Input::Get);
    run.feed(Input::Upgrade);
    run.probe(ping(PROBE));
    assert_eq!(run.at(20_100).feed(TICK), [NOOP]);
    assert_eq!(run.at(25_000).feed(TICK), [PING]);
    assert_eq!(run.at(26_000).probe(Packet::Upgrade), [Switch]);
    assert_eq!(run.deadline(), Some(45_000));
    assert_eq!(run.at(44_000).packet(pong()), []);
    assert_eq!(run.deadline(), Some(69_000));
}

#[test]
fn the_client_pings_in_revision_3() {
    for carrier in [Carrier::Polling, Carrier::Websocket] {
        let mut run = Run::open(Revision::V3, carrier);
        run.feed(POST);
        assert_eq!(run.at(25_000).packet(ping("")), [PONG]);
        assert_eq!(run.packet(ping("abc")), [PONG]);
        assert_eq!(run.at(30_000).packet(message()), [Deliver(Frame::text("x"))]);
        assert_eq!(run.deadline(), Some(75_000));
        run.feed(Input::Posted);
        let (_, by) = over(run.at(75_000).feed(TICK));
        assert_eq!(by, Some(Ended::Heartbeat));
        run.is_over();
    }
}

#[test]
fn heartbeats_of_the_wrong_side_end_the_session() {
    for (revision, wrong) in [(Revision::V3, pong()), (Revision::V4, ping(""))] {
        let mut run = Run::open(revision, Carrier::Polling);
        run.feed(Input::Get);
        run.feed(POST);
        assert_eq!(over(run.packet(wrong.clone())), (vec![CLOSE], Some(Ended::Protocol)));
        assert_eq!(run.feed(Input::Posted), [Answered]);
        run.is_over();
        let mut run = Run::open(revision, Carrier::Websocket);
        assert_eq!(over(run.packet(wrong)), (vec![], Some(Ended::Protocol)));
        run.is_over();
    }
}

#[test]
fn a_client_that_does_not_come_back_is_given_up() {
    let mut run = Run::polling();
    assert_eq!(run.deadline(), Some(15_000));
    assert_eq!(run.at(14_999).feed(TICK), []);
    assert_eq!(over(run.at(15_000).feed(TICK)), (vec![], Some(Ended::Lost)));
    run.is_over();
    for claim in [Input::Get, POST, Input::Upgrade] {
        let mut run = Run::polling();
        run.feed(claim);
        assert_ne!(run.deadline(), Some(15_000));
        assert!(run.at(15_000).feed(TICK).iter().all(|effect| *effect == CloseProbe));
        assert_eq!(run.deadline(), Some(25_000));
    }
}
