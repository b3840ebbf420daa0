//! The recordings of a real server, with its place taken by ours.
//!
//! The client's requests and frames come as they came, and the application writes
//! what it wrote. Every answer must be the recorded one: status, body, frames, and
//! each header field that was recorded, but for those that are the time's or the
//! connection's own; and the application must see what the recorded one saw.

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use primus::{EndOptions, Frame, Primus, Spark};
use serde_json::Value;

use crate::client::{GOODBYE, sockjs};
use crate::common::*;
use crate::trace::{self, Answer, Event, What};

/// Fields that are of the moment, or of how a body is framed.
const OWN: [&str; 6] =
    ["date", "connection", "keep-alive", "transfer-encoding", "content-length", "expires"];

/// Fields that we add: how long a body is, and what proxies are told of streams.
const MORE: [&str; 2] = ["x-accel-buffering: no", "cache-control: no-transform"];

/// A request for an upgrade to something else, which we serve as what it is without.
const OTHER_UPGRADE: (&str, u64) = ("websocket-rejections", 1);

/// An answer that came so soon was waiting for its request.
const SOON_MS: u64 = 20;

/// A recording, the options with which it was made, and when the application ended the
/// spark.
struct Case(&'static str, &'static [(&'static str, &'static str)], Option<u64>);

const CASES: [Case; 21] = [
    Case("greeting-info-iframe", &[], None),
    Case("iframe-304", &[], None),
    Case("routing-404-405", &[], None),
    Case("query-in-the-middle-sockjs034", &[], None),
    Case("chunking-test", &[], None),
    Case("jsessionid", &[("jsessionid", "true")], None),
    Case("xhr-polling-basic", &[], None),
    Case("xhr-send-errors", &[], None),
    Case("xhr-abort-then-again", &[], None),
    Case("xhr-disconnect-delay", &[("disconnect_delay", "400")], None),
    Case("xhr-streaming-limit", &[("response_limit", "400")], None),
    Case("heartbeats", &[("heartbeat_delay", "250")], None),
    Case("server-close-then-repoll", &[], Some(61)),
    Case("eventsource", &[], Some(212)),
    Case("htmlfile", &[], Some(131)),
    Case("jsonp", &[], Some(1354)),
    Case("websocket", &[], None),
    Case("websocket-same-session-id", &[], None),
    Case("websocket-rejections", &[], None),
    Case("websocket-disabled", &[("websocket", "false")], None),
    Case("raw-websocket", &[], Some(183)),
];

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
    ends_at: Option<u64>,
    server: Server,
    sparks: Receiver<Spark>,
    seen: Receiver<String>,
    spark: Option<Spark>,
    peers: HashMap<u64, Conversation>,
    /// The answers whose messages are written.
    written: Vec<usize>,
}

/// A connection.
struct Conversation {
    peer: Peer,
    /// The answer comes in chunks.
    chunked: bool,
    /// A WebSocket.
    framed: bool,
}

impl Replay {
    fn new(case: &Case) -> Self {
        let Case(name, options, ends_at) = *case;
        let mut builder = sockjs(Primus::builder().ping_interval(None));
        for (name, value) in options {
            builder = builder.transport(*name, *value);
        }
        let server = Server::start(builder);
        let ((connected, sparks), (saw, seen)) = (unbounded(), unbounded());
        server.primus.on_connection(move |spark| {
            let (data, errors, ends) = (saw.clone(), saw.clone(), saw.clone());
            spark.on_data(move |_, message| {
                let value: Value = message.parse().expect("a value");
                tell(&data, format!("data {value}"));
            });
            spark.on_error(move |_, _| tell(&errors, "error".into()));
            spark.on_end(move |_, _| tell(&ends, "end".into()));
            tell(&connected, spark.clone());
        });
        let (events, peers) = (trace::read(name), HashMap::new());
        let (spark, written) = (None, Vec::new());
        Replay { name, events, ends_at, server, sparks, seen, spark, peers, written }
    }

    fn run(mut self) {
        let mut asked = 0;
        for at in 0..self.events.len() {
            let Event { ms, connection, ref what } = self.events[at];
            match what {
                What::Request(text) => {
                    let text = text.clone();
                    // What came before, and waits, came before here too: the server
                    // goes by when connections came.
                    thread::sleep(Duration::from_millis(ms.saturating_sub(asked).min(60)));
                    asked = ms;
                    self.write_ahead(at);
                    self.peer(connection).peer.send(text.as_bytes());
                }
                What::Frames(frames) => {
                    let frames = frames.clone();
                    let peer = &mut self.peer(connection).peer;
                    frames.iter().for_each(|frame| peer.frame(frame.head, &frame.payload));
                }
                What::Left => drop(self.peers.remove(&connection)),
                What::Answer(_) => self.answer(at),
                What::Ended => assert!(self.peer(connection).peer.ends(), "{}", self.name),
                What::Note(note) => {
                    let note = note.clone();
                    self.note(&note, ms);
                }
            }
        }
        // Nothing else was seen.
        let left: Vec<_> = self.seen.try_iter().filter(|seen| seen != "end").collect();
        assert!(left.is_empty(), "{}: {left:?}", self.name);
    }

    fn peer(&mut self, connection: u64) -> &mut Conversation {
        let addr = self.server.addr;
        let begin = || Conversation { peer: Peer::connect(addr), chunked: false, framed: false };
        self.peers.entry(connection).or_insert_with(begin)
    }

    /// The spark that was connected last.
    fn spark(&mut self) -> Spark {
        self.spark = self.sparks.try_iter().last().or(self.spark.take());
        self.spark.clone().expect("a spark")
    }

    fn note(&mut self, note: &str, ms: u64) {
        if note.starts_with("server event: connection") {
            self.spark = Some(self.sparks.recv_timeout(PATIENCE).expect("a spark"));
        } else if let Some(event) = note.strip_prefix("spark event: ") {
            if event == "end" && self.ends_at == Some(ms) {
                // It was seen before anything went to the client.
                return self.spark().end_options(EndOptions::default());
            }
            let event = if event.starts_with("error") { "error" } else { event };
            let mut seen = self.seen.recv_timeout(PATIENCE).expect(note);
            if event == "end" && seen == "error" {
                // To us what breaks the protocol is an error, to sockjs-node an end.
                seen = self.seen.recv_timeout(PATIENCE).expect(note);
            }
            assert_eq!(seen, event, "{}", self.name);
        }
    }

    /// Writes what waited for the request that comes now.
    fn write_ahead(&mut self, at: usize) {
        let Event { ms, connection, .. } = self.events[at];
        let answer = self.events[at..].iter().position(|event| {
            event.connection == connection && matches!(event.what, What::Answer(_))
        });
        if let Some(found) = answer
            && self.events[at + found].ms <= ms + SOON_MS
        {
            self.write(at + found);
        }
    }

    /// Writes the messages of an answer.
    fn write(&mut self, at: usize) {
        let What::Answer(answer) = &self.events[at].what else { return };
        let raw = self.name == "raw-websocket";
        let messages = messages(answer, raw);
        if !messages.is_empty() && !self.written.contains(&at) {
            self.written.push(at);
            let spark = self.spark();
            for message in messages {
                spark.write_frame(&Frame::text(message)).expect("a spark that is open");
            }
        }
    }

    fn answer(&mut self, at: usize) {
        self.write(at);
        let (name, connection) = (self.name, self.events[at].connection);
        let What::Answer(expected) = &self.events[at].what else { return };
        // Markup is escaped there, which sockjs-node does not.
        let body = match name {
            "htmlfile" => expected.body.replace("\"</script> ", "\"\\u003c/script> "),
            _ => expected.body.clone(),
        };
        let Some(Conversation { peer, chunked, framed }) = self.peers.get_mut(&connection) else {
            panic!("{name}: no connection {connection}");
        };
        if let Some(head) = &expected.head {
            let ours = peer.read_head();
            if (name, connection) != OTHER_UPGRADE {
                compare_heads(name, head, &ours);
            }
            if ours.starts_with("HTTP/1.1 101 ") {
                *framed = true;
                return;
            }
            *chunked = ours.to_ascii_lowercase().contains("transfer-encoding: chunked");
            if !*chunked {
                let ours = String::from_utf8(peer.read_body(&ours)).expect("text");
                let (ours, body) = (without_entropy(&ours), without_entropy(&body));
                return assert_eq!((ours, expected.whole), (body, true), "{name}");
            }
        }
        if expected.frames.is_empty() {
            let mut ours = String::new();
            while ours.len() < body.len() {
                let chunk = peer.read_chunk().unwrap_or_else(|| panic!("{name}: ended at {ours}"));
                ours += str::from_utf8(&chunk).expect("text");
            }
            assert_eq!(ours, body, "{name}");
            if expected.whole {
                assert_eq!(peer.read_chunk(), None, "{name}");
            }
            return;
        }
        if !std::mem::replace(framed, true) {
            assert!(peer.read_head().starts_with("HTTP/1.1 101 "), "{name}");
        }
        for frame in &expected.frames {
            assert_eq!(peer.read_frame().as_ref(), Some(frame), "{name}");
        }
    }
}

fn without_entropy(body: &str) -> String {
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).count();
    match body.split_once("\"entropy\":") {
        Some((before, rest)) => format!("{before}\"entropy\":{}", &rest[digits(rest)..]),
        None => body.to_owned(),
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
    for field in ["expires: ", "connection: close"] {
        let has = |head: &str| head.to_ascii_lowercase().contains(field);
        assert_eq!(has(ours), has(expected), "{name}: {ours}");
    }
}

/// The messages that the application must have written for an answer.
fn messages(answer: &Answer, raw: bool) -> Vec<String> {
    let texts = answer.frames.iter().filter(|frame| frame.opcode() == TEXT);
    let mut frames: Vec<String> = texts.map(|frame| frame.text().to_owned()).collect();
    if raw {
        frames.retain(|frame| *frame != CLOSE_MESSAGE);
        return frames;
    }
    frames.extend(answer.body.lines().filter_map(|line| {
        let quoted = line
            .strip_prefix("p(")
            .or_else(|| line.split_once("/**/")?.1.split_once('(').map(|(_, rest)| rest));
        match quoted {
            Some(quoted) => serde_json::from_str(quoted.strip_suffix(");")?).ok(),
            None => Some(line.trim_start_matches("data: ").replace("%25", "%")),
        }
    }));
    frames.retain(|frame| frame != GOODBYE);
    let arrays = frames.iter().filter_map(|frame| frame.strip_prefix("a["));
    arrays
        .flat_map(|rest| serde_json::from_str::<Vec<String>>(&format!("[{rest}")).unwrap())
        .collect()
}
