//! What writers ask of the way out.

use std::sync::Arc;
use std::time::Instant;

use super::{Goodbye, Posts, Way};
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::transformers::connect::Writer;
use crate::transformers::polled::client::Requests;

impl<R: Requests> Writer for Posts<R> {
    fn write(&self, frame: &Frame) -> Result<()> {
        let mut state = self.lock();
        loop {
            match &state.way {
                Way::Gone => return Err(Error::Closed),
                _ if state.goodbye != Goodbye::None => return Err(Error::Closed),
                Way::WebSocket(to) => {
                    let to = Arc::clone(to);
                    drop(state);
                    return to.write_encoded(|out| self.requests.frame(frame, out));
                }
                Way::Polling | Way::Switching if state.has_room(frame.len()) => {
                    state.queue.push(frame.clone());
                    self.post(&mut state, false);
                    // There may be room for another thread that waits.
                    self.tell(&state);
                    return Ok(());
                }
                Way::Polling | Way::Switching => state = self.wait(state, false, None)?,
            }
        }
    }

    fn write_until(&self, frame: &Frame, until: Option<Instant>) -> Result<usize> {
        let mut state = self.lock();
        loop {
            match &state.way {
                Way::Gone => return Err(Error::Closed),
                _ if state.goodbye != Goodbye::None => return Err(Error::Closed),
                Way::WebSocket(to) => {
                    let to = Arc::clone(to);
                    drop(state);
                    let encode = |out: &mut Vec<u8>| self.requests.frame(frame, out);
                    return to.write_encoded_until(until, encode);
                }
                Way::Polling | Way::Switching if state.has_room(frame.len()) => {
                    state.queue.push(frame.clone());
                    self.post(&mut state, false);
                    self.tell(&state);
                    return Ok(state.waiting());
                }
                _ if until.is_some_and(|until| until <= Instant::now()) => {
                    return Err(Error::Timeout("the peer takes nothing".into()));
                }
                Way::Polling | Way::Switching => state = self.wait(state, false, until)?,
            }
        }
    }

    fn queue(&self, frame: &Frame) -> Result<usize> {
        let mut state = self.lock();
        match &state.way {
            Way::Gone => Err(Error::Closed),
            _ if state.goodbye != Goodbye::None => Err(Error::Closed),
            Way::WebSocket(to) => to.queue_encoded(|out| self.requests.frame(frame, out)),
            Way::Polling | Way::Switching => {
                state.queue.push(frame.clone());
                self.post(&mut state, false);
                Ok(state.waiting())
            }
        }
    }

    fn drain(&self) -> Result<()> {
        let mut state = self.lock();
        loop {
            match &state.way {
                Way::Gone => return Err(Error::Closed),
                Way::WebSocket(to) => {
                    let to = Arc::clone(to);
                    drop(state);
                    return Writer::drain(&*to);
                }
                Way::Polling | Way::Switching if state.waiting() == 0 => {
                    self.tell(&state);
                    return Ok(());
                }
                Way::Polling | Way::Switching => {
                    self.post(&mut state, true);
                    state = self.wait(state, true, None)?;
                }
            }
        }
    }

    fn close(&self) {
        let mut state = self.lock();
        if state.goodbye != Goodbye::None {
            return;
        }
        state.goodbye = Goodbye::Due;
        state.hold = false;
        match &state.way {
            Way::WebSocket(to) => self.leave(to),
            Way::Polling => self.post(&mut state, false),
            Way::Switching | Way::Gone => {}
        }
        self.tell(&state);
    }

    fn waiting(&self) -> usize {
        let state = self.lock();
        match &state.way {
            Way::WebSocket(to) => to.waiting(),
            _ => state.waiting(),
        }
    }

    fn patience(&self, until: Option<Instant>) {
        let mut state = self.lock();
        state.patience = until;
        if let Way::WebSocket(to) = &state.way {
            to.patience(until);
        }
        self.tell(&state);
    }
}
