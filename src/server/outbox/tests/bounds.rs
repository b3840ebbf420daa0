//! What the bound does, by policy, whether writes are corked or not, direct or
//! broadcast, to sockets and to clients that poll.

use std::io::IoSlice;

use super::*;
use crate::transformers::polled::records::records;
use crate::transformers::serve::{Backlog, Polled};

const POLICIES: [SlowConsumer; 3] = [
    SlowConsumer::DropOldest,
    SlowConsumer::DropNewest,
    SlowConsumer::Close { grace: Duration::from_secs(3_600) },
];

const BOUNDS: [usize; 7] = [0, 1, 100, 1_000, 4 << 10, 10_000, usize::MAX];

/// A client that polls when it is told to.
#[derive(Default)]
pub(super) struct Poller {
    polls: Lock<bool>,
    /// It goes on taking, as a stream.
    streams: Lock<bool>,
    got: Lock<Vec<u8>>,
    /// What it has not acknowledged.
    kept: Lock<usize>,
}

impl Polled for Poller {
    fn offer(&self, pieces: &[IoSlice<'_>]) -> io::Result<bool> {
        let polls = std::mem::take(&mut *self.polls.lock()) || *self.streams.lock();
        if polls {
            let frames = pieces.iter().flat_map(|piece| records(piece)).filter_map(|r| r.frame());
            frames.for_each(|frame| self.got.lock().extend_from_slice(frame.as_bytes()));
        }
        Ok(polls)
    }
    fn kept(&self) -> usize {
        *self.kept.lock()
    }
    fn stream(&self) -> Option<Arc<Stream>> {
        None
    }
    fn is_over(&self) -> bool {
        false
    }
    fn wake(&self) {}
    fn end(&self, _: bool) {}
}

/// The other end of an outbox.
enum Peer {
    Socket(Arc<Stream>),
    Poll(Arc<Poller>),
}

/// An outbox that only the test flushes, its peer, and what that got.
struct Pair {
    outbox: Arc<Outbox>,
    peer: Peer,
    got: Vec<u8>,
}

impl Pair {
    fn socket(bound: usize, policy: SlowConsumer) -> Self {
        let (near, far) = UnixStream::pair().unwrap();
        let near = Arc::new(Stream::from(near));
        near.set_send_buffer(1);
        let outbox = outbox(Sink::Socket(near), bound, policy);
        outbox.shared.flusher.stop();
        Pair { outbox, peer: Peer::Socket(Arc::new(far.into())), got: Vec::new() }
    }

    fn poll(bound: usize, policy: SlowConsumer) -> Self {
        let poller = Arc::new(Poller::default());
        let outbox = outbox(Sink::Poll(poller.clone()), bound, policy);
        outbox.shared.flusher.stop();
        Pair { outbox, peer: Peer::Poll(poller), got: Vec::new() }
    }

    /// The peer takes up to so many bytes, and there is room again.
    fn take(&mut self, most: usize) -> bool {
        match &self.peer {
            Peer::Socket(far) => {
                let mut buf = vec![0; most];
                let read = far.read_now(&mut buf).unwrap_or_default().unwrap_or_default();
                self.got.extend_from_slice(&buf[..read]);
                let Sink::Socket(near) = self.outbox.lock().sink.clone() else { return false };
                self.outbox.flush_backlog(&near);
                read > 0
            }
            Peer::Poll(poller) => {
                *poller.polls.lock() = true;
                self.outbox.writable();
                let got = std::mem::take(&mut *poller.got.lock());
                self.got.extend_from_slice(&got);
                !got.is_empty()
            }
        }
    }

    /// All that came, as the numbers of messages, each of them whole.
    fn take_all(&mut self) -> Vec<usize> {
        self.outbox.uncork();
        while self.take(1 << 20) || self.outbox.waiting() > 0 {}
        let mut text = std::str::from_utf8(&self.got).unwrap();
        if self.outbox.is_lost() {
            text = &text[..text.rfind(';').map_or(0, |end| end + 1)];
        }
        let whole = |text: &str| {
            let number = text.trim_start_matches('.').parse().unwrap();
            assert_eq!(text.len(), length_of(number), "torn: {text}");
            number
        };
        text.split_terminator(';').map(whole).collect()
    }
}

/// Lengths that differ, without the end mark.
fn length_of(number: usize) -> usize {
    10 + number * 7_919 % 300
}

fn numbered(number: usize) -> Frame {
    Frame::text(format!("{number:.>width$};", width = length_of(number)))
}

/// Writes messages while the peer reads now and then; the numbers of those that
/// were accepted, and of those that came.
fn run(pair: &mut Pair, corked: bool) -> (Vec<usize>, Vec<usize>) {
    let mut accepted = Vec::new();
    for number in 0..300 {
        if corked {
            pair.outbox.cork(fastrand::u8(0..20) > 0);
        }
        if pair.outbox.offer(&numbered(number), corked).is_ok() {
            accepted.push(number);
        }
        // One begun message may be there beside the newest.
        let most = pair.outbox.shared.bound.max(2 * 310);
        assert!(pair.outbox.waiting() <= most, "{} wait", pair.outbox.waiting());
        if fastrand::u8(0..30) == 0 {
            pair.take(fastrand::usize(1..2_000));
        }
    }
    (accepted, pair.take_all())
}

fn check(policy: SlowConsumer, pair: &Pair, accepted: &[usize], came: &[usize]) {
    assert!(came.is_sorted(), "out of order");
    match policy {
        SlowConsumer::DropOldest => {
            assert_eq!(accepted.len(), 300, "one was refused");
            assert_eq!(came.last(), Some(&299), "the newest was dropped");
            assert_eq!(came.len() + pair.outbox.shared.metrics.dropped.value() as usize, 300);
        }
        SlowConsumer::DropNewest => assert_eq!(accepted, came),
        SlowConsumer::Close { .. } if pair.outbox.is_lost() => {
            assert_eq!(*accepted, *(0..accepted.len()).collect::<Vec<_>>());
            assert!(pair.outbox.was_slow());
        }
        SlowConsumer::Close { .. } => assert_eq!(accepted, came),
    }
    assert_eq!(pair.outbox.shared.metrics.backlog.value(), 0);
}

#[test]
fn the_bound_holds_whole_messages_are_dropped_and_nothing_that_was_accepted_is_torn() {
    for (seed, policy) in (0..).zip(POLICIES.repeat(3)) {
        fastrand::seed(seed);
        for bound in BOUNDS {
            for corked in [false, true] {
                for mut pair in [Pair::socket(bound, policy), Pair::poll(bound, policy)] {
                    let (accepted, came) = run(&mut pair, corked);
                    check(policy, &pair, &accepted, &came);
                }
            }
        }
    }
}

/// Sixty-four kilobytes of corked output waited in one piece at a bound of ten
/// thousand bytes, and the newest was refused.
#[test]
fn a_burst_of_corked_writes_leaves_the_newest_that_fit() {
    for bound in [4 << 10, 10_000, 40_000] {
        for mut pair in [
            Pair::socket(bound, SlowConsumer::DropOldest),
            Pair::poll(bound, SlowConsumer::DropOldest),
        ] {
            while pair.outbox.waiting() == 0 {
                pair.outbox.offer(&Frame::text("0;"), false).unwrap();
            }
            pair.got.clear();
            pair.outbox.cork(true);
            for number in 0..1_000 {
                pair.outbox.offer(&numbered(number), true).unwrap();
                assert!(pair.outbox.waiting() <= bound);
            }
            pair.outbox.uncork();
            assert!(pair.outbox.waiting() > bound - 2 * 310);
        }
    }
}

#[test]
fn broadcasts_that_were_sent_together_are_judged_one_by_one() {
    for policy in POLICIES {
        for bound in BOUNDS {
            for mut pair in [Pair::socket(bound, policy), Pair::poll(bound, policy)] {
                for hundred in 0..3 {
                    let numbers = hundred * 100..hundred * 100 + 100;
                    pair.outbox.offer_shared(&Batch::new(numbers.map(numbered).collect()));
                    assert!(pair.outbox.waiting() <= bound.max(2 * 310));
                }
                let came = pair.take_all();
                let counted = pair.outbox.traffic.messages_out.value() as usize;
                let dropped = pair.outbox.shared.metrics.dropped.value() as usize;
                match policy {
                    _ if pair.outbox.is_lost() => assert!(pair.outbox.was_slow()),
                    SlowConsumer::DropOldest => {
                        assert_eq!((counted, came.len()), (300, 300 - dropped));
                        assert_eq!(came.last(), Some(&299));
                    }
                    _ => assert_eq!((counted, came.len()), (300 - dropped, 300 - dropped)),
                }
                assert!(came.is_sorted());
            }
        }
    }
}

/// The newest displaces whatever may be dropped, and the next displaces it.
#[test]
fn a_message_that_is_larger_than_the_bound_waits_alone() {
    let large = |name: &str| Frame::text(name.repeat(1_000));
    let mut pair = Pair::poll(100, SlowConsumer::DropOldest);
    for name in ["a", "b", "c"] {
        pair.outbox.offer(&large(name), false).unwrap();
        assert_eq!(pair.outbox.waiting(), 1_009);
    }
    pair.take(0);
    assert_eq!(pair.got, large("c").as_bytes());
    let pair = Pair::poll(100, SlowConsumer::DropNewest);
    pair.outbox.offer(&large("a"), false).unwrap();
    pair.outbox.offer(&large("b"), false).unwrap_err();
    let pair = Pair::poll(100, SlowConsumer::default());
    pair.outbox.offer(&large("a"), false).unwrap();
    pair.outbox.offer(&large("b"), false).unwrap_err();
    assert!(pair.outbox.was_slow());
}

/// It got as many pieces as are offered at a time, and the rest only with the next
/// stream.
#[test]
fn a_stream_that_comes_gets_all_that_has_waited() {
    let pair = Pair::poll(usize::MAX, SlowConsumer::default());
    let Peer::Poll(poller) = &pair.peer else { unreachable!() };
    let large = "x".repeat(5_000);
    for _ in 0..200 {
        pair.outbox.offer(&Frame::text(&*large), false).unwrap();
    }
    *poller.streams.lock() = true;
    pair.outbox.writable();
    assert_eq!((pair.outbox.waiting(), poller.got.lock().len()), (0, 200 * large.len()));
}

/// Else a client that acknowledges nothing could make us keep without end.
#[test]
fn what_is_kept_until_it_is_acknowledged_counts_too() {
    for policy in POLICIES {
        let mut pair = Pair::poll(100, policy);
        let Peer::Poll(poller) = &pair.peer else { unreachable!() };
        *poller.kept.lock() = 80;
        let poller = poller.clone();
        let frame = |name: &str| Frame::text(name.repeat(10));
        pair.outbox.offer(&frame("a"), false).unwrap();
        let second = pair.outbox.offer(&frame("b"), false);
        match policy {
            SlowConsumer::DropOldest => assert!(second.is_ok()),
            _ => assert!(matches!(second, Err(Error::Full { .. })), "{policy:?}"),
        }
        if policy == SlowConsumer::DropNewest {
            *poller.kept.lock() = 0;
            pair.outbox.offer(&frame("c"), false).unwrap();
        }
        pair.take(0);
        let expected: &[u8] = match policy {
            SlowConsumer::DropOldest => b"bbbbbbbbbb",
            SlowConsumer::DropNewest => b"aaaaaaaaaacccccccccc",
            SlowConsumer::Close { .. } => b"",
        };
        assert_eq!(pair.got, expected, "{policy:?}");
    }
}

/// Pongs are no messages: no policy drops them, and they do not tear what is.
#[test]
fn control_frames_among_corked_messages_are_never_dropped() {
    for policy in POLICIES {
        let mut pair = Pair::socket(usize::MAX, policy);
        while pair.outbox.waiting() == 0 {
            pair.outbox.offer(&numbered(0), false).unwrap();
        }
        while pair.take(1 << 20) {}
        pair.got.clear();
        pair.outbox.cork(true);
        for number in 1..5 {
            pair.outbox.offer(&numbered(number), true).unwrap();
            pair.outbox.control(b"777;");
        }
        pair.outbox.uncork();
        pair.take(1 << 20);
        let got = String::from_utf8(pair.got).unwrap();
        assert_eq!(got.matches("777;").count(), 4, "{policy:?}");
    }
}
