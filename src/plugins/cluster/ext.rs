//! What a server in a cluster can do.

use serde::Serialize;

use super::direct::{Deed, Reached};
use super::keys::Keys;
use super::plugin::live_of;
use crate::error::{Error, Result};
use crate::parsers::dynamic::to_value;
use crate::server::{EndOptions, Primus};

/// A server that is registered, and its connections.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerCount {
    /// Its address.
    pub server: String,
    /// How many connections it has.
    pub connected: usize,
}

/// What the servers of a cluster know together, and single connections wherever they
/// are; of a server that has the plugin [`Cluster`](super::Cluster).
///
/// What is asked about the other servers is asked of Redis, on the calling thread, which
/// waits for it at most as long as [`Cluster::timeout`](super::Cluster::timeout) and
/// [`Metroplex::timeout`](crate::plugins::metroplex::Metroplex::timeout) say. A listener
/// of a connection may wait so; it keeps nobody else. The answer is as old as Redis'
/// knowledge: a server that has died counts until it is found dead, within an interval of
/// metroplex.
///
/// # Errors
/// All of them: [`Error::Misuse`] when the plugin is not registered, and on the threads
/// of the link, [`Error::Unavailable`] when Redis is not there or refuses, and
/// [`Error::Timeout`] when it does not answer in time.
pub trait PrimusCluster {
    /// How many connections all servers have together.
    ///
    /// # Errors
    /// Those [of the trait](PrimusCluster#errors); so for the others.
    fn cluster_connected(&self) -> Result<usize>;

    /// The servers, this one among them, and how many connections each has.
    ///
    /// # Errors
    /// Those of the trait.
    fn cluster_servers(&self) -> Result<Vec<ServerCount>>;

    /// The address of the server that has the spark with this id; none when there is no
    /// such spark.
    ///
    /// # Errors
    /// Those of the trait; none for a spark of this server.
    fn cluster_spark(&self, id: &str) -> Result<Option<String>>;

    /// The names of the rooms in which somebody is, on any server; in order.
    ///
    /// # Errors
    /// Those of the trait.
    fn cluster_room_names(&self) -> Result<Vec<String>>;

    /// How many are in the room of this very name, on all servers. Who, says
    /// [`Room::ids`](crate::plugins::rooms::Room::ids).
    ///
    /// # Errors
    /// Those of the trait.
    fn cluster_room_count(&self, room: &str) -> Result<usize>;

    /// Writes a message to the spark with this id, wherever it is; true if it was there.
    ///
    /// A spark of this server gets it at once, Redis or not. Otherwise the registry says
    /// which server has it, and that server is asked, and answers. It may go by ways of
    /// its own, so it is in no order with what is written to everybody and to rooms.
    ///
    /// # Errors
    /// Those of the trait, and of [`Spark::write`](crate::Spark::write);
    /// [`Error::Timeout`] also when that server does not answer, which may have written
    /// it all the same; [`Error::Unavailable`] when it hears nothing, because it has just
    /// died, or when the spark does not take it.
    fn write_spark<T: Serialize + ?Sized>(&self, id: &str, value: &T) -> Result<bool>;

    /// [`write_spark`](Self::write_spark) for many: each server is asked once, and all
    /// at the same time.
    ///
    /// # Errors
    /// Those of the trait, when it is not known where they are, and the sparks of this
    /// server have it; what is wrong with one server is in [`Reached::failed`].
    fn write_sparks<T: Serialize + ?Sized, S: Into<String>>(
        &self,
        ids: impl IntoIterator<Item = S>,
        value: &T,
    ) -> Result<Reached>;

    /// Ends the connection with this id, wherever it is, as
    /// [`Spark::end_options`](crate::Spark::end_options) does; true if it was there.
    ///
    /// # Errors
    /// As [`write_spark`](Self::write_spark). A server of Node.js cannot be asked.
    fn end_spark(&self, id: &str, options: EndOptions) -> Result<bool>;

    /// [`end_spark`](Self::end_spark) for many.
    ///
    /// # Errors
    /// As [`write_sparks`](Self::write_sparks).
    fn end_sparks<S: Into<String>>(
        &self,
        ids: impl IntoIterator<Item = S>,
        options: EndOptions,
    ) -> Result<Reached>;
}

impl PrimusCluster for Primus {
    fn cluster_connected(&self) -> Result<usize> {
        Ok(self.cluster_servers()?.iter().map(|server| server.connected).sum())
    }

    fn cluster_servers(&self) -> Result<Vec<ServerCount>> {
        let live = live_of(self)?;
        let count = |(server, connected)| ServerCount { server, connected };
        let mut servers: Vec<_> = live.sizes(Keys::sparks)?.into_iter().map(count).collect();
        if let Some(own) = live.metroplex.own_address() {
            servers.push(count((own.to_owned(), self.connected())));
        }
        servers.sort_unstable_by(|a, b| a.server.cmp(&b.server));
        Ok(servers)
    }

    fn cluster_spark(&self, id: &str) -> Result<Option<String>> {
        let live = live_of(self)?;
        match live.metroplex.own_address() {
            Some(own) if self.spark(id).is_some() => Ok(Some(own.to_owned())),
            own => Ok(live.metroplex.spark(id)?.filter(|server| Some(&**server) != own)),
        }
    }

    fn cluster_room_names(&self) -> Result<Vec<String>> {
        let live = live_of(self)?;
        let mut names = live.here.get().map(|here| here.names()).unwrap_or_default();
        names.extend(live.union(|keys| vec![keys.rooms()])?);
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    fn cluster_room_count(&self, room: &str) -> Result<usize> {
        let live = live_of(self)?;
        let here = live.here.get().map_or(0, |here| here.count(room));
        let others = live.sizes(|keys| keys.room(room))?;
        Ok(here + others.iter().map(|(_, count)| count).sum::<usize>())
    }

    fn write_spark<T: Serialize + ?Sized>(&self, id: &str, value: &T) -> Result<bool> {
        if let Some(spark) = self.spark(id) {
            return match spark.write(value) {
                Ok(_) => Ok(true),
                Err(Error::Closed) => Ok(false),
                Err(error) => Err(error),
            };
        }
        self.write_sparks([id], value)?.only()
    }

    fn write_sparks<T: Serialize + ?Sized, S: Into<String>>(
        &self,
        ids: impl IntoIterator<Item = S>,
        value: &T,
    ) -> Result<Reached> {
        let value = to_value(value).map_err(Error::Transform)?;
        let ids = ids.into_iter().map(Into::into).collect();
        live_of(self)?.reach(self, ids, &Deed::Write(&value))
    }

    fn end_spark(&self, id: &str, options: EndOptions) -> Result<bool> {
        self.end_sparks([id], options)?.only()
    }

    fn end_sparks<S: Into<String>>(
        &self,
        ids: impl IntoIterator<Item = S>,
        options: EndOptions,
    ) -> Result<Reached> {
        let ids = ids.into_iter().map(Into::into).collect();
        live_of(self)?.reach(self, ids, &Deed::End(options))
    }
}
