//! Forwarding: messages for the sparks of other servers.

mod forwarded;
mod forwarder;
#[cfg(all(test, feature = "redis"))]
mod tests;

use serde::Serialize;

use super::here::write_here;
use super::plugin::forwarder_of;
use super::to::To;
use super::wire;
use crate::error::{Error, Result};
use crate::server::Primus;

pub use forwarded::Forwarded;
pub(super) use forwarder::{Forwarder, Settings};

/// Forwarding of a server that has the plugin [`Omega`](super::Omega).
pub trait PrimusForward {
    /// Writes a message to sparks of this server and of others that have the same
    /// plugin, or npm's.
    ///
    /// Sparks that are connected to this server get it first: all of them for
    /// [`To::All`], also when the servers are named; else those of the ids that are
    /// theirs. For the ids that are left each of the servers is asked, all at the same time
    /// as far as [`Omega::concurrently`](super::Omega::concurrently) lets them. A message is sent
    /// once; that it came is not certain of servers that have [failed](Forwarded::failed), and
    /// nothing is certain about its order among those that others forward.
    ///
    /// A server is its URL with the scheme `http`, `https` or `unix`, of which the path is
    /// not used. Empty ones are passed over.
    ///
    /// ```
    /// use primus::Primus;
    /// use primus::plugins::omega::{Omega, PrimusForward, To};
    ///
    /// let build = || Primus::builder().plugin(Omega::new("omega", "a long secret")).build();
    /// let (here, there) = (build()?, build()?);
    /// let there_url = format!("http://{}", there.listen("127.0.0.1:0")?);
    ///
    /// let forwarded = here.forward([&there_url], "to everybody", To::All)?;
    /// assert!(forwarded.is_complete() && forwarded.total() == 0); // nobody is connected
    /// here.forward([&there_url], "to one of them", "an id")?;
    /// # here.destroy(Default::default());
    /// # there.destroy(Default::default());
    /// # Ok::<(), primus::Error>(())
    /// ```
    ///
    /// # Blocking
    /// Until all have answered, each within [`Omega::timeout`](super::Omega::timeout), from when
    /// its turn comes. It runs on the thread that calls it, from which the requests are made.
    ///
    /// # Errors
    /// [`Error::Misuse`] where the plugin is not registered, [`Error::Parser`] when
    /// JSON cannot say the message, whatever the parser of the server is, and those of
    /// [`Primus::write`]; it was sent to no other server then. What is wrong with one
    /// server is in [`Forwarded::failed`].
    fn forward<T: Serialize + ?Sized>(
        &self,
        servers: impl IntoIterator<Item = impl AsRef<str>>,
        value: &T,
        to: impl Into<To>,
    ) -> Result<Forwarded>;
}

impl PrimusForward for Primus {
    fn forward<T: Serialize + ?Sized>(
        &self,
        servers: impl IntoIterator<Item = impl AsRef<str>>,
        value: &T,
        to: impl Into<To>,
    ) -> Result<Forwarded> {
        let forwarder = forwarder_of(self)?;
        if self.0.is_over() {
            return Err(Error::Closed);
        }
        let message = wire::message(value)?;
        let (local, rest) = write_here(self, value, to.into())?;
        let servers = servers.into_iter().map(|server| server.as_ref().to_owned());
        let letters = servers.map(|server| (server, rest.clone()));
        Ok(forwarder.send(letters, &message, local))
    }
}

/// Writes a message to sparks by id: those that are connected here, and at each of these
/// servers those that are named with it, at the same time.
///
/// # Errors
/// As [`PrimusForward::forward`].
#[cfg(feature = "redis")]
pub(in crate::plugins) fn forward_each<T: Serialize + ?Sized>(
    primus: &Primus,
    servers: Vec<(String, Vec<String>)>,
    value: &T,
) -> Result<Forwarded> {
    let forwarder = forwarder_of(primus)?;
    if primus.0.is_over() {
        return Err(Error::Closed);
    }
    let message = wire::message(value)?;
    let (mut local, mut letters) = (0, Vec::with_capacity(servers.len()));
    for (server, ids) in servers {
        let (written, rest) = write_here(primus, value, To::Sparks(ids))?;
        local += written;
        letters.push((server, rest));
    }
    Ok(forwarder.send(letters, &message, local))
}

/// Writes a message to all sparks of other servers, and to none here.
///
/// # Errors
/// As [`PrimusForward::forward`].
#[cfg(feature = "redis")]
pub(in crate::plugins) fn forward_elsewhere<T: Serialize + ?Sized>(
    primus: &Primus,
    servers: Vec<String>,
    value: &T,
) -> Result<Forwarded> {
    let forwarder = forwarder_of(primus)?;
    let message = wire::message(value)?;
    let letters = servers.into_iter().map(|server| (server, To::All));
    Ok(forwarder.send(letters, &message, 0))
}
