//! Mode `connect`: connections are opened, shake hands, say goodbye with a
//! close frame and wait for the server to close; so many at a time. Over polling
//! that is a session, with one request that opens it and one that ends it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use crate::options::Options;
use crate::pool::PATIENCE;
use crate::report::{Latencies, Report, Stretch};
use crate::socket::Socket;
use crate::target::Target;
use crate::transport::Transport;
use crate::{Result, engine, http, socket, wire};

/// How long one waits for something to happen.
const LONGEST_TURN: Duration = Duration::from_millis(50);

/// Runs the mode.
pub fn run(options: &Options, target: &Target) -> Result<Report> {
    let slots = options.connections.unwrap_or(64).max(1);
    socket::resume(options.resume);
    let mut knocks = Knocks::new(target.host, options, slots)?;
    if options.messages.is_none() {
        let end = Instant::now() + options.warming();
        knocks.run(|_| Instant::now() >= end)?;
    }
    let (from, lost) = (knocks.finished, knocks.lost);
    let resumed = knocks.resumed;
    knocks.latencies = Latencies::new();
    let stretch = Stretch::begin(target);
    let end = Instant::now() + options.measured();
    knocks.run(|finished| match options.messages {
        Some(wanted) => finished - from >= wanted,
        None => Instant::now() >= end,
    })?;
    let work = stretch.end(target, knocks.finished - from);

    let mut report = Report::new("connect");
    report.set("connections", slots);
    report.work(&work);
    report.latencies(&knocks.latencies);
    report.set("lost", knocks.lost - lost);
    report.number(
        "resumed",
        (knocks.resumed - resumed) as f64 / (knocks.finished - from).max(1) as f64,
    );
    Ok(report)
}

/// One connection in its short life.
#[derive(Debug)]
struct Knock {
    stream: Socket,
    began: Instant,
    received: Vec<u8>,
    accepted: bool,
}

/// How connections are opened.
#[derive(Debug)]
struct Way {
    host: SocketAddr,
    path: String,
    transport: Transport,
}

/// The connections that are being opened or closed at the moment.
#[derive(Debug)]
pub struct Knocks {
    way: Way,
    epoll: OwnedFd,
    slots: Vec<Option<Knock>>,
    /// When something happened last.
    moved: Instant,
    latencies: Latencies,
    /// Connections that were accepted and closed in good order.
    pub finished: u64,
    /// Connections that were refused, or ended in any other way.
    pub lost: u64,
    /// Connections that resumed a session of TLS.
    resumed: u64,
}

impl Knocks {
    /// None yet, in so many slots.
    pub fn new(host: SocketAddr, options: &Options, slots: usize) -> Result<Knocks> {
        let known = [Transport::Websockets, Transport::Websocket, Transport::Polling];
        if !known.contains(&options.transport) {
            return Err(
                "mode connect knows websockets, and websocket and polling of engine.io".into()
            );
        }
        Ok(Knocks {
            way: Way { host, path: options.path().to_owned(), transport: options.transport },
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            slots: (0..slots).map(|_| None).collect(),
            moved: Instant::now(),
            latencies: Latencies::new(),
            finished: 0,
            lost: 0,
            resumed: 0,
        })
    }

    /// Keeps all slots busy until `enough` of the number finished; then lets
    /// those under way finish.
    fn run(&mut self, enough: impl Fn(u64) -> bool) -> Result<()> {
        let mut free: Vec<usize> = (0..self.slots.len()).collect();
        while !enough(self.finished) {
            for slot in free.drain(..) {
                self.knock(slot)?;
            }
            self.turn(LONGEST_TURN, &mut free)?;
        }
        self.end()
    }

    /// Lets those under way finish.
    pub fn end(&mut self) -> Result<()> {
        while self.slots.iter().any(Option::is_some) {
            self.turn(LONGEST_TURN, &mut Vec::new())?;
        }
        Ok(())
    }

    /// Waits for something to happen, for at most `timeout`, and says which slots are
    /// free again. If nothing happens for too long, all are.
    pub fn turn(&mut self, timeout: Duration, free: &mut Vec<usize>) -> Result<()> {
        let timeout = Timespec { tv_sec: 0, tv_nsec: timeout.subsec_nanos().into() };
        let mut events = Vec::with_capacity(256);
        epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout))?;
        if events.is_empty() && self.moved.elapsed() > PATIENCE {
            free.extend(self.give_up());
        }
        for event in &events {
            self.moved = Instant::now();
            let slot = event.data.u64() as usize;
            if self.advance(slot) {
                free.push(slot);
            }
        }
        Ok(())
    }

    /// Opens the connection of a slot.
    pub fn knock(&mut self, slot: usize) -> Result<()> {
        let began = Instant::now();
        let mut stream = Socket::dial(self.way.host, Duration::from_secs(5))?;
        self.way.send_request(&mut stream)?;
        stream.set_nonblocking(true)?;
        let key = epoll::EventData::new_u64(slot as u64);
        epoll::add(&self.epoll, &stream, key, epoll::EventFlags::IN)?;
        self.slots[slot] = Some(Knock { stream, began, received: Vec::new(), accepted: false });
        Ok(())
    }

    /// Reads what has come for a slot; true when its connection is over.
    fn advance(&mut self, slot: usize) -> bool {
        let Some(knock) = &mut self.slots[slot] else { return false };
        let before = knock.accepted;
        let over = knock.read(&self.way);
        if knock.accepted && !before {
            self.resumed += u64::from(knock.stream.is_resumed());
            self.latencies.add(knock.began.elapsed());
        }
        if let Some(good) = over {
            *(if good { &mut self.finished } else { &mut self.lost }) += 1;
            self.slots[slot] = None;
        }
        over.is_some()
    }

    /// Gives up all that are under way; their slots.
    fn give_up(&mut self) -> Vec<usize> {
        let busy: Vec<usize> =
            (0..self.slots.len()).filter(|at| self.slots[*at].is_some()).collect();
        self.lost += busy.len() as u64;
        self.slots.fill_with(|| None);
        busy
    }
}

impl Knock {
    /// `Some` at the end: whether it was the one to be expected.
    fn read(&mut self, way: &Way) -> Option<bool> {
        let mut chunk = [0; 1024];
        match self.stream.read(&mut chunk) {
            Ok(0) => return Some(self.accepted && way.transport != Transport::Polling),
            Ok(count) => self.received.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
            Err(_) => return Some(false),
        }
        if self.accepted {
            return self.is_over(way);
        }
        match way.opened(&self.received) {
            Err(_) => Some(false),
            Ok(None) => None,
            Ok(Some(goodbye)) => {
                self.accepted = true;
                self.received.clear();
                self.stream.write_all(&goodbye).err().map(|_| false)
            }
        }
    }

    /// Whether what has come after the goodbye is the end.
    fn is_over(&self, way: &Way) -> Option<bool> {
        if way.transport != Transport::Polling {
            // The server's close frame; the end of the stream follows.
            return None;
        }
        match http::answer(&self.received) {
            Ok(answer) => answer.map(|answer| answer.status == 200),
            Err(_) => Some(false),
        }
    }
}

impl Way {
    /// Asks for a connection, or a session.
    fn send_request(&self, stream: &mut Socket) -> io::Result<()> {
        match self.transport {
            Transport::Websockets => wire::send_request(stream, self.host, &self.path),
            Transport::Websocket => {
                let target = engine::target(&self.path, "websocket", None);
                wire::send_request(stream, self.host, &target)
            }
            _ => {
                let mut request = Vec::new();
                let target = engine::target(&self.path, "polling", None);
                http::put_get(&mut request, self.host, &target);
                stream.write_all(&request)
            }
        }
    }

    /// What to say for goodbye, once all has come that opens it.
    fn opened(&self, received: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let mut goodbye = Vec::new();
        if self.transport == Transport::Polling {
            let Some(answer) = http::answer(received)? else { return Ok(None) };
            let sid = engine::session_id(&received[answer.body])?;
            let target = engine::target(&self.path, "polling", Some(&sid));
            http::put_post(&mut goodbye, self.host, &target, b"1");
            return Ok(Some(goodbye));
        }
        let Some(end) = wire::accepted(received)? else { return Ok(None) };
        if self.transport == Transport::Websocket {
            let Some(frame) = wire::frame(&received[end..]) else { return Ok(None) };
            engine::session_id(&received[end + frame.start..end + frame.end])?;
        }
        wire::put_masked(&mut goodbye, wire::CLOSE, &[]);
        Ok(Some(goodbye))
    }
}
