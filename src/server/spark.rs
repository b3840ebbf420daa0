//! A connection, as the application sees it.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::close::{CloseReason, Ended};
use crate::deadline::after;
use crate::error::{Error, Result, catch};
use crate::extensions::Extensions;
use crate::frame::Frame;
use crate::http::Request;
use crate::message::Written;
use crate::parsers::Peer;
use crate::protocol::{self, Heartbeat, Signals};
use crate::ready_state::ReadyState;
use crate::server::Inner as Server;
use crate::server::broadcaster::Action;
use crate::server::events::SparkEvents;
use crate::server::failure;
use crate::server::inbox::Inbox;
use crate::server::messages::Messages;
use crate::server::metrics::Counter;
use crate::server::outbox::{Outbox, Parts};
use crate::server::thread;
use crate::server::wakers::Lent;
use crate::sync::{Lock, rank};
use crate::timer::{Key, Task};
use crate::transformers::{Opening, Sink, Source, Wire};

/// How [`Spark::end_options`] ends a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct EndOptions {
    /// Let the client reconnect: it is not told that the end is meant. Default
    /// false.
    pub reconnect: bool,
}

impl EndOptions {
    /// Sets [`reconnect`](Self::reconnect).
    pub fn reconnect(mut self, reconnect: bool) -> Self {
        self.reconnect = reconnect;
        self
    }
}

/// One connection of a server: a cheap handle, usable from any thread and from
/// every listener.
///
/// Each spark has a thread of its own on which its listeners run, one after
/// the other; a listener may block and keeps nobody else waiting.
///
/// ```no_run
/// let primus = primus::Primus::create_server("127.0.0.1:8080", |spark| -> primus::Result<()> {
///     spark.write("welcome")?;
///     spark.on_data(|spark, message| spark.write(message.value()));
///     Ok(())
/// })?;
/// # Ok::<(), primus::Error>(())
/// ```
#[derive(Clone)]
pub struct Spark(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub id: String,
    pub request: Box<Request>,
    pub extensions: Extensions,
    pub server: Arc<Server>,
    pub outbox: Arc<Outbox>,
    pub inbox: Inbox,
    pub events: SparkEvents,
    state: AtomicU8,
    reason: OnceLock<CloseReason>,
    heart: Lock<Heart, rank::Heart>,
    /// Microseconds; `u64::MAX` while unknown.
    pub latency: AtomicU64,
    /// When the last message came, in milliseconds since the server's start;
    /// kept only while the heartbeat asks for it.
    last_inbound: AtomicU64,
    keep_inbound: AtomicBool,
    /// The spark's thread is not in its socket's `read`.
    pub busy: AtomicBool,
    /// How often it was.
    pub waits: Counter,
    /// Wakes the spark's thread out of its wait; lent when first wanted.
    waker: Lock<Option<Arc<Lent>>>,
    /// There was none left: a ping has to make the client wake the thread.
    by_ping: AtomicBool,
    pub wake_wanted: AtomicBool,
    /// The backlog became empty and the `drain` listeners do not know yet.
    pub drained: AtomicBool,
    /// An error that nobody listens for was told on stderr.
    pub told: AtomicBool,
    /// Closing packets that are about to be written.
    farewells: AtomicU32,
}

/// The outgoing half of a spark. Apart, for the stack that it takes.
#[inline(never)]
fn outbox(server: &Server, sink: Sink, wire: &'static dyn Wire, spark: Weak<Inner>) -> Arc<Outbox> {
    let parts = Parts {
        bound: server.options.backlog,
        policy: server.options.slow_consumer,
        metrics: server.metrics.clone(),
        flusher: server.flusher.clone(),
        timer: server.timer.clone(),
    };
    let drained = Box::new(move || spark.upgrade().iter().for_each(|spark| spark.drained()));
    Outbox::new(sink, wire, parts, drained)
}

/// A closing packet on its way; counted until it is written or given up.
struct Farewell(Arc<Inner>);

impl Farewell {
    fn new(spark: Arc<Inner>) -> Self {
        spark.farewells.fetch_add(1, Ordering::AcqRel);
        Farewell(spark)
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.farewells.fetch_sub(1, Ordering::AcqRel);
    }
}

struct Heart {
    beat: Heartbeat,
    timer: Option<Key>,
    /// Cuts the connection when closing takes too long.
    closing: Option<Key>,
    /// How often the thread had waited for input at the last tick.
    waits: u64,
    /// The client was excused at the last tick.
    excused: bool,
}

impl Heart {
    /// Whether the client cannot be judged at this tick, because its answer may
    /// lie unread: the thread is in a listener, since the tick before, or by
    /// chance just now, which counts once.
    fn is_excused(&mut self, busy: bool, waits: u64) -> bool {
        let stuck = std::mem::replace(&mut self.waits, waits) == waits;
        self.excused = busy && (stuck || !self.excused);
        self.excused
    }
}

impl Spark {
    /// Makes the spark of an accepted connection; it is not registered yet.
    pub(super) fn open(
        server: &Arc<Server>,
        id: String,
        opening: Box<Opening>,
    ) -> (Self, Box<dyn Source>) {
        let now = server.timer.now();
        let beat = Heartbeat::open(
            server.heartbeat.clone(),
            &signals(server.options.transformer, &opening),
            now,
        );
        let Opening { request, extensions, sink, wire, source, .. } = *opening;
        let spark = Spark(Arc::new_cyclic(|me: &Weak<Inner>| Inner {
            id,
            request,
            extensions,
            server: server.clone(),
            outbox: outbox(server, sink, wire, me.clone()),
            inbox: Inbox::default(),
            events: SparkEvents::default(),
            state: AtomicU8::new(ReadyState::Open as u8),
            reason: OnceLock::new(),
            heart: Lock::new(Heart { beat, timer: None, closing: None, waits: 0, excused: false }),
            latency: AtomicU64::new(u64::MAX),
            last_inbound: AtomicU64::new(0),
            keep_inbound: AtomicBool::new(false),
            busy: AtomicBool::new(true),
            waits: Counter::default(),
            waker: Lock::default(),
            by_ping: AtomicBool::new(false),
            wake_wanted: AtomicBool::new(false),
            drained: AtomicBool::new(false),
            told: AtomicBool::new(false),
            farewells: AtomicU32::new(0),
        }));
        (spark, source)
    }

    /// Writes a message: anything serialisable, through the outgoing
    /// transforms and the parser. Never waits for the client, from any thread;
    /// what one thread writes arrives in the order written.
    ///
    /// While complete messages wait to be handled, what a spark's own thread
    /// writes to it is collected and sent with one call, before the thread
    /// waits for more; [`flush`](Self::flush) sends it at once.
    ///
    /// # Errors
    /// [`Error::Closed`] after the end, [`Error::Full`] when the client reads
    /// too slowly, [`Error::Parser`] and [`Error::Transform`] when the message
    /// cannot be encoded; those two are also `error` events. Nothing is written
    /// then.
    pub fn write<T: Serialize + ?Sized>(&self, value: &T) -> Result<Written> {
        if !self.0.is_open() {
            return Err(Error::Closed);
        }
        match self.encode(value) {
            Ok(Some(frame)) => self.write_frame(&frame),
            Ok(None) => Ok(Written::Sent),
            Err(error) => {
                failure::emit_error(self, &error);
                Err(error)
            }
        }
    }

    fn encode<T: Serialize + ?Sized>(&self, value: &T) -> Result<Option<Frame>> {
        let server = &self.0.server;
        if server.outgoing.is_empty() {
            return Ok(server.options.parser.encode(value, self)?);
        }
        let value = crate::value::to_value(value).map_err(Error::Transform)?;
        match server.outgoing.apply(self, value)? {
            Some(value) => Ok(server.options.parser.encode(&value, self)?),
            None => Ok(None),
        }
    }

    /// Writes an encoded message as it is, past transforms and parser: what a
    /// relay does with [`Message::frame`](crate::Message::frame).
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_frame(&self, frame: &Frame) -> Result<Written> {
        if !self.0.is_open() {
            return Err(Error::Closed);
        }
        let broadcaster = &self.0.server.broadcaster;
        if broadcaster.behind() {
            broadcaster.one(self.clone(), Action::Write(frame.clone()))?;
            return Ok(Written::Queued(self.buffered() + frame.len()));
        }
        self.write_now(frame)
    }

    /// Writes past the order with broadcasts.
    pub(super) fn write_now(&self, frame: &Frame) -> Result<Written> {
        self.0.outbox.offer(frame, thread::is_own(&self.0))
    }

    /// Writes one of Primus's own messages.
    pub(super) fn write_control(&self, text: &str) {
        if let Some(frame) = self.encode_control(text) {
            self.0.outbox.offer_control(&frame, thread::is_own(&self.0));
        }
    }

    /// One of Primus's own messages, which no transform sees. A custom parser
    /// may panic, and this may be a thread that serves others too.
    fn encode_control(&self, text: &str) -> Option<Frame> {
        let encode = || self.0.server.options.parser.encode(text, self);
        match catch(encode) {
            Ok(Ok(frame)) => frame,
            Ok(Err(error)) => {
                log::warn!("cannot encode {text}: {error}");
                None
            }
            Err(panic) => {
                self.0.server.metrics.panics.add(1);
                log::error!("encoding {text} panicked: {panic}");
                None
            }
        }
    }

    /// Sends now what the spark's own thread has written.
    pub fn flush(&self) {
        self.0.outbox.uncork();
    }

    /// Blocks until nothing waits for the client any more; false when that did
    /// not come about within `timeout`, or the connection ended first.
    pub fn wait_drain(&self, timeout: Duration) -> bool {
        self.0.outbox.wait_empty(timeout)
    }

    /// Ends the connection: sends what was written before, tells the client not
    /// to reconnect, and closes in the protocol's own way. Returns at once; the
    /// `end` event follows on the spark's thread when the client has answered
    /// or [`Limits::close_timeout`](crate::Limits::close_timeout) is over.
    pub fn end(&self) {
        self.finish(EndOptions::default());
    }

    /// [`end`](Self::end) with options; what was written before is sent first.
    pub fn end_options(&self, options: EndOptions) {
        self.finish(options);
    }

    /// Writes a last message, then ends.
    ///
    /// # Errors
    /// As [`write`](Self::write); the connection is ended all the same.
    pub fn end_with<T: Serialize + ?Sized>(&self, value: &T) -> Result<Written> {
        let written = self.write(value);
        self.end();
        written
    }

    fn finish(&self, options: EndOptions) {
        self.close(CloseReason::new(Ended::Local, 1000, "", options.reconnect));
    }

    /// Ends the connection for a reason of this side, in order with what this
    /// thread has written.
    pub(super) fn close(&self, reason: CloseReason) {
        let _farewell = Farewell::new(self.0.clone());
        if self.0.server.broadcaster.behind() {
            self.close_behind(reason);
        } else if self.0.shut(reason) {
            self.0.say_goodbye();
        }
    }

    /// Ends the connection behind all broadcasts so far.
    pub(super) fn close_behind(&self, reason: CloseReason) {
        let farewell = Farewell::new(self.0.clone());
        if !self.0.shut(reason) {
            return;
        }
        let end = Box::new(move |spark: &Spark| {
            spark.0.say_goodbye();
            drop(farewell);
        });
        if self.0.server.broadcaster.one(self.clone(), Action::End(end)).is_err() {
            self.0.say_goodbye();
        }
    }

    /// Waits until the closing packets that other threads are about to write,
    /// or that are on their way behind broadcasts, are written: until then the
    /// spark must stay among those that get broadcasts, and its socket open.
    /// On the spark's own thread only, which has nothing else to do any more.
    pub(super) fn await_farewell(&self) {
        while self.0.farewells.load(Ordering::Acquire) > 0 {
            let (done, gone) = crossbeam_channel::bounded::<()>(0);
            let end = Box::new(move |_: &Spark| drop(done));
            if self.0.server.broadcaster.one(self.clone(), Action::End(end)).is_err() {
                return;
            }
            // The sender goes when it is our turn, or with the broadcaster.
            let _ = gone.recv();
        }
    }

    /// An iterator over the messages that blocks until the next one: the other
    /// way of receiving. While it exists, messages go to it and not to the
    /// `data` listeners. It ends when the connection has ended and all that came
    /// before is taken, which works after the end, too.
    ///
    /// On the spark's own thread (in a `connection` listener, say) it reads the
    /// socket itself; on any other it takes over what the spark's thread reads.
    ///
    /// ```no_run
    /// # let primus = primus::Primus::builder().build()?;
    /// primus.on_connection(|spark| -> primus::Result<()> {
    ///     for message in spark.messages() {
    ///         spark.write(&message)?;
    ///     }
    ///     Ok(())
    /// });
    /// # Ok::<(), primus::Error>(())
    /// ```
    pub fn messages(&self) -> Messages {
        Messages::new(self.clone())
    }

    /// Whether `name` is an event that Primus itself emits on sparks, which
    /// applications and plugins must not use for their own.
    pub fn reserved(name: &str) -> bool {
        name.starts_with("incoming::")
            || name.starts_with("outgoing::")
            || matches!(name, "readyStateChange" | "heartbeat" | "error" | "data" | "end" | "drain")
    }

    pub(super) fn outbox(&self) -> &Arc<Outbox> {
        &self.0.outbox
    }

    /// Starts the heartbeat's timer.
    pub(super) fn start_heart(&self) {
        let mut heart = self.0.heart.lock();
        if let Some(at) = heart.beat.deadline() {
            self.tick_at(&mut heart, at);
        }
        self.watch_inbound(&heart);
    }

    /// Sets the heartbeat's timer, anew if it has run out.
    fn tick_at(&self, heart: &mut Heart, at: Instant) {
        let timer = &self.0.server.timer;
        let at = timer.coarse(at);
        if !heart.timer.is_some_and(|key| timer.reschedule(key, at)) {
            heart.timer = Some(timer.schedule(at, Arc::downgrade(&self.0)));
        }
    }

    fn watch_inbound(&self, heart: &Heart) {
        let pinging = heart.beat.generation() == protocol::Generation::ClientPings;
        self.0.keep_inbound.store(pinging, Ordering::Relaxed);
    }

    /// Passes a protocol message to the heartbeat.
    pub(super) fn heartbeat(&self, control: protocol::Control<'_>) -> protocol::Received {
        let now = self.0.server.timer.now();
        let mut heart = self.0.heart.lock();
        let received = heart.beat.control(control, now);
        self.watch_inbound(&heart);
        if let protocol::Received::Heartbeat { latency, rearm, .. } = &received {
            if let Some(latency) = latency {
                self.0.latency.store(latency.as_micros() as u64, Ordering::Relaxed);
            }
            if let Some(at) = *rearm {
                self.tick_at(&mut heart, at);
            }
        }
        received
    }

    /// A sign of life of the wire protocol.
    pub(super) fn alive(&self) {
        let now = self.0.server.timer.now();
        self.0.heart.lock().beat.alive(now);
    }

    /// Notes that a message came, if the heartbeat wants to know.
    pub(super) fn note_inbound(&self) {
        if self.0.keep_inbound.load(Ordering::Relaxed) {
            let now = self.0.server.timer.now();
            let since = now.saturating_duration_since(self.0.server.started);
            self.0.last_inbound.store(since.as_millis() as u64, Ordering::Relaxed);
        }
    }

    /// Cancels the timers of a connection that is over.
    pub(super) fn stop_timers(&self) {
        let mut heart = self.0.heart.lock();
        for key in [heart.timer.take(), heart.closing.take()].into_iter().flatten() {
            self.0.server.timer.cancel(key);
        }
    }
}

fn signals<'a>(transformer: &'a str, opening: &'a Opening) -> Signals<'a> {
    let query = opening.request.query();
    Signals {
        ping: raw_parameter(query, "ping"),
        pong: raw_parameter(query, "pong"),
        websocket_key: opening.request.header("sec-websocket-key"),
        transformer,
        eio: opening.revision,
    }
}

/// A query parameter as it stands; the values looked for need no decoding.
fn raw_parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|pair| pair.0 == name)
        .map(|pair| pair.1)
}

impl Inner {
    pub fn is_open(&self) -> bool {
        self.state.load(Ordering::Acquire) == ReadyState::Open as u8
    }

    /// Marks the spark as closed, for the first reason given; false when it was.
    pub fn shut(&self, reason: CloseReason) -> bool {
        if self.reason.set(reason).is_err() {
            return false;
        }
        self.state.store(ReadyState::Closed as u8, Ordering::Release);
        true
    }

    pub fn reason(&self) -> Option<&CloseReason> {
        self.reason.get()
    }

    /// Takes the spark out of the registry and writes the closing packets.
    fn say_goodbye(self: &Arc<Self>) {
        let spark = Spark(self.clone());
        self.server.registry.remove(&spark);
        let Some(reason) = self.reason.get() else { return };
        let told = !reason.may_reconnect;
        let goodbye = told.then(|| spark.encode_control(protocol::SERVER_CLOSE)).flatten();
        self.outbox.close(reason, goodbye.as_ref());
        self.inbox.close();
        self.arm_close_timeout();
    }

    /// Cuts the connection when it is not over in time.
    pub fn arm_close_timeout(&self) {
        let at = after(self.server.timer.now(), self.server.options.limits.close_timeout);
        let outbox = Arc::downgrade(&self.outbox);
        let cut = move || outbox.upgrade().iter().for_each(|outbox| outbox.cut());
        self.heart
            .lock()
            .closing
            .get_or_insert_with(|| self.server.timer.schedule_fn(at, Box::new(cut)));
    }

    /// The flusher has emptied the backlog.
    fn drained(&self) {
        self.drained.store(true, Ordering::Release);
        self.wake();
    }

    /// Wakes the spark's thread if it waits on the waker.
    pub fn wake(&self) {
        if let Some(waker) = &*self.waker.lock() {
            waker.wake();
        }
        match self.by_ping.swap(false, Ordering::AcqRel) {
            true => self.outbox.nudge(),
            false => self.outbox.wake_session(),
        }
    }

    /// The waker to wait on, if anything but the socket may wake the thread.
    pub fn wanted_waker(&self) -> Option<Arc<Lent>> {
        let wanted = self.wake_wanted.load(Ordering::Acquire) || self.inbox.has_kept();
        // A session that is polled wakes its thread without a descriptor.
        if !wanted || self.outbox.is_poll() {
            return None;
        }
        let mut waker = self.waker.lock();
        if waker.is_none() {
            *waker = self.server.wakers.lend().map(Arc::new);
            self.by_ping.store(waker.is_none(), Ordering::Release);
        }
        waker.clone()
    }

    /// The thread will not be woken any more.
    pub fn give_up_waker(&self) {
        drop(self.waker.lock().take());
    }

    fn last_inbound(&self) -> Option<Instant> {
        match self.last_inbound.load(Ordering::Relaxed) {
            0 => None,
            millis => Some(self.server.started + Duration::from_millis(millis)),
        }
    }
}

impl Task for Inner {
    /// The heartbeat's deadline.
    fn fire(self: Arc<Self>, now: Instant) -> Option<Instant> {
        if !self.is_open() {
            return None;
        }
        let wall_ms = self.server.timer.wall_ms();
        let busy = self.busy.load(Ordering::Acquire);
        let mut heart = self.heart.lock();
        let excused = heart.is_excused(busy, self.waits.value());
        let tick = heart.beat.tick(now, wall_ms, self.last_inbound(), excused);
        drop(heart);
        match tick {
            protocol::Tick::Alive { send, next, .. } => {
                let next = next.map(|at| self.server.timer.coarse(at));
                if let Some(frame) = send.and_then(|text| Spark(self.clone()).encode_control(&text))
                {
                    self.outbox.offer_ping(&frame);
                }
                next
            }
            protocol::Tick::Dead { flatline } => {
                log::debug!("spark {} is dead (pings skipped: {flatline:?})", self.id);
                self.server.metrics.heartbeats_missed.add(1);
                self.die(CloseReason::new(Ended::Heartbeat, 1000, "no heartbeat in time", true));
                None
            }
        }
    }
}

impl Inner {
    /// Ends a spark whose client is gone: nobody will answer, so the socket is
    /// shut at once, behind the closing packet.
    pub fn die(self: &Arc<Self>, reason: CloseReason) {
        if self.shut(reason) {
            self.say_goodbye();
            self.outbox.shutdown();
        }
    }
}

impl Peer for Spark {
    fn id(&self) -> Option<&str> {
        Some(&self.0.id)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl fmt::Debug for Spark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spark({})", self.id())
    }
}

impl PartialEq for Spark {
    /// Two handles are equal when they are of the same connection.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Spark {}

impl Hash for Spark {
    /// By the connection, which stays the same whatever changes in it (clippy's
    /// `mutable_key_type` cannot know).
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}
