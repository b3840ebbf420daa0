//! What a run measured: latencies, a stretch of time with the processor time
//! spent in it, and the JSON line that is printed.

use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::process;
use crate::target::Target;

/// Buckets per power of two: percentiles are right to about 3 %.
const STEPS: u32 = 32;

/// Counts of latencies in buckets that grow with the latency.
#[derive(Debug)]
pub struct Latencies {
    buckets: Vec<u64>,
    count: u64,
    longest: Duration,
}

impl Latencies {
    /// None yet.
    pub fn new() -> Latencies {
        Latencies { buckets: vec![0; (64 * STEPS) as usize], count: 0, longest: Duration::ZERO }
    }

    /// Adds one.
    #[inline]
    pub fn add(&mut self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(nanos)] += 1;
        self.count += 1;
        self.longest = self.longest.max(latency);
    }

    /// The latency that `share` (0 to 1) of all do not exceed, in microseconds.
    pub fn percentile(&self, share: f64) -> f64 {
        let rank = (self.count as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank.max(1) {
                return (upper_bound(index) as f64 / 1e3).min(self.longest_us());
            }
        }
        0.0
    }

    fn longest_us(&self) -> f64 {
        self.longest.as_nanos() as f64 / 1e3
    }

    fn json(&self) -> Value {
        let shares = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)];
        let mut map: Map<String, Value> = shares
            .into_iter()
            .map(|(name, share)| (name.into(), rounded(self.percentile(share))))
            .collect();
        map.insert("max".into(), rounded(self.longest_us()));
        map.into()
    }
}

fn bucket(nanos: u64) -> usize {
    let shift = nanos.max(1).ilog2().saturating_sub(STEPS.ilog2());
    let step = nanos >> shift;
    // The first row counts single nanoseconds; each later one begins at STEPS.
    (u64::from(shift * STEPS) + step) as usize
}

fn upper_bound(index: usize) -> u64 {
    let steps = u64::from(STEPS);
    let shift = (index as u64 / steps).saturating_sub(1);
    ((index as u64 - shift * steps + 1) << shift) - 1
}

/// A stretch of time under measurement.
#[derive(Debug)]
pub struct Stretch {
    began: Instant,
    server: Option<f64>,
    redis: Option<f64>,
    own: Option<f64>,
}

/// How much was done in a [`Stretch`], and what it took.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// Messages, deliveries or connections.
    pub count: u64,
    /// How long it took.
    pub seconds: f64,
    /// Processor time of the server, or of all of a fleet, in seconds, if the
    /// processes are known.
    pub server_cpu: Option<f64>,
    /// Processor time of the Redis that joins several servers, in seconds.
    pub redis_cpu: Option<f64>,
    /// Processor time of the generator, in seconds.
    pub own_cpu: Option<f64>,
}

impl Stretch {
    /// Begins now.
    pub fn begin(target: &Target) -> Stretch {
        Stretch {
            server: target.cpu_seconds(),
            redis: target.redis_cpu_seconds(),
            own: own_cpu(),
            began: Instant::now(),
        }
    }

    /// Ends now, `count` things having been done.
    pub fn end(self, target: &Target, count: u64) -> Work {
        let spent = |from: Option<f64>, to: Option<f64>| Some(to? - from?);
        Work {
            count,
            seconds: self.began.elapsed().as_secs_f64(),
            server_cpu: spent(self.server, target.cpu_seconds()),
            redis_cpu: spent(self.redis, target.redis_cpu_seconds()),
            own_cpu: spent(self.own, own_cpu()),
        }
    }
}

impl Work {
    /// How many a second.
    pub fn rate(&self) -> f64 {
        self.count as f64 / self.seconds.max(1e-9)
    }
}

fn own_cpu() -> Option<f64> {
    process::cpu_seconds(std::process::id())
}

/// The JSON line of a run, in the making.
#[derive(Clone, Debug, Default)]
pub struct Report(Map<String, Value>);

impl Report {
    /// A report of the mode of that name.
    pub fn new(mode: &str) -> Report {
        let mut report = Report::default();
        report.set("mode", mode);
        report
    }

    /// Adds a value.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.into(), value.into());
    }

    /// Adds a number, to four significant digits; null when it is not known.
    pub fn number(&mut self, key: &str, value: impl Into<Option<f64>>) {
        self.set(key, value.into().map_or(Value::Null, rounded));
    }

    /// Adds what was done, how fast, and what it cost.
    pub fn work(&mut self, work: &Work) {
        let per = |cpu: Option<f64>| cpu.map(|cpu| cpu * 1e6 / work.count.max(1) as f64);
        self.set("count", work.count);
        self.number("seconds", work.seconds);
        self.number("rate", work.rate());
        self.number("server_cpu_s", work.server_cpu);
        self.number("server_cpu_s_per_million", per(work.server_cpu));
        if work.redis_cpu.is_some() {
            self.number("redis_cpu_s_per_million", per(work.redis_cpu));
        }
        self.number("generator_cpu_s", work.own_cpu);
        self.number("generator_cpu_s_per_million", per(work.own_cpu));
    }

    /// Adds the latencies, in microseconds.
    pub fn latencies(&mut self, latencies: &Latencies) {
        self.set("latency_us", latencies.json());
    }

    /// A number that was added before.
    pub fn read(&self, key: &str) -> Option<f64> {
        self.0.get(key)?.as_f64()
    }

    /// Whether every message came, and came as expected.
    pub fn is_clean(&self) -> bool {
        ["lost", "wrong"].iter().all(|key| self.read(key).unwrap_or(0.0) == 0.0)
    }

    /// As JSON.
    pub fn json(self) -> Value {
        self.0.into()
    }
}

/// Four significant digits: the rest is noise.
pub fn rounded(value: f64) -> Value {
    if value == 0.0 || !value.is_finite() {
        return 0.into();
    }
    let scale = 10f64.powi(3 - value.abs().log10().floor() as i32);
    let short = (value * scale).round() / scale;
    if short.fract() == 0.0 && short.abs() < 1e15 { (short as i64).into() } else { short.into() }
}
