//! What streams inside a connection have in common: those of
//! [`substream`](super::substream) and the channels of [`multiplex`](super::multiplex).

mod early;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::calls::{call_all, quietly};
use super::event::forget;
use super::{Channel, Encode};
use crate::error::{BoxError, Result};
use crate::events::{ListenerId, Listeners};
use crate::extensions::Extensions;
use crate::message::Written;
use crate::value::Value;
use early::Early;

/// A handle of a stream: the connection, and what all handles of the stream share.
/// What they share does not hold the connection, which holds it.
pub(crate) trait Inside: Channel + Clone {
    /// The connection.
    fn outer(&self) -> &dyn Channel;

    /// The state of the stream.
    fn stream(&self) -> &Stream<Self>;

    /// Writes a message of the stream.
    fn say(&self, message: &dyn Encode) -> Result<Written>;

    /// Takes it out of the connection's table, and tells the other side where that is
    /// to know.
    fn leave(&self, tell: bool);

    /// It is over, and its own listeners have been told.
    fn left(&self) {}
}

type OnData<S> = dyn Fn(&S, &Value) -> Result<(), BoxError> + Send + Sync;
type OnEnd<S> = dyn Fn(&S) + Send + Sync;

/// The state of a stream. `S` is the handle that its listeners get.
pub(crate) struct Stream<S> {
    data: Listeners<OnData<S>>,
    ended: Listeners<OnEnd<S>>,
    over: Listeners<dyn Fn() + Send + Sync>,
    extensions: Extensions,
    is_over: AtomicBool,
    early: Early,
}

impl<S> Default for Stream<S> {
    fn default() -> Self {
        Stream {
            data: Listeners::default(),
            ended: Listeners::default(),
            over: Listeners::default(),
            extensions: Extensions::default(),
            is_over: AtomicBool::new(false),
            early: Early::default(),
        }
    }
}

impl<S: Inside> Stream<S> {
    /// Whether nobody has ended it.
    pub fn is_open(&self) -> bool {
        !self.is_over.load(Ordering::Acquire)
    }

    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Adds a listener, which gets what has come before it.
    pub fn on_data(&self, this: &S, listener: Arc<OnData<S>>) -> ListenerId {
        let id = self.data.add(listener, false);
        if !self.early.is_empty() {
            let (outer, this) = (this, this.clone());
            // In order, and on the thread of all others.
            let deliver = move || {
                if let Err(error) = this.stream().deliver_early(&this) {
                    log::error!("listener of a stream: {error}");
                }
            };
            outer.outer().after(Duration::ZERO, Box::new(deliver));
        }
        id
    }

    /// Adds a listener, which is called at once if the end has been.
    pub fn on_end(&self, this: &S, listener: Arc<OnEnd<S>>) -> ListenerId {
        // For once: whoever takes it calls it.
        let id = self.ended.add(listener, true);
        if !self.is_open() {
            self.tell_end(this);
        }
        id
    }

    fn tell_end(&self, this: &S) {
        for listener in self.ended.snapshot().iter() {
            quietly(|| listener(this));
        }
    }

    pub fn off(&self, id: ListenerId) -> bool {
        self.data.remove(id) || self.ended.remove(id)
    }

    pub fn on_over(&self, then: Box<dyn Fn() + Send + Sync>) {
        let then: Arc<dyn Fn() + Send + Sync> = then.into();
        self.over.add(then.clone(), false);
        // It is marked before these are called, so one of the two has it.
        if !self.is_open() {
            then();
        }
    }

    /// A message has come: for a plugin, or else for the listeners.
    ///
    /// # Errors
    /// Those of whoever got it.
    pub fn received(&self, this: &S, value: Value) -> Result<(), BoxError> {
        let Some(value) = this.handlers().offer(this, value)? else { return Ok(()) };
        let before = self.deliver_early(this);
        if !self.data.is_empty() {
            return before.and(self.tell(this, &value));
        }
        self.early.keep(value);
        // A listener may have come meanwhile, and found nothing.
        before.and(self.deliver_early(this))
    }

    fn deliver_early(&self, this: &S) -> Result<(), BoxError> {
        let mut result = Ok(());
        while !self.data.is_empty() {
            let Some(value) = self.early.next() else { break };
            result = result.and(self.tell(this, &value));
        }
        result
    }

    /// Calls all listeners, whatever one of them does.
    fn tell(&self, this: &S, value: &Value) -> Result<(), BoxError> {
        call_all(self.data.snapshot().iter(), |listener| listener(this, value))
    }

    /// The connection is lost, but the stream goes on with the next one.
    pub fn lost(&self) {
        for then in self.over.snapshot().iter() {
            quietly(then);
        }
    }

    /// Ends it, once, and lets go of what it holds. `tell`: the other side, too.
    pub fn end(&self, this: &S, tell: bool) {
        if self.is_over.swap(true, Ordering::AcqRel) {
            return;
        }
        this.leave(tell);
        self.tell_end(this);
        self.lost();
        this.left();
        self.data.clear();
        forget(&self.extensions);
        self.over.clear();
        self.early.clear();
    }
}

/// What every handle of a stream can do, by what [`Inside`] says.
macro_rules! stream_handle {
    ($Handle:ident) => {
        impl $Handle {
            /// Writes a message to the other end of it.
            ///
            /// # Errors
            /// [`Error::Closed`](crate::Error::Closed) after its end, else those of the
            /// connection's `write`.
            pub fn write<T: serde::Serialize + ?Sized>(
                &self,
                message: &T,
            ) -> crate::error::Result<crate::message::Written> {
                crate::channel::Channel::write_message(self, &message)
            }

            /// Ends it on both sides; the connection goes on. The listeners of
            /// [`on_end`](Self::on_end) are called before this returns. Nothing happens
            /// if it has ended.
            pub fn end(&self) {
                crate::plugins::stream::Inside::stream(self).end(self, true);
            }

            /// Writes a last message, then ends it.
            ///
            /// # Errors
            /// As [`write`](Self::write); it ends nevertheless.
            pub fn end_with<T: serde::Serialize + ?Sized>(
                &self,
                message: &T,
            ) -> crate::error::Result<crate::message::Written> {
                let written = self.write(message);
                self.end();
                written
            }

            /// Whether messages can be written: it has not ended, and the connection is
            /// open.
            pub fn is_open(&self) -> bool {
                crate::channel::Channel::is_open(self)
            }

            /// A message has come, and no plugin has claimed it. Called on the
            /// connection's thread; an error is an `error` event of the connection.
            /// Messages that come before the first listener wait for it: 1,000 of them
            /// and 64 KiB at the most, later ones are dropped.
            ///
            /// Returns what [`off`](Self::off) takes to remove the listener.
            pub fn on_data<R: crate::outcome::Outcome>(
                &self,
                listener: impl Fn(&Self, &crate::value::Value) -> R + Send + Sync + 'static,
            ) -> crate::events::ListenerId {
                let listener = move |this: &Self, message: &_| {
                    crate::outcome::Outcome::into_result(listener(this, message))
                };
                let stream = crate::plugins::stream::Inside::stream(self);
                stream.on_data(self, std::sync::Arc::new(listener))
            }

            /// It has ended: the other side has said so, or the connection is over, and
            /// then this is called on the connection's thread; or somebody has called
            /// [`end`](Self::end), and then on that thread. Called once; at once if it has
            /// ended.
            pub fn on_end(
                &self,
                listener: impl Fn(&Self) + Send + Sync + 'static,
            ) -> crate::events::ListenerId {
                let stream = crate::plugins::stream::Inside::stream(self);
                stream.on_end(self, std::sync::Arc::new(listener))
            }

            /// Removes a listener; false when it was not there.
            pub fn off(&self, id: crate::events::ListenerId) -> bool {
                crate::plugins::stream::Inside::stream(self).off(id)
            }
        }

        impl crate::channel::Channel for $Handle {
            fn write_message(
                &self,
                message: &dyn crate::channel::Encode,
            ) -> crate::error::Result<crate::message::Written> {
                match crate::plugins::stream::Inside::stream(self).is_open() {
                    true => crate::plugins::stream::Inside::say(self, message),
                    false => Err(crate::error::Error::Closed),
                }
            }

            fn extensions(&self) -> &crate::extensions::Extensions {
                crate::plugins::stream::Inside::stream(self).extensions()
            }

            fn handlers(&self) -> &crate::channel::Handlers {
                crate::plugins::stream::Inside::outer(self).handlers()
            }

            fn is_open(&self) -> bool {
                use crate::plugins::stream::Inside;
                self.stream().is_open() && self.outer().is_open()
            }

            fn is_inside(&self) -> bool {
                crate::plugins::stream::Inside::outer(self).is_inside()
            }

            fn is_reserved(&self, event: &str) -> bool {
                crate::plugins::stream::Inside::outer(self).is_reserved(event)
            }

            fn on_over(&self, then: Box<dyn Fn() + Send + Sync>) {
                crate::plugins::stream::Inside::stream(self).on_over(then);
            }

            fn after(&self, delay: std::time::Duration, then: Box<dyn FnOnce() + Send>) {
                crate::plugins::stream::Inside::outer(self).after(delay, then);
            }

            fn end_channel(&self) {
                self.end();
            }

            fn share(&self) -> std::sync::Arc<dyn crate::channel::Channel> {
                std::sync::Arc::new(self.clone())
            }

            fn answers(&self) -> usize {
                crate::plugins::stream::Inside::outer(self).answers()
            }

            fn manual_clock(&self) -> Option<crate::timer::ManualClock> {
                crate::plugins::stream::Inside::outer(self).manual_clock()
            }

            fn any(&self) -> &dyn std::any::Any {
                self
            }
        }

        impl std::fmt::Debug for $Handle {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($Handle))
                    .field("name", &self.name())
                    .field("is_open", &self.is_open())
                    .finish_non_exhaustive()
            }
        }
    };
}

pub(crate) use stream_handle;
