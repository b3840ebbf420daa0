//! What a client that polls sends.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Live;
use crate::frame::Frame;
use crate::net::Stream;
use crate::transformers::polled::protocol::{Input, Protocol, Read};

impl<P: Protocol> Live<P> {
    /// Hands over the messages of a request that has come whole, of which there may
    /// be several at a time: in order, and no faster than the spark's thread takes
    /// them once more than `most` bytes wait for it. False when the session is
    /// over.
    pub(crate) fn deliver(
        &self,
        frames: impl Iterator<Item = Frame>,
        came: Option<Instant>,
        most: usize,
    ) -> bool {
        self.deliver_all(frames.map(Read::Message), came, most)
    }

    /// [`deliver`](Self::deliver) of messages and whatever else a client says between
    /// them. What follows the end of the session is left out.
    pub(crate) fn deliver_all(
        &self,
        pieces: impl Iterator<Item = Read<P>>,
        came: Option<Instant>,
        most: usize,
    ) -> bool {
        self.knock();
        self.tick_if_due(came);
        let mut state = self.lock();
        if state.over_since.is_some() {
            return false;
        }
        // Until all is handed over what the client says next may have to wait for it.
        state.delivering += 1;
        state.posts += 1;
        drop(state);
        for piece in pieces {
            let (message, input) = match piece {
                Read::Message(frame) => (Some(frame), None),
                Read::Input(input) => (None, Some(input)),
                Read::Both(frame, input) => (Some(frame), Some(input)),
            };
            if let Some(frame) = message {
                self.heard.store(true, Ordering::Relaxed);
                self.inlet.message(frame);
            }
            if input.is_some_and(|input| self.happens(input).over.is_some()) {
                break;
            }
            self.inlet.show_beyond(most);
        }
        self.inlet.show(most);
        self.lock().delivering -= 1;
        true
    }

    /// What a request brings happens that has come whole, of which there may be several
    /// at a time: `first`, and then whatever the machine says that comes `next`. The
    /// messages among it are taken no faster than the spark's thread takes them once
    /// more than `most` bytes wait for it. Then what waits for the client is offered:
    /// it may have acknowledged some of what was kept. `came`: when, if that is known.
    pub(crate) fn bring(
        &self,
        came: Option<Instant>,
        first: P::Input,
        next: impl Fn(&P) -> Option<P::Input>,
        most: usize,
    ) -> Result<(), P::Refusal> {
        self.tick_if_due(came);
        let mut happens = Some(first);
        while let Some(input) = happens {
            let mut state = self.lock();
            let todo = self.feed(&mut state, input);
            happens = next(&state.machine);
            drop(state);
            if let Some(refusal) = self.settle(todo).refused {
                return Err(refusal);
            }
            self.inlet.show_beyond(most);
        }
        self.inlet.show(most);
        self.writable();
        Ok(())
    }

    /// A POST begins, on this connection. `came`: when, if that is known.
    pub(crate) fn post(
        &self,
        stream: &Arc<Stream>,
        came: Option<Instant>,
        input: P::Input,
    ) -> Result<(), P::Refusal> {
        self.knock();
        self.tick_if_due(came);
        P::turn(&self.fixed);
        let mut state = self.lock();
        let todo = self.feed(&mut state, input);
        if todo.accepted {
            state.post = Some(stream.clone());
            state.posts += 1;
        }
        drop(state);
        self.settle(todo).refused.map_or(Ok(()), Err)
    }

    /// The body of the POST has come whole: what is in it happens, in order, and
    /// no faster than the spark's thread takes the messages among it once more
    /// than `most` bytes wait for it. Then it is to get its answer.
    pub(crate) fn posted(&self, inputs: impl Iterator<Item = P::Input>, most: usize) {
        for input in inputs {
            // An answer to it may go out before the next is handled.
            let mut state = self.lock();
            if state.post.is_none() {
                // It was cut.
                return;
            }
            let todo = self.feed(&mut state, input);
            drop(state);
            self.settle(todo);
            self.inlet.show_beyond(most);
        }
        // Before the thread is woken, which needs the lock too.
        self.happens(Input::Posted.into());
        self.inlet.show(most);
    }

    /// The body of the POST did not come whole.
    pub(crate) fn post_failed(&self, too_large: bool) {
        let mut state = self.lock();
        let todo = self.feed(&mut state, Input::PostFailed { too_large }.into());
        state.post = None;
        drop(state);
        self.settle(todo);
    }
}
