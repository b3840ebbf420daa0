//! The recordings of a real server, with its place taken by ours.
//!
//! The client's requests and frames come as they came, but for the ids of sessions,
//! which are those that our server has given out, and the application writes what it
//! wrote. Every answer must be the recorded one: status, body, frames, and each header
//! field that was recorded, but for those that are the time's or the connection's own;
//! and the application must see what the recorded one saw.

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use primus::{Frame, Primus, Spark};
use serde_json::Value;

use crate::client::*;
use crate::common::*;
use crate::trace::{self, Event, What};

/// Fields that are of the moment, or of how a body is framed.
const OWN: [&str; 5] = ["date", "connection", "keep-alive", "transfer-encoding", "content-length"];

/// Fields that we add: what browsers may not guess, and what proxies are told of streams.
const MORE: [&str; 3] =
    ["x-content-type-options: nosniff", "x-accel-buffering: no", "cache-control: no-transform"];

/// An answer that came so soon was waiting for its request.
const SOON_MS: u64 = 20;

/// A recording, and the options with which it was made.
struct Case(&'static str, &'static [(&'static str, &'static str)]);

const CASES: [Case; 16] = [
    Case("raw/handshake", &[]),
    Case("raw/not-handshaken", &[]),
    Case("raw/xhr-polling", &[]),
    Case("raw/xhr-poll-overlap-and-disconnect-query", &[]),
    Case("raw/polling-duration", &[("polling duration", "0.4")]),
    Case("raw/close-timeout", &[("close timeout", "0.5")]),
    Case("raw/jsonp-polling", &[]),
    Case("raw/htmlfile", &[]),
    Case("raw/websocket-frames", &[]),
    Case(HEARTBEATS, &[("heartbeat interval", "0.3"), ("heartbeat timeout", "0.5")]),
    Case("websocket/connect-echo-id-clientend", &[]),
    Case("websocket/heartbeat", &[]),
    Case("websocket/unicode", &[]),
    Case("xhr-polling/connect-echo-id-clientend", &[]),
    Case("xhr-polling/heartbeat", &[]),
    Case("xhr-polling/unicode", &[]),
];

/// The connection on which an unknown transport is asked for, which Socket.IO ends
/// without a word.
const NO_WORD: (&str, u64) = ("raw/handshake", 11);

/// Where a client is told that it is given up, for the case that it hears that.
const HEARTBEATS: &str = "raw/heartbeats-websocket";

#[test]
fn every_recording() {
    thread::scope(|scope| {
        let all = CASES.iter().map(|case| {
            let named = thread::Builder::new().name(case.0.into());
            named.spawn_scoped(scope, || Replay::new(case).run()).expect("a thread")
        });
        let all: Vec<_> = all.collect();
        // Each tells by itself what is wrong.
        let failed = all.into_iter().map(|replay| replay.join()).filter(Result::is_err);
        assert_eq!(failed.count(), 0);
    });
}

struct Replay {
    name: &'static str,
    events: Vec<Event>,
    server: Server,
    sparks: Receiver<Spark>,
    seen: Receiver<String>,
    spark: Option<Spark>,
    peers: HashMap<u64, Peer>,
    /// The answers whose messages are written.
    written: Vec<usize>,
    /// The ids that were recorded, and ours.
    ids: Vec<(String, String)>,
}

impl Replay {
    fn new(case: &Case) -> Self {
        let Case(name, options) = *case;
        let mut builder = socket_io(Primus::builder().ping_interval(None));
        for (name, value) in options {
            builder = builder.transport(*name, *value);
        }
        let server = Server::start(builder);
        let ((connected, sparks), (saw, seen)) = (unbounded(), unbounded());
        server.primus.on_connection(move |spark| {
            let (data, errors) = (saw.clone(), saw.clone());
            spark.on_data(move |_, message| {
                let value: Value = message.parse().expect("a value");
                tell(&data, format!("data {value}"));
            });
            spark.on_error(move |_, _| tell(&errors, "error".into()));
            tell(&connected, spark.clone());
        });
        let events = trace::read(name);
        let (spark, written, ids) = (None, Vec::new(), Vec::new());
        Replay { name, events, server, sparks, seen, spark, peers: HashMap::new(), written, ids }
    }

    fn run(mut self) {
        let mut asked = 0;
        for at in 0..self.events.len() {
            let Event { ms, connection, ref what } = self.events[at];
            if (self.name, connection) == NO_WORD {
                continue;
            }
            match what.clone() {
                What::Request(text) => {
                    // What came before, and waits, came before here too.
                    thread::sleep(Duration::from_millis(ms.saturating_sub(asked).min(60)));
                    asked = ms;
                    self.write_ahead(at);
                    let text = self.ours(&text);
                    self.peer(connection).send(text.as_bytes());
                }
                What::Frames(frames) => {
                    let peer = self.peer(connection);
                    frames.iter().for_each(|frame| peer.frame(frame.head, &frame.payload));
                }
                What::Left => drop(self.peers.remove(&connection)),
                What::Answer { .. } => self.answer(at),
                // Connections that the recorded clients did not keep.
                What::Ended if self.is_http(connection) => {}
                What::Ended if self.name == HEARTBEATS => {
                    assert_eq!(self.peer(connection).expect_text(), "0::");
                }
                What::Ended => assert!(self.peer(connection).ends(), "{}", self.name),
                What::Note(note) => self.note(&note),
            }
        }
        let left: Vec<_> = self.seen.try_iter().collect();
        assert!(left.is_empty(), "{}: {left:?}", self.name);
    }

    /// The recorded text, with our ids.
    fn ours(&self, text: &str) -> String {
        self.ids.iter().fold(text.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
    }

    fn peer(&mut self, connection: u64) -> &mut Peer {
        let addr = self.server.addr;
        self.peers.entry(connection).or_insert_with(|| Peer::connect(addr))
    }

    fn is_http(&self, connection: u64) -> bool {
        !self.events.iter().any(|event| {
            event.connection == connection
                && matches!(&event.what, What::Answer { frames, .. } if !frames.is_empty())
        })
    }

    /// The spark that was connected last.
    fn spark(&mut self) -> Spark {
        self.spark = self.sparks.try_iter().last().or(self.spark.take());
        self.spark.clone().expect("a spark")
    }

    fn note(&mut self, note: &str) {
        if note.starts_with("server event: connection") {
            self.spark = Some(self.sparks.recv_timeout(PATIENCE).expect("a spark"));
            return;
        }
        let event =
            note.strip_prefix("spark event: ").or_else(|| note.strip_prefix("server event: "));
        let Some(event) = event else { return };
        if event == "end" || event == "spark end" {
            let spark = self.spark();
            return wait_until(self.name, || spark.close_reason().is_some());
        }
        // Halves of pairs are none of our texts.
        let lone = |half| {
            move |text: String| match text.contains("lone") {
                true => text.replace(half, "\u{fffd}"),
                false => text,
            }
        };
        let event = if event.starts_with("error") { "error" } else { event };
        let event = &*lone("\\ude00")(lone("\\ud83d")(event.to_owned()));
        let seen = self.seen.recv_timeout(PATIENCE).expect(note);
        let [seen, event] = [&*seen, event].map(|text| {
            let value = text.strip_prefix("data ").and_then(|data| serde_json::from_str(data).ok());
            value.map_or(text.to_owned(), |value: Value| value.to_string())
        });
        assert_eq!(seen, event, "{}", self.name);
    }

    /// Writes what waited for the request that comes now.
    fn write_ahead(&mut self, at: usize) {
        let Event { ms, connection, .. } = self.events[at];
        let answer = self.events[at..].iter().position(|event| {
            event.connection == connection && matches!(event.what, What::Answer { .. })
        });
        if let Some(found) = answer
            && self.events[at + found].ms <= ms + SOON_MS
        {
            self.write(at + found);
        }
    }

    /// Writes the messages of an answer.
    fn write(&mut self, at: usize) {
        let What::Answer { head, body, frames } = &self.events[at].what else { return };
        let messages = messages(body, frames);
        if !messages.is_empty() && !self.written.contains(&at) {
            self.written.push(at);
            // The request that is to get them has come before, on another connection.
            thread::sleep(Duration::from_millis(if head.is_some() { 40 } else { 0 }));
            let spark = self.spark();
            for message in messages {
                spark.write_frame(&Frame::text(message)).expect("a spark that is open");
            }
        }
    }

    fn answer(&mut self, at: usize) {
        self.write(at);
        let (name, connection) = (self.name, self.events[at].connection);
        let What::Answer { head, body, frames } = self.events[at].what.clone() else { return };
        let body = self.ours(&body);
        if let Some(head) = &head {
            let peer = self.peer(connection);
            let ours = peer.read_head();
            compare_heads(name, head, &ours);
            if !ours.starts_with("HTTP/1.1 101 ") && !body.starts_with("<html>") {
                let ours = peer.read_body(&ours);
                let ours = String::from_utf8(ours).expect("text");
                return assert_eq!(self.handshaken(&body, ours), body, "{name} {connection}");
            }
        }
        let texts: Vec<_> = frames.iter().map(|frame| self.ours_of(frame)).collect();
        let peer = self.peer(connection);
        let mut ours = String::new();
        while ours.len() < body.len() {
            let chunk = peer.read_chunk().unwrap_or_else(|| panic!("{name}: ended at {ours}"));
            ours += str::from_utf8(&chunk).expect("text");
        }
        assert_eq!(ours, body, "{name}");
        for frame in texts {
            assert_eq!(peer.read_frame().as_ref(), Some(&frame), "{name}");
        }
    }

    fn ours_of(&self, frame: &WireFrame) -> WireFrame {
        let text = self.ours(&String::from_utf8_lossy(&frame.payload));
        match frame.opcode() {
            TEXT => WireFrame { head: frame.head, payload: text.into_bytes() },
            _ => frame.clone(),
        }
    }

    /// Our answer, with the recorded id if it is one to a handshake.
    fn handshaken(&mut self, theirs: &str, ours: String) -> String {
        let id = |body: &str| {
            let is_handshake = body.contains(":websocket,");
            let (before, _) = body.split_once(':').filter(|_| is_handshake)?;
            Some(before.rsplit('"').next()?.to_owned())
        };
        match (id(theirs), id(&ours)) {
            (Some(theirs), Some(own)) => {
                let told = ours.replace(&own, &theirs);
                self.ids.push((theirs, own));
                told
            }
            _ => ours,
        }
    }
}

/// The header fields that matter, sorted.
fn fields(head: &str) -> Vec<String> {
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let fields = lines.map(|(name, value)| (name.to_ascii_lowercase(), value));
    let mut fields: Vec<_> = fields
        .filter(|(name, _)| !OWN.contains(&&**name))
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    fields.sort();
    fields
}

fn compare_heads(name: &str, expected: &str, ours: &str) {
    assert_eq!(ours.lines().next(), expected.lines().next(), "{name}: {ours}");
    let mut fields_of_ours = fields(ours);
    fields_of_ours.retain(|field| !MORE.contains(&&**field));
    assert_eq!(fields_of_ours, fields(expected), "{name}: {ours}");
}

/// The messages that the application must have written for an answer.
fn messages(body: &str, frames: &[WireFrame]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    all.extend(frames.iter().filter(|f| f.opcode() == TEXT).map(|frame| frame.text().to_owned()));
    let literal = |text: &str| serde_json::from_str::<String>(text).ok();
    if let Some(call) = body.strip_prefix("io.j[2](").and_then(|call| call.strip_suffix(");")) {
        all.extend(literal(call).iter().flat_map(|payload| packets(payload)));
    } else if body.contains("<script>_(") {
        let scripts = body.split("<script>_(").skip(1);
        all.extend(scripts.filter_map(|script| literal(script.split(");</script>").next()?)));
    } else if body.starts_with(['3', '\u{fffd}']) {
        all.extend(packets(body));
    }
    let own = ["\"primus::id::", "\"primus::pong::", "\"primus::server::close"];
    let texts = all.iter().filter_map(|packet| packet.strip_prefix("3:::"));
    texts.filter(|text| !own.iter().any(|own| text.starts_with(own))).map(str::to_owned).collect()
}
