//! How fast the parsers are: encoding and decoding one message, for three sizes,
//! of records with many small fields and of one text.
//!
//! ```text
//! cargo run --release --example parsers -- [--node] [--ms 100] [PARSER...]
//! ```
//!
//! Prints one JSON line per parser, message and kind: `struct` (a type of
//! the application's own), `value` (the dynamic `Value`) and `bare` (the struct
//! through the crate that is usual for the format, without this one). With
//! `--node` the real JavaScript parsers do the same work with the same messages
//! in the same run (`npm ci` in `tests/interop/parsers` first), and the lines say
//! how many times faster Rust is.

use std::hint::black_box;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use primus::parsers::NoPeer;
use primus::{BoxError, Parser, Value};
use serde::{Deserialize, Serialize};

/// A position in some game: about 60 bytes of JSON.
#[derive(Serialize, Deserialize)]
struct Move {
    id: u32,
    kind: String,
    x: f64,
    y: f64,
    name: String,
}

/// A line of some chat: about 170 bytes of JSON.
#[derive(Serialize, Deserialize)]
struct Line {
    id: u32,
    user: User,
    text: String,
    at: u64,
    tags: Vec<String>,
    edited: bool,
    reply: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct User {
    name: String,
    score: f64,
}

#[derive(Serialize, Deserialize)]
struct Room {
    room: String,
    lines: Vec<Line>,
}

fn small() -> Move {
    Move { id: 48213, kind: "move".into(), x: 10.5, y: -3.25, name: "alice".into() }
}

fn room(lines: u32) -> Room {
    let line = |id: u32| Line {
        id,
        user: User { name: format!("user{}", id % 17), score: f64::from(id) * 0.25 },
        text: "The quick brown fox jumps over the lazy dog, \"twice\".".into(),
        at: 1_700_000_000 + u64::from(id),
        tags: vec!["a".into(), "général".into()],
        edited: id.is_multiple_of(3),
        reply: id.checked_sub(5),
    };
    Room { room: "lobby".into(), lines: (0..lines).map(line).collect() }
}

/// One text, and little else.
#[derive(Serialize, Deserialize)]
struct Note {
    id: u32,
    text: String,
}

fn note(length: usize) -> Note {
    let words = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod. ";
    Note { id: 48213, text: words.chars().cycle().take(length - 22).collect() }
}

/// The CPU time of this thread.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let ns = stat.split(' ').next().and_then(|ns| ns.parse().ok());
    Duration::from_nanos(ns.unwrap_or(0))
}

/// Wall and CPU nanoseconds of one call: the best of some rounds, because other
/// programs only ever make it slower. The ratios are those of the CPU time, which
/// other programs change least.
fn measure(round: Duration, mut once: impl FnMut()) -> (f64, f64) {
    let mut best = (f64::MAX, f64::MAX);
    for _ in 0..6 {
        let (start, used) = (Instant::now(), cpu());
        let mut calls = 0;
        while start.elapsed() < round {
            (0..16).for_each(|_| once());
            calls += 16;
        }
        let wall = start.elapsed().as_nanos() as f64 / f64::from(calls);
        let used = (cpu() - used).as_nanos() as f64 / f64::from(calls);
        best = (best.0.min(wall), best.1.min(used));
    }
    best
}

struct Bench {
    round: Duration,
    /// Parser, message, kind and CPU nanoseconds of what was measured.
    results: Vec<(String, &'static str, &'static str, f64)>,
}

impl Bench {
    fn line(
        &mut self,
        parser: &str,
        name: &'static str,
        bytes: usize,
        kind: &'static str,
        call: impl FnMut(),
    ) {
        let (wall, cpu) = measure(self.round, call);
        println!(
            "{{\"parser\":\"{parser}\",\"message\":\"{name}\",\"bytes\":{bytes},\"kind\":\"{kind}\",\
             \"ns\":{wall:.0},\"per_second\":{:.0},\"cpu_s_per_million\":{:.3}}}",
            1e9 / wall,
            cpu / 1000.0
        );
        self.results.push((parser.into(), name, kind, cpu));
    }

    fn run<T>(&mut self, parser: &Parser, name: &'static str, message: &T) -> Result<(), BoxError>
    where
        T: Serialize + serde::de::DeserializeOwned,
    {
        let frame = parser.encode(message, &NoPeer)?.ok_or("nothing to send")?;
        let value: Value = parser.decode(&frame, &NoPeer)?;
        let bytes = frame.len();
        self.line(parser.name(), name, bytes, "struct", || {
            let frame = parser.encode(black_box(message), &NoPeer).ok().flatten();
            let back = frame.map(|frame| parser.decode_as::<T>(&frame, &NoPeer));
            assert!(black_box(back).is_some_and(|back| back.is_ok()));
        });
        self.line(parser.name(), name, bytes, "value", || {
            let frame = parser.encode(black_box(&value), &NoPeer).ok().flatten();
            let back = frame.map(|frame| parser.decode(&frame, &NoPeer));
            assert!(black_box(back).is_some_and(|back| back.is_ok()));
        });
        self.line(parser.name(), name, bytes, "check", || {
            assert!(parser.check(black_box(&frame), &NoPeer).is_ok());
            assert!(parser.control(black_box(&frame), &NoPeer).is_none());
        });
        match parser.name() {
            "json" => self.line("json", name, bytes, "bare", || {
                let text = serde_json::to_string(black_box(message)).unwrap_or_default();
                assert!(black_box(serde_json::from_str::<T>(&text)).is_ok());
            }),
            "msgpack" => self.line("msgpack", name, bytes, "bare", || {
                let bytes = rmp_serde::to_vec_named(black_box(message)).unwrap_or_default();
                assert!(black_box(rmp_serde::from_slice::<T>(&bytes)).is_ok());
            }),
            _ => {}
        }
        Ok(())
    }
}

/// Has Node do the same and prints the ratios.
fn node(bench: &Bench, messages: &str, parsers: &[Parser]) -> Result<(), BoxError> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/parsers/bench.js");
    let names: Vec<&str> = parsers.iter().map(Parser::name).collect();
    let mut child = Command::new("node")
        .arg(script)
        .arg(bench.round.as_millis().to_string())
        .args(names)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    child.stdin.take().ok_or("no input")?.write_all(messages.as_bytes())?;
    let output = child.wait_with_output()?;
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let node: serde_json::Value = serde_json::from_str(line)?;
        let ns = node["cpu_ns"].as_f64().ok_or("no time")?;
        let ratio = |wanted: &str| {
            let same = |(parser, name, kind, _): &&(String, &str, &str, f64)| {
                node["parser"] == parser.as_str() && node["message"] == *name && *kind == wanted
            };
            bench.results.iter().find(same).map_or(f64::NAN, |result| ns / result.3)
        };
        println!(
            "{{\"parser\":{},\"message\":{},\"kind\":\"node\",\"ns\":{},\"cpu_s_per_million\":{:.3},\"struct_times_faster\":{:.2},\
             \"value_times_faster\":{:.2}}}",
            node["parser"],
            node["message"],
            node["ns"],
            ns / 1000.0,
            ratio("struct"),
            ratio("value")
        );
    }
    if output.status.success() { Ok(()) } else { Err("the Node script failed".into()) }
}

fn main() -> Result<(), BoxError> {
    use lexopt::prelude::*;
    let (mut beside, mut round, mut parsers) = (false, 100, Vec::<Parser>::new());
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Long("node") => beside = true,
            Long("ms") => round = args.value()?.parse()?,
            Value(name) => parsers.push(name.string()?.parse()?),
            _ => return Err(arg.unexpected().into()),
        }
    }
    if parsers.is_empty() {
        let known = ["json", "ejson", "binary", "msgpack"];
        parsers = known.iter().filter_map(|name| name.parse().ok()).collect();
    }
    let mut bench = Bench { round: Duration::from_millis(round), results: Vec::new() };
    let records = (small(), room(6), room(384));
    let texts = [note(60), note(1 << 10), note(64 << 10)];
    for parser in &parsers {
        bench.run(parser, "records-60", &records.0)?;
        bench.run(parser, "records-1k", &records.1)?;
        bench.run(parser, "records-64k", &records.2)?;
        bench.run(parser, "text-60", &texts[0])?;
        bench.run(parser, "text-1k", &texts[1])?;
        bench.run(parser, "text-64k", &texts[2])?;
    }
    if beside {
        let messages = serde_json::json!([
            ["records-60", records.0],
            ["records-1k", records.1],
            ["records-64k", records.2],
            ["text-60", texts[0]],
            ["text-1k", texts[1]],
            ["text-64k", texts[2]],
        ]);
        node(&bench, &messages.to_string(), &parsers)?;
    }
    Ok(())
}
