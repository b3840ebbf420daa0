//! Mode `broadcast`: in rounds, one connection asks the server to broadcast,
//! and all of them count what arrives.

use std::time::{Duration, Instant};

use crate::Result;
use crate::echo;
use crate::options::Options;
use crate::pool::Pool;
use crate::process;
use crate::report::{Latencies, Report, Stretch};
use crate::target::Target;
use crate::traffic::{Out, Traffic};

/// How long a round may take before what has not come counts as lost.
pub const ROUND: Duration = Duration::from_secs(20);

/// Runs the mode.
pub fn run(options: &Options, target: &Target) -> Result<Report> {
    let connections = options.connections.unwrap_or(1000).max(1);
    let burst = options.burst.unwrap_or(1).max(1);
    let bytes = options.bytes.unwrap_or(128);
    let before = target.pid().and_then(process::rss_kib);
    let mut pool = Pool::new(options.transport, bytes + 64)?;
    pool.open_many(connections, target.host, options.path())?;
    echo::greet(&mut pool)?;
    if options.room {
        enter(&mut pool)?;
    }
    let after = target.pid().and_then(process::rss_kib);
    let grown = before.zip(after).map(|(before, after)| (after - before) / connections as f64);

    let mut rounds = Rounds::new(burst, bytes);
    if options.room {
        rounds.command = format!("\"room:all:{burst}:{bytes}\"");
    }
    if options.broadcasts.is_none() {
        let end = Instant::now() + options.warming();
        rounds.run(&mut pool, |_| Instant::now() >= end)?;
    }
    rounds.deliveries.clear();
    let stretch = Stretch::begin(target);
    let end = Instant::now() + options.measured();
    rounds.run(&mut pool, |done| match options.broadcasts {
        Some(wanted) => done * burst >= wanted,
        None => done > 0 && Instant::now() >= end,
    })?;
    let work = stretch.end(target, rounds.deliveries.count);

    let mut report = Report::new("broadcast");
    report.set("connections", connections);
    report.set("burst", burst);
    report.set("bytes", bytes);
    report.work(&work);
    report.latencies(&rounds.deliveries.latencies);
    report.set("lost", rounds.lost);
    report.set("wrong", rounds.deliveries.wrong);
    report.set("closed", pool.closed());
    report.number("rss_per_connection_kib", grown);
    Ok(report)
}

/// Has all connections go into a room.
pub fn enter(pool: &mut Pool) -> Result<()> {
    for connection in 0..pool.len() {
        pool.send(connection, |out| out.text(b"\"join:all\""));
    }
    let mut answers = Deliveries::new("joined".len());
    let (wanted, deadline) = (pool.len() as u64, Instant::now() + ROUND);
    let all = pool.run(&mut answers, deadline, |got| got.count >= wanted || got.broken)?;
    if all && answers.wrong == 0 && !answers.broken {
        return Ok(());
    }
    Err("not every connection could join a room; was the server started with --rooms?".into())
}

/// Rounds of broadcasts to all connections of a pool.
#[derive(Debug)]
pub struct Rounds {
    burst: u64,
    command: String,
    /// What has arrived.
    pub deliveries: Deliveries,
    /// What has not.
    pub lost: u64,
}

impl Rounds {
    /// Rounds of `burst` broadcasts of `bytes` characters.
    pub fn new(burst: u64, bytes: usize) -> Rounds {
        Rounds {
            burst,
            command: format!("\"broadcast:{burst}:{bytes}\""),
            deliveries: Deliveries::new(bytes),
            lost: 0,
        }
    }

    /// One round after the other, until `enough` of their number, or until one
    /// loses something.
    pub fn run(&mut self, pool: &mut Pool, enough: impl Fn(u64) -> bool) -> Result<()> {
        let mut done = 0;
        while !enough(done) && self.lost == 0 {
            self.round(pool)?;
            done += 1;
        }
        Ok(())
    }

    fn round(&mut self, pool: &mut Pool) -> Result<()> {
        let wanted = self.deliveries.count + self.burst * pool.len() as u64;
        self.deliveries.began = Instant::now();
        let command = self.command.as_bytes();
        pool.send(0, |out| out.text(command));
        let deadline = Instant::now() + ROUND;
        pool.run(&mut self.deliveries, deadline, |got| got.count >= wanted || got.broken)?;
        self.lost += wanted.saturating_sub(self.deliveries.count);
        Ok(())
    }
}

/// The traffic: broadcasts that have arrived.
#[derive(Debug)]
pub struct Deliveries {
    /// How many.
    pub count: u64,
    /// How many of them were not what had been asked for.
    pub wrong: u64,
    /// How long they took, from the command on.
    pub latencies: Latencies,
    length: usize,
    began: Instant,
    /// A connection has ended.
    pub broken: bool,
}

impl Deliveries {
    /// None of so many characters yet.
    pub fn new(bytes: usize) -> Deliveries {
        Deliveries {
            count: 0,
            wrong: 0,
            latencies: Latencies::new(),
            length: bytes + 2,
            began: Instant::now(),
            broken: false,
        }
    }

    /// Forgets what has arrived, but not what was wrong with it.
    pub fn clear(&mut self) {
        self.count = 0;
        self.latencies = Latencies::new();
    }
}

impl Traffic for Deliveries {
    #[inline]
    fn message(&mut self, _: usize, now: Instant, payload: &[u8], _: &mut Out) {
        self.count += 1;
        if payload.len() != self.length || payload.first() != Some(&b'"') {
            self.wrong += 1;
        }
        self.latencies.add(now.saturating_duration_since(self.began));
    }

    fn closed(&mut self, _: usize) {
        self.broken = true;
    }
}
