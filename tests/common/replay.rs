//! Recordings played to our server, in the place of the real one.
//!
//! The client's requests and frames come as they came, and the application writes what
//! it wrote. Every answer must be the recorded one: status, body, frames, and each
//! header field that was recorded, but for those that are the time's or the
//! connection's own; and the application must see what the recorded one saw.
//!
//! Nothing waits for time to pass: the client goes on when it has got what it had got,
//! and when the server has seen what it had seen.

use std::collections::HashMap;
use std::io::Read;
use std::net::Shutdown;
use std::rc::Rc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};
use primus::{Builder, Frame, Spark};
use serde_json::Value;

use super::peer::{Peer, is_time_out};
use super::recording::{self, Answer, Event, What};
use super::server::{Server, tell};
use super::wait::PATIENCE;

/// An answer that came so soon was waiting for its request.
const SOON_MS: u64 = 20;

/// Plays recordings side by side, each under its name.
pub fn side_by_side<'a>(plays: impl Iterator<Item = (&'a str, impl FnOnce() + Send + 'a)>) {
    thread::scope(|scope| {
        let all = plays.map(|(name, play)| {
            let named = thread::Builder::new().name(name.into());
            named.spawn_scoped(scope, play).expect("a thread")
        });
        let all: Vec<_> = all.collect();
        // Each tells by itself what is wrong.
        let failed = all.into_iter().map(|play| play.join()).filter(Result::is_err);
        assert_eq!(failed.count(), 0);
    });
}

/// A recording, our server, and how far it has come.
pub struct Player {
    pub name: &'static str,
    /// What is to be played.
    pub events: Vec<Event>,
    pub server: Server,
    pub conversations: HashMap<u64, Conversation>,
    /// What the application sees.
    seen: Receiver<String>,
    sparks: Receiver<Spark>,
    spark: Option<Spark>,
    /// The answers whose messages are written.
    written: Vec<usize>,
}

/// A connection.
pub struct Conversation {
    pub peer: Peer,
    /// Nothing of the answer to its last request was read yet.
    pub asked: bool,
    /// Its answer comes in chunks, and more are to come.
    pub chunked: bool,
    /// It is a WebSocket.
    pub framed: bool,
}

impl Conversation {
    /// Reads the head of an answer.
    pub fn head(&mut self) -> String {
        let head = self.peer.read_head();
        self.asked = false;
        self.chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        self.framed = head.starts_with("HTTP/1.1 101 ");
        head
    }

    /// Reads a body that does not come in chunks, behind this head.
    pub fn body(&mut self, head: &str) -> String {
        String::from_utf8(self.peer.read_body(head)).expect("text")
    }

    /// Reads chunks until so many bytes are there.
    pub fn chunks(&mut self, length: usize) -> String {
        let mut all = String::new();
        while all.len() < length {
            let chunk = self.peer.read_chunk().unwrap_or_else(|| panic!("ended at {all}"));
            all += str::from_utf8(&chunk).expect("text");
        }
        all
    }

    /// Waits until the server has done something about what it was asked.
    pub fn await_news(&self) {
        // One byte of an answer, the end, or a reset.
        let news = self.peer.stream.peek(&mut [0]);
        assert!(!news.is_err_and(|error| is_time_out(&error)), "nothing came");
    }

    /// Ends it, and waits until the server has seen that.
    fn end(mut self) {
        let stream = &mut self.peer.stream;
        // The server may have ended it before.
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

impl Player {
    /// `path` is that of the recording below `tests/vectors`; `watch` has what a spark's
    /// application sees told.
    pub fn new(
        name: &'static str,
        path: &str,
        builder: Builder,
        options: &[(&str, &str)],
        watch: fn(&Spark, &Sender<String>),
    ) -> Self {
        let builder = options.iter().fold(builder.ping_interval(None), |builder, (name, value)| {
            builder.transport(*name, *value)
        });
        let server = Server::start(builder);
        let ((connected, sparks), (saw, seen)) = (unbounded(), unbounded());
        server.primus.on_connection(move |spark| {
            watch(spark, &saw);
            tell(&connected, spark.clone());
        });
        Player {
            name,
            events: recording::read(&format!("{path}/{name}")),
            server,
            conversations: HashMap::new(),
            seen,
            sparks,
            spark: None,
            written: Vec::new(),
        }
    }

    /// The spark that was connected last.
    pub fn spark(&mut self) -> Spark {
        self.spark = self.sparks.try_iter().last().or(self.spark.take());
        self.spark.clone().expect("a spark")
    }

    /// Waits for the next spark.
    pub fn connected(&mut self) -> Spark {
        let spark = self.sparks.recv_timeout(PATIENCE).expect("a spark");
        self.spark = Some(spark.clone());
        spark
    }

    /// What the application sees next, where `note` was recorded.
    pub fn seen(&self, note: &str) -> String {
        self.seen.recv_timeout(PATIENCE).expect(note)
    }

    pub fn conversation(&mut self, connection: u64) -> &mut Conversation {
        let addr = self.server.addr;
        self.conversations.entry(connection).or_insert_with(|| Conversation {
            peer: Peer::connect(addr),
            asked: false,
            chunked: false,
            framed: false,
        })
    }
}

/// What the application of a spark sees of messages.
pub fn tell_data(spark: &Spark, saw: &Sender<String>) {
    let saw = saw.clone();
    spark.on_data(move |_, message| {
        let value: Value = message.parse().expect("a value");
        tell(&saw, format!("data {value}"));
    });
}

/// What it sees of errors.
pub fn tell_errors(spark: &Spark, saw: &Sender<String>) {
    let saw = saw.clone();
    spark.on_error(move |_, _| tell(&saw, "error".into()));
}

/// What it sees of the end.
pub fn tell_ends(spark: &Spark, saw: &Sender<String>) {
    let saw = saw.clone();
    spark.on_end(move |_, _| tell(&saw, "end".into()));
}

/// What a protocol has of its own.
pub trait Replay: Sized {
    fn player(&mut self) -> &mut Player;

    /// A recorded request, as it is to be sent.
    fn request(&self, recorded: &str) -> String {
        recorded.to_owned()
    }

    /// Called before the client sends the request at this place.
    fn asks(&mut self, _events: &[Event], _at: usize) {}

    /// Called when it has.
    fn has_asked(&mut self, _events: &[Event], _at: usize) {}

    /// The messages that the application must have written for an answer.
    fn messages(&self, _answer: &Answer) -> Vec<String> {
        Vec::new()
    }

    /// Reads and compares an answer.
    fn answer(&mut self, connection: u64, expected: &Answer);

    /// The server has ended a connection.
    fn ended(&mut self, connection: u64) {
        let player = self.player();
        assert!(player.conversation(connection).peer.ends(), "{}", player.name);
    }

    /// The application has seen something, `ms` after the beginning.
    fn note(&mut self, note: &str, ms: u64);

    /// Plays it.
    fn play(mut self) {
        let events: Rc<[Event]> = std::mem::take(&mut self.player().events).into();
        for (at, Event { ms, connection, what }) in events.iter().enumerate() {
            match what {
                What::Request(text) => {
                    self.asks(&events, at);
                    self.write_ahead(&events, at);
                    let text = self.request(text);
                    let conversation = self.player().conversation(*connection);
                    conversation.peer.send(text.as_bytes());
                    conversation.asked = true;
                    self.has_asked(&events, at);
                }
                What::Frames(frames) => {
                    let peer = &mut self.player().conversation(*connection).peer;
                    frames.iter().for_each(|frame| peer.frame(frame.head, &frame.payload));
                }
                What::Left => {
                    let left = self.player().conversations.remove(connection);
                    left.into_iter().for_each(Conversation::end);
                }
                What::Answer(answer) => {
                    self.write(answer, at);
                    self.answer(*connection, answer);
                }
                What::Ended => self.ended(*connection),
                What::Note(note) => self.note(note, *ms),
            }
        }
        // Nothing else was seen.
        let player = self.player();
        let left: Vec<_> = player.seen.try_iter().filter(|seen| seen != "end").collect();
        assert!(left.is_empty(), "{}: {left:?}", player.name);
    }

    /// Writes what waited for the request that comes now.
    fn write_ahead(&mut self, events: &[Event], at: usize) {
        let Event { ms, connection, .. } = events[at];
        let answer = events[at..].iter().position(|event| event.answers(connection));
        if let Some(found) = answer
            && let Event { ms: answered, what: What::Answer(answer), .. } = &events[at + found]
            && *answered <= ms + SOON_MS
        {
            self.write(answer, at + found);
        }
    }

    /// Writes the messages of an answer, which is that at this place.
    fn write(&mut self, answer: &Answer, at: usize) {
        let messages = self.messages(answer);
        let player = self.player();
        if !messages.is_empty() && !player.written.contains(&at) {
            player.written.push(at);
            let spark = player.spark();
            for message in messages {
                spark.write_frame(&Frame::text(message)).expect("a spark that is open");
            }
        }
    }
}

/// Header fields that are not compared.
pub struct Fields {
    /// Those that are of the moment, or of how a body is framed.
    pub own: &'static [&'static str],
    /// Those that we add, with their values.
    pub more: &'static [&'static str],
}

impl Fields {
    /// The header fields that matter, sorted.
    fn of(&self, head: &str) -> Vec<String> {
        let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let fields = lines.map(|(name, value)| (name.to_ascii_lowercase(), value));
        let mut fields: Vec<_> = fields
            .filter(|(name, _)| !self.own.contains(&&**name))
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        fields.sort();
        fields
    }

    /// Compares the fields of two heads.
    pub fn compare(&self, name: &str, expected: &str, ours: &str) {
        let mut fields = self.of(ours);
        fields.retain(|field| !self.more.contains(&&**field));
        assert_eq!(fields, self.of(expected), "{name}: {ours}");
    }
}
