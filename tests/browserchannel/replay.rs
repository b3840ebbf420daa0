//! The recordings of a real server, with its place taken by ours. Every answer has the
//! same arrays in it; the ids of sessions are those that our server has given out.

use std::collections::{HashMap, HashSet};

use primus::middleware::HttpError;
use primus::{EndOptions, Frame, Primus};
use serde_json::Value;

use crate::client::{arrays, browserchannel};
use crate::common::recording::{Answer, Event, What};
use crate::common::replay::{
    Conversation, Fields, Player, Replay, side_by_side, tell_data, tell_ends,
};

const FIELDS: Fields = Fields {
    own: &["date", "connection", "keep-alive", "transfer-encoding", "content-length"],
    // What proxies are told of streams.
    more: &["x-accel-buffering: no", "cache-control: no-transform"],
};

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

/// Where the session is ended in a way that Primus has not.
const OTHER_END: &str = "back-channel-html";

#[test]
fn every_recording() {
    side_by_side(CASES.iter().map(|case| (case.0, || Recorded::new(case).play())));
}

struct Recorded {
    player: Player,
    /// The connections that are asked for pages.
    pages: HashSet<u64>,
    /// Recorded sessions, and ours in their place.
    sids: Vec<(String, String)>,
    /// The number of the last array that was written.
    written: u64,
    ended: bool,
}

impl Recorded {
    fn new(Case(name, options): &Case) -> Self {
        let builder = browserchannel(Primus::builder());
        let mut player = Player::new(name, "browserchannel/raw", builder, options, |spark, saw| {
            tell_data(spark, saw);
            tell_ends(spark, saw);
        });
        if name.starts_with("auth") {
            player.server.primus.authorize(|exchange| {
                match exchange.request().query_param("RID") {
                    Some(rid) if rid == "102" => Err(HttpError::new(403, "expired")),
                    _ => Ok(()),
                }
            });
        }
        let events = &mut player.events;
        events.retain(|event| (*name, event.connection) != SCRIPT);
        let is_end =
            |event: &Event| matches!(&event.what, What::Note(note) if note == "spark event: end");
        if let Some(end) = events.iter().position(is_end).filter(|_| *name == OTHER_END) {
            events.truncate(end);
        }
        Recorded { player, pages: HashSet::new(), sids: Vec::new(), written: 0, ended: false }
    }

    fn end(&mut self, options: EndOptions) {
        self.ended = true;
        self.player.spark().end_options(options);
        assert_eq!(self.player.seen("the end"), "end");
    }

    /// Writes the messages that came.
    fn write_arrays(&mut self, expected: &[Value]) {
        for array in expected {
            let number = array[0].as_u64().unwrap_or_default();
            if let Some(text) = array[1].as_str().filter(|_| number > self.written && !self.ended) {
                self.written = number;
                let spark = self.player.spark();
                spark.write_frame(&Frame::text(text)).expect("a spark that is open");
            }
        }
    }
}

impl Replay for Recorded {
    fn player(&mut self) -> &mut Player {
        &mut self.player
    }

    fn request(&self, recorded: &str) -> String {
        let sids = self.sids.iter();
        sids.fold(recorded.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
    }

    /// What came before came before here too: the server has begun to answer it.
    fn asks(&mut self, events: &[Event], at: usize) {
        let Event { connection, what, .. } = &events[at];
        let others = self.player.conversations.values();
        others.filter(|other| other.asked).for_each(Conversation::await_news);
        if matches!(what, What::Request(text) if text.contains("TYPE=html")) {
            self.pages.insert(*connection);
        }
    }

    fn answer(&mut self, connection: u64, expected: &Answer) {
        let (name, page) = (self.player.name, self.pages.contains(&connection));
        let mut wanted = Body::of(&expected.body, page);
        match &mut wanted {
            Body::Arrays(arrays) => {
                if name.starts_with("stop") && arrays.first() == Some(&1.into()) {
                    // Behind the end nothing comes: the back channel has ended too.
                    arrays[0] = 0.into();
                }
                self.write_arrays(arrays);
            }
            Body::Text(text) if page => self.write_arrays(&in_scripts(text)),
            Body::Text(_) => {}
        }
        let conversation = self.player.conversation(connection);
        let mut ours = String::new();
        if let Some(head) = &expected.head {
            let head_of_ours = conversation.head();
            compare_heads(name, head, &head_of_ours);
            if !conversation.chunked {
                ours = conversation.body(&head_of_ours);
            }
        }
        while conversation.chunked && !wanted.is_covered(&Body::of(&ours, page)) {
            match conversation.peer.read_chunk() {
                Some(chunk) => ours += str::from_utf8(&chunk).expect("text"),
                None => conversation.chunked = false,
            }
        }
        if expected.whole && std::mem::take(&mut conversation.chunked) {
            assert_eq!(conversation.peer.read_chunk(), None, "{name}");
        }
        let got = Body::of(&ours, page);
        if let (Body::Arrays(theirs), Body::Arrays(ours)) = (&wanted, &got)
            && let (Some(theirs), Some(ours)) = (greeting(theirs), greeting(ours))
        {
            self.sids.push((theirs, ours));
        }
        let sids = self.sids.iter();
        let got = sids.fold(format!("{got:?}"), |got, (theirs, ours)| got.replace(ours, theirs));
        assert_eq!(got, format!("{wanted:?}"), "{name}, connection {connection}: {ours}");
    }

    /// Connections that the recorded clients did not keep.
    fn ended(&mut self, _: u64) {}

    fn note(&mut self, note: &str, _: u64) {
        if let Some(connection) = note.strip_prefix("server event: connection") {
            let spark = self.player.connected();
            let query = connection.split_once("query=").expect("a query").1;
            let query: HashMap<String, String> = serde_json::from_str(query).unwrap();
            for (name, value) in spark.request().query_pairs() {
                if name != "OSID" {
                    assert_eq!(query.get(&*name).map(String::as_str), Some(&*value), "{name}");
                }
            }
            self.written = 0;
        } else if let Some(event) = note.strip_prefix("spark event: ") {
            if event == "end" && self.player.name.starts_with("stop") && !self.ended {
                return self.end(EndOptions::default());
            }
            assert_eq!(self.player.seen(note), event, "{}", self.player.name);
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

fn compare_heads(name: &str, expected: &str, ours: &str) {
    let status = |head: &str| head.split(' ').nth(1).map(str::to_owned);
    assert_eq!(status(ours), status(expected), "{name}: {ours}");
    if name != "upgrade-request" {
        FIELDS.compare(name, expected, ours);
    }
}
