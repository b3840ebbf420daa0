//! Forwarding to whoever the registry knows.

use serde::Serialize;

use super::place;
use super::plugin::Metroplex;
use crate::error::{Error, Result};
use crate::plugins::calls::missing;
use crate::plugins::omega::{Forwarded, PrimusForward, To, forward_each};
use crate::server::Primus;

/// Forwarding of a server that has the plugins [`Metroplex`] and
/// [`Omega`](crate::plugins::Omega), registered in any order: to all servers of the
/// namespace, or to those that have certain sparks. Names and passwords have to be the
/// same on all of them.
///
/// ```no_run
/// use primus::plugins::metroplex::{Metroplex, PrimusMetroplex};
/// use primus::plugins::Omega;
/// use primus::{Primus, RedisLink};
///
/// let link = RedisLink::open("redis://127.0.0.1")?;
/// let primus = Primus::builder()
///     .plugin(Omega::new("omega", "a long secret"))
///     .plugin(Metroplex::new(&link))
///     .build()?;
/// primus.listen("10.0.0.1:8080")?;
/// let done = primus.forward_all("to everybody")?;
/// println!("{} have got it here, {} elsewhere", done.local, done.remote);
/// if primus.forward_spark("an id", "to you")?.total() == 0 {
///     println!("nobody has this id");
/// }
/// # Ok::<(), primus::Error>(())
/// ```
///
/// # Blocking
/// It asks Redis and then the other servers, on the calling thread: at most
/// [`Metroplex::timeout`] for the former, and as
/// [`forward`](PrimusForward::forward) for the latter.
///
/// # Errors
/// [`Error::Unavailable`](crate::Error::Unavailable) and
/// [`Error::Timeout`](crate::Error::Timeout) when Redis does not say where to forward to:
/// then it was written to nobody, here neither. [`Error::Misuse`](crate::Error::Misuse)
/// where one of the plugins is not registered. Otherwise as
/// [`forward`](PrimusForward::forward). A server whose address in Redis is no URL of `http`
/// or `https`, or that is not [trusted](crate::plugins::Omega::trusted), is sent nothing,
/// and is among those that have [failed](Forwarded::failed).
pub trait PrimusMetroplex {
    /// Writes a message to every spark of every server, those of this one first.
    ///
    /// It is one request for each other server. Order is kept neither with what others
    /// forward nor with [`Primus::write`].
    ///
    /// # Errors
    /// See [above](Self#errors); so for the others.
    fn forward_all<T: Serialize + ?Sized>(&self, value: &T) -> Result<Forwarded>;

    /// Writes a message to the spark with this id, on whichever server it is. To a spark
    /// of this server it is written without asking Redis. That there is no such spark is
    /// no error: then it was written to none.
    ///
    /// # Errors
    /// See [above](Self#errors).
    fn forward_spark<T: Serialize + ?Sized>(&self, id: &str, value: &T) -> Result<Forwarded>;

    /// [`forward_spark`](Self::forward_spark) to several: one request for each server that
    /// has some of them. No ids are nobody.
    ///
    /// # Errors
    /// See [above](Self#errors).
    fn forward_sparks<T: Serialize + ?Sized>(
        &self,
        ids: impl IntoIterator<Item = impl AsRef<str>>,
        value: &T,
    ) -> Result<Forwarded>;
}

impl PrimusMetroplex for Primus {
    fn forward_all<T: Serialize + ?Sized>(&self, value: &T) -> Result<Forwarded> {
        let metroplex = self.plugin::<Metroplex>().ok_or_else(|| missing("metroplex"))?;
        let mut servers = metroplex.registered()?;
        servers.retain(|server| Some(&**server) != metroplex.own_address());
        let odd = servers.extract_if(.., |server| !place::is_url(server)).collect();
        Ok(with_odd(self.forward(servers, value, To::All)?, odd))
    }

    fn forward_spark<T: Serialize + ?Sized>(&self, id: &str, value: &T) -> Result<Forwarded> {
        self.forward_sparks([id], value)
    }

    fn forward_sparks<T: Serialize + ?Sized>(
        &self,
        ids: impl IntoIterator<Item = impl AsRef<str>>,
        value: &T,
    ) -> Result<Forwarded> {
        let metroplex = self.plugin::<Metroplex>().ok_or_else(|| missing("metroplex"))?;
        let ids = ids.into_iter().map(|id| id.as_ref().to_owned());
        let (here, elsewhere) = ids.partition::<Vec<_>, _>(|id| self.spark(id).is_some());
        let places = metroplex.places(&elsewhere)?;
        let mut odd = Vec::new();
        // Those of this server are for no other.
        let mut letters = vec![(String::new(), here)];
        for (id, server) in elsewhere.into_iter().zip(places) {
            let Some(server) = server else { continue };
            if Some(&*server) == metroplex.own_address() {
                letters[0].1.push(id);
                continue;
            }
            if !place::is_url(&server) {
                if !odd.contains(&server) {
                    odd.push(server);
                }
                continue;
            }
            match letters.iter_mut().find(|(known, _)| *known == server) {
                Some((_, ids)) => ids.push(id),
                None => letters.push((server, vec![id])),
            }
        }
        Ok(with_odd(forward_each(self, letters, value)?, odd))
    }
}

/// With those that nothing was sent to.
fn with_odd(mut forwarded: Forwarded, odd: Vec<String>) -> Forwarded {
    let text = "metroplex: the address that Redis has is no URL of `http` or `https`";
    let failed = odd.into_iter().map(|server| (server, Error::Protocol(text.to_owned())));
    forwarded.failed.extend(failed);
    forwarded
}
