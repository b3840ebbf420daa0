//! How a spark ends; the table of words for it is in [`crate::server`].

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Serialize;

use super::{Inner, Spark};
use crate::close::{CloseReason, Ended};
use crate::deadline::after;
use crate::error::Result;
use crate::message::Written;
use crate::protocol;
use crate::server::broadcaster::Action;

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

/// # Ending
impl Spark {
    /// Ends the connection: sends what was written before, tells the client not
    /// to reconnect, and closes in the protocol's own way. Returns at once; the
    /// `end` event follows on the spark's thread when the client has answered
    /// or [`Limits::close_timeout`](crate::Limits::close_timeout) is over.
    pub fn end(&self) {
        self.end_options(EndOptions::default());
    }

    /// [`end`](Self::end) with options; what was written before is sent first.
    pub fn end_options(&self, options: EndOptions) {
        self.close(CloseReason::new(Ended::Local, 1000, "", options.reconnect));
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

    /// Ends the connection for a reason of this side, in order with what this
    /// thread has written.
    pub(in crate::server) fn close(&self, reason: CloseReason) {
        let _farewell = Farewell::new(self.0.clone());
        if self.0.server.broadcaster.behind() {
            self.close_behind(reason);
        } else if self.0.mark_closed(reason) {
            self.0.say_goodbye();
        }
    }

    /// Ends the connection behind all broadcasts so far.
    pub(in crate::server) fn close_behind(&self, reason: CloseReason) {
        let farewell = Farewell::new(self.0.clone());
        if !self.0.mark_closed(reason) {
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
    pub(in crate::server) fn await_farewell(&self) {
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
}

impl Spark {
    /// The connection broke.
    pub(in crate::server) fn lost(&self, text: &str) {
        let reason = match self.outbox().was_slow() {
            true => CloseReason::new(Ended::SlowConsumer, 1008, "reads too slowly", true),
            false => CloseReason::lost(text),
        };
        self.0.mark_closed(reason);
    }
}

impl Inner {
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

    /// Ends a spark whose client is gone: no answer will come, so the socket is
    /// shut at once, behind the closing packet.
    pub fn die(self: &Arc<Self>, reason: CloseReason) {
        if self.mark_closed(reason) {
            self.say_goodbye();
            self.outbox.shutdown();
        }
    }
}
