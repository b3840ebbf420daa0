//! The recordings of a real server, with its place taken by ours.
//!
//! The client's requests come as they came, and the application writes what it wrote.
//! Every answer must be the recorded one, with the same arrays in it and each header
//! field that was recorded, but for those that are the time's or the connection's own;
//! and the application must see what the recorded one saw.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::net::Shutdown;
use std::path::Path;
use std::thread;

use crossbeam_channel::{Receiver, unbounded};
use primus::middleware::HttpError;
use primus::{EndOptions, Frame, Primus, Spark};
use serde_json::Value;

use crate::client::{arrays, browserchannel};
use crate::common::*;

/// Fields that are of the moment, or of how a body is framed.
const OWN: [&str; 5] = ["date", "connection", "keep-alive", "transfer-encoding", "content-length"];

/// Fields that we add: what proxies are told of streams.
const MORE: [&str; 2] = ["x-accel-buffering: no", "cache-control: no-transform"];

/// A recording, and the options with which it was made.
struct Case(&'static str, &'static [(&'static str, &'static str)]);

const CASES: [Case; 21] = [
    Case("auth-refused-mid-session", &[]),
    Case("back-channel-10k-rollover", &[]),
    Case("back-channel-CI1", &[]),
    Case("back-channel-chunked", &[]),
    Case("back-channel-html", &[]),
    Case("back-channel-replaced", &[]),
    Case("forward-errors", &[]),
    Case("forward-maps", &[]),
    Case("handshake-with-data", &[]),
    Case(
        "host-prefixes-cors",
        &[("hostPrefixes", "a"), ("cors", "*"), ("corsAllowCredentials", "true")],
    ),
    Case("map-ofs-gap", &[]),
    Case("noop-heartbeat", &[("keepAliveInterval", "250")]),
    Case("old-session-OSID", &[]),
    Case("rid-not-rpc", &[]),
    Case("rid-ordering", &[]),
    Case("routing", &[]),
    Case("session-timeout", &[("sessionTimeoutInterval", "400")]),
    Case("stop-then-session-lingers", &[]),
    Case("terminate", &[]),
    Case("test-phases", &[]),
    Case("upgrade-request", &[]),
];

/// What is not answered as it was: the client's script, which Primus has of its own.
const SCRIPT: (&str, u64) = ("routing", 10);

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
    server: Server,
    sparks: Receiver<Spark>,
    seen: Receiver<String>,
    spark: Option<Spark>,
    peers: HashMap<u64, Conversation>,
    /// Recorded sessions, and ours in their place.
    sids: Vec<(String, String)>,
    /// The number of the last array that was written.
    written: u64,
    ended: bool,
}

/// A connection.
struct Conversation {
    peer: Peer,
    /// Nothing of its answer was read yet.
    asked: bool,
    /// Its answer comes in chunks that are still to come.
    open: bool,
    /// It is a page.
    page: bool,
}

impl Conversation {
    /// Waits until its answer has begun: the server has come to what was asked.
    fn is_begun(&self) {
        if self.asked {
            self.peer.stream.peek(&mut [0]).expect("an answer");
        }
    }

    /// Ends it, and waits until the server has seen that.
    fn end(mut self) {
        let stream = &mut self.peer.stream;
        // It may have ended it before.
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

impl Replay {
    fn new(case: &Case) -> Self {
        let Case(name, options) = *case;
        let mut builder = browserchannel(Primus::builder().ping_interval(None));
        for (name, value) in options {
            builder = builder.transport(*name, *value);
        }
        let server = Server::start(builder);
        if name.starts_with("auth") {
            server.primus.authorize(|exchange| match exchange.request().query_param("RID") {
                Some(rid) if rid == "102" => Err(HttpError::new(403, "expired")),
                _ => Ok(()),
            });
        }
        let ((connected, sparks), (saw, seen)) = (unbounded(), unbounded());
        server.primus.on_connection(move |spark| {
            let (data, ends) = (saw.clone(), saw.clone());
            spark.on_data(move |_, message| {
                let value: Value = message.parse().expect("a value");
                tell(&data, format!("data {value}"));
            });
            spark.on_end(move |_, _| tell(&ends, "end".into()));
            tell(&connected, spark.clone());
        });
        Replay {
            name,
            server,
            sparks,
            seen,
            spark: None,
            peers: HashMap::new(),
            sids: Vec::new(),
            written: 0,
            ended: false,
        }
    }

    fn run(mut self) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/browserchannel/raw");
        let text = fs::read_to_string(root.join(self.name).with_extension("json")).unwrap();
        let events: Vec<Value> = serde_json::from_str(&text).unwrap();
        for event in events {
            let connection = event["conn"].as_u64().unwrap();
            let text = event["utf8"].as_str().unwrap_or_default();
            if (self.name, connection) == SCRIPT {
                continue;
            }
            match event["dir"].as_str().unwrap() {
                "note" => {
                    let note = event["note"].as_str().unwrap();
                    if self.name == "back-channel-html" && note == "spark event: end" {
                        // It was ended in a way that Primus has not.
                        return;
                    }
                    self.note(note);
                }
                "c2s" if event["tcp"] == "fin" => {
                    self.peers.remove(&connection).into_iter().for_each(Conversation::end);
                }
                "c2s" => self.request(connection, text),
                _ => self.answer(connection, text),
            }
        }
        // Nothing else was seen.
        let left: Vec<_> = self.seen.try_iter().filter(|seen| seen != "end").collect();
        assert!(left.is_empty(), "{}: {left:?}", self.name);
    }

    fn request(&mut self, connection: u64, text: &str) {
        let mut text = text.to_owned();
        for (theirs, ours) in &self.sids {
            text = text.replace(theirs, ours);
        }
        let addr = self.server.addr;
        // What came before came before here too.
        self.peers.values().for_each(Conversation::is_begun);
        let begin =
            || Conversation { peer: Peer::connect(addr), asked: false, open: false, page: false };
        let conversation = self.peers.entry(connection).or_insert_with(begin);
        conversation.page = text.contains("TYPE=html");
        conversation.peer.send(text.as_bytes());
        conversation.asked = true;
    }

    /// The spark that was connected last.
    fn spark(&mut self) -> Spark {
        self.spark = self.sparks.try_iter().last().or(self.spark.take());
        self.spark.clone().expect("a spark")
    }

    fn note(&mut self, note: &str) {
        if let Some(connection) = note.strip_prefix("server event: connection") {
            let spark = self.sparks.recv_timeout(PATIENCE).expect("a spark");
            let query = connection.split_once("query=").expect("a query").1;
            let query: HashMap<String, String> = serde_json::from_str(query).unwrap();
            for (name, value) in spark.request().query_pairs() {
                if name != "OSID" {
                    assert_eq!(query.get(&*name).map(String::as_str), Some(&*value), "{name}");
                }
            }
            self.spark = Some(spark);
            self.written = 0;
        } else if let Some(event) = note.strip_prefix("spark event: ") {
            if event == "end" && self.name.starts_with("stop") && !self.ended {
                return self.end(EndOptions::default());
            }
            assert_eq!(self.seen.recv_timeout(PATIENCE).expect(note), event, "{}", self.name);
        }
    }

    fn end(&mut self, options: EndOptions) {
        self.ended = true;
        self.spark().end_options(options);
        assert_eq!(self.seen.recv_timeout(PATIENCE).expect("the end"), "end");
    }

    /// Writes the messages that came.
    fn write(&mut self, expected: &[Value]) {
        for array in expected {
            let number = array[0].as_u64().unwrap_or_default();
            if let Some(text) = array[1].as_str().filter(|_| number > self.written && !self.ended) {
                self.written = number;
                let spark = self.spark();
                spark.write_frame(&Frame::text(text)).expect("a spark that is open");
            }
        }
    }

    fn answer(&mut self, connection: u64, text: &str) {
        let name = self.name;
        let begins = text.starts_with("HTTP/");
        let (head, body) = if begins { text.split_once("\r\n\r\n").unwrap() } else { ("", text) };
        let has_length = head.contains("Content-Length");
        let (expected, whole) = if has_length { (body.to_owned(), true) } else { dechunked(body) };
        let page = self.peers[&connection].page;
        let mut wanted = Body::of(&expected, page);
        match &mut wanted {
            Body::Arrays(arrays) => {
                if name.starts_with("stop") && arrays.first() == Some(&1.into()) {
                    // Behind the end nothing comes: the back channel has ended too.
                    arrays[0] = 0.into();
                }
                self.write(arrays);
            }
            Body::Text(text) if page => self.write(&in_scripts(text)),
            Body::Text(_) => {}
        }
        let conversation = self.peers.get_mut(&connection).expect("a connection");
        let mut ours = String::new();
        if begins {
            let head_of_ours = conversation.peer.read_head();
            conversation.asked = false;
            compare_heads(name, head, &head_of_ours);
            conversation.open = head_of_ours.to_ascii_lowercase().contains("chunked");
            if !conversation.open {
                let body = conversation.peer.read_body(&head_of_ours);
                ours = String::from_utf8(body).expect("text");
            }
        }
        while conversation.open && !wanted.is_covered(&Body::of(&ours, page)) {
            match conversation.peer.read_chunk() {
                Some(chunk) => ours += str::from_utf8(&chunk).expect("text"),
                None => conversation.open = false,
            }
        }
        let got = Body::of(&ours, page);
        if let (Body::Arrays(theirs), Body::Arrays(ours)) = (&wanted, &got)
            && let (Some(theirs), Some(ours)) = (greeting(theirs), greeting(ours))
        {
            self.sids.push((theirs, ours));
        }
        let got = self
            .sids
            .iter()
            .fold(format!("{got:?}"), |got, (theirs, ours)| got.replace(ours, theirs));
        assert_eq!(got, format!("{wanted:?}"), "{name}, connection {connection}: {ours}");
        if whole && conversation.open {
            conversation.open = false;
            assert_eq!(conversation.peer.read_chunk(), None, "{name}");
        }
    }
}

/// What is in an answer.
#[derive(Debug)]
enum Body {
    /// Arrays, or the numbers that a request is answered which sends something.
    Arrays(Vec<Value>),
    /// Something else, without what is filling.
    Text(String),
}

impl Body {
    fn of(text: &str, page: bool) -> Body {
        if page {
            // Markup is escaped there, which the original does not.
            let text = text.replace("\\u003c", "<");
            let lines = text.lines().filter(|line| line.len() != 290);
            return Body::Text(lines.collect::<Vec<_>>().join("\n"));
        }
        match text.split_once('\n').is_some_and(|(length, _)| length.parse::<u32>().is_ok()) {
            true => Body::Arrays(arrays(text)),
            false => Body::Text(text.to_owned()),
        }
    }

    /// Whether another has as much.
    fn is_covered(&self, other: &Body) -> bool {
        match (self, other) {
            (Body::Arrays(own), Body::Arrays(other)) => own.len() <= other.len(),
            (Body::Arrays(own), Body::Text(_)) => own.is_empty(),
            (Body::Text(own), Body::Text(other)) => own.len() <= other.len(),
            (Body::Text(own), Body::Arrays(_)) => own.is_empty(),
        }
    }
}

/// The arrays that the scripts of a page hand on.
fn in_scripts(page: &str) -> Vec<Value> {
    let strings = page.split("parent.m(").skip(1).filter_map(|rest| rest.split_once(")} catch"));
    let texts = strings.map(|(string, _)| serde_json::from_str::<String>(string).unwrap());
    texts.filter_map(|text| serde_json::from_str::<Vec<Value>>(&text).ok()).flatten().collect()
}

/// The session that arrays begin with.
fn greeting(arrays: &[Value]) -> Option<String> {
    let first = arrays.first()?.get(1)?;
    (first.get(0)? == "c").then(|| first[1].as_str().map(str::to_owned))?
}

/// What is in chunks, and whether the last of them is there.
fn dechunked(mut rest: &str) -> (String, bool) {
    let mut body = String::new();
    while let Some((size, behind)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return (body, true);
        }
        body += &behind[..size];
        rest = &behind[size + 2..];
    }
    (body, false)
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
    let status = |head: &str| head.split(' ').nth(1).map(str::to_owned);
    assert_eq!(status(ours), status(expected), "{name}: {ours}");
    let mut fields_of_ours = fields(ours);
    fields_of_ours.retain(|field| !MORE.contains(&&**field));
    if name != "upgrade-request" {
        assert_eq!(fields_of_ours, fields(expected), "{name}: {ours}");
    }
}
