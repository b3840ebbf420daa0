//! What is to be known of a client, and what it is told of the network.

use std::time::Duration;

use super::Client;
use super::machine::Input;
use crate::close::{CloseReason, Ended};
use crate::error::{Error, Result};
use crate::ready_state::ReadyState;

/// # What is to be known of it
impl Client {
    /// Whether there is a connection.
    pub fn ready_state(&self) -> ReadyState {
        self.shared().core().machine.state()
    }

    /// False from the loss of the network, or of the server's heartbeat, until
    /// a connection stands again.
    pub fn is_online(&self) -> bool {
        self.shared().core().machine.online()
    }

    /// Tells the client that the network went (false) or came (true), as a
    /// browser does by itself. Without a network the connection is ended;
    /// when it is back, the client reconnects if its strategy has `online`.
    ///
    /// # Errors
    /// [`Error::Io`] when no thread can be made.
    pub fn network(&self, online: bool) -> Result<()> {
        if !self.shared().options.given.network {
            return Ok(());
        }
        self.shared().command(Input::Network(online))
    }

    /// How long it took to open the connection; with
    /// [`client_pings`](crate::ClientBuilder::client_pings), the time from the last
    /// ping to its answer.
    pub fn latency(&self) -> Option<Duration> {
        self.shared().core().machine.latency()
    }

    /// Why the last connection ended, or could not be made; `None` before
    /// that. If the server refused it, its [`cause`](CloseReason::cause) says
    /// with what.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.shared().core().machine.reason().cloned()
    }

    /// Messages that wait for a connection, and their bytes.
    pub fn queued(&self) -> (usize, usize) {
        let (messages, bytes, _) = self.shared().outbox.queued();
        (messages, bytes)
    }

    /// How many messages had to make room in the queue, ever.
    pub fn dropped(&self) -> u64 {
        self.shared().outbox.queued().2
    }

    /// What ended the client, if it has ended and nobody on this side asked for
    /// that: [`Error::Refused`] when the server refused it, else
    /// [`Error::Ended`]. For programs that live by listeners and must say at
    /// the end how it went:
    ///
    /// ```no_run
    /// # fn main() -> primus::Result<()> {
    /// let client = primus::Client::builder("http://localhost:8080").build_with(|client| {
    ///     client.on_data(|_, message| println!("{:?}", message.value()));
    ///     client.on_error(|_, error| eprintln!("{error}"));
    /// })?;
    /// client.wait_end(std::time::Duration::MAX);
    /// client.error().map_or(Ok(()), Err)
    /// # }
    /// ```
    pub fn error(&self) -> Option<Error> {
        let over = self.shared().core().machine.over();
        match self.ended() {
            Error::Ended(reason) if reason.by == Ended::Local => None,
            Error::Closed => None,
            error => Some(error).filter(|_| over),
        }
    }
}
