use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{Sender as Report, channel};
use std::time::Duration;

use super::*;
use crate::net::watch::READY;

const PATIENCE: Duration = Duration::from_secs(20);

/// A backlog that tells of each time that it is asked to send, and has more so
/// many times.
struct Told {
    number: usize,
    left: AtomicUsize,
    report: Report<usize>,
}

impl Backlog for Told {
    fn flush_backlog(&self, stream: &Arc<Stream>) -> bool {
        let _ = stream.offer(&[0; 1 << 10]);
        let left = self.left.fetch_sub(1, Ordering::Relaxed) - 1;
        let _ = self.report.send(self.number);
        left > 0
    }
}

fn start() -> Flusher {
    Flusher::start(Arc::default(), 128 << 10).unwrap().0
}

fn full_pair() -> (Arc<Stream>, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    let near = Arc::new(Stream::from(near));
    near.set_send_buffer(1);
    while near.offer(&[0; 1 << 10]).unwrap() > 0 {}
    (near, far)
}

fn drain(far: &mut UnixStream) {
    far.set_nonblocking(true).unwrap();
    while far.read(&mut [0; 64 << 10]).is_ok() {}
}

/// Each wake-up looked at every socket that waited: thousands of clients that
/// read a little at a time made it slow for all.
#[test]
fn a_socket_that_has_no_room_costs_nothing_however_many_wait() {
    let (flusher, (report, told)) = (start(), channel());
    let mut waiting: Vec<_> = (0..200).map(|_| full_pair()).collect();
    for (number, (near, _)) in waiting.iter().enumerate() {
        let left = AtomicUsize::new(usize::MAX);
        flusher.take(Arc::new(Told { number, left, report: report.clone() }), near.clone());
    }
    let mut drained = Vec::new();
    for ready in [7, 150, 7, 7, 150, 0] {
        drained.push(ready);
        drain(&mut waiting[ready].1);
        // Those before may still be filled again.
        while let served = told.recv_timeout(PATIENCE).unwrap()
            && served != ready
        {
            assert!(drained.contains(&served), "a socket without room was looked at");
        }
    }
}

#[test]
fn those_that_always_have_room_are_served_in_turn() {
    const TURNS: usize = 20;
    let (flusher, (report, told)) = (start(), channel());
    // More than are told of at a time, so that some are always left for later.
    let pairs: Vec<_> = (0..3 * READY).map(|_| UnixStream::pair().unwrap()).collect();
    for (number, (near, _)) in pairs.iter().enumerate() {
        let near = Arc::new(Stream::from(near.try_clone().unwrap()));
        let left = AtomicUsize::new(TURNS);
        flusher.take(Arc::new(Told { number, left, report: report.clone() }), near);
    }
    let mut served = vec![0; pairs.len()];
    // Until all are watched some are ahead.
    let mut ahead = 0;
    for _ in 0..TURNS * pairs.len() {
        served[told.recv_timeout(PATIENCE).unwrap()] += 1;
        let spread = served.iter().max().unwrap() - served.iter().min().unwrap();
        match served.contains(&0) {
            true => ahead = spread,
            false => assert!(spread <= ahead + 2, "{spread} turns apart, {ahead} at first"),
        }
    }
}

/// A socket's number goes to the next one that is opened: what was told of the
/// old one must not reach it.
#[test]
fn a_socket_is_kept_open_while_it_is_watched_and_no_longer() {
    let (flusher, (report, told)) = (start(), channel());
    for number in 0..200 {
        let (near, far) = full_pair();
        let left = AtomicUsize::new(1);
        flusher.take(Arc::new(Told { number, left, report: report.clone() }), near.clone());
        let watched = Arc::downgrade(&near);
        near.shutdown(std::net::Shutdown::Both);
        drop((near, far));
        assert_eq!(told.recv_timeout(PATIENCE), Ok(number));
        while watched.strong_count() > 0 {
            thread::yield_now();
        }
    }
    assert!(told.try_recv().is_err());
}

struct Panics;

impl Backlog for Panics {
    fn flush_backlog(&self, _: &Arc<Stream>) -> bool {
        panic!("on the flusher's thread");
    }
}

#[test]
fn a_panic_cuts_one_connection_is_counted_and_the_others_are_served() {
    let metrics: Arc<Metrics> = Arc::default();
    let (flusher, _) = Flusher::start(metrics.clone(), 128 << 10).unwrap();
    let (report, told) = channel();
    for number in 0..5 {
        let (near, mut far) = UnixStream::pair().unwrap();
        flusher.take(Arc::new(Panics), Arc::new(near.into()));
        assert_eq!(far.read(&mut [0]).unwrap(), 0, "it is cut");
        assert_eq!(metrics.panics.value(), number as u64 + 1);
        let (near, _far) = UnixStream::pair().unwrap();
        let left = AtomicUsize::new(1);
        flusher
            .take(Arc::new(Told { number, left, report: report.clone() }), Arc::new(near.into()));
        assert_eq!(told.recv_timeout(PATIENCE), Ok(number));
    }
}

#[test]
fn the_thread_ends_with_the_last_handle() {
    let (flusher, thread) = Flusher::start(Arc::default(), 128 << 10).unwrap();
    let other = flusher.clone();
    drop(flusher);
    let (near, _far) = UnixStream::pair().unwrap();
    let (report, told) = channel();
    let left = AtomicUsize::new(1);
    other.take(Arc::new(Told { number: 1, left, report }), Arc::new(near.into()));
    assert_eq!(told.recv_timeout(PATIENCE), Ok(1));
    drop(other);
    thread.join().unwrap();
}
