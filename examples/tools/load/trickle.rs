//! Mode `trickle`: a crowd of clients that read a little at a time, so that each
//! always has something waiting. What does that do to a client that reads? The
//! server's send buffer has to be small (`--send-buffer 16384` of the example
//! `echo`), else the kernel takes what waits: the mode fails where it sees so. No
//! heartbeat may come between (`--ping-interval 0`): nobody here answers one.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::Result;
use crate::options::Options;
use crate::pool::PATIENCE;
use crate::process;
use crate::report::{Report, rounded};
use crate::target::Target;
use crate::transport::Transport;
use crate::wire;

/// What each of the crowd has echoed to it.
const WAITING: usize = 160 << 10;

/// The window of each: without it the kernel would take all that waits.
const WINDOW: usize = 4 << 10;

/// How much each reads at a time, and how long it takes all of them.
const SIP: usize = 512;
const ROUND: Duration = Duration::from_millis(200);

/// So many read one after the other.
const TABLE: usize = 50;

/// Between two bursts, so that they meet the crowd at different times.
const PAUSE: Duration = Duration::from_millis(70);

/// Messages of a burst are so long.
const MESSAGE: usize = 1_000_000;

/// Runs the mode: first the one that reads alone, then with the crowd.
pub fn run(options: &Options, target: &Target) -> Result<Report> {
    if options.transport != Transport::Websockets {
        return Err("mode trickle knows no transformer but websockets".into());
    }
    let slow = options.slow.unwrap_or(4_000);
    let megabytes = options.megabytes.unwrap_or(8).max(1);
    let bursts = options.messages.unwrap_or(15).max(1);
    let mut reader = Reader::open(options, target, megabytes as usize)?;
    // One that does not count.
    reader.burst()?;
    let alone = reader.bursts(bursts)?;
    let before = target.pid().and_then(process::rss_kib);
    let crowd = crowd(slow, options, target)?;
    // Whoever came before the reader is served before it.
    reader.burst()?;
    let waiting = before.zip(target.pid().and_then(process::rss_kib));
    let waiting = waiting.map(|(before, with)| (with - before) / 1024.0);
    if waiting.is_some_and(|waiting| waiting < least_waiting(slow)) {
        return Err("nothing waits in the server: its send buffer is too large".into());
    }
    let (over, sips) = (AtomicBool::new(false), AtomicU64::new(0));
    let beside = thread::scope(|scope| {
        scope.spawn(|| sip(&crowd, &over, &sips));
        let beside = reader.bursts(bursts);
        over.store(true, Ordering::Relaxed);
        beside
    })?;
    let mut report = Report::new("trickle");
    report.set("slow", slow);
    report.set("megabytes", megabytes);
    report.set("sips", sips.into_inner());
    report.set("lost", 0);
    report.number("waiting_mib", waiting);
    report.number("alone_ms", Some(middle(&alone)));
    report.number("beside_ms", Some(middle(&beside)));
    report.number("worst_ms", beside.last().copied());
    report.number("times", Some(middle(&beside) / middle(&alone).max(1e-9)));
    Ok(report)
}

/// The memory, in MiB, that a server needs at the least for what waits for the
/// crowd, if the kernel has not taken it: more than for buffers to read with.
fn least_waiting(slow: usize) -> f64 {
    (slow * WAITING * 2 / 3) as f64 / f64::from(1 << 20)
}

/// The client that reads.
struct Reader {
    stream: TcpStream,
    burst: Vec<u8>,
    /// Bytes that come back of a burst.
    expected: usize,
}

impl Reader {
    fn open(options: &Options, target: &Target, messages: usize) -> Result<Reader> {
        let stream = wire::open(target.host, options.path(), PATIENCE)?.0.into_tcp()?;
        let mut burst = Vec::new();
        (0..messages).for_each(|_| put_text(&mut burst, MESSAGE));
        let expected = messages * (10 + MESSAGE);
        Ok(Reader { stream, burst, expected })
    }

    /// Sends a burst and reads its echo; the time in milliseconds.
    fn burst(&mut self) -> Result<f64> {
        let mut sending = self.stream.try_clone()?;
        let mut buffer = vec![0; 256 << 10];
        let (mut left, begun) = (self.expected, Instant::now());
        thread::scope(|scope| -> Result<f64> {
            let sent = scope.spawn(|| sending.write_all(&self.burst));
            while left > 0 {
                match self.stream.read(&mut buffer)? {
                    0 => return Err("the server closed the connection".into()),
                    read => left = left.checked_sub(read).ok_or("more came than was sent")?,
                }
                // Else this side's kernel waits, 40 ms as a rule, for more than
                // the server's send buffer holds before it confirms anything.
                sockopt::set_tcp_quickack(&self.stream, true)?;
            }
            sent.join().map_err(|_| "sending panicked")??;
            Ok(begun.elapsed().as_secs_f64() * 1e3)
        })
    }

    /// Several bursts; their times, sorted.
    fn bursts(&mut self, count: u64) -> Result<Vec<f64>> {
        let mut times = Vec::new();
        for _ in 0..count {
            thread::sleep(PAUSE);
            times.push(self.burst()?);
        }
        times.sort_by(f64::total_cmp);
        Ok(times)
    }
}

fn middle(sorted: &[f64]) -> f64 {
    rounded_ms(sorted.get(sorted.len() / 2).copied().unwrap_or_default())
}

fn rounded_ms(ms: f64) -> f64 {
    rounded(ms).as_f64().unwrap_or(ms)
}

/// Appends a frame with a JSON text of so many bytes.
fn put_text(out: &mut Vec<u8>, bytes: usize) {
    let text = format!("\"{}\"", "x".repeat(bytes - 2));
    wire::put_masked(out, wire::TEXT, text.as_bytes());
}

/// Opens the crowd: each has sent a message whose echo it does not read.
fn crowd(slow: usize, options: &Options, target: &Target) -> Result<Vec<TcpStream>> {
    let mut frame = Vec::new();
    put_text(&mut frame, WAITING);
    let open = |_| -> Result<TcpStream> {
        let mut stream = narrow(target.host)?;
        wire::send_request(&mut stream, target.host, options.path())?;
        let mut head = Vec::new();
        while wire::accepted(&head)?.is_none() {
            wire::read_more(&mut stream, &mut head)?;
        }
        stream.write_all(&frame)?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    };
    (0..slow).map(open).collect()
}

/// Connects with a small window.
fn narrow(host: SocketAddr) -> Result<TcpStream> {
    let family = if host.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_recv_buffer_size(&socket, WINDOW)?;
    rustix::net::connect(&socket, &host)?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Reads a little from each of the crowd, again and again.
fn sip(crowd: &[TcpStream], over: &AtomicBool, sips: &AtomicU64) {
    let mut buffer = [0; SIP];
    for some in crowd.chunks(TABLE).cycle().take_while(|_| !over.load(Ordering::Relaxed)) {
        let begun = Instant::now();
        for mut stream in some {
            if stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                sips.fetch_add(1, Ordering::Relaxed);
            }
        }
        let share = ROUND.mul_f64(some.len() as f64 / crowd.len() as f64);
        thread::sleep(share.saturating_sub(begun.elapsed()));
    }
}
