//! The recordings of a real server, with its place taken by ours.

use primus::{EndOptions, Primus};

use crate::client::{GOODBYE, sockjs};
use crate::common::recording::Answer;
use crate::common::replay::{
    Fields, Player, Replay, side_by_side, tell_data, tell_ends, tell_errors,
};
use crate::common::*;

const FIELDS: Fields = Fields {
    own: &["date", "connection", "keep-alive", "transfer-encoding", "content-length", "expires"],
    // What proxies are told of streams.
    more: &["x-accel-buffering: no", "cache-control: no-transform"],
};

/// A request for an upgrade to something else, which we serve as what it is without.
const OTHER_UPGRADE: (&str, u64) = ("websocket-rejections", 1);

/// A poll that comes while another waits. The server goes by which connection came
/// first; if its thread is the first to get there all the same, it is refused only when
/// the other comes, and its connection ends with that.
const SECOND_POLL: (&str, u64) = ("xhr-polling-basic", 5);

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
    side_by_side(CASES.iter().map(|case| (case.0, || Recorded::new(case).play())));
}

struct Recorded {
    player: Player,
    ends_at: Option<u64>,
}

impl Recorded {
    fn new(Case(name, options, ends_at): &Case) -> Self {
        let builder = sockjs(Primus::builder());
        let player = Player::new(name, "sockjs/raw", builder, options, |spark, saw| {
            tell_data(spark, saw);
            tell_errors(spark, saw);
            tell_ends(spark, saw);
        });
        Recorded { player, ends_at: *ends_at }
    }
}

impl Replay for Recorded {
    fn player(&mut self) -> &mut Player {
        &mut self.player
    }

    fn messages(&self, answer: &Answer) -> Vec<String> {
        messages(answer, self.player.name == "raw-websocket")
    }

    fn answer(&mut self, connection: u64, expected: &Answer) {
        let name = self.player.name;
        // Markup is escaped there, which sockjs-node does not.
        let body = match name {
            "htmlfile" => expected.body.replace("\"</script> ", "\"\\u003c/script> "),
            _ => expected.body.clone(),
        };
        let conversation = self.player.conversation(connection);
        if let Some(head) = &expected.head {
            let ours = conversation.head();
            if (name, connection) != OTHER_UPGRADE {
                assert_eq!(ours.lines().next(), head.lines().next(), "{name}: {ours}");
                FIELDS.compare(name, head, &ours);
                assert_eq!(has(&ours, "expires: "), has(head, "expires: "), "{name}: {ours}");
                let ends = [&*ours, head].map(|head| has(head, "connection: close"));
                assert!(ends[0] == ends[1] || (name, connection) == SECOND_POLL, "{name}: {ours}");
            }
            if !expected.upgrades() && !conversation.chunked {
                let ours = conversation.body(&ours);
                let (ours, body) = (without_entropy(&ours), without_entropy(&body));
                return assert_eq!((ours, expected.whole), (body, true), "{name}");
            }
        }
        for frame in &expected.frames {
            assert_eq!(conversation.peer.read_frame().as_ref(), Some(frame), "{name}");
        }
        if !conversation.framed {
            assert_eq!(conversation.chunks(body.len()), body, "{name}");
            if expected.whole {
                assert_eq!(conversation.peer.read_chunk(), None, "{name}");
            }
        }
    }

    fn note(&mut self, note: &str, ms: u64) {
        if note.starts_with("server event: connection") {
            self.player.connected();
        } else if let Some(event) = note.strip_prefix("spark event: ") {
            if event == "end" && self.ends_at == Some(ms) {
                // It was seen before anything went to the client.
                return self.player.spark().end_options(EndOptions::default());
            }
            let event = if event.starts_with("error") { "error" } else { event };
            let mut seen = self.player.seen(note);
            if event == "end" && seen == "error" {
                // To us what breaks the protocol is an error, to sockjs-node an end.
                seen = self.player.seen(note);
            }
            assert_eq!(seen, event, "{}", self.player.name);
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

fn has(head: &str, field: &str) -> bool {
    head.to_ascii_lowercase().contains(field)
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
