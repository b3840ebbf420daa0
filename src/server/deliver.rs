//! Where the messages go that were received: to a reader, the `data` listeners, or
//! while there is neither, the inbox.

use crate::close::{CloseReason, Ended};
use crate::error::{BoxError, Error};
use crate::events::{ListenerId, Snapshot};
use crate::message::Message;
use crate::server::failure::{self, guarded, tell};
use crate::server::inbox::Kept;
use crate::server::spark::Spark;
use crate::server::thread;

/// What listens for messages.
pub(crate) type DataListener = dyn Fn(&Spark, &Message) -> Result<(), BoxError> + Send + Sync;

/// Gives a message to the reader, to the listeners or to the inbox.
#[inline(never)]
pub(super) fn deliver(spark: &Spark, message: Message) {
    match taker(spark) {
        Taker::Listeners(listeners) => run_data(spark, &listeners, &message),
        Taker::Inbox => keep(spark, message),
        Taker::Nobody => {}
    }
}

/// What takes a message.
enum Taker {
    Listeners(DataListeners),
    /// A reader, or the first one to come.
    Inbox,
    Nobody,
}

/// What takes the next message: a reader, or the `data` listeners, or, while there
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
pub(super) fn deliver_kept(spark: &Spark) -> bool {
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
/// after the end here, all or, to one that listens `once`, a single message. The
/// listeners that were there before have had theirs.
pub(super) fn listens(spark: &Spark, id: ListenerId, listener: &DataListener, once: bool) {
    let inner = &spark.0;
    // Asked after it was added: the thread that closes the inbox looks for
    // listeners after that, so one of the two finds what waits.
    if !inner.inbox.is_closed() {
        return inner.wake();
    }
    let most = if once { 1 } else { usize::MAX };
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
