//! What a client is sent, taken by those who wait for it.

use std::time::{Duration, Instant};

use super::Client;
use super::inbox::Fetched;
use crate::error::{Error, Result};
use crate::message::Message;
use crate::ready_state::ReadyState;

/// # What it is sent
impl Client {
    /// Waits for the next message. When the connection is lost it goes on
    /// waiting, through the attempts to reconnect; with
    /// [`strategy("")`](crate::ClientBuilder::strategy) it returns the loss at once.
    ///
    /// # Errors
    /// When the client has ended and no message is left, [`Error::Refused`] if
    /// the server refused it, else [`Error::Ended`]; and [`Error::Misuse`] on
    /// the client's own thread.
    pub fn recv(&self) -> Result<Message> {
        self.outside("recv")?;
        self.fetch(None)?.ok_or_else(|| Error::Timeout("no message".into()))
    }

    /// Waits for the next message, but no longer than `timeout`. The time is
    /// up as well while there is no connection: the error then says so, and
    /// [`close_reason`](Self::close_reason) why.
    ///
    /// # Errors
    /// [`Error::Timeout`] when none came; else as [`recv`](Self::recv).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Message> {
        self.outside("recv_timeout")?;
        let until = Instant::now().checked_add(timeout);
        self.fetch(until)?.ok_or_else(|| match self.ready_state() {
            ReadyState::Open => Error::Timeout("no message in time".into()),
            _ => {
                let place = self.shared().options.place();
                Error::Timeout(format!("no message in time (not connected to {place})"))
            }
        })
    }

    /// The next message, if there is one already.
    ///
    /// # Errors
    /// As [`recv`](Self::recv), but it may be called in listeners.
    pub fn try_recv(&self) -> Result<Option<Message>> {
        self.fetch(Some(Instant::now()))
    }

    /// The messages as they come, until the client has ended: a loop over
    /// [`recv`](Self::recv).
    pub fn messages(&self) -> ClientMessages<'_> {
        ClientMessages(self)
    }

    fn fetch(&self, until: Option<Instant>) -> Result<Option<Message>> {
        match self.shared().inbox.fetch(until) {
            Fetched::Message { message, reopened } => {
                if reopened {
                    self.shared().waker.wake();
                }
                Ok(Some(message))
            }
            Fetched::Empty => Ok(None),
            Fetched::Over => Err(self.ended()),
        }
    }
}

/// The messages of a client as they come; see [`Client::messages`].
#[derive(Debug)]
pub struct ClientMessages<'a>(&'a Client);

impl Iterator for ClientMessages<'_> {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        self.0.recv().ok()
    }
}
