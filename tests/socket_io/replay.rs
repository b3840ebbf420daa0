//! The recordings of a real server, with its place taken by ours. The ids of sessions
//! are those that our server has given out.

use primus::Primus;
use serde_json::Value;

use crate::client::*;
use crate::common::recording::{Answer, Event};
use crate::common::replay::{Fields, Player, Replay, side_by_side, tell_data, tell_errors};
use crate::common::*;

const FIELDS: Fields = Fields {
    own: &["date", "connection", "keep-alive", "transfer-encoding", "content-length"],
    // What browsers may not guess, and what proxies are told of streams.
    more: &[
        "x-content-type-options: nosniff",
        "x-accel-buffering: no",
        "cache-control: no-transform",
    ],
};

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

/// A pong that Socket.IO writes as text.
const NO_PONG: &str = "\u{8a}\0";

/// Where a client is told that it is given up, for the case that it hears that.
const HEARTBEATS: &str = "raw/heartbeats-websocket";

#[test]
fn every_recording() {
    side_by_side(CASES.iter().map(|case| (case.0, || Recorded::new(case).play())));
}

struct Recorded {
    player: Player,
    /// The ids that were recorded, and ours.
    ids: Vec<(String, String)>,
}

impl Recorded {
    fn new(Case(name, options): &Case) -> Self {
        let builder = socket_io(Primus::builder());
        let mut player = Player::new(name, "socket.io-0.9", builder, options, |spark, saw| {
            tell_data(spark, saw);
            tell_errors(spark, saw);
        });
        player.events.retain(|event| (*name, event.connection) != NO_WORD);
        Recorded { player, ids: Vec::new() }
    }

    /// The recorded text, with our ids.
    fn ours(&self, text: &str) -> String {
        self.ids.iter().fold(text.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
    }

    fn frames(&self, expected: &Answer) -> Vec<WireFrame> {
        if expected.body == NO_PONG {
            return vec![WireFrame { head: FIN | PONG, payload: b"x".to_vec() }];
        }
        let ours = |frame: &WireFrame| {
            let text = self.ours(&String::from_utf8_lossy(&frame.payload));
            match frame.opcode() {
                TEXT => WireFrame { head: frame.head, payload: text.into_bytes() },
                _ => frame.clone(),
            }
        };
        expected.frames.iter().map(ours).collect()
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

impl Replay for Recorded {
    fn player(&mut self) -> &mut Player {
        &mut self.player
    }

    fn request(&self, recorded: &str) -> String {
        self.ours(recorded)
    }

    /// A poll that was never answered is, here, when another takes its place. Then that
    /// is the one that gets what is written.
    fn has_asked(&mut self, events: &[Event], at: usize) {
        let (connection, rest) = (events[at].connection, &events[at..]);
        for (number, other) in &mut self.player.conversations {
            let is_answered = rest.iter().any(|event| event.answers(*number));
            if other.asked && *number != connection && !is_answered {
                other.await_news();
                other.asked = false;
            }
        }
    }

    fn messages(&self, answer: &Answer) -> Vec<String> {
        let own = ["\"primus::id::", "\"primus::pong::", "\"primus::server::close"];
        let packets = packets_of(answer);
        let texts = packets.iter().filter_map(|packet| packet.strip_prefix("3:::"));
        let written = texts.filter(|text| !own.iter().any(|own| text.starts_with(own)));
        written.map(str::to_owned).collect()
    }

    fn answer(&mut self, connection: u64, expected: &Answer) {
        let name = self.player.name;
        let (body, frames) = (self.ours(&expected.body), self.frames(expected));
        let conversation = self.player.conversation(connection);
        if let Some(head) = &expected.head {
            let ours = conversation.head();
            assert_eq!(ours.lines().next(), head.lines().next(), "{name}: {ours}");
            FIELDS.compare(name, head, &ours);
            if !expected.upgrades() && !body.starts_with("<html>") {
                let ours = conversation.body(&ours);
                return assert_eq!(self.handshaken(&body, ours), body, "{name} {connection}");
            }
        }
        if !conversation.framed {
            assert_eq!(conversation.chunks(body.len()), body, "{name}");
        }
        for frame in frames {
            assert_eq!(conversation.peer.read_frame(), Some(frame), "{name}");
        }
    }

    fn ended(&mut self, connection: u64) {
        let name = self.player.name;
        let conversation = self.player.conversation(connection);
        match name {
            HEARTBEATS => assert_eq!(conversation.peer.expect_text(), "0::"),
            // Connections that the recorded clients did not keep.
            _ if !conversation.framed => {}
            _ => assert!(conversation.peer.ends(), "{name}"),
        }
    }

    fn note(&mut self, note: &str, _: u64) {
        let name = self.player.name;
        if note.starts_with("server event: connection") {
            self.player.connected();
            return;
        }
        let event =
            note.strip_prefix("spark event: ").or_else(|| note.strip_prefix("server event: "));
        let Some(event) = event else { return };
        if event == "end" || event == "spark end" {
            let spark = self.player.spark();
            return wait_until(name, || spark.close_reason().is_some());
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
        let seen = self.player.seen(note);
        let [seen, event] = [&*seen, event].map(|text| {
            let value = text.strip_prefix("data ").and_then(|data| serde_json::from_str(data).ok());
            value.map_or(text.to_owned(), |value: Value| value.to_string())
        });
        assert_eq!(seen, event, "{name}");
    }
}

/// The packets in an answer.
fn packets_of(Answer { body, frames, .. }: &Answer) -> Vec<String> {
    let texts = frames.iter().filter(|frame| frame.opcode() == TEXT);
    let mut all: Vec<_> = texts.map(|frame| frame.text().to_owned()).collect();
    let literal = |text: &str| serde_json::from_str::<String>(text).ok();
    if let Some(call) = body.strip_prefix("io.j[2](").and_then(|call| call.strip_suffix(");")) {
        all.extend(literal(call).iter().flat_map(|payload| packets(payload)));
    } else if body.contains("<script>_(") {
        let scripts = body.split("<script>_(").skip(1);
        all.extend(scripts.filter_map(|script| literal(script.split(");</script>").next()?)));
    } else if body.starts_with(['3', '\u{fffd}']) {
        all.extend(packets(body));
    }
    all
}
