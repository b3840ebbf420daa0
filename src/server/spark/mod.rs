//! A connection, as the application sees it.

mod channel;
mod end;
mod heart;
mod wake;

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use serde::Serialize;

use crate::close::CloseReason;
use crate::codec::Codec;
use crate::error::{Error, Result};
use crate::excuse::Busy;
use crate::extensions::Extensions;
use crate::frame::Frame;
use crate::http::server::Request;
use crate::message::Written;
use crate::parsers::Peer;
use crate::protocol::Heartbeat;
use crate::ready_state::ReadyState;
use crate::server::broadcaster::Action;
use crate::server::events::SparkEvents;
use crate::server::failure;
use crate::server::inbox::Inbox;
use crate::server::inner::Inner as Server;
use crate::server::metrics::Counter;
use crate::server::outbox::Outbox;
use crate::server::thread;
use crate::server::wakers::Lent;
use crate::sync::{Lock, rank};
use crate::transformers::port::Which;
use crate::transformers::serve::{Opening, Sink, Source, Wire};
use heart::{Heart, signals};

pub use end::EndOptions;

/// One connection of a server: a cheap handle, usable from any thread and from
/// every listener.
///
/// Each spark has a thread of its own on which its listeners run, one after
/// the other; a listener that blocks holds up no other connection.
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
    pub transformer: Which,
    pub outbox: Arc<Outbox>,
    pub inbox: Inbox,
    pub events: SparkEvents,
    state: AtomicU8,
    /// Boxed: it has none while it lives.
    reason: OnceLock<Box<CloseReason>>,
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
    /// There is something whose time has come.
    pub due: AtomicBool,
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
    Outbox::new(sink, wire, server.outboxes.clone(), spark)
}

impl Spark {
    /// Makes the spark of an accepted connection; it is not registered yet.
    pub(super) fn open(
        server: &Arc<Server>,
        transformer: Which,
        id: String,
        opening: Box<Opening>,
    ) -> (Self, Box<dyn Source>) {
        let now = server.timer.now();
        let options = server.heartbeat.clone();
        let beat = match opening.wire.has_heartbeat() {
            true => Heartbeat::open(options, &signals(&opening), now),
            false => Heartbeat::silent(options, now),
        };
        let Opening { request, extensions, sink, wire, source, .. } = *opening;
        let spark = Spark(Arc::new_cyclic(|me: &Weak<Inner>| Inner {
            id,
            request,
            extensions,
            server: server.clone(),
            transformer,
            outbox: outbox(server, sink, wire, me.clone()),
            inbox: Inbox::default(),
            events: SparkEvents::default(),
            state: AtomicU8::new(ReadyState::Open as u8),
            reason: OnceLock::new(),
            heart: Lock::new(Heart { beat, timer: None, closing: None, busy: Busy::default() }),
            latency: AtomicU64::new(u64::MAX),
            last_inbound: AtomicU64::new(0),
            keep_inbound: AtomicBool::new(false),
            busy: AtomicBool::new(true),
            waits: Counter::default(),
            waker: Lock::default(),
            by_ping: AtomicBool::new(false),
            wake_wanted: AtomicBool::new(false),
            due: AtomicBool::new(false),
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
        self.write_encoded(|codec| codec.encode(value, self))
    }

    /// Writes what `encode` makes.
    fn write_encoded(
        &self,
        encode: impl FnOnce(&Codec<Spark>) -> Result<Option<Frame>>,
    ) -> Result<Written> {
        if !self.0.is_open() {
            return Err(Error::Closed);
        }
        match encode(&self.0.server.codec) {
            Ok(Some(frame)) => self.write_frame(&frame),
            Ok(None) => Ok(Written::Sent),
            Err(error) => {
                failure::emit_error(self, &error);
                Err(error)
            }
        }
    }

    /// Writes an encoded message as it is, past transforms and parser: what a
    /// relay does with [`Message::frame`](crate::Message::frame).
    ///
    /// # Errors
    /// As [`write`](Self::write); and [`Error::Misuse`] for bytes, if the transformer
    /// carries text only.
    pub fn write_frame(&self, frame: &Frame) -> Result<Written> {
        if !self.0.is_open() {
            return Err(Error::Closed);
        }
        if frame.is_binary() && !self.0.server.port.takes_bytes(self.0.transformer) {
            let name = self.transformer();
            return Err(Error::Misuse(format!(
                "bytes to a client of `{name}`: it carries text only"
            )));
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

    /// One of Primus's own messages.
    fn encode_control(&self, text: &str) -> Option<Frame> {
        let server = &self.0.server;
        server.codec.encode_control(text, self).unwrap_or_else(|error| {
            match error {
                Error::Panicked(panic) => {
                    server.metrics.panics.add(1);
                    log::error!("encoding {text} panicked: {panic}");
                }
                error => log::warn!("cannot encode {text}: {error}"),
            }
            None
        })
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
}

impl Inner {
    pub fn is_open(&self) -> bool {
        self.state.load(Ordering::Acquire) == ReadyState::Open as u8
    }

    /// Marks the spark as closed, for the first reason given; false when it was.
    pub fn mark_closed(&self, reason: CloseReason) -> bool {
        if self.reason.set(Box::new(reason)).is_err() {
            return false;
        }
        self.state.store(ReadyState::Closed as u8, Ordering::Release);
        true
    }

    pub fn reason(&self) -> Option<&CloseReason> {
        self.reason.get().map(|reason| &**reason)
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
