//! The life of a spark, on its thread: pull what comes, run the listeners,
//! write what they wrote together, and close in the protocol's own way.
//!
//! The larger functions are kept from being inlined into each other: the pages
//! of a stack that were ever touched stay resident, and with thousands of
//! threads the deepest call counts.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::close::{CloseReason, Ended};
use crate::error::{Error, Result, catch};
use crate::events::{ListenerId, Snapshot};
use crate::frame::Frame;
use crate::message::Message;
use crate::net::Waker;
use crate::protocol::{self, Control, Received};
use crate::ready_state::ReadyState;
use crate::server::Inner as Server;
use crate::server::events::DataListener;
use crate::server::failure::{self, emit_error, guarded, quietly, tell};
use crate::server::inbox::Kept;
use crate::server::session;
use crate::server::spark::Spark;
use crate::server::thread::{self, Lived};
use crate::transformers::{Inbound, Opening, Source};

/// How often a closing connection is read, to throw away what comes; a peer
/// that sends more than that is cut.
const LINGER_READS: usize = 1 << 10;

/// Makes a spark of an accepted connection and lives its life.
pub(super) fn run(server: &Arc<Server>, opening: Box<Opening>) {
    let lived = Lived::default();
    let Admitted { spark, source, known } = admit(server, opening, None);
    lived.reads(source);
    if !known {
        turn_away(&spark);
    } else if spark.outbox().is_lost() {
        // The client left before it was answered: nobody was there.
        server.metrics.disconnected(server.options.transformer);
        abandon(&spark);
    } else {
        lived.by(&spark.0);
        whole(&spark);
    }
}

/// Lives the life of a spark that was admitted elsewhere.
pub(super) fn carry(spark: &Spark, source: Box<dyn Source>) {
    let lived = Lived::default();
    lived.reads(source);
    lived.by(&spark.0);
    whole(spark);
}

fn whole(spark: &Spark) {
    spark.start_heart();
    live(spark);
    finish(spark);
}

/// All there is between the first listener and the last message.
fn live(spark: &Spark) {
    // What the application does is guarded piece by piece; this is for what it
    // hides in a `Display` or a `Drop`.
    guarded(spark, || {
        connect(spark);
        while spark.0.is_open() && turn(spark) {}
    });
}

/// A spark that was made.
pub(super) struct Admitted {
    pub spark: Spark,
    pub source: Box<dyn Source>,
    /// It is registered; else it has no id.
    pub known: bool,
}

/// Makes a spark, registers it and answers its handshake. Generators of ids may
/// fail, panic or repeat themselves. `place` is that of a session's thread.
#[inline(never)]
pub(super) fn admit(
    server: &Arc<Server>,
    mut opening: Box<Opening>,
    place: Option<u64>,
) -> Admitted {
    let (id, fault) = name(server, &mut opening);
    let carrier = opening.session.take();
    let answer = std::mem::take(&mut opening.answer);
    let (spark, source) = Spark::open(server, id, opening);
    let known = spark.outbox().greet(&answer, || {
        if let Some(carrier) = carrier {
            session::tell(&*carrier, &spark, place);
        }
        let known = fault.is_none() && server.registry.insert(&spark);
        if known {
            server.metrics.connected(server.options.transformer);
        }
        known
    });
    if !known {
        tell_fault(&spark, fault);
    } else if server.is_closing() {
        spark.close(server.shutdown_reason());
    }
    Admitted { spark, source, known }
}

#[cold]
#[inline(never)]
fn tell_fault(spark: &Spark, fault: Option<String>) {
    let fault = fault.unwrap_or_else(|| format!("`{}` is taken", spark.id()));
    let text = format!("no id for a connection: {fault}");
    spark.0.server.log(log::Level::Error, &text);
    spark.0.server.tell_unheard(&text);
}

/// The id of a spark, or what is wrong with its generator.
#[inline(never)]
fn name(server: &Arc<Server>, opening: &mut Opening) -> (String, Option<String>) {
    let given = opening.id.take();
    match catch(|| server.new_id(&opening.request, given)) {
        Ok(Ok(id)) => (id, None),
        Ok(Err(error)) => (String::new(), Some(error.to_string())),
        Err(text) => {
            server.metrics.panics.add(1);
            (String::new(), Some(text))
        }
    }
}

/// Closes the connection of a spark that was not admitted.
#[inline(never)]
fn turn_away(spark: &Spark) {
    spark.outbox().close(&CloseReason::new(Ended::Application, 1011, "no id", true), None);
    linger(spark, true);
    abandon(spark);
}

/// Lets go of a spark that has not begun to live.
pub(super) fn abandon(spark: &Spark) {
    spark.0.shut(CloseReason::lost("gone"));
    spark.stop_timers();
    spark.outbox().release();
    spark.0.server.registry.forget(spark, || ());
}

/// Runs the server's `connection` listeners, in order, until one fails.
#[inline(never)]
fn connect(spark: &Spark) {
    let listeners = spark.0.server.events.connection.snapshot();
    for listener in listeners.iter() {
        if !spark.0.is_open() {
            return;
        }
        guarded(spark, || {
            if let Err(error) = listener(spark) {
                failure::refuse(spark, error);
            }
        });
    }
}

/// One step: handles one received thing, or waits for more. False when the
/// connection is over. Where things come from is known to the
/// [`thread`](super::thread), since a reader in a listener goes on from here.
#[inline(never)]
pub(super) fn turn(spark: &Spark) -> bool {
    if deliver_kept(spark) {
        return true;
    }
    match next_inbound(spark) {
        Some(Inbound::Frame(frame)) => guarded(spark, || receive(spark, frame)),
        Some(Inbound::Alive) => {
            spark.alive();
            guarded(spark, || heartbeat(spark));
        }
        // A session that was cut because its client is too slow is lost too.
        Some(Inbound::Closed(reason)) if reason.by == Ended::Lost => {
            return lost(spark, &reason.text);
        }
        Some(Inbound::Closed(reason)) => {
            spark.0.shut(reason);
            return false;
        }
        None => return wait(spark),
    }
    true
}

/// What is received already. While more waits behind it, answers are corked.
fn next_inbound(spark: &Spark) -> Option<Inbound> {
    thread::with_source(|current| {
        let current = current?;
        let inbound = current.source.buffered(&**spark.outbox())?;
        current.closed |= matches!(inbound, Inbound::Closed(_));
        let more = current.source.has_more();
        if more != current.corked {
            current.corked = more;
            spark.outbox().cork(more);
        }
        Some(inbound)
    })
}

/// Blocks until there is more to handle.
#[inline(never)]
fn wait(spark: &Spark) -> bool {
    spark.outbox().uncork();
    // The waker exists before we look, so that whoever comes after wakes us.
    let waker = spark.0.wanted_waker();
    if spark.0.drained.swap(false, Ordering::AcqRel) {
        guarded(spark, || drained(spark));
    }
    if deliver_kept(spark) {
        return true;
    }
    spark.0.waits.bump(1);
    spark.0.busy.store(false, Ordering::Release);
    let waited = wait_for_input(waker.as_ref().map(|lent| &***lent));
    spark.0.busy.store(true, Ordering::Release);
    match waited {
        Ok(true) => true,
        Ok(false) => lost(spark, "end of stream"),
        Err(error) => lost(spark, &error.to_string()),
    }
}

fn drained(spark: &Spark) {
    tell(spark, &spark.0.events.drain.snapshot(), |listener| listener(spark));
}

fn wait_for_input(waker: Option<&Waker>) -> io::Result<bool> {
    thread::with_source(|current| match current {
        Some(current) => {
            current.corked = false;
            current.source.wait(waker)
        }
        None => Ok(false),
    })
}

pub(super) fn lost(spark: &Spark, text: &str) -> bool {
    let reason = match spark.outbox().was_slow() {
        true => CloseReason::new(Ended::SlowConsumer, 1008, "reads too slowly", true),
        false => CloseReason::lost(text),
    };
    spark.0.shut(reason);
    false
}

#[inline(never)]
fn receive(spark: &Spark, frame: Frame) {
    // What reading it takes of the stack is free again when the listeners run.
    let Some(message) = read(spark, frame) else { return };
    match taker(spark) {
        Taker::Listeners(listeners) => run_data(spark, &listeners, &message),
        Taker::Inbox => keep(spark, message),
        Taker::Nobody => {}
    }
}

/// What a frame has for the application.
#[inline(never)]
fn read(spark: &Spark, frame: Frame) -> Option<Message> {
    let inner = &spark.0;
    if let Some(text) = inner.server.options.parser.control(&frame, spark)
        && let Some(control) = protocol::classify(&text)
        && handle_control(spark, control)
    {
        return None;
    }
    spark.note_inbound();
    let traffic = &inner.outbox.traffic;
    traffic.messages_in.bump(1);
    traffic.bytes_in.bump(frame.len());
    if !inner.is_open() {
        return None;
    }
    incoming(spark, frame).unwrap_or_else(|error| {
        unreadable(spark, error);
        None
    })
}

#[cold]
#[inline(never)]
fn unreadable(spark: &Spark, error: Error) {
    match error {
        // The application's own failure; a parser's is the client's.
        Error::Transform(_) => failure::report(spark, &error),
        _ => {
            let text = format!("message of {} not delivered: {error}", spark.id());
            spark.0.server.log(log::Level::Info, &text);
            emit_error(spark, &error);
        }
    }
}

/// Handles one of Primus's own messages; false when it is the application's
/// after all.
#[inline(never)]
fn handle_control(spark: &Spark, control: Control<'_>) -> bool {
    match spark.heartbeat(control) {
        Received::Data => return false,
        Received::Id => spark.write_control(&protocol::id(spark.id())),
        Received::Heartbeat { answer, .. } => {
            answer.iter().for_each(|text| spark.write_control(text));
            heartbeat(spark);
        }
    }
    true
}

fn heartbeat(spark: &Spark) {
    tell(spark, &spark.0.events.heartbeat.snapshot(), |listener| listener(spark));
}

/// Checks and transforms a message; `None` when a transform dropped it.
fn incoming(spark: &Spark, frame: Frame) -> Result<Option<Message>> {
    let server = &spark.0.server;
    let parser = &server.options.parser;
    let message = Message::checked(frame, parser, spark, server.options.limits.values)?;
    if server.incoming.is_empty() {
        return Ok(Some(message));
    }
    let value = server.incoming.apply(spark, message.value().clone())?;
    Ok(value.map(|value| message.transformed(value)))
}

/// Who a message is for.
enum Taker {
    Listeners(DataListeners),
    /// A reader, or whoever comes.
    Inbox,
    Nobody,
}

/// Who takes the next message: a reader, or the `data` listeners, or, while there
/// is neither, the inbox.
#[inline(never)]
fn taker(spark: &Spark) -> Taker {
    let inner = &spark.0;
    if inner.inbox.is_read() {
        return Taker::Inbox;
    }
    // What came before there was a listener goes first.
    while inner.is_open() && deliver_kept(spark) {}
    if !inner.is_open() {
        return Taker::Nobody;
    }
    let listeners = inner.events.data.snapshot();
    match listeners.is_empty() || inner.inbox.has_kept() {
        true => Taker::Inbox,
        false => Taker::Listeners(listeners),
    }
}

/// Puts a message into the inbox.
#[inline(never)]
fn keep(spark: &Spark, message: Message) {
    let inner = &spark.0;
    let reads = thread::is_reading();
    let limit = inner.server.limits.inbox;
    if limit == 0 && !inner.inbox.is_read() {
        return;
    }
    match inner.inbox.push(message, limit, reads) {
        Kept::Yes => {}
        Kept::Full => {
            let text = "messages are not taken: no data listener and no reader";
            inner.server.log(log::Level::Warn, &format!("spark {} ends: {text}", spark.id()));
            spark.close(CloseReason::new(Ended::Application, 1008, text, true));
        }
    }
}

type DataListeners = Snapshot<DataListener>;

#[inline(never)]
fn run_data(spark: &Spark, listeners: &DataListeners, message: &Message) {
    tell(spark, listeners, |listener| listener(spark, message));
}

/// Gives the messages that came before there was a `data` listener to it. True
/// when there were any.
fn deliver_kept(spark: &Spark) -> bool {
    let inner = &spark.0;
    let kept = inner.inbox.has_kept() && !inner.inbox.is_read() && !inner.events.data.is_empty();
    kept && deliver_oldest(spark)
}

#[inline(never)]
fn deliver_oldest(spark: &Spark) -> bool {
    let inner = &spark.0;
    let Some(message) = inner.inbox.pop() else { return false };
    guarded(spark, || run_data(spark, &inner.events.data.snapshot(), &message));
    true
}

/// A `data` listener was added. What waits is given to it by the spark's thread;
/// after the end here, at most so many messages. Those who listened before have
/// had what was for them.
pub(super) fn listens(spark: &Spark, id: ListenerId, listener: &DataListener, most: usize) {
    let inner = &spark.0;
    // Asked after it was added: whoever closes the inbox looks for listeners
    // after that, so one of the two finds what waits.
    if !inner.inbox.is_closed() {
        return inner.wake();
    }
    for _ in 0..most {
        if inner.inbox.is_read() {
            break;
        }
        let Some(message) = inner.inbox.pop() else { break };
        guarded(spark, || {
            if let Err(error) = listener(spark, &message) {
                failure::report(spark, &Error::Listener(error));
            }
        });
    }
    inner.events.data.remove(id);
}

/// The end: events first, then whatever the wire protocol still demands.
#[inline(never)]
fn finish(spark: &Spark) {
    let inner = &spark.0;
    let server = &inner.server;
    inner.shut(CloseReason::lost("gone"));
    let reason = inner.reason().cloned().unwrap_or_else(|| CloseReason::lost("gone"));
    spark.await_farewell();
    server.registry.remove(spark);
    inner.inbox.close();
    // What the client sent before its end is handled before that is told; who
    // ends a connection on this side wants no more.
    let ours = matches!(reason.by, Ended::Local | Ended::Application | Ended::Shutdown);
    while !ours && deliver_kept(spark) {}
    let closes = matches!(reason.by, Ended::Remote | Ended::Protocol);
    if closes {
        spark.outbox().close(&reason, None);
    }
    if matches!(reason.by, Ended::Protocol) {
        emit_error(spark, &Error::Ended(Box::new(reason.clone())));
    }
    emit_end(spark, &reason);
    match reason.by {
        Ended::Lost | Ended::Heartbeat | Ended::SlowConsumer => spark.outbox().shutdown(),
        _ => linger(spark, !closes),
    }
    spark.stop_timers();
    inner.give_up_waker();
    spark.outbox().release();
    server.metrics.disconnected(server.options.transformer);
    server.registry.forget(spark, || server.metrics.ended.absorb(&inner.outbox.traffic));
    quietly(spark, || {
        inner.events.clear();
        Ok(())
    });
}

fn emit_end(spark: &Spark, reason: &CloseReason) {
    let events = &spark.0.events;
    for listener in events.ready_state_change.snapshot().iter() {
        quietly(spark, || listener(spark, ReadyState::Closed));
    }
    for listener in events.end.snapshot().iter() {
        quietly(spark, || listener(spark, reason));
    }
    for listener in spark.0.server.events.disconnection.snapshot().iter() {
        quietly(spark, || listener(spark));
    }
}

/// Whether the peer's part of the closing handshake is done, in whichever
/// phase it came.
fn peer_has_closed() -> bool {
    thread::with_source(|current| current.is_none_or(|current| current.closed))
}

/// Completes the closing handshake: reads on until the peer has answered the
/// closing packet and then ended the stream, so that nothing of what was sent
/// to it is lost. `first` says that our closing packet is the first one: its
/// answer proves that all was read. The close time-out cuts this short.
fn linger(spark: &Spark, first: bool) {
    spark.0.arm_close_timeout();
    let mut ended = false;
    for _ in 0..LINGER_READS {
        while next_inbound(spark).is_some() {}
        if !ended && peer_has_closed() {
            ended = true;
            spark.outbox().fin();
            if first && spark.outbox().waiting() == 0 {
                return;
            }
        }
        if !matches!(wait_for_input(None), Ok(true)) {
            return;
        }
    }
    spark.outbox().cut();
}
