//! The descriptors by which threads of sparks may be woken while they wait for
//! their sockets.
//!
//! They must not cost connections: only those are lent that the limit of
//! descriptors leaves beside the bound on connections and what else the process
//! needs. A thread that gets none is woken by what its client answers to a ping.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{Resource, getrlimit};

use crate::net::Waker;

/// Descriptors for everything that is no connection: half of what the bound on
/// connections leaves at the least.
const OTHERS: usize = 32;

/// How many may still be lent.
#[derive(Clone)]
pub(crate) struct Wakers(Arc<AtomicUsize>);

/// One that is lent; given back when dropped.
pub(crate) struct Lent {
    waker: Waker,
    from: Wakers,
}

impl Wakers {
    /// So many as are left beside so many connections.
    pub fn beside(connections: usize) -> Self {
        let limit = getrlimit(Resource::Nofile).current;
        let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let left = limit.saturating_sub(OTHERS).saturating_sub(connections);
        Wakers(Arc::new(AtomicUsize::new(left)))
    }

    /// `None`: there is none left.
    pub fn lend(&self) -> Option<Lent> {
        let take = |left: usize| left.checked_sub(1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        match Waker::new() {
            Ok(waker) => Some(Lent { waker, from: self.clone() }),
            Err(_) => {
                self.0.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }
}

impl std::ops::Deref for Lent {
    type Target = Waker;

    fn deref(&self) -> &Waker {
        &self.waker
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.from.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_lent_than_connections_leave_and_each_comes_back() {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(1 << 20) as usize;
        assert!(Wakers::beside(limit).lend().is_none());
        assert!(Wakers::beside(usize::MAX).lend().is_none());
        let wakers = Wakers::beside(limit - OTHERS - 2);
        let lent = (wakers.lend().unwrap(), wakers.lend().unwrap());
        assert!(wakers.lend().is_none());
        drop(lent.0);
        assert!(wakers.lend().is_some());
    }
}
