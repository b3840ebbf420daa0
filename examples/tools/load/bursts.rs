//! Mode `bursts`: clients leave much in the server's memory, and then leave. Does
//! the memory come back? It is told how much more than before them the server
//! has some seconds after each round.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::options::Options;
use crate::pool::PATIENCE;
use crate::report::{Report, rounded};
use crate::target::Target;
use crate::transport::Transport;
use crate::{Result, echo, engine, http, process, wire};

/// How long the memory may take to come back.
const TIME: Duration = Duration::from_secs(5);

/// So much more than before is as good as nothing, in MiB.
const NOTHING: f64 = 2.0;

/// Bytes that a client sends at once, before it is the next one's turn.
const TURN: usize = 64 << 10;

/// The body of a POST has about so many bytes, below the limit of engine.io.
const BODY: usize = 900_000;

/// What the clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Burst {
    /// Each sends all of a message but its last byte.
    Unfinished,
    /// Each sends a message, and does not read its echo.
    Whole,
    /// Each sends many messages, and does not read their echoes.
    Unread,
    /// Each posts tiny packets, and does not poll.
    Posts,
    /// Each posts messages, polls for their echoes, and does not read the answer.
    Polls,
}

/// All of them, by name.
const BURSTS: [(&str, Burst); 5] = [
    ("unfinished", Burst::Unfinished),
    ("whole", Burst::Whole),
    ("unread", Burst::Unread),
    ("posts", Burst::Posts),
    ("polls", Burst::Polls),
];

impl Burst {
    /// Whether its clients speak to a server with this transport.
    fn suits(self, transport: Transport) -> bool {
        match self {
            Burst::Posts | Burst::Polls => transport.transformer() == "engine.io",
            _ => transport == Transport::Websockets,
        }
    }

    /// How many clients there are, and how many bytes each sends.
    fn size(self) -> (usize, usize) {
        match self {
            Burst::Unfinished | Burst::Whole => (100, 10_000_000),
            Burst::Unread => (100, 20_000_000),
            Burst::Posts => (30, 100_000),
            Burst::Polls => (50, 8_000_000),
        }
    }
}

/// Runs the mode: each of the bursts that the server understands, in turn.
pub fn run(options: &Options, target: &Target) -> Result<Report> {
    let pid = target.pid().ok_or("mode bursts has to know the server's process")?;
    let mut report = Report::new("bursts");
    let mut worst = 0f64;
    echo::probe(options, target.host)?;
    thread::sleep(Duration::from_millis(700));
    let quiet = resident(pid)?;
    report.number("quiet_mib", quiet);
    for (name, burst) in BURSTS {
        let chosen = options.rows.is_empty() || options.rows.iter().any(|row| row == name);
        if !chosen || !burst.suits(options.transport) {
            continue;
        }
        let rounds = options.runs.unwrap_or(8);
        let mut peak = 0f64;
        let mut left = Vec::new();
        for round in 0..rounds {
            eprint!("\r{name} {}/{rounds}   ", round + 1);
            let clients = Clients::new(burst, options, target.host).send()?;
            peak = peak.max(settled(pid)?);
            drop(clients);
            left.push(come_back(pid, quiet)?);
        }
        eprint!("\r{:30}\r", "");
        let most = left.iter().copied().fold(0.0, f64::max);
        worst = worst.max(most);
        let left: Vec<Value> = left.into_iter().map(rounded).collect();
        report.set(name, json!({ "peak_mib": rounded(peak), "left_mib": left }));
    }
    report.set("serves", echo::probe(options, target.host)?);
    report.number("left_mib", worst);
    Ok(report)
}

/// The server's memory, in MiB.
fn resident(pid: u32) -> Result<f64> {
    Ok(process::rss_kib(pid).ok_or("the server is gone")? / 1024.0)
}

/// The server's memory once it has taken in what was sent.
fn settled(pid: u32) -> Result<f64> {
    let mut before = resident(pid)?;
    let deadline = Instant::now() + TIME;
    loop {
        thread::sleep(Duration::from_millis(100));
        let now = resident(pid)?;
        if (now - before).abs() < 1.0 || Instant::now() > deadline {
            return Ok(now.max(before));
        }
        before = now;
    }
}

/// How much more than `quiet` there is when the time is over, in MiB.
fn come_back(pid: u32, quiet: f64) -> Result<f64> {
    let deadline = Instant::now() + TIME;
    loop {
        let more = resident(pid)? - quiet;
        if more < NOTHING || Instant::now() >= deadline {
            return Ok(more.max(0.0));
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// The clients of a round.
#[derive(Debug)]
struct Clients {
    burst: Burst,
    host: SocketAddr,
    path: String,
    count: usize,
    bytes: usize,
    /// Of a message.
    length: usize,
}

impl Clients {
    fn new(burst: Burst, options: &Options, host: SocketAddr) -> Clients {
        let (count, bytes) = burst.size();
        let bytes = options.megabytes.map_or(bytes, |megabytes| megabytes as usize * 1_000_000);
        let count = options.connections.unwrap_or(count).max(1);
        let length = options.bytes.unwrap_or(match burst {
            Burst::Unfinished | Burst::Whole => bytes,
            Burst::Unread | Burst::Polls => 10_000,
            Burst::Posts => 1,
        });
        Clients { burst, host, path: options.path().to_owned(), count, bytes, length }
    }

    /// Does it. What is returned leaves when it is dropped.
    fn send(&self) -> Result<Vec<TcpStream>> {
        match self.burst {
            Burst::Posts | Burst::Polls => self.post(),
            _ => self.stream(),
        }
    }

    fn message(&self) -> String {
        match self.length {
            // The shortest there is.
            0..2 => "1".to_owned(),
            length => format!("\"{}\"", "x".repeat(length - 2)),
        }
    }

    fn stream(&self) -> Result<Vec<TcpStream>> {
        let mut frame = Vec::new();
        wire::put_masked(&mut frame, wire::TEXT, self.message().as_bytes());
        let times = if self.burst == Burst::Unread { self.bytes.div_ceil(self.length) } else { 1 };
        let total = frame.len() * times - usize::from(self.burst == Burst::Unfinished);
        let mut open = Vec::new();
        for _ in 0..self.count {
            let stream = wire::open(self.host, &self.path, PATIENCE)?.0.into_tcp()?;
            stream.set_write_timeout(Some(PATIENCE))?;
            open.push((stream, true));
        }
        let mut piece = Vec::new();
        for at in (0..total).step_by(TURN) {
            piece.clear();
            let rest = frame[at % frame.len()..].iter().chain(frame.iter().cycle());
            piece.extend(rest.take(TURN.min(total - at)));
            for (stream, alive) in &mut open {
                // One that is cut for being slow is done.
                *alive = *alive && stream.write_all(&piece).is_ok();
            }
        }
        Ok(open.into_iter().map(|(stream, _)| stream).collect())
    }

    fn post(&self) -> Result<Vec<TcpStream>> {
        let packet = format!("4{}", self.message());
        let body = vec![packet.as_str(); BODY.min(self.bytes) / (packet.len() + 1)].join("\u{1e}");
        let mut sessions = Vec::new();
        for _ in 0..self.count {
            sessions.push(engine::open_polling(self.host, &self.path, PATIENCE)?);
        }
        for _ in 0..self.bytes.div_ceil(BODY) {
            // All at once; then the answers.
            for (stream, sid) in &mut sessions {
                self.request(stream, sid, Some(body.as_bytes()))?;
            }
            for (stream, _) in &mut sessions {
                engine::read_answer(stream)?;
            }
        }
        let mut open = Vec::new();
        if self.burst == Burst::Polls {
            for (_, sid) in &sessions {
                let mut stream = wire::connect(self.host, PATIENCE)?.into_tcp()?;
                self.request(&mut stream, sid, None)?;
                open.push(stream);
            }
        }
        for (mut stream, sid) in sessions {
            self.request(&mut stream, &sid, Some(b"1"))?;
            open.push(stream.into_tcp()?);
        }
        Ok(open)
    }

    /// A POST of this body, or a poll.
    fn request(&self, stream: &mut impl Write, sid: &str, body: Option<&[u8]>) -> Result<()> {
        let target = engine::target(&self.path, "polling", Some(sid));
        let mut request = Vec::new();
        match body {
            Some(body) => http::put_post(&mut request, self.host, &target, body),
            None => http::put_get(&mut request, self.host, &target),
        }
        stream.write_all(&request)?;
        Ok(())
    }
}
