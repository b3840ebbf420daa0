//! Events in any order.

use super::*;

/// Whatever happens in whichever order, a session keeps its promises.
#[test]
fn no_order_of_events_confuses_a_session() {
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..20_000 {
        let revision = if random.bool() { Revision::V3 } else { Revision::V4 };
        let carrier = if random.u8(..8) > 0 { Carrier::Polling } else { Carrier::Websocket };
        let mut run = Run::open(revision, carrier);
        let (mut polled, mut posting, mut over, mut ended, mut ms) = (false, false, 0, false, 0);
        for _ in 0..random.usize(..40) {
            ms += random.u64(..3) * random.u64(..8_000);
            let input = any(&mut random);
            let get = matches!(input, Input::Get);
            let post = matches!(input, Input::Post { .. });
            let asks = get || post || matches!(input, Input::Upgrade);
            if matches!(input, Input::GetLost) {
                polled = false;
            }
            if matches!(input, Input::PostLost) {
                posting = false;
            }
            ended |= matches!(input, Input::End);
            let mut effects = run.at(ms).feed(input);
            let answers = effects.iter().filter(|effect| matches!(effect, Accept | Refuse(_)));
            assert!(answers.count() == 1 || !asks, "{round}: {effects:?}");
            if effects.contains(&Accept) {
                (polled, posting) = (polled || get, posting || post);
            }
            let (waits, mut more) = (random.bool(), Vec::new());
            if run.session.offer(waits, &mut more) {
                assert!(waits && polled && more.is_empty(), "{round}");
                polled = false;
            }
            effects.extend(more);
            for effect in effects {
                match effect {
                    Answer(_) => assert!(std::mem::take(&mut polled), "{round}: no poll"),
                    CutPost | Answered | Refuse(Refusal::TooLarge) => {
                        assert!(std::mem::take(&mut posting), "{round}: no POST");
                    }
                    Deliver(_) => assert!(over == 0 && !ended, "{round}"),
                    Over(reason) => {
                        over += 1;
                        assert!(!ended || reason.is_none(), "{round}");
                    }
                    _ => {}
                }
            }
            assert_eq!((over == 0, over < 2), (run.session.carrier().is_some(), true), "{round}");
            assert_eq!(run.session.is_polled(), polled, "{round}");
            let due = run.session.deadline();
            assert!(due.is_none() || over == 0, "{round}");
        }
    }
}

fn any(random: &mut fastrand::Rng) -> Input {
    let packet = |random: &mut fastrand::Rng| match random.u8(..9) {
        0 => Ok(Packet::Close),
        1 => Ok(ping("")),
        2 => Ok(ping(PROBE)),
        3 => Ok(pong()),
        4 => Ok(Packet::Upgrade),
        5 => Err(Invalid("")),
        _ => Ok(message()),
    };
    match random.u8(..20) {
        0..=3 => Input::Get,
        4 => Input::GetLost,
        5 | 6 => Input::Post { binary: random.u8(..20) == 0 },
        7 | 8 => Input::Packet(packet(random)),
        9 | 10 => Input::Posted,
        11 => Input::PostLost,
        12 => Input::PostTooLarge,
        13 => Input::Upgrade,
        14 | 15 => Input::Probe(packet(random)),
        16 => Input::ProbeLost,
        17 => Input::Lost(CloseReason::lost("")),
        18 if random.bool() => Input::End,
        _ => Input::Tick { excused: random.bool() },
    }
}
