//! `load compare`: the table. Every row is measured in several short runs, each
//! server in turn, so that whatever else the machine does falls on all alike;
//! what is printed are medians of the runs and of their ratios. Compared with
//! itself a server comes out within a few per cent on a quiet machine; where
//! others keep the processors busy, 10 to 15, and more runs are needed.
//!
//! In the rows of engine.io and sockjs the first two servers are told to speak that,
//! and the place of the bare server is taken by our own transformer `websockets`; in
//! those of rooms by our own broadcast to all; in those of a fleet, which has a Redis,
//! by our own server alone, without one.

use serde_json::{Map, Value, json};

use crate::options::Options;
use crate::report::{Report, rounded};
use crate::rows::{self, Metric, Row, Third};
use crate::target::Target;
use crate::transport::Transport;
use crate::{Result, deflate, echo};

/// The servers of a row, in the order of their turns.
fn names(row: &Row) -> [&'static str; 3] {
    ["ours", "node", if row.third == Third::Own { "own" } else { "bare" }]
}

/// One run of each server; `None` for one that is left out.
type Round = [Option<Report>; 3];

/// Runs the mode.
pub fn run(options: &Options) -> Result<()> {
    if options.list_rows {
        rows::all().for_each(|row| println!("{:<12} {}", row.name, row.what));
        return Ok(());
    }
    if let Some(name) = options.rows.iter().find(|name| rows::all().all(|row| row.name != **name)) {
        return Err(format!("there is no row {name}; see compare --rows").into());
    }
    let chosen = |row: &&Row| options.rows.is_empty() || options.rows.iter().any(|n| n == row.name);
    let mut lines = Vec::new();
    println!(
        "{:<12} {:<13} {:>9} {:>9} {:>9} {:>9} {:>9}  wanted",
        "row", "unit", "ours", "node", "bare/own", "ours/node", "ours/b/o"
    );
    for row in rows::all().filter(chosen) {
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
        let failed = match row.third {
            Third::Nothing => [options.ours.is_none(), options.node.is_none(), true],
            Third::Bare => [options.ours.is_none(), options.node.is_none(), false],
            Third::Own => [options.ours.is_none(), options.node.is_none(), options.ours.is_none()],
        };
        Bench { row, options, runs, servers: Default::default(), failed }
    }

    /// Each server in turn; the next round the other way about, so that none
    /// always has the same one before it.
    fn run(mut self) -> Vec<Round> {
        let mut rounds = Vec::new();
        for run in 0..self.runs {
            eprint!("\r{} {}/{}   ", self.row.name, run + 1, self.runs);
            let mut round = Round::default();
            for place in 0..round.len() {
                let server = if run % 2 == 0 { place } else { round.len() - 1 - place };
                round[server] = self.turn(server).unwrap_or_else(|error| {
                    eprintln!("\r{} {}: {error}", self.row.name, names(self.row)[server]);
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
        let mut options = self.options.clone();
        if (server, self.row.third) == (2, Third::Own) {
            options.transport = Transport::Websockets;
            options.room = false;
            options.servers = None;
            // As many bytes as the envelope of an event has, without one.
            let plain = options.events.take().map_or(0, echo::overhead);
            options.bytes = options.bytes.or(Some(echo::BYTES)).map(|bytes| bytes + plain);
            (options.secure, options.compress, options.on_unix) = (false, false, false);
        }
        deflate::offer(options.compress);
        if self.servers[server].is_none() {
            let target = self.start(server, &options)?;
            if !self.row.fresh {
                // A run that does not count: what is compiled or allocated at
                // first use is so now.
                (self.row.mode)(&options, &target)?;
            }
            self.servers[server] = Some(target);
        }
        let Some(target) = &self.servers[server] else { return Ok(None) };
        let report = (self.row.mode)(&options, target)?;
        if self.row.fresh {
            self.servers[server] = None;
        }
        if report.is_clean() { Ok(Some(report)) } else { Err(report.json().to_string().into()) }
    }

    fn start(&self, server: usize, options: &Options) -> Result<Target> {
        let command = match (server, self.row.third) {
            (0, _) | (2, Third::Own) => &self.options.ours,
            (1, _) => &self.options.node,
            _ => return Target::bare(self.options.log),
        };
        let command = command.as_deref().ok_or("no command starts this server")?;
        let command = &format!("{command}{}", more(server, options)?);
        if let Some(count) = options.servers {
            let rooms = if options.room { " --rooms" } else { "" };
            return Target::fleet(&format!("{command}{rooms}"), count);
        }
        match options.transport {
            Transport::Websockets if options.room || options.each.is_some() => {
                Target::spawn(&format!("{command} --rooms"))
            }
            // Else the kernel takes all that waits for the crowd, and a heartbeat
            // that it does not answer ends it.
            Transport::Websockets if self.row.name == "trickle" => {
                Target::spawn(&format!("{command} --send-buffer 16384 --ping-interval 0"))
            }
            Transport::Websockets => {
                let plugin = options.events.map(|events| format!(" --{}", events.plugin()));
                Target::spawn(&format!("{command}{}", plugin.unwrap_or_default()))
            }
            transport => {
                Target::spawn(&format!("{command} --transformer {}", transport.transformer()))
            }
        }
    }
}

/// The arguments that a server is given for a row of the network.
fn more(server: usize, options: &Options) -> Result<String> {
    let mut more = String::new();
    if options.secure {
        match (&options.tls_cert, &options.tls_key) {
            (Some(cert), Some(key)) => more = format!(" --tls-cert {cert} --tls-key {key}"),
            _ => return Err("rows of TLS want --tls-cert and --tls-key".into()),
        }
    }
    if options.compress {
        more.push_str(" --compression");
    }
    if options.on_unix && server == 0 {
        more.push_str(&format!(" --unix @primus-load-{}", std::process::id()));
    }
    Ok(more)
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
    let [ours, node, third] = values.each_ref().map(|values| cell(median(values)));
    let [per_node, per_third] = ratios.map(cell);
    println!(
        "{:<12} {:<13} {ours:>9} {node:>9} {third:>9} {per_node:>9} {per_third:>9}  {wanted}",
        row.name, metric.unit
    );
    let mut json = Map::new();
    json.insert("row".into(), row.name.into());
    json.insert("metric".into(), metric.key.into());
    let names = names(row);
    for (name, each) in names.iter().zip(&each) {
        json.insert((*name).into(), summary(each));
    }
    for (name, ratio) in names[1..].iter().zip(ratios) {
        json.insert(format!("ours_per_{name}"), ratio.map_or(Value::Null, rounded));
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
