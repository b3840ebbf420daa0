//! A spark as plugins see it.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Inner, Spark};
use crate::channel::{Channel, Encode, Handlers};
use crate::deadline::after;
use crate::error::Result;
use crate::extensions::Extensions;
use crate::message::Written;
use crate::server::failure::{emit_error, guarded, report};
use crate::server::thread;
use crate::sync::Lock;
use crate::timer::ManualClock;
use crate::value::Value;

/// What a spark's thread is to do, because its time has come; there once something
/// was ever to be done later.
#[derive(Default)]
struct Due(Lock<Vec<Job>>);

type Job = Box<dyn FnOnce() + Send>;

impl Channel for Spark {
    fn write_message(&self, message: &dyn Encode) -> Result<Written> {
        self.write_encoded(|codec| codec.encode_dyn(message, self))
    }

    fn write_past(&self, message: &dyn Encode) -> Result<Written> {
        self.write_encoded(|codec| codec.encode_past(message, self))
    }

    fn outgoing(&self, message: Value) -> Result<Option<Value>> {
        let made = self.0.server.codec.outgoing.apply(self, message);
        made.inspect_err(|error| {
            emit_error(self, error);
        })
    }

    fn incoming(&self, message: Value) -> Option<Value> {
        let made = self.0.server.codec.incoming.apply(self, message);
        made.unwrap_or_else(|error| {
            report(self, &error);
            None
        })
    }

    fn extensions(&self) -> &Extensions {
        &self.0.extensions
    }

    fn handlers(&self) -> &Handlers {
        &self.0.server.codec.handlers
    }

    fn is_open(&self) -> bool {
        self.0.is_open()
    }

    fn is_inside(&self) -> bool {
        thread::is_own(&self.0)
    }

    fn is_reserved(&self, event: &str) -> bool {
        Spark::reserved(event) || self.0.server.reserved.has(event)
    }

    fn on_over(&self, then: Box<dyn Fn() + Send + Sync>) {
        let then = Arc::new(then);
        let listener = Arc::clone(&then);
        self.on_end(move |_, _| listener());
        // It is marked before its listeners are run, so one of the two has it.
        if !self.0.is_open() {
            then();
        }
    }

    fn after(&self, delay: Duration, then: Box<dyn FnOnce() + Send>) {
        // Or nothing but its client would wake its thread.
        self.want_to_be_woken();
        let timer = &self.0.server.timer;
        let spark = Arc::downgrade(&self.0);
        let hand_over = move || {
            if let Some(spark) = spark.upgrade() {
                spark.hand_over(then);
            }
        };
        timer.schedule_fn(after(timer.now(), delay), Box::new(hand_over));
    }

    fn end_channel(&self) {
        self.end();
    }

    fn share(&self) -> Arc<dyn Channel> {
        Arc::new(self.clone())
    }

    fn answers(&self) -> usize {
        self.0.server.limits.answers
    }

    fn manual_clock(&self) -> Option<ManualClock> {
        self.0.server.options.clock.manual()
    }

    fn any(&self) -> &dyn Any {
        self
    }
}

impl Inner {
    fn hand_over(&self, job: Job) {
        if self.is_open() {
            self.extensions.get_or_init(Due::default).0.lock().push(job);
            self.due.store(true, Ordering::Release);
            self.wake();
        }
    }
}

impl Spark {
    /// Does what its time has come for; false when there is nothing.
    pub(in crate::server) fn run_due(&self) -> bool {
        // As a rule there is nothing: no swap, which would cost more.
        if !self.0.due.load(Ordering::Acquire) || !self.0.due.swap(false, Ordering::AcqRel) {
            return false;
        }
        let Some(due) = self.0.extensions.get::<Due>() else { return false };
        let jobs = std::mem::take(&mut *due.0.lock());
        jobs.into_iter().for_each(|job| guarded(self, job));
        true
    }
}
