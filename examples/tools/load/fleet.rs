//! Mode `fleet`: several servers that a Redis joins, with as many connections to
//! each. All are in one room, to which the first server writes, because its first
//! connection says so, and all count what arrives. How late is the last of them, and
//! what does it cost all servers together? Of one server alone it is a broadcast to
//! all.

use std::time::{Duration, Instant};

use crate::broadcast::{self, ROUND};
use crate::options::Options;
use crate::pool::Pool;
use crate::report::{Latencies, Report, Stretch};
use crate::target::Target;
use crate::traffic::{Out, Traffic};
use crate::{Result, echo};

/// How long the servers may take until each hears what the others have to say, and
/// how long is waited for that at a time.
const MEETING: Duration = Duration::from_secs(20);
const LISTENING: Duration = Duration::from_millis(200);

/// Runs the mode.
pub fn run(options: &Options, target: &Target) -> Result<Report> {
    let connections = options.connections.unwrap_or(1000).max(1);
    let burst = options.burst.unwrap_or(1).max(1);
    let bytes = options.bytes.unwrap_or(128);
    let hosts = target.hosts();
    let mut pool = Pool::new(options.transport, bytes + 64)?;
    for (place, host) in hosts.iter().enumerate() {
        let share = connections / hosts.len() + usize::from(place < connections % hosts.len());
        pool.open_many(share, *host, options.path())?;
    }
    echo::greet(&mut pool)?;
    let what = if hosts.len() > 1 { "room:all" } else { "broadcast" };
    if hosts.len() > 1 {
        broadcast::enter(&mut pool)?;
    }
    let mut rounds = Rounds::new(&pool, what, burst, bytes);
    rounds.meet(&mut pool)?;
    let end = Instant::now() + options.warming();
    rounds.run(&mut pool, |_| Instant::now() >= end)?;

    (rounds.heard, rounds.last) = (0, Latencies::new());
    let stretch = Stretch::begin(target);
    let end = Instant::now() + options.measured();
    rounds.run(&mut pool, |done| match options.broadcasts {
        Some(wanted) => done * burst >= wanted,
        None => done > 0 && Instant::now() >= end,
    })?;
    let work = stretch.end(target, rounds.heard);
    // What comes twice may come late.
    pool.run(&mut rounds.tally, Instant::now() + LISTENING, |_| false)?;
    rounds.tally.wrong += rounds.tally.twice(burst);

    let mut report = Report::new("fleet");
    report.set("servers", hosts.len());
    report.set("connections", connections);
    report.set("burst", burst);
    report.set("bytes", bytes);
    report.work(&work);
    report.latencies(&rounds.last);
    report.number("last_p50_us", rounds.last.percentile(0.5));
    report.number("last_p99_us", rounds.last.percentile(0.99));
    report.set("lost", rounds.lost);
    report.set("wrong", rounds.tally.wrong);
    report.set("closed", pool.closed());
    Ok(report)
}

/// Rounds of messages to all connections of a pool.
struct Rounds {
    burst: u64,
    /// What the first connection says for one message, and for a burst.
    one: String,
    all: String,
    tally: Tally,
    /// Deliveries.
    heard: u64,
    lost: u64,
    /// From each command to the last delivery.
    last: Latencies,
}

impl Rounds {
    fn new(pool: &Pool, what: &str, burst: u64, bytes: usize) -> Rounds {
        Rounds {
            burst,
            one: format!("\"{what}:1:{bytes}\""),
            all: format!("\"{what}:{burst}:{bytes}\""),
            tally: Tally::new(pool.len(), bytes),
            heard: 0,
            lost: 0,
            last: Latencies::new(),
        }
    }

    /// Waits until what the first server says is heard at all of them: one that has
    /// just begun may not listen yet.
    fn meet(&mut self, pool: &mut Pool) -> Result<()> {
        let deadline = Instant::now() + MEETING;
        loop {
            self.tally.clear();
            let command = self.one.as_bytes();
            pool.send(0, |out| out.text(command));
            // To the end of it, so that nothing is left of this round in the next.
            pool.run(&mut self.tally, Instant::now() + LISTENING, |tally| tally.broken)?;
            if self.tally.each.iter().all(|heard| *heard == 1) {
                return Ok(());
            }
            if self.tally.broken || Instant::now() > deadline {
                return Err("what one server says is not heard once at each of the others".into());
            }
        }
    }

    /// One round after the other, until `enough` of their number, or until one
    /// loses something.
    fn run(&mut self, pool: &mut Pool, enough: impl Fn(u64) -> bool) -> Result<()> {
        let mut done = 0;
        while !enough(done) && self.lost == 0 {
            self.round(pool)?;
            done += 1;
        }
        Ok(())
    }

    fn round(&mut self, pool: &mut Pool) -> Result<()> {
        // What came twice, and late, was of the round before.
        self.tally.wrong += self.tally.twice(self.burst);
        self.tally.clear();
        let (wanted, began) = (self.burst * pool.len() as u64, Instant::now());
        let command = self.all.as_bytes();
        pool.send(0, |out| out.text(command));
        let enough = |tally: &Tally| tally.count >= wanted || tally.broken;
        if pool.run(&mut self.tally, began + ROUND, enough)? {
            self.last.add(self.tally.last.saturating_duration_since(began));
        }
        let missing = |heard: &u64| self.burst.saturating_sub(*heard);
        self.lost += self.tally.each.iter().map(missing).sum::<u64>();
        self.heard += self.tally.count;
        Ok(())
    }
}

/// The traffic: what each connection has heard in a round.
struct Tally {
    each: Vec<u64>,
    count: u64,
    /// Messages that are not what had been asked for, or came twice.
    wrong: u64,
    length: usize,
    last: Instant,
    /// A connection has ended.
    broken: bool,
}

impl Tally {
    fn new(connections: usize, bytes: usize) -> Tally {
        Tally {
            each: vec![0; connections],
            count: 0,
            wrong: 0,
            length: bytes + 2,
            last: Instant::now(),
            broken: false,
        }
    }

    fn clear(&mut self) {
        self.each.fill(0);
        self.count = 0;
    }

    /// How many more came than the `burst` of a round.
    fn twice(&self, burst: u64) -> u64 {
        self.each.iter().map(|heard| heard.saturating_sub(burst)).sum()
    }
}

impl Traffic for Tally {
    #[inline]
    fn message(&mut self, connection: usize, now: Instant, payload: &[u8], _: &mut Out) {
        self.each[connection] += 1;
        self.count += 1;
        self.last = now;
        if payload.len() != self.length || payload.first() != Some(&b'"') {
            self.wrong += 1;
        }
    }

    fn closed(&mut self, _: usize) {
        self.broken = true;
    }
}
