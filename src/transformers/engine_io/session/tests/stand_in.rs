//! A server in place of the recorded one: our session, with as little as can
//! be of what it does not know, the outbox and the connections.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::close::CloseReason;
use crate::frame::Frame;
use crate::transformers::engine_io::packet::{Packet, PacketRef};
use crate::transformers::engine_io::payload;
use crate::transformers::engine_io::request::Refusal;
use crate::transformers::engine_io::session::server::{Effect, Input, Session, Timing};
use crate::transformers::engine_io::{Carrier, Format};

/// What was sent on a connection, and when.
#[derive(Debug)]
pub(super) struct Sent {
    pub conn: u64,
    pub at: u64,
    pub what: String,
}

/// The server.
pub(super) struct StandIn {
    start: Instant,
    pub sessions: Vec<Live>,
    pub sent: Vec<Sent>,
    /// Connections that are closed.
    pub closed: BTreeSet<u64>,
    /// Messages that sparks got.
    pub delivered: Vec<Frame>,
    /// Why sessions ended.
    pub reasons: Vec<Option<CloseReason>>,
}

/// A session, and which connection is the poll, the POST and so on.
pub(super) struct Live {
    pub sid: String,
    pub session: Session,
    pub format: Format,
    pub jsonp: Option<String>,
    /// What waits to be sent.
    outbox: Vec<Packet>,
    /// The close frame waits behind it.
    closing: bool,
    pub poll: u64,
    pub post: u64,
    pub probe: u64,
    pub websocket: u64,
    /// The connection of the request at hand.
    pub request: u64,
}

impl StandIn {
    pub fn new() -> Self {
        StandIn {
            start: Instant::now(),
            sessions: Vec::new(),
            sent: Vec::new(),
            closed: BTreeSet::new(),
            delivered: Vec::new(),
            reasons: Vec::new(),
        }
    }

    fn time(&self, at: u64) -> Instant {
        self.start + Duration::from_millis(at)
    }

    /// A session begins, and its handshake is answered with `open`.
    #[expect(clippy::too_many_arguments, reason = "they are what a handshake says")]
    pub fn open(
        &mut self,
        sid: String,
        open: &str,
        timing: &Timing,
        format: Format,
        carrier: Carrier,
        jsonp: Option<String>,
        conn: u64,
        at: u64,
    ) {
        self.sessions.push(Live {
            sid,
            session: Session::open(format.revision, carrier, timing, self.time(at)),
            format,
            jsonp,
            outbox: Vec::new(),
            closing: false,
            poll: conn,
            post: 0,
            probe: 0,
            websocket: if carrier == Carrier::Websocket { conn } else { 0 },
            request: conn,
        });
        let session = self.sessions.len() - 1;
        if carrier == Carrier::Websocket {
            self.send(conn, at, "101");
            self.send_frame(session, conn, PacketRef::Open(open), at);
        } else {
            self.answer(session, &[PacketRef::Open(open)], at);
        }
    }

    /// Ticks whatever is due by then, in order.
    pub fn tick_until(&mut self, at: u64) {
        let until = self.time(at);
        loop {
            let due = |live: &Live| live.session.deadline().filter(|due| *due <= until);
            let all = self.sessions.iter().enumerate();
            let Some((due, session)) = all.filter_map(|(n, live)| Some((due(live)?, n))).min()
            else {
                return;
            };
            let at = (due - self.start).as_millis() as u64;
            self.input(session, Input::Tick { excused: false }, at);
        }
    }

    pub fn input(&mut self, session: usize, input: Input, at: u64) {
        let (get, post) = (matches!(input, Input::Get), matches!(input, Input::Post { .. }));
        let (now, mut effects) = (self.time(at), Vec::new());
        let live = &mut self.sessions[session];
        live.session.handle(input, now, &mut effects);
        if effects.contains(&Effect::Accept) {
            let conn = live.request;
            match (get, post) {
                (true, _) => live.poll = conn,
                (_, true) => live.post = conn,
                _ => {
                    live.probe = conn;
                    self.send(conn, at, "101");
                }
            }
        }
        effects.into_iter().for_each(|effect| self.apply(session, effect, at));
        self.offer(session, at);
    }

    fn apply(&mut self, session: usize, effect: Effect, at: u64) {
        let live = &mut self.sessions[session];
        match effect {
            Effect::Accept => {}
            Effect::Refuse(refusal) => {
                let conn = if refusal == Refusal::TooLarge { live.post } else { live.request };
                self.refuse(refusal, false, conn, at);
            }
            Effect::Answer(packets) => self.answer(session, packets, at),
            Effect::CutPost => {
                let conn = live.post;
                self.send(conn, at, "cut");
            }
            Effect::Ok => {
                let conn = live.post;
                self.send(conn, at, "200 text/html ok");
            }
            Effect::Deliver(frame) => self.delivered.push(frame),
            Effect::Send(packet) => self.write(session, own(packet), at),
            Effect::SendProbe(packet) => {
                let conn = live.probe;
                self.send_frame(session, conn, packet, at);
            }
            Effect::CloseProbe => {
                let conn = live.probe;
                self.send_close(conn, at);
            }
            Effect::Switch => {
                live.websocket = live.probe;
                self.offer(session, at);
                self.close_websocket(session, at);
            }
            // Nobody comes for it here.
            Effect::Owe(_) => {}
            Effect::Over(reason) => {
                live.closing |= reason.is_some();
                self.reasons.push(reason);
                self.close_websocket(session, at);
            }
        }
    }

    /// The application, or the session, writes.
    pub fn write(&mut self, session: usize, packet: Packet, at: u64) {
        self.sessions[session].outbox.push(packet);
        self.offer(session, at);
    }

    /// The application ends the session.
    pub fn end(&mut self, session: usize, at: u64) {
        self.sessions[session].closing = true;
        self.input(session, Input::End, at);
        self.close_websocket(session, at);
    }

    /// The close frame of a session that has ended.
    fn close_websocket(&mut self, session: usize, at: u64) {
        let Live { closing, websocket, .. } = self.sessions[session];
        if closing && websocket > 0 {
            self.send_close(websocket, at);
        }
    }

    /// What waits goes out, if it can.
    fn offer(&mut self, session: usize, at: u64) {
        let live = &mut self.sessions[session];
        if live.session.carrier() == Some(Carrier::Websocket) {
            let (conn, packets) = (live.websocket, std::mem::take(&mut live.outbox));
            packets.iter().for_each(|packet| self.send_frame(session, conn, packet.as_ref(), at));
            return;
        }
        let (waits, mut effects) = (!live.outbox.is_empty(), Vec::new());
        if live.session.offer(waits, &mut effects) {
            let packets = std::mem::take(&mut live.outbox);
            let packets: Vec<_> = packets.iter().map(Packet::as_ref).collect();
            self.answer(session, &packets, at);
        }
        effects.into_iter().for_each(|effect| self.apply(session, effect, at));
    }

    fn answer(&mut self, session: usize, packets: &[PacketRef<'_>], at: u64) {
        let Live { format, jsonp, poll, .. } = &self.sessions[session];
        let (mut body, conn, packets) = (Vec::new(), *poll, packets.iter().copied());
        let content = payload::answer(packets, *format, jsonp.as_deref(), &mut body);
        self.send(conn, at, &format!("200 {} {}", content.mime(), show(&body)));
    }

    pub fn refuse(&mut self, refusal: Refusal, upgrade: bool, conn: u64, at: u64) {
        match (refusal, upgrade) {
            (Refusal::Close, _) => {
                self.send(conn, at, "101");
                self.send_close(conn, at);
            }
            (_, true) => self.send(conn, at, &format!("400 {}", refusal.text())),
            _ => self.send(conn, at, &format!("{} {}", refusal.status(), refusal.body())),
        }
    }

    fn send_frame(&mut self, session: usize, conn: u64, packet: PacketRef<'_>, at: u64) {
        let (format, mut out) = (self.sessions[session].format, Vec::new());
        packet.frame_into(format, &mut out);
        let kind = if packet.is_binary_frame(format) { "binary" } else { "text" };
        self.send(conn, at, &format!("{kind} {}", show(&out)));
    }

    pub fn send_close(&mut self, conn: u64, at: u64) {
        if self.closed.insert(conn) {
            self.send(conn, at, "close");
        }
    }

    fn send(&mut self, conn: u64, at: u64, what: &str) {
        self.sent.push(Sent { conn, at, what: what.to_owned() });
    }
}

fn own(packet: PacketRef<'_>) -> Packet {
    match packet {
        PacketRef::Ping(data) => Packet::Ping(data.to_owned()),
        PacketRef::Pong(data) => Packet::Pong(data.to_owned()),
        _ => panic!("not of the heartbeat: {packet:?}"),
    }
}

/// A body, to be compared.
pub(super) fn show(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => format!("{bytes:02x?}"),
    }
}
