//! Which connections get a place.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::{Connections, Place, PlaceId, Refused, Table};
use crate::http::server::shares::{Bounds, Owner, Use};
use crate::net::Stream;

/// Sessions that may be ending while others have their places, at least.
const LEAVING: usize = 64;

/// How often room is made for a newcomer.
const ATTEMPTS: usize = 4;

/// How many of the places each client may have.
pub(crate) struct Rules {
    /// The most places of one address.
    pub(crate) bounds: Bounds,
    /// Whether an address is that of a proxy, of which each client counts for
    /// itself.
    pub(crate) is_proxy: Box<dyn Fn(IpAddr) -> bool + Send + Sync>,
    /// Ends the oldest session whose client has not come back, of this owner or
    /// of anybody; false if there is none. Called without the lock.
    pub(crate) make_room: Box<dyn Fn(Option<Owner>) -> bool + Send + Sync>,
}

impl Connections {
    /// Sets how many places each client may have, once.
    pub(crate) fn set_rules(&self, rules: Rules) {
        let _ = self.rules.set(rules);
    }

    /// The client that a connection counts for, unless its other end is a named proxy.
    pub(super) fn owner_of(&self, remote: Option<SocketAddr>) -> Option<Owner> {
        let ip = remote?.ip();
        let is_proxy = self.rules.get().is_some_and(|rules| (rules.is_proxy)(ip));
        (!is_proxy).then(|| Owner::of(ip))
    }

    /// Takes a place: for a connection, or for a session that has no lasting
    /// stream. If there is none, a session whose client has not come back gives
    /// way.
    pub(crate) fn enter(
        self: &Arc<Self>,
        stream: Option<Arc<Stream>>,
        owner: Option<Owner>,
        usage: Use,
    ) -> Result<Place, Refused> {
        let entered = self.with_room(owner, || self.try_enter(stream.clone(), owner, usage));
        match entered {
            Ok(id) => {
                self.opened.fetch_add(1, Relaxed);
                Ok(Place { connections: Arc::clone(self), id })
            }
            Err(refused) => {
                self.refused.fetch_add(1, Relaxed);
                Err(refused)
            }
        }
    }

    /// Tries something for which room can be made.
    fn with_room<T>(
        &self,
        owner: Option<Owner>,
        attempt: impl Fn() -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        let mut tried = attempt();
        // Another may be quicker to take the room that was made.
        for _ in 0..ATTEMPTS {
            let of = match &tried {
                Err(Refused::Full) => None,
                Err(Refused::Share) => owner,
                _ => break,
            };
            if !self.rules.get().is_some_and(|rules| (rules.make_room)(of)) {
                break;
            }
            tried = attempt();
        }
        tried
    }

    fn try_enter(
        &self,
        stream: Option<Arc<Stream>>,
        owner: Option<Owner>,
        usage: Use,
    ) -> Result<PlaceId, Refused> {
        let mut table = self.lock();
        if table.closed {
            return Err(Refused::Closed);
        }
        let id = table.next;
        // A client that has its share takes no place of another either.
        self.claim(&mut table, id, owner, usage)?;
        if table.live.len() >= self.bound + table.shares.leaving() {
            table.shares.disclaim(id);
            return Err(Refused::Full);
        }
        table.next += 1;
        table.live.insert(id, stream);
        Ok(PlaceId(id))
    }

    fn claim(
        &self,
        table: &mut Table,
        id: u64,
        owner: Option<Owner>,
        usage: Use,
    ) -> Result<(), Refused> {
        let (Some(owner), Some(rules)) = (owner, self.rules.get()) else { return Ok(()) };
        let claimed = table.shares.claim(id, owner, usage, &rules.bounds);
        claimed.then_some(()).ok_or(Refused::Share)
    }

    /// The connection in this place turns out to be that of another owner, behind
    /// a proxy.
    pub(crate) fn assign(&self, PlaceId(id): PlaceId, owner: Owner) -> Result<(), Refused> {
        let assigned = self.with_room(Some(owner), || {
            let mut table = self.lock();
            if table.shares.owner(id) == Some(owner) {
                return Ok(());
            }
            table.shares.disclaim(id);
            self.claim(&mut table, id, Some(owner), Use::Connection)
        });
        if assigned.is_err() {
            self.refused.fetch_add(1, Relaxed);
        }
        assigned
    }

    /// The session in this place has been told to leave it: it may be taken before
    /// that has happened. Not many may be, for a listener that does not return
    /// keeps its thread.
    pub(crate) fn give_way(&self, PlaceId(id): PlaceId) {
        let mut table = self.lock();
        if table.live.contains_key(&id) && table.shares.leaving() < LEAVING.max(self.bound / 16) {
            table.shares.leaves(id);
        }
    }
}
