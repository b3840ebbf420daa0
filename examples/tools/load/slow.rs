//! Mode `slow`: some connections never read what is broadcast to them. What
//! does that do to the others, and to the server's memory?

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::Result;
use crate::broadcast::Rounds;
use crate::echo;
use crate::options::Options;
use crate::pool::{PATIENCE, Pool};
use crate::process;
use crate::report::{Report, Stretch, Work};
use crate::target::Target;
use crate::transport::Transport;
use crate::wire;

/// How long the server may take to cut those that do not read.
const GRACE: Duration = Duration::from_secs(2);

/// Runs the mode: first the others alone, then with the slow ones.
pub fn run(options: &Options, target: &Target) -> Result<Report> {
    if options.transport != Transport::Websockets {
        return Err("mode slow knows no transformer but websockets".into());
    }
    let slow = options.slow.unwrap_or(5);
    let others = options.connections.unwrap_or(50).saturating_sub(slow).max(1);
    let load = Load::from_options(options, others);

    let alone = load.put_on(options, target)?;
    let mut unread = Vec::new();
    for _ in 0..slow {
        unread.push(wire::open(target.host, options.path(), PATIENCE)?.0.into_tcp()?);
    }
    let beside = load.put_on(options, target)?;
    let cut = wait_for_cuts(&unread)?;

    let mut report = Report::new("slow");
    report.set("connections", others + slow);
    report.set("slow", slow);
    report.set("burst", load.burst);
    report.set("bytes", load.bytes);
    report.set("megabytes_each", load.megabytes);
    report.work(&beside.work);
    report.number("rate_without_slow", alone.work.rate());
    report.number("rate_kept", beside.work.rate() / alone.work.rate().max(1e-9));
    report.set("lost", alone.lost + beside.lost);
    report.set("wrong", alone.wrong + beside.wrong);
    report.set("closed", alone.closed + beside.closed);
    report.set("slow_cut", cut);
    report.number("rss_without_slow_mib", alone.peak.map(|kib| kib / 1024.0));
    report.number("rss_peak_mib", beside.peak.map(|kib| kib / 1024.0));
    report.number("rss_end_mib", target.pid().and_then(process::rss_kib).map(|kib| kib / 1024.0));
    Ok(report)
}

#[derive(Debug)]
struct Load {
    others: usize,
    burst: u64,
    bytes: usize,
    megabytes: u64,
    rounds: u64,
}

/// What came of a load.
#[derive(Debug)]
struct Outcome {
    work: Work,
    lost: u64,
    wrong: u64,
    closed: usize,
    /// Peak of the server's resident memory so far, in KiB.
    peak: Option<f64>,
}

impl Load {
    fn from_options(options: &Options, others: usize) -> Load {
        let burst = options.burst.unwrap_or(8).max(1);
        let bytes = options.bytes.unwrap_or(16_384).max(1);
        let megabytes = options.megabytes.unwrap_or(24);
        let rounds = (megabytes * 1_000_000 / (burst * bytes as u64)).max(1);
        Load { others, burst, bytes, megabytes, rounds }
    }

    fn put_on(&self, options: &Options, target: &Target) -> Result<Outcome> {
        let mut pool = Pool::new(options.transport, self.bytes + 64)?;
        pool.open_many(self.others, target.host, options.path())?;
        echo::greet(&mut pool)?;
        let mut rounds = Rounds::new(self.burst, self.bytes);
        let stretch = Stretch::begin(target);
        rounds.run(&mut pool, |done| done >= self.rounds)?;
        Ok(Outcome {
            work: stretch.end(target, rounds.deliveries.count),
            lost: rounds.lost,
            wrong: rounds.deliveries.wrong,
            closed: pool.closed(),
            peak: target.pid().and_then(process::peak_rss_kib),
        })
    }
}

/// How many of the connections the server has cut, within the grace. Nothing is
/// read from them: a cut has to show itself past what was not read.
fn wait_for_cuts(streams: &[TcpStream]) -> Result<usize> {
    let deadline = Instant::now() + GRACE;
    loop {
        let cut = cuts(streams)?;
        if cut == streams.len() || Instant::now() >= deadline {
            return Ok(cut);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn cuts(streams: &[TcpStream]) -> Result<usize> {
    let mut polled: Vec<_> =
        streams.iter().map(|stream| PollFd::new(stream, PollFlags::RDHUP)).collect();
    poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    let over = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
    Ok(polled.iter().filter(|one| one.revents().intersects(over)).count())
}
