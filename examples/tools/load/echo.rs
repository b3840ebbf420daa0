//! Mode `echo`: every connection keeps so many messages on their way and
//! checks that each comes back, unchanged and in order.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::Result;
use crate::options::{Events, Options};
use crate::pool::Pool;
use crate::process;
use crate::report::{Latencies, Report, Stretch, Work};
use crate::target::Target;
use crate::traffic::{Out, Traffic};

/// How long the last echoes may take.
const LAST: Duration = Duration::from_secs(5);

/// Runs the mode.
pub fn run(options: &Options, target: &Target) -> Result<Report> {
    let connections = options.connections.unwrap_or(64).max(1);
    let in_flight = options.in_flight.unwrap_or(1).max(1);
    let bytes = options.bytes.unwrap_or(BYTES);
    let mut pool = Pool::new(options.transport, bytes + 128)?;
    let before = target.pid().and_then(process::rss_kib);
    pool.open_many(connections, target.host, options.path())?;

    let texts = Texts::new(bytes, options.events);
    let mut echo = Echo::new(connections, texts, options.messages);
    let work = drive(options, target, &mut pool, &mut echo, in_flight)?;

    let after = target.pid().and_then(process::rss_kib);
    let grown = before.zip(after).map(|(before, after)| (after - before) / connections as f64);
    let mut report = Report::new("echo");
    report.set("connections", connections);
    report.set("in_flight", in_flight);
    report.set("bytes", bytes);
    report.work(&work);
    echo.report(&mut report);
    report.set("lost", echo.missing());
    report.set("closed", pool.closed());
    report.number("rss_per_connection_kib", grown);
    Ok(report)
}

fn drive(
    options: &Options,
    target: &Target,
    pool: &mut Pool,
    echo: &mut Echo,
    in_flight: usize,
) -> Result<Work> {
    let counted = options.messages.is_some();
    let mut stretch = Stretch::begin(target);
    for connection in 0..pool.len() {
        pool.send(connection, |out| {
            let now = Instant::now();
            (0..in_flight).for_each(|_| echo.send(connection, now, out));
        });
    }
    if !counted {
        pool.run(echo, Instant::now() + options.warming(), |_| false)?;
        stretch = Stretch::begin(target);
    }
    let from = echo.begin();
    if counted {
        finish(pool, echo)?;
        return Ok(stretch.end(target, echo.came_since(from)));
    }
    pool.run(echo, Instant::now() + options.measured(), |_| false)?;
    let work = stretch.end(target, echo.came_since(from));
    echo.left = 0;
    finish(pool, echo)?;
    Ok(work)
}

/// Goes on until all has come back, or nothing comes any more.
pub fn finish(pool: &mut Pool, echo: &mut Echo) -> Result<()> {
    let mut before = None;
    while before != Some(echo.received) {
        before = Some(echo.received);
        if pool.run(echo, Instant::now() + LAST, Echo::is_settled)? {
            break;
        }
    }
    Ok(())
}

/// Whether a connection that has nothing on its way gets an echo.
pub fn is_served(pool: &mut Pool, connection: usize) -> Result<bool> {
    are_served(pool, connection..connection + 1)
}

/// Whether all connections get an echo. A server may answer the handshake some
/// time before it counts a connection among those that get its broadcasts; by
/// the time it echoes, it does.
pub fn greet(pool: &mut Pool) -> Result<()> {
    let all = 0..pool.len();
    if are_served(pool, all)? { Ok(()) } else { Err("not every connection gets an echo".into()) }
}

fn are_served(pool: &mut Pool, connections: Range<usize>) -> Result<bool> {
    let mut echo =
        Echo::new(connections.end, Texts::new(DIGITS, None), Some(connections.len() as u64));
    for connection in connections {
        pool.send(connection, |out| echo.send(connection, Instant::now(), out));
    }
    finish(pool, &mut echo)?;
    Ok(echo.is_settled() && echo.wrong == 0)
}

/// Whether a new connection is accepted and gets an echo.
pub fn probe(options: &Options, host: SocketAddr) -> Result<bool> {
    let mut pool = Pool::new(options.transport, DIGITS + 64)?;
    pool.open(host, options.path())?;
    is_served(&mut pool, 0)
}

/// The traffic: what is on its way, and what came of it.
#[derive(Debug)]
pub struct Echo {
    lanes: Vec<Lane>,
    texts: Texts,
    /// Messages that may still be sent.
    left: u64,
    sent: u64,
    received: u64,
    wrong: u64,
    latencies: Latencies,
}

/// One connection: when its messages on their way were sent.
#[derive(Debug, Default)]
struct Lane {
    stamps: VecDeque<Instant>,
    received: u64,
}

impl Echo {
    fn new(connections: usize, texts: Texts, messages: Option<u64>) -> Echo {
        Echo {
            lanes: (0..connections).map(|_| Lane::default()).collect(),
            texts,
            left: messages.unwrap_or(u64::MAX),
            sent: 0,
            received: 0,
            wrong: 0,
            latencies: Latencies::new(),
        }
    }

    /// One that sends nothing by itself when something has come back.
    pub fn paced(connections: usize, bytes: usize) -> Echo {
        Echo::new(connections, Texts::new(bytes, None), Some(0))
    }

    /// Appends one more message, whose time began at `now`.
    pub fn send_one(&mut self, connection: usize, now: Instant, out: &mut Out) {
        self.left = 1;
        self.send(connection, now, out);
    }

    /// Begins to measure; what has come back so far.
    pub fn begin(&mut self) -> u64 {
        self.latencies = Latencies::new();
        self.received
    }

    /// What has come back since.
    pub fn came_since(&self, from: u64) -> u64 {
        self.received - from
    }

    /// What has not come back.
    pub fn missing(&self) -> u64 {
        self.sent - self.received
    }

    /// Adds how long it took, and whether it was right.
    pub fn report(&self, report: &mut Report) {
        report.latencies(&self.latencies);
        report.number("p50_us", self.latencies.percentile(0.5));
        report.number("p99_us", self.latencies.percentile(0.99));
        report.set("wrong", self.wrong);
    }

    fn is_settled(&self) -> bool {
        self.sent == self.received
    }

    /// Appends the next message of a connection, unless all were sent.
    #[inline]
    fn send(&mut self, connection: usize, now: Instant, out: &mut Out) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        self.sent += 1;
        let lane = &mut self.lanes[connection];
        let number = lane.received + lane.stamps.len() as u64;
        lane.stamps.push_back(now);
        out.text(self.texts.sent.of(connection, number));
    }
}

impl Traffic for Echo {
    #[inline]
    fn message(&mut self, connection: usize, now: Instant, payload: &[u8], out: &mut Out) {
        let lane = &mut self.lanes[connection];
        let Some(stamp) = lane.stamps.pop_front() else {
            // More came than was sent.
            self.wrong += 1;
            return;
        };
        let expected = self.texts.answer.as_mut().unwrap_or(&mut self.texts.sent);
        if payload != expected.of(connection, lane.received) {
            self.wrong += 1;
        }
        lane.received += 1;
        self.received += 1;
        self.latencies.add(now.saturating_duration_since(stamp));
        self.send(connection, now, out);
    }
}

/// Characters of a message, if nothing else is said.
pub const BYTES: usize = 64;

/// Hexadecimal digits at the beginning of a message that make it unique.
const DIGITS: usize = 16;

/// The number in front of those of acknowledgements, so that all have as many
/// digits.
const FIRST_ID: u64 = 1_000_000_000;

/// What is sent, and what has to come back, if it is not the same.
#[derive(Debug)]
struct Texts {
    sent: Text,
    answer: Option<Text>,
}

/// What is around the message, and around the number behind it or before.
type Envelope = [&'static str; 3];

fn envelopes(events: Option<Events>) -> (Envelope, Option<Envelope>) {
    match events {
        None => (["", "", ""], None),
        Some(Events::Emit) => (["{\"emit\":[\"m\",", "]}", ""], None),
        Some(Events::Emitter) => (
            ["{\"type\":0,\"data\":[\"m\",", "],\"id\":", "}"],
            Some(["{\"id\":", ",\"type\":1,\"data\":[", "]}"]),
        ),
    }
}

/// Bytes of the envelope of what is sent.
pub fn overhead(events: Events) -> usize {
    let (sent, _) = envelopes(Some(events));
    let id = if sent[2].is_empty() { 0 } else { FIRST_ID.to_string().len() };
    sent.iter().map(|part| part.len()).sum::<usize>() + id
}

impl Texts {
    fn new(bytes: usize, events: Option<Events>) -> Texts {
        let (sent, answer) = envelopes(events);
        Texts {
            sent: Text::new(bytes, sent, false),
            answer: answer.map(|answer| Text::new(bytes, answer, true)),
        }
    }
}

/// Makes messages: JSON strings that begin with the connection and the number
/// of the message, so far as they are long enough; perhaps in an envelope, with
/// the number as its id.
#[derive(Debug)]
struct Text {
    json: Vec<u8>,
    /// Where the digits are.
    digits: Range<usize>,
    id: Range<usize>,
}

impl Text {
    fn new(bytes: usize, [before, between, after]: Envelope, id_first: bool) -> Text {
        let filling: String = ('a'..='z').cycle().take(bytes).collect();
        let (message, id) = (format!("\"{filling}\""), FIRST_ID.to_string());
        let id = if after.is_empty() { "" } else { &*id };
        let (first, second) = if id_first { (id, &*message) } else { (&*message, id) };
        let json = format!("{before}{first}{between}{second}{after}");
        let (first, second) = (before.len(), before.len() + first.len() + between.len());
        let (message, place) = if id_first { (second, first) } else { (first, second) };
        Text {
            json: json.into_bytes(),
            digits: message + 1..message + 1 + bytes.min(DIGITS),
            id: place..place + id.len(),
        }
    }

    #[inline]
    fn of(&mut self, connection: usize, number: u64) -> &[u8] {
        let mut rest = (connection as u64) << 44 | number;
        for digit in self.json[self.digits.clone()].iter_mut().rev() {
            *digit = b"0123456789abcdef"[(rest & 0xF) as usize];
            rest >>= 4;
        }
        let mut rest = FIRST_ID + number;
        for digit in self.json[self.id.clone()].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        &self.json
    }
}
