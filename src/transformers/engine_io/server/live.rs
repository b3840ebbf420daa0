//! A session that is open: between the HTTP connections, which tell it what its
//! client does, and the spark that it carries.

mod polls;

use std::io;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, OnceLock, Weak};
use std::time::{Duration, Instant};

use super::EngineIo;
use super::sessions::Sessions;
use super::source::Inlet;
use super::{upgrade, wire};
use crate::close::{CloseReason, Ended};
use crate::excuse::Busy;
use crate::frame::Frame;
use crate::http::server::{Held, Unsent};
use crate::id;
use crate::net::Stream;
use crate::sync::{Guard, Lock, rank};
use crate::timer::{Key, Task};
use crate::transformers::engine_io::options::Options;
use crate::transformers::engine_io::packet::{Packet, PacketRef};
use crate::transformers::engine_io::payload::Decoder;
use crate::transformers::engine_io::request::Refusal;
use crate::transformers::engine_io::session::server::{Effect, Input, Session as Machine};
use crate::transformers::engine_io::{Carrier, Format, Revision};
use crate::transformers::serve::{Carried, Host, Session};
use crate::transformers::websockets::server::Connection;

/// How long a request waits for what the client has sent on the WebSocket that
/// probes.
const CATCH_UP: Duration = Duration::from_millis(500);

/// A session and what belongs to it.
///
/// | lock | guards | may take while held |
/// |---|---|---|
/// | `state` | the state machine, who is to be answered; answers are sent and the probe is peeked at under it, without blocking | the inlet's, the timer's, that of the farewells |
///
/// The spark's outbox calls with its own lock held, so the spark is called
/// only without `state`.
pub(super) struct Live {
    sid: String,
    format: Format,
    /// The number of the client's function, if it polls by JSONP.
    jsonp: Option<String>,
    options: Arc<Options>,
    sessions: Arc<Sessions>,
    host: Arc<dyn Host>,
    inlet: Inlet,
    spark: OnceLock<Arc<dyn Carried>>,
    me: Weak<Live>,
    /// No request has come since the handshake.
    fresh: AtomicBool,
    /// A message came on the WebSocket since the last tick.
    heard: AtomicBool,
    state: Lock<State, rank::Session>,
    /// What came on the WebSocket that probes is handled, or that is gone.
    caught_up: Condvar,
}

struct State {
    machine: Machine,
    /// Numbers the polls.
    polls: u64,
    held: Option<(u64, Held)>,
    /// The rest of an answer that its socket did not take.
    unsent: Option<(u64, Unsent)>,
    /// The connection that was polled by last, while it is there.
    polled_by: Weak<Stream>,
    /// The connection of the POST.
    post: Option<Arc<Stream>>,
    /// The WebSocket that probes.
    probe: Option<Arc<Stream>>,
    /// What was read from it is being handled.
    probe_behind: bool,
    timer: Option<Key>,
    /// When it is set to.
    due: Option<Instant>,
    /// Numbers the POSTs.
    posts: u64,
    /// Judged by how often the spark's thread has waited, or a POST come.
    busy: Busy,
    /// When it ended.
    over_since: Option<Instant>,
    /// The server shuts down: the next answer ends its connection.
    last: bool,
    /// The client has been told of the end, or is being told, and is not waited
    /// for any more.
    parting: bool,
}

/// What became of a frame on the WebSocket.
pub(super) enum Received {
    /// A message of the application's.
    Message(Frame),
    /// Something that is dealt with.
    Nothing,
    /// The end.
    Closed(CloseReason),
}

/// What became of a frame on a WebSocket that probes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Probed {
    /// It probes on.
    Open,
    /// It takes the polls' place.
    Switch,
    /// It is to be closed.
    Over,
}

/// What is left to do without the lock.
#[derive(Default)]
struct Todo {
    accepted: bool,
    refused: Option<Refusal>,
    send: Vec<PacketRef<'static>>,
    switch: bool,
    over: Option<Option<CloseReason>>,
    unsent: Option<Arc<Stream>>,
    close_probe: Option<Arc<Stream>>,
}

impl Live {
    /// Opens a session for a client that polls.
    pub fn open(
        engine: &EngineIo,
        host: &Arc<dyn Host>,
        format: Format,
        jsonp: Option<String>,
    ) -> io::Result<Arc<Self>> {
        Self::new(engine, host, format, jsonp, Carrier::Polling)
    }

    /// Opens a session on a WebSocket.
    pub fn open_on_socket(
        engine: &EngineIo,
        host: &Arc<dyn Host>,
        format: Format,
    ) -> io::Result<Arc<Self>> {
        Self::new(engine, host, format, None, Carrier::Websocket)
    }

    fn new(
        engine: &EngineIo,
        host: &Arc<dyn Host>,
        format: Format,
        jsonp: Option<String>,
        carrier: Carrier,
    ) -> io::Result<Arc<Self>> {
        let sid = id::session_id()?;
        let options = engine.options.clone();
        let now = host.timer().now();
        let machine = Machine::open(format.revision, carrier, &options.timing, now);
        let live = Arc::new_cyclic(|me| Live {
            sid,
            format,
            jsonp,
            options,
            sessions: engine.sessions.clone(),
            host: host.clone(),
            inlet: Inlet::new(),
            spark: OnceLock::new(),
            me: me.clone(),
            fresh: AtomicBool::new(carrier == Carrier::Polling),
            heard: AtomicBool::new(false),
            state: Lock::new(State {
                machine,
                polls: 0,
                held: None,
                unsent: None,
                polled_by: Weak::new(),
                post: None,
                probe: None,
                probe_behind: false,
                timer: None,
                due: None,
                posts: 0,
                busy: Busy::default(),
                last: false,
                parting: false,
                over_since: None,
            }),
            caught_up: Condvar::new(),
        });
        live.sessions.insert(&live);
        live.watch_clock(&mut live.lock());
        Ok(live)
    }

    fn lock(&self) -> Guard<'_, State> {
        self.state.lock()
    }

    pub fn sid(&self) -> &str {
        &self.sid
    }

    pub fn format(&self) -> Format {
        self.format
    }

    pub fn revision(&self) -> Revision {
        self.format.revision
    }

    pub fn is_jsonp(&self) -> bool {
        self.jsonp.is_some()
    }

    /// What carries it at present; `None` when it is over.
    pub fn carrier(&self) -> Option<Carrier> {
        self.lock().machine.carrier()
    }

    /// Whether its client has not come back since the handshake.
    pub fn is_fresh(&self) -> bool {
        self.fresh.load(Ordering::Relaxed)
    }

    /// The longest body and message in bytes.
    pub fn max_length(&self) -> usize {
        self.options.max_body(self.host.max_length())
    }

    pub fn inlet(&self) -> &Inlet {
        &self.inlet
    }

    /// The data of the open packet.
    pub fn handshake(&self, polls: bool) -> String {
        let max_length = self.host.max_length();
        self.options.handshake(self.sid.clone(), polls, max_length).to_json()
    }

    /// Feeds the state machine, does what can be done under its lock, then the
    /// rest.
    fn handle(&self, input: Input) -> Todo {
        let mut state = self.lock();
        let todo = self.handle_locked(&mut state, input);
        drop(state);
        self.settle(todo)
    }

    fn handle_locked(&self, state: &mut State, input: Input) -> Todo {
        let mut effects = Vec::new();
        state.machine.handle(input, self.host.timer().now(), &mut effects);
        let mut todo = Todo::default();
        self.apply(state, effects, &mut todo);
        todo
    }

    fn apply(&self, state: &mut State, effects: Vec<Effect>, todo: &mut Todo) {
        for effect in effects {
            match effect {
                Effect::Accept => todo.accepted = true,
                Effect::Refuse(refusal) => todo.refused = Some(refusal),
                Effect::Answer(packets) => self.answer(state, packets, todo),
                Effect::CutPost => {
                    if let Some(stream) = state.post.take() {
                        stream.abort();
                    }
                }
                Effect::Ok => state.post = None,
                Effect::Deliver(frame) => self.inlet.message(frame),
                Effect::Send(packet) => todo.send.push(packet),
                Effect::SendProbe(packet) => {
                    let mut frame = Vec::new();
                    wire::wire(self.format).put(packet, &mut frame);
                    state.probe.iter().for_each(|stream| upgrade::say(stream, &frame));
                }
                Effect::CloseProbe => todo.close_probe = state.probe.take(),
                Effect::Switch => {
                    todo.switch = true;
                    state.probe = None;
                }
                Effect::Owe(packets) => {
                    let (answer, now) = (self.payload(packets), self.host.timer().now());
                    self.sessions.farewells.owe(&self.sid, answer, now);
                }
                Effect::Over(reason) => {
                    todo.over = Some(reason);
                    state.over_since = Some(self.host.timer().now());
                    self.limit_unsent(state);
                }
            }
        }
        self.watch_clock(state);
    }

    /// Does what must not be done under the lock.
    fn settle(&self, mut todo: Todo) -> Todo {
        if let Some(stream) = todo.close_probe.take() {
            // Wakes the thread that reads it, which says goodbye.
            stream.shutdown(Shutdown::Read);
        }
        if let Some(stream) = todo.unsent.take()
            && let Some(me) = self.me.upgrade()
        {
            self.host.send_later(me, stream);
        }
        let spark = self.spark.get();
        for packet in std::mem::take(&mut todo.send) {
            let mut text = Vec::new();
            packet.frame_into(self.format, &mut text);
            let asked = matches!(packet, PacketRef::Pong(_));
            if let (Some(spark), Ok(text)) = (spark, std::str::from_utf8(&text)) {
                spark.packet(text, asked);
            }
        }
        if let Some(reason) = &todo.over {
            self.sessions.remove(&self.sid);
            match (reason, spark) {
                (Some(reason), Some(spark)) if reason.by == Ended::Heartbeat => {
                    spark.die(reason.clone());
                }
                (Some(reason), _) => self.inlet.closed(reason.clone()),
                (None, _) => {}
            }
            self.inlet.end();
        }
        todo
    }

    /// Sets the timer to the session's next deadline.
    fn watch_clock(&self, state: &mut State) {
        let Some(at) = state.machine.deadline() else { return };
        let timer = self.host.timer();
        let at = timer.coarse(at);
        // One that was put off is looked at when the timer comes.
        if state.due.is_some_and(|due| due <= at) {
            return;
        }
        state.due = Some(at);
        if !state.timer.is_some_and(|key| timer.reschedule(key, at)) {
            state.timer = Some(timer.schedule(at, self.me.clone()));
        }
    }

    /// A POST begins, on this connection. `came`: when, if that is known.
    pub fn post(
        &self,
        stream: &Arc<Stream>,
        came: Option<Instant>,
        binary: bool,
    ) -> Result<(), Refusal> {
        self.fresh.store(false, Ordering::Relaxed);
        self.tick_if_due(came);
        let mut state = self.lock_behind_probe();
        let todo = self.handle_locked(&mut state, Input::Post { binary });
        if todo.accepted {
            state.post = Some(stream.clone());
            state.posts += 1;
        }
        drop(state);
        self.settle(todo).refused.map_or(Ok(()), Err)
    }

    /// The body of the POST has come whole: its packets are handled, in order,
    /// and no faster than the spark's thread takes the messages among them once
    /// more than `most` bytes wait for it. Then it is to get its answer.
    pub fn posted(&self, packets: Decoder, most: usize) {
        for packet in packets {
            // An answer to it may go out before the next is handled.
            let mut state = self.lock();
            if state.post.is_none() {
                // It was cut.
                return;
            }
            let todo = self.handle_locked(&mut state, Input::Packet(packet));
            drop(state);
            self.settle(todo);
            self.inlet.show_beyond(most);
        }
        // Before the thread is woken, which needs the lock too.
        self.handle(Input::Posted);
        self.inlet.show(most);
    }

    /// The body of the POST did not come whole.
    pub fn post_failed(&self, too_large: bool) {
        let mut state = self.lock();
        let failed = if too_large { Input::PostTooLarge } else { Input::PostLost };
        let todo = self.handle_locked(&mut state, failed);
        state.post = None;
        drop(state);
        self.settle(todo);
    }

    /// A WebSocket is to take the polls' place.
    pub fn upgrade(&self, stream: &Arc<Stream>) -> Result<(), Refusal> {
        self.fresh.store(false, Ordering::Relaxed);
        let mut state = self.lock_behind_probe();
        let todo = self.handle_locked(&mut state, Input::Upgrade);
        if todo.accepted {
            state.probe = Some(stream.clone());
            state.probe_behind = true;
        }
        drop(state);
        self.settle(todo).refused.map_or(Ok(()), Err)
    }

    /// Says whether what was read from a WebSocket that probes is still to be
    /// handled.
    pub fn catch_up(&self, stream: &Arc<Stream>, behind: bool) {
        let mut state = self.lock();
        if state.probe.as_ref().is_none_or(|probe| Arc::ptr_eq(probe, stream)) {
            state.probe_behind = behind;
            self.caught_up.notify_all();
        }
    }

    /// Locks when all is handled that the client had sent on the WebSocket that
    /// probes: else a request that it sent later, on another connection, could
    /// overtake that.
    fn lock_behind_probe(&self) -> Guard<'_, State> {
        let deadline = Instant::now() + CATCH_UP;
        let mut state = self.lock();
        while let Some(probe) = &state.probe
            && (state.probe_behind || probe.has_unread())
        {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = state.wait_for(&self.caught_up, left);
        }
        state
    }

    /// A frame came on the WebSocket that probes.
    pub fn probe(&self, frame: Frame, stream: &Arc<Stream>) -> Probed {
        let mut state = self.lock();
        if !state.probe.as_ref().is_some_and(|probe| Arc::ptr_eq(probe, stream)) {
            return Probed::Over;
        }
        let mut todo = match Packet::from_frame(frame, self.format.revision) {
            Ok(Packet::Upgrade) if state.unsent.is_some() => {
                // Clients wait for the answer to their last poll.
                let mut todo = Todo::default();
                self.poll_broken(&mut state, &mut todo);
                todo
            }
            packet => self.handle_locked(&mut state, Input::Probe(packet)),
        };
        drop(state);
        // The caller, which reads it, closes it.
        let closed = todo.close_probe.take().is_some();
        match self.settle(todo).switch {
            true => Probed::Switch,
            false if closed => Probed::Over,
            false => Probed::Open,
        }
    }

    /// The WebSocket that probes is gone.
    pub fn probe_lost(&self, stream: &Arc<Stream>) {
        let mut state = self.lock();
        if state.probe.take_if(|probe| Arc::ptr_eq(probe, stream)).is_some() {
            let todo = self.handle_locked(&mut state, Input::ProbeLost);
            drop(state);
            self.settle(todo);
        }
    }

    /// The session goes on over this WebSocket.
    pub fn switch(&self, stream: Arc<Stream>, socket: Box<Connection>) {
        // The spark writes there before its thread reads from there: what comes
        // may have to be answered at once.
        if let Some(spark) = self.spark.get() {
            spark.switch(stream);
        }
        self.inlet.switch(socket);
    }

    /// A frame came on the WebSocket that carries the session. On the spark's
    /// thread.
    pub fn received(&self, frame: Frame) -> Received {
        let packet = match Packet::from_frame(frame, self.format.revision) {
            Ok(Packet::Message(frame)) => {
                // Enough for the heartbeat, and cheaper than the lock.
                self.heard.store(true, Ordering::Relaxed);
                return Received::Message(frame);
            }
            packet => packet,
        };
        match self.handle(Input::Packet(packet)).over {
            Some(reason) => Received::Closed(reason.unwrap_or_else(|| CloseReason::lost("gone"))),
            None => Received::Nothing,
        }
    }

    /// Ends the session if its client has still not come back; its place is free
    /// then. False if it has, or is over.
    pub fn give_up_fresh(&self, why: &str) -> bool {
        let mut state = self.lock();
        // Who comes from now on needs the lock to be served.
        if self.is_fresh() && state.machine.carrier().is_some() {
            let gone = CloseReason::lost(why);
            let todo = self.handle_locked(&mut state, Input::Lost(gone));
            drop(state);
            self.settle(todo);
            self.spark.get().iter().for_each(|spark| spark.give_way());
            return true;
        }
        false
    }

    /// The session's time has come. `spark_busy`: whether the spark's thread is,
    /// and how often it has waited.
    fn tick(&self, state: &mut State, spark_busy: (bool, u64)) -> Todo {
        let (busy, moves) = match state.machine.carrier() {
            Some(Carrier::Websocket) => spark_busy,
            // What the client says next may have to wait for its POST.
            _ => (state.post.is_some(), state.posts),
        };
        let excused = state.busy.excuses(busy, moves);
        let mut todo = Todo::default();
        let mut effects = Vec::new();
        let now = self.host.timer().now();
        if self.heard.swap(false, Ordering::Relaxed) {
            state.machine.handle(Input::Packet(Ok(Packet::Noop)), now, &mut effects);
        }
        state.machine.handle(Input::Tick { excused }, now, &mut effects);
        self.apply(state, effects, &mut todo);
        todo
    }

    /// Does what was due before a request came, which the timer's thread may not
    /// have got round to: it gets the answer that was right when it came, however
    /// late the two threads are. `came`: when, if it is known, else now.
    fn tick_if_due(&self, came: Option<Instant>) {
        let timer = self.host.timer();
        let came = came.map_or_else(|| timer.now(), |came| timer.time_of(came));
        let is_due = |state: &State| state.machine.deadline().is_some_and(|at| at <= came);
        if is_due(&self.lock()) {
            let spark_busy = self.spark.get().map_or((false, 0), |spark| spark.busy());
            let mut state = self.lock();
            let todo = match is_due(&state) {
                true => self.tick(&mut state, spark_busy),
                false => return,
            };
            drop(state);
            self.settle(todo);
        }
    }

    /// The spark is done with it.
    pub fn over(&self) {
        self.handle(Input::Lost(CloseReason::lost("the spark has ended")));
        if let Some(key) = self.lock().timer.take() {
            self.host.timer().cancel(key);
        }
    }
}

impl Session for Live {
    fn opened(&self, spark: Arc<dyn Carried>) {
        // Once only.
        let _ = self.spark.set(spark);
    }
}

impl Task for Live {
    /// A deadline of the session.
    fn fire(self: Arc<Self>, _: Instant) -> Option<Instant> {
        let spark_busy = self.spark.get().map_or((false, 0), |spark| spark.busy());
        let mut state = self.lock();
        state.due = None;
        let todo = self.tick(&mut state, spark_busy);
        drop(state);
        self.settle(todo);
        self.lock().due
    }
}

#[cfg(test)]
mod tests;
