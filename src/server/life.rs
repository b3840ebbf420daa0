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
use crate::error::Error;
use crate::frame::Frame;
use crate::message::Message;
use crate::net::Waker;
use crate::protocol::{self, Control, Received};
use crate::ready_state::ReadyState;
use crate::server::admit::{Admitted, abandon, admit};
use crate::server::deliver::{deliver, deliver_kept};
use crate::server::failure::{self, emit_error, guarded, quietly, tell};
use crate::server::inner::Inner as Server;
use crate::server::spark::Spark;
use crate::server::thread::{self, Lived};
use crate::transformers::port::Which;
use crate::transformers::serve::{Inbound, Opening, Source};

/// How often a closing connection is read, to throw away what comes; a peer
/// that sends more than that is cut.
const LINGER_READS: usize = 1 << 10;

/// Makes a spark of an accepted connection and lives its life.
pub(super) fn run(server: &Arc<Server>, which: Which, opening: Box<Opening>) {
    let lived = Lived::default();
    let Admitted { spark, source, known } = admit(server, which, opening, None);
    lived.reads(source);
    if !known {
        abandon_unnamed(&spark);
    } else if spark.outbox().is_lost() {
        // The client left before it was answered: there was no connection.
        server.metrics.disconnected(spark.transformer());
        abandon(&spark);
    } else {
        lived.by(&spark.0);
        live(&spark);
    }
}

/// Lives the life of a spark that was admitted elsewhere.
pub(super) fn carry(spark: &Spark, source: Box<dyn Source>) {
    let lived = Lived::default();
    lived.reads(source);
    lived.by(&spark.0);
    live(spark);
}

/// The life of a spark, from its first listener to its last.
fn live(spark: &Spark) {
    spark.start_heart();
    converse(spark);
    finish(spark);
}

/// All there is between the first listener and the last message.
fn converse(spark: &Spark) {
    // What the application does is guarded piece by piece; this is for what it
    // hides in a `Display` or a `Drop`.
    guarded(spark, || {
        connect(spark);
        while spark.0.is_open() && step(spark) {}
    });
}

/// Closes the connection of a spark that was not admitted.
#[inline(never)]
fn abandon_unnamed(spark: &Spark) {
    spark.outbox().close(&CloseReason::new(Ended::Application, 1011, "no id", true), None);
    linger(spark, true);
    abandon(spark);
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
pub(super) fn step(spark: &Spark) -> bool {
    if deliver_kept(spark) || spark.run_due() {
        return true;
    }
    match next_inbound(spark) {
        Some(Inbound::Frame(frame)) => guarded(spark, || receive(spark, frame)),
        Some(Inbound::Alive) => {
            spark.alive();
            guarded(spark, || heartbeat(spark));
        }
        Some(Inbound::Closed(reason)) => {
            closed(spark, reason);
            return false;
        }
        None => return wait(spark),
    }
    true
}

#[cold]
#[inline(never)]
fn closed(spark: &Spark, reason: CloseReason) {
    match reason.by {
        // A session that was cut because its client is too slow is lost too.
        Ended::Lost => spark.lost(&reason.text),
        _ => {
            spark.0.mark_closed(reason);
        }
    }
}

/// What is received already. While more waits behind it, answers are corked.
fn next_inbound(spark: &Spark) -> Option<Inbound> {
    thread::with_source(|current| {
        // Behind its end nothing comes, whatever a source of the application's own says.
        let current = current.filter(|current| !current.closed)?;
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
    // The waker exists before we look, so that what comes after that wakes us.
    let waker = spark.0.wanted_waker();
    if spark.0.drained.swap(false, Ordering::AcqRel) {
        guarded(spark, || drained(spark));
    }
    if deliver_kept(spark) || spark.run_due() {
        return true;
    }
    spark.0.waits.bump(1);
    spark.0.busy.store(false, Ordering::Release);
    let waited = wait_for_input(waker.as_ref().map(|lent| &***lent));
    spark.0.busy.store(true, Ordering::Release);
    match waited {
        Ok(true) => return true,
        Ok(false) => spark.lost("end of stream"),
        Err(error) => spark.lost(&error.to_string()),
    }
    false
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

#[inline(never)]
fn receive(spark: &Spark, frame: Frame) {
    // What reading it takes of the stack is free again when the listeners run.
    let Some(message) = read(spark, frame) else { return };
    match spark.0.server.codec.takes_nothing() {
        true => deliver(spark, message),
        false => offer(spark, message),
    }
}

/// Gives a message to the plugin that claims it, and else to the application. Apart, for
/// the stack that it takes.
#[inline(never)]
fn offer(spark: &Spark, message: Message) {
    match spark.0.server.codec.take(message, spark) {
        Ok(Some(message)) => deliver(spark, message),
        Ok(None) => {}
        Err(error) => failure::taken(spark, error),
    }
}

/// What a frame has for the application.
#[inline(never)]
fn read(spark: &Spark, frame: Frame) -> Option<Message> {
    let inner = &spark.0;
    if let Some(text) = inner.server.codec.control(&frame, spark)
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
    inner.server.codec.check(frame, spark).map_err(|error| unreadable(spark, &error)).ok()
}

/// Tells of a message that the client got wrong.
#[cold]
#[inline(never)]
fn unreadable(spark: &Spark, error: &Error) {
    let text = format!("message of {} not delivered: {error}", spark.id());
    spark.0.server.log(log::Level::Info, &text);
    emit_error(spark, error);
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

/// The end: events first, then whatever the wire protocol still demands.
#[inline(never)]
fn finish(spark: &Spark) {
    let inner = &spark.0;
    let server = &inner.server;
    inner.mark_closed(CloseReason::lost("gone"));
    let reason = inner.reason().cloned().unwrap_or_else(|| CloseReason::lost("gone"));
    spark.await_farewell();
    server.registry.remove(spark);
    inner.inbox.close();
    // What the client sent before its end is handled before that is told; an
    // application that ends a connection itself wants no more.
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
    server.metrics.disconnected(spark.transformer());
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
