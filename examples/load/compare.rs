//! `load compare`: the table. Every row is measured in several short runs, each
//! server in turn, so that whatever else the machine does falls on all alike;
//! what is printed are medians of the runs and of their ratios. Compared with
//! itself a server comes out within a few per cent on a quiet machine; where
//! others keep the processors busy, 10 to 15, and more runs are needed.

use serde_json::{Map, Value, json};

use crate::Mode;
use crate::Result;
use crate::options::Options;
use crate::report::{Report, rounded};
use crate::target::Target;
use crate::{broadcast, connect, echo, idle, slow};

/// What is read from a report.
#[derive(Debug)]
struct Metric {
    key: &'static str,
    unit: &'static str,
}

const CPU: Metric = Metric { key: "server_cpu_s_per_million", unit: "us CPU" };
const RATE: Metric = Metric { key: "rate", unit: "/s" };

/// A row of the table: some work, and what is measured of it.
#[derive(Debug)]
struct Row {
    name: &'static str,
    what: &'static str,
    /// What ours is to reach, of the first metrics.
    wanted: &'static str,
    mode: Mode,
    set: fn(&mut Options),
    metrics: &'static [Metric],
    /// Whether each run wants a server that has done nothing yet.
    fresh: bool,
    /// Whether the bare server can do it.
    bare: bool,
}

const ECHO: &[Metric] = &[CPU, RATE];

const ROWS: &[Row] = &[
    Row {
        name: "echo-64x1",
        what: "echo, 64 connections, 1 in flight, 64 B",
        wanted: "<= 1.2 bare, < node; aim 1.05 bare",
        mode: echo::run,
        set: |options| options.in_flight = Some(1),
        metrics: ECHO,
        fresh: false,
        bare: true,
    },
    Row {
        name: "echo-64x16",
        what: "echo, 64 connections, 16 in flight, 64 B",
        wanted: "<= 2.5 bare; aim 1.4",
        mode: echo::run,
        set: |options| options.in_flight = Some(16),
        metrics: ECHO,
        fresh: false,
        bare: true,
    },
    Row {
        name: "echo-16k",
        what: "echo, 64 connections, 1 in flight, 16 KiB",
        wanted: "<= 1.8 bare; aim 1.25",
        mode: echo::run,
        set: |options| options.bytes = Some(16_384),
        metrics: ECHO,
        fresh: false,
        bare: true,
    },
    Row {
        name: "broadcast",
        what: "one broadcast at a time to 1,000 sparks, 128 B, per delivery",
        wanted: "<= 1.25 bare; aim 1.0",
        mode: broadcast::run,
        set: |options| options.burst = Some(1),
        metrics: ECHO,
        fresh: false,
        bare: true,
    },
    Row {
        name: "burst",
        what: "burst of 200 broadcasts to 1,000 sparks, 128 B, per delivery (bare: --log)",
        wanted: "<= 0.03 node; aim 0.01",
        mode: broadcast::run,
        set: |options| {
            options.burst = Some(200);
            options.log = true;
        },
        metrics: ECHO,
        fresh: false,
        bare: true,
    },
    Row {
        name: "connect",
        what: "connect, handshake and close, per connection",
        wanted: "<= 0.35 node; aim 0.2",
        mode: connect::run,
        set: |_| {},
        metrics: ECHO,
        fresh: false,
        bare: true,
    },
    Row {
        name: "idle",
        what: "idle connection at 5,000",
        wanted: "<= 16 RSS, 50 accounted; aim 11, 41",
        mode: idle::run,
        set: |_| {},
        metrics: &[
            Metric { key: "rss_per_connection_kib", unit: "KiB RSS" },
            Metric { key: "accounted_per_connection_kib", unit: "KiB accounted" },
            Metric { key: "whole_per_connection_kib", unit: "KiB whole" },
            Metric { key: "wakeups", unit: "wake-ups" },
        ],
        fresh: true,
        bare: true,
    },
    Row {
        name: "slow",
        what: "5 of 50 sparks never read, 24 MB each",
        wanted: ">= 0.9; aim 0.97",
        mode: slow::run,
        set: |_| {},
        metrics: &[
            Metric { key: "rate_kept", unit: "of the rate" },
            Metric { key: "rss_without_slow_mib", unit: "MiB without" },
            Metric { key: "rss_peak_mib", unit: "MiB peak" },
            Metric { key: "slow_cut", unit: "cut" },
        ],
        fresh: true,
        bare: false,
    },
];

/// The servers, in the order of their turns.
const NAMES: [&str; 3] = ["ours", "node", "bare"];

/// One run of each server; `None` for one that is left out.
type Round = [Option<Report>; 3];

/// Runs the mode.
pub fn run(options: &Options) -> Result<()> {
    if options.list_rows {
        ROWS.iter().for_each(|row| println!("{:<12} {}", row.name, row.what));
        return Ok(());
    }
    if let Some(name) = options.rows.iter().find(|name| ROWS.iter().all(|row| row.name != **name)) {
        return Err(format!("there is no row {name}; see compare --rows").into());
    }
    let chosen = |row: &&Row| options.rows.is_empty() || options.rows.iter().any(|n| n == row.name);
    let mut lines = Vec::new();
    println!(
        "{:<11} {:<13} {:>9} {:>9} {:>9} {:>9} {:>9}  wanted",
        "row", "unit", "ours", "node", "bare", "ours/node", "ours/bare"
    );
    for row in ROWS.iter().filter(chosen) {
        let rounds = Bench::new(row, options).run();
        for (place, metric) in row.metrics.iter().enumerate() {
            let wanted = if place == 0 { row.wanted } else { "" };
            lines.push(line(row, metric, wanted, &rounds));
        }
    }
    println!("{}", json!({ "mode": "compare", "rows": lines }));
    Ok(())
}

/// A row under measurement.
#[derive(Debug)]
struct Bench<'a> {
    row: &'a Row,
    options: Options,
    runs: usize,
    /// Kept from run to run, unless the row wants fresh ones.
    servers: [Option<Target>; 3],
    /// Servers that could not be started, or failed, are left out from then on.
    failed: [bool; 3],
}

impl<'a> Bench<'a> {
    fn new(row: &'a Row, options: &Options) -> Bench<'a> {
        let runs = options.runs.unwrap_or(7).max(1);
        let mut options = options.clone();
        options.seconds = options.seconds.or(Some(1.5));
        options.warm_up = options.warm_up.or(Some(0.3));
        (row.set)(&mut options);
        let failed = [options.ours.is_none(), options.node.is_none(), !row.bare];
        Bench { row, options, runs, servers: Default::default(), failed }
    }

    /// Each server in turn; the next round the other way about, so that none
    /// always has the same one before it.
    fn run(mut self) -> Vec<Round> {
        let mut rounds = Vec::new();
        for run in 0..self.runs {
            eprint!("\r{} {}/{}   ", self.row.name, run + 1, self.runs);
            let mut round = Round::default();
            for place in 0..NAMES.len() {
                let server = if run % 2 == 0 { place } else { NAMES.len() - 1 - place };
                round[server] = self.turn(server).unwrap_or_else(|error| {
                    eprintln!("\r{} {}: {error}", self.row.name, NAMES[server]);
                    self.failed[server] = true;
                    self.servers[server] = None;
                    None
                });
            }
            rounds.push(round);
        }
        eprint!("\r{:30}\r", "");
        rounds
    }

    fn turn(&mut self, server: usize) -> Result<Option<Report>> {
        if self.failed[server] {
            return Ok(None);
        }
        if self.servers[server].is_none() {
            let target = self.start(server)?;
            if !self.row.fresh {
                // A run that does not count: what is compiled or allocated at
                // first use is so now.
                (self.row.mode)(&self.options, &target)?;
            }
            self.servers[server] = Some(target);
        }
        let Some(target) = &self.servers[server] else { return Ok(None) };
        let report = (self.row.mode)(&self.options, target)?;
        if self.row.fresh {
            self.servers[server] = None;
        }
        if report.is_clean() { Ok(Some(report)) } else { Err(report.json().to_string().into()) }
    }

    fn start(&self, server: usize) -> Result<Target> {
        match (server, &self.options.ours, &self.options.node) {
            (0, Some(command), _) | (1, _, Some(command)) => Target::spawn(command),
            _ => Target::bare(self.options.log),
        }
    }
}

/// Prints a line of the table and returns it as JSON.
fn line(row: &Row, metric: &Metric, wanted: &str, rounds: &[Round]) -> Value {
    let read = |round: &Round, server: usize| round[server].as_ref()?.read(metric.key);
    let each = [0, 1, 2]
        .map(|server| rounds.iter().filter_map(|round| read(round, server)).collect::<Vec<f64>>());
    let values = each.each_ref().map(|each| sorted(each.iter().copied()));
    // A ratio is that of two runs next to each other, which had the same
    // neighbours on the machine; not that of two medians.
    let ratio = |server: usize| {
        median(&sorted(rounds.iter().filter_map(|round| {
            Some(read(round, 0)? / read(round, server).filter(|of| *of != 0.0)?)
        })))
    };
    let ratios = [ratio(1), ratio(2)];
    let [ours, node, bare] = values.each_ref().map(|values| cell(median(values)));
    let [per_node, per_bare] = ratios.map(cell);
    println!(
        "{:<11} {:<13} {ours:>9} {node:>9} {bare:>9} {per_node:>9} {per_bare:>9}  {wanted}",
        row.name, metric.unit
    );
    let mut json = Map::new();
    json.insert("row".into(), row.name.into());
    json.insert("metric".into(), metric.key.into());
    for (name, each) in NAMES.iter().zip(&each) {
        json.insert((*name).into(), summary(each));
    }
    for (name, ratio) in ["ours_per_node", "ours_per_bare"].into_iter().zip(ratios) {
        json.insert(name.into(), ratio.map_or(Value::Null, rounded));
    }
    json.into()
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get(sorted.len().saturating_sub(1) / 2)?;
    Some((lower + upper) / 2.0)
}

fn cell(value: Option<f64>) -> String {
    value.map_or("-".into(), |value| rounded(value).to_string())
}

/// The median, and what it was taken from, in the order of the runs.
fn summary(each: &[f64]) -> Value {
    let Some(middle) = median(&sorted(each.iter().copied())) else { return Value::Null };
    let each: Vec<Value> = each.iter().copied().map(rounded).collect();
    json!({ "median": rounded(middle), "runs": each })
}
