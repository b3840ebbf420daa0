//! Every recording, with the recorded server's place taken by ours.
//!
//! The client's requests and frames come as they came; the application writes
//! what it wrote. Every answer and every frame of the server must be the
//! recorded one, byte by byte and in order, and about as soon; and the spark
//! must see the messages that the recorded one saw.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::recorded::{by, content, is_data, json, opened, packets, reply, sids};
use super::stand_in::{Live, Sent, StandIn};
use super::trace::{self, Event, Reply, Request, What};
use crate::close::{CloseReason, Ended};
use crate::frame::Frame;
use crate::transformers::engine_io::packet::Packet;
use crate::transformers::engine_io::payload::{Content, Decoder};
use crate::transformers::engine_io::request::{Allowed, Ask, Head, Query, Refusal};
use crate::transformers::engine_io::session::server::{Input, Timing};
use crate::transformers::engine_io::{Carrier, Format, Revision};

/// How far our times may be from the recorded ones: the machine was busy.
const TOLERANCE_MS: u64 = 60;
/// An answer that follows so soon was waiting already.
const SOON_MS: u64 = 20;
/// Notes are cut after so many letters of a message.
const CUT: usize = 120;

/// Recordings of an application that refuses every handshake.
const REFUSED: &[&str] = &["auth-refused", "auth-refused-ws-upgrade"];

/// Recordings whose first end of a spark is the application's doing.
const ENDING: &[&str] = &["server-end", "server-destroy", "spark-end", "echo-with-parser"];

/// Recordings that are followed to a point in time only, and why.
const UNTIL: &[(&str, u64, &str)] = &[
    ("eio4/server-destroy-reconnect", 300, "the server is gone"),
    ("eio4-polling/server-destroy", 180, "the server is gone"),
    ("eio4-polling/server-destroy-reconnect", 300, "the server is gone"),
];

/// Connections on which we do something else, and why.
const DIFFERENT: &[(&str, u64, &[&str], &str)] = &[
    (ERRORS_3, 16, &[MISMATCH], "engine.io 6 refuses the other revision; 3 takes the poll"),
    ("raw-eio3-on-engine3/poll-overlap", 3, &["400 "], "engine.io 3 says 500"),
    ("raw-eio3-on-engine3/post-overlap", 3, &["400 "], "engine.io 3 says 500"),
    (TOO_BIG_3, 2, &["413 "], "engine.io 3 cuts the connection and ends the session"),
    (TOO_BIG_3, 3, &["200 text/html ok"], "so that its session is unknown here"),
    (PONG_3, 1, &["101", PONG_3_OPEN, "close"], "engine.io 3 ignores a pong"),
    ("raw-eio4/errors", 11, &[VERSION], "engine.io 6 says that behind the 101, as raw text"),
];

/// Recordings whose sessions end for other reasons here: for those above.
const REASONS: &[(&str, &[Option<Ended>])] =
    &[(ERRORS_3, &[Some(Ended::Lost)]), (TOO_BIG_3, &[]), (PONG_3, &[Some(Ended::Protocol)])];

const ERRORS_3: &str = "raw-eio3-on-engine3/errors";
const TOO_BIG_3: &str = "raw-eio3-on-engine3/post-too-big";
const PONG_3: &str = "raw-eio3-on-engine3/ws-wrong-heartbeat-direction";
const PONG_3_OPEN: &str = r#"text 0{"sid":"6SnofrCnkPvHiZLyAAAZ","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;
const MISMATCH: &str = r#"400 {"code":3,"message":"Bad request"}"#;
const VERSION: &str = "400 Unsupported protocol version";

#[test]
fn every_recording() {
    let recordings = trace::all();
    assert!(recordings.len() >= 123, "{} are not all", recordings.len());
    for (name, events) in &recordings {
        match REFUSED.iter().any(|case| name.ends_with(&format!("/{case}"))) {
            true => refused(name, events),
            false => Replay::new(name, events).run(),
        }
    }
    let named = UNTIL.iter().map(|(name, ..)| name).chain(DIFFERENT.iter().map(|(name, ..)| name));
    for name in named.chain(REASONS.iter().map(|(name, _)| name)) {
        assert!(recordings.contains_key(*name), "there is no {name}");
    }
}

/// A handshake that the application refuses has come as far as to it.
fn refused(name: &str, events: &[Event]) {
    for event in events {
        match &event.what {
            What::Request(request) => {
                let asked = ask(name, request, None);
                assert!(matches!(asked, Ok(Ask::Open { .. })), "{name}: {asked:?}");
            }
            What::Reply(Reply::Http { status, .. }) => assert_eq!(*status, 401, "{name}"),
            _ => {}
        }
    }
}

/// What a request asks of the recorded server.
fn ask(
    name: &str,
    request: &Request,
    session: Option<(Carrier, Revision)>,
) -> Result<Ask, Refusal> {
    let head = Head {
        method: &request.method,
        upgrade: request.upgrade,
        origin: request.origin.as_deref(),
    };
    let allowed = Allowed {
        polling: true,
        websocket: true,
        revision_3: !name.starts_with("raw-eio4"),
        double: name.starts_with("gen-v5"),
    };
    Query::of(crate::http::pairs(&request.query)).ask(head, allowed, session)
}

struct Replay<'a> {
    name: &'a str,
    events: Vec<Event>,
    server: StandIn,
    /// The session of each connection, by its id.
    sids: BTreeMap<u64, String>,
    /// The replies whose messages the application has written.
    written: BTreeSet<usize>,
    ended: bool,
}

impl<'a> Replay<'a> {
    fn new(name: &'a str, events: &[Event]) -> Self {
        let until = UNTIL.iter().find(|(path, ..)| *path == name).map(|(_, until, _)| *until);
        // The middleware answers those.
        let preflight = |event: &Event| matches!(&event.what, What::Request(r) if r.preflight);
        let others: BTreeSet<u64> =
            events.iter().filter(|event| preflight(event)).map(|event| event.conn).collect();
        let ours = |event: &&Event| {
            until.is_none_or(|until| event.at < until) && !others.contains(&event.conn)
        };
        let events: Vec<_> = events.iter().filter(ours).cloned().collect();
        let sids = sids(&events);
        let (server, written) = (StandIn::new(), BTreeSet::new());
        Replay { name, events, server, sids, written, ended: false }
    }

    fn run(mut self) {
        for index in 0..self.events.len() {
            let Event { at, conn, what } = self.events[index].clone();
            self.server.tick_until(at);
            for waiting in self.writes_before(index) {
                self.write(waiting, at);
            }
            match what {
                What::Request(request) => self.request(&request, conn, index),
                What::Body(request, body) => self.body(&request, body, conn, at),
                What::Frame(frame) => self.frame(frame, conn, at),
                What::Close => {
                    self.server.send_close(conn, at);
                    self.lost(conn, at, CloseReason::new(Ended::Remote, 1005, "", true));
                }
                What::Fin => self.lost(conn, at, CloseReason::lost("fin")),
                What::Note(note) => self.note(&note, at),
                What::Reply(_) => {}
            }
        }
        self.compare();
    }

    fn find(&self, conn: u64) -> Option<usize> {
        let sid = self.sids.get(&conn)?;
        self.server.sessions.iter().position(|live| live.sid == *sid)
    }

    /// The replies whose messages the application writes before this event:
    /// the event itself, or what it lets go.
    fn writes_before(&self, index: usize) -> Vec<usize> {
        let event = &self.events[index];
        let releases = match &event.what {
            What::Reply(_) => return vec![index],
            What::Request(request) => request.method == "GET",
            What::Frame(frame) => frame.as_text() == Some("5"),
            _ => false,
        };
        let passive = |event: &Event| {
            matches!(event.what, What::Reply(_) | What::Note(_) | What::Fin) && releases
        };
        let soon = |other: &Event| other.conn == event.conn && other.at <= event.at + SOON_MS;
        let after = self.events.iter().enumerate().skip(index + 1);
        let replies = after.take_while(|(_, other)| passive(other));
        replies.filter(|(_, other)| soon(other)).map(|(at, _)| at).collect()
    }

    /// The application writes the messages of a reply, once.
    fn write(&mut self, index: usize, at: u64) {
        let event = &self.events[index];
        let Some(session) = self.find(event.conn) else { return };
        if self.written.insert(index) {
            for packet in packets(event, &self.server.sessions[session]) {
                if let Packet::Message(_) = packet {
                    self.server.write(session, packet, at);
                }
            }
        }
    }

    fn note(&mut self, note: &str, at: u64) {
        let end = note.ends_with("spark end") || note.ends_with("spark event: end");
        let case = self.name.split('/').next_back().unwrap();
        if self.ended || !end || !ENDING.iter().any(|part| case.starts_with(part)) {
            return;
        }
        self.ended = true;
        let session = self.server.sessions.len() - 1;
        // Behind everything that it ever wrote.
        for index in 0..self.events.len() {
            let Event { at: then, conn, what } = &self.events[index];
            if *then >= at && matches!(what, What::Reply(_)) && self.find(*conn) == Some(session) {
                self.write(index, at);
            }
        }
        self.server.end(session, at);
    }

    fn request(&mut self, request: &Request, conn: u64, index: usize) {
        let at = self.events[index].at;
        let named = Query::of(crate::http::pairs(&request.query)).sid().is_some();
        let known = self.find(conn).filter(|_| named);
        let spoken = known.and_then(|session| {
            let session = &self.server.sessions[session].session;
            Some((session.carrier()?, session.revision()))
        });
        let input = match ask(self.name, request, spoken) {
            Err(refusal) => return self.server.refuse(refusal, request.upgrade, conn, at),
            Ok(Ask::Open { format, carrier, jsonp }) => {
                return self.open(format, carrier, jsonp, conn, index);
            }
            Ok(Ask::Get) => Input::Get,
            Ok(Ask::Post) => Input::Post { binary: content(request) == Content::Binary },
            Ok(Ask::Upgrade) => Input::Upgrade,
        };
        let session = known.unwrap();
        self.server.sessions[session].request = conn;
        self.server.input(session, input, at);
    }

    fn open(
        &mut self,
        format: Format,
        carrier: Carrier,
        jsonp: Option<String>,
        conn: u64,
        index: usize,
    ) {
        let mut after = self.events[index..].iter().filter(|event| event.conn == conn);
        let handshake = after.find_map(opened).expect("a handshake is answered");
        assert_eq!(handshake.upgrade, carrier == Carrier::Polling);
        let short = self.name.ends_with("/upgrade-timeout");
        let timing = Timing {
            ping_interval: handshake.ping_interval,
            ping_timeout: handshake.ping_timeout,
            upgrade_timeout: Duration::from_millis(if short { 300 } else { 10_000 }),
        };
        let (open, at) = (handshake.to_json(), self.events[index].at);
        self.server.open(handshake.sid, &open, &timing, format, carrier, jsonp, conn, at);
    }

    fn body(&mut self, request: &Request, body: Vec<u8>, conn: u64, at: u64) {
        let Some(session) = self.find(conn) else { return };
        let Live { format, jsonp, post, .. } = &self.server.sessions[session];
        if *post != conn {
            return;
        }
        if self.name.ends_with("/post-too-big") && body.len() > 200 {
            return self.server.input(session, Input::PostTooLarge, at);
        }
        let packets: Vec<_> = if jsonp.is_some() {
            let form = String::from_utf8(body).unwrap();
            let field = crate::http::pairs(&form).find(|(name, _)| name == "d");
            Decoder::field(&field.unwrap().1, *format).collect()
        } else {
            Decoder::new(body, content(request), *format).collect()
        };
        for packet in packets {
            self.server.input(session, Input::Packet(packet), at);
        }
        self.server.input(session, Input::Posted, at);
    }

    fn frame(&mut self, frame: Frame, conn: u64, at: u64) {
        let open = !self.server.closed.contains(&conn);
        let Some(session) = self.find(conn).filter(|_| open) else { return };
        let live = &self.server.sessions[session];
        let packet = Packet::from_frame(frame, live.format.revision);
        if live.websocket == conn {
            self.server.input(session, Input::Packet(packet), at);
        } else if live.probe == conn {
            self.server.input(session, Input::Probe(packet), at);
        }
    }

    fn lost(&mut self, conn: u64, at: u64, reason: CloseReason) {
        self.server.closed.insert(conn);
        let Some(session) = self.find(conn) else { return };
        let live = &self.server.sessions[session];
        let input = match conn {
            _ if conn == live.websocket => Input::Lost(reason),
            _ if conn == live.probe => Input::ProbeLost,
            _ if conn == live.poll => Input::GetLost,
            _ if conn == live.post => Input::PostLost,
            _ => return,
        };
        self.server.input(session, input, at);
    }

    fn compare(&self) {
        let conns: BTreeSet<u64> = self.events.iter().map(|event| event.conn).collect();
        for conn in conns {
            let ours: Vec<_> = self.server.sent.iter().filter(|sent| sent.conn == conn).collect();
            let events = self.events.iter().filter(|event| event.conn == conn);
            let theirs: Vec<_> =
                events.filter_map(|event| Some((event.at, reply(event)?))).collect();
            self.compare_replies(conn, &ours, &theirs);
        }
        self.compare_messages();
        self.compare_reasons();
    }

    fn compare_replies(&self, conn: u64, ours: &[&Sent], theirs: &[(u64, String)]) {
        let name = self.name;
        let mine: Vec<_> = ours.iter().map(|sent| &*sent.what).collect();
        let recorded: Vec<_> = theirs.iter().map(|(_, what)| &**what).collect();
        let different = DIFFERENT.iter().find(|(path, other, ..)| *path == name && *other == conn);
        if let Some((.., expected, _)) = different {
            assert_eq!(mine, *expected, "{name}, connection {conn}");
            assert_ne!(recorded, *expected, "{name}, connection {conn} is not different");
            return;
        }
        assert_eq!(mine, recorded, "{name}, connection {conn}: ours, theirs");
        for (ours, (at, what)) in ours.iter().zip(theirs) {
            // What begins a session took as long as the server had to warm up.
            let first = what.contains("{\"sid\":") || what == "101";
            let close = ours.at.abs_diff(*at) <= TOLERANCE_MS;
            assert!(close || first, "{name}: {ours:?}, {at} {what}");
        }
    }

    /// The spark saw the messages that the recorded one saw.
    fn compare_messages(&self) {
        let notes = self.notes(&["server event: data ", "spark event: data "]);
        let ours = self.server.delivered.iter().filter(|frame| is_data(frame));
        let ours: Vec<_> = ours.collect();
        if self.name == TOO_BIG_3 {
            // Its session lives on here.
            assert_eq!((ours, notes.len()), (vec![&Frame::text("\"ok\"")], 0));
            return;
        }
        assert_eq!(ours.len(), notes.len(), "{}: {ours:?} {notes:?}", self.name);
        if self.name.starts_with("parser-") {
            return;
        }
        for (frame, note) in ours.into_iter().zip(notes) {
            match frame {
                Frame::Text(text) if note.len() == CUT => {
                    assert_eq!(text.get(..CUT), Some(note), "{}", self.name);
                }
                Frame::Text(text) => {
                    let same = **text == *note || json(text) == json(note);
                    assert!(same, "{}: {text} {note}", self.name);
                }
                Frame::Binary(bytes) => {
                    let seen = json(note).unwrap();
                    assert_eq!(seen["data"], Value::from(bytes.to_vec()), "{}", self.name);
                }
            }
        }
    }

    /// Sessions ended for the recorded reasons.
    fn compare_reasons(&self) {
        let notes = self.notes(&["engine.io socket close: "]);
        let ours = self.server.reasons.iter().map(|reason| reason.as_ref().map(|r| r.by));
        let ours: Vec<_> = ours.collect();
        let theirs: Vec<_> = notes.iter().map(|note| by(note)).collect();
        if let Some((_, expected)) = REASONS.iter().find(|(path, _)| *path == self.name) {
            assert_eq!(ours, *expected, "{}", self.name);
            assert_ne!(theirs, *expected, "{} is not different", self.name);
        } else if !notes.is_empty() {
            assert_eq!(ours, theirs, "{}: {notes:?}", self.name);
        }
    }

    fn notes(&self, prefixes: &[&str]) -> Vec<&str> {
        let notes = self.events.iter().filter_map(|event| match &event.what {
            What::Note(note) => prefixes.iter().find_map(|prefix| note.strip_prefix(prefix)),
            _ => None,
        });
        notes.collect()
    }
}
