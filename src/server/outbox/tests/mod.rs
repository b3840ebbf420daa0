use std::io::Read;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use super::queue::PIECE;
use super::*;
use crate::close::{CloseReason, Ended};
use crate::timer::Clock;

mod bounds;
mod own;

/// Messages as they are, one after the other.
struct Plain;

impl Wire for Plain {
    fn format(&self) -> &'static str {
        "plain"
    }
    fn encode(&self, frame: &Frame, out: &mut Vec<u8>) {
        out.extend_from_slice(frame.as_bytes());
    }
    fn prefix(&self, _: &Frame, _: &mut Vec<u8>) -> bool {
        true
    }
    fn packet(&self, _: &str, _: &mut Vec<u8>) {}
    fn close(&self, _: &CloseReason, out: &mut Vec<u8>) {
        out.extend_from_slice(b"bye");
    }
    fn nudge(&self, _: &mut Vec<u8>) {}
}

/// The spark of an outbox that has none.
struct Nobody;

impl Drains for Nobody {
    fn drained(&self) {}
}

fn outbox(sink: Sink, bound: usize, policy: SlowConsumer) -> Arc<Outbox> {
    outbox_of(&Plain, sink, bound, policy)
}

fn outbox_of(
    wire: &'static dyn Wire,
    sink: Sink,
    bound: usize,
    policy: SlowConsumer,
) -> Arc<Outbox> {
    let (flusher, _) = Flusher::start(Arc::default(), 64 << 10).unwrap();
    let timer = Timer::start(Clock::System, "timer", 64 << 10).unwrap();
    let shared = Shared { bound, policy, metrics: Arc::default(), flusher, timer };
    Outbox::new(sink, wire, Arc::new(shared), Weak::<Nobody>::new())
}

/// An outbox whose socket is full, and the peer's end.
fn full(bound: usize, policy: SlowConsumer) -> (Arc<Outbox>, Arc<Stream>, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    let stream = Arc::new(Stream::from(near));
    let outbox = outbox(Sink::Socket(stream.clone()), bound, policy);
    while stream.offer(&[0; 64 << 10]).unwrap() > 0 {}
    outbox.offer(&Frame::text("first"), false).unwrap();
    assert_eq!(outbox.waiting(), 5);
    (outbox, stream, far)
}

fn close_policy() -> SlowConsumer {
    SlowConsumer::default()
}

/// A peer that closed and went away without reading what it was sent kept its
/// descriptor open: the flusher still waited for room in the socket, until
/// something else woke it.
#[test]
fn the_flusher_keeps_no_released_socket_open() {
    let (outbox, stream, far) = full(1 << 20, close_policy());
    let stream = {
        let weak = Arc::downgrade(&stream);
        drop(stream);
        weak
    };
    // Long enough for the flusher to sit in `poll`, as a rule.
    while Arc::strong_count(&stream.upgrade().unwrap()) < 3 {
        thread::yield_now();
    }
    outbox.release();
    let until = Instant::now() + Duration::from_secs(10);
    while stream.strong_count() > 0 {
        assert!(Instant::now() < until, "the socket is still open");
        thread::yield_now();
    }
    drop(far);
}

/// Each message that waited had a piece of its own, with a hundred bytes of
/// overhead that the bound did not count: 16 MiB of tiny messages took half a
/// gigabyte.
#[test]
fn small_messages_wait_in_common_pieces() {
    let (outbox, _stream, mut far) = full(1 << 20, close_policy());
    let frame = Frame::text("12345678");
    for _ in 0..10_000 {
        outbox.offer(&frame, false).unwrap();
    }
    assert_eq!(outbox.waiting(), 5 + 80_000);
    assert!(outbox.lock().backlog.pieces().count() <= 80_000 / (PIECE / 2));
    outbox.close(&CloseReason::new(Ended::Local, 1000, "", false), None);
    outbox.fin();
    let mut got = Vec::new();
    far.read_to_end(&mut got).unwrap();
    let at = got.iter().position(|byte| *byte != 0).unwrap();
    let expected = format!("first{}bye", "12345678".repeat(10_000));
    assert!(got[at..] == *expected.as_bytes());
    assert_eq!(outbox.waiting(), 0);
}

/// A client that asks for answers, of which none may be left out, and reads none.
#[test]
fn packets_do_not_wait_without_end() {
    for policy in [SlowConsumer::DropNewest, SlowConsumer::DropOldest, close_policy()] {
        let (near, far) = UnixStream::pair().unwrap();
        let stream = Arc::new(Stream::from(near));
        let wire = &crate::transformers::polled::records::Records;
        let outbox = outbox_of(wire, Sink::Socket(stream.clone()), 5, policy);
        while stream.offer(&[0; 64 << 10]).unwrap() > 0 {}
        let packet = "x".repeat(1_000);
        let offered = (1..1_000).find(|_| {
            outbox.offer_packet(&packet, false);
            outbox.is_lost()
        });
        // A message that is longer than the bound, or a ping now and then, is no reason.
        assert_eq!(offered, Some(PACKETS_MAX / 1_009 + 1), "{policy:?}");
        assert!(outbox.was_slow());
        drop(far);
    }
}

/// Of a client that reads, if slowly, only the packets count that still wait.
#[test]
fn packets_that_were_sent_do_not_count() {
    let (near, _far) = UnixStream::pair().unwrap();
    let stream = Arc::new(Stream::from(near));
    let wire = &crate::transformers::polled::records::Records;
    let outbox = outbox_of(wire, Sink::Socket(stream.clone()), 5, close_policy());
    while stream.offer(&[0; 64 << 10]).unwrap() > 0 {}
    let packet = "x".repeat(1_000);
    for _ in 0..500 {
        outbox.offer_packet(&packet, false);
        // As if the socket had taken what is beyond this.
        let sent = outbox.waiting().saturating_sub(20_000);
        outbox.forget_sent(&mut outbox.lock(), sent);
    }
    assert!(!outbox.is_lost());
    let offered = (1..100).find(|_| {
        outbox.offer_packet(&packet, false);
        outbox.is_lost()
    });
    let most = (PACKETS_MAX - 20_000) / 1_009 + 1;
    assert!(offered.is_some_and(|offered| (most - 5..=most).contains(&offered)), "{offered:?}");
}

/// A client that reads slowly under `DropNewest` was sent no pings while its
/// backlog was full, and then ended because it had not answered them.
#[test]
fn a_ping_passes_the_bound() {
    for policy in [SlowConsumer::DropNewest, SlowConsumer::DropOldest, close_policy()] {
        let (outbox, _stream, _far) = full(5, policy);
        outbox.offer_ping(&Frame::text("ping"));
        assert_eq!(outbox.waiting(), 9, "{policy:?}");
        assert!(!outbox.is_lost());
    }
    let (outbox, _stream, _far) = full(5, SlowConsumer::DropNewest);
    outbox.offer(&Frame::text("message"), false).unwrap_err();
}
