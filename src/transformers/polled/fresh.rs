//! The sessions whose clients have not come back since the handshake. They cost
//! a stranger a single request, so they are the first to give way.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use crate::http::server::Owner;
use crate::limits::Limits;

/// A session that can be listed.
pub(crate) trait Listed {
    /// Its id.
    fn id(&self) -> &str;

    /// Whether its client has not come back since it was opened. Asked with the
    /// table locked.
    fn is_fresh(&self) -> bool;
}

/// Those whose client may not have come back, the oldest first.
pub(super) struct Fresh<S>(VecDeque<(Owner, Weak<S>)>);

impl<S> Default for Fresh<S> {
    fn default() -> Self {
        Fresh(VecDeque::new())
    }
}

impl<S: Listed> Fresh<S> {
    /// Adds one. Returns the oldest of its owner, or of all, if there are more
    /// than there may be.
    pub fn push(&mut self, session: &Arc<S>, owner: Owner, limits: &Limits) -> Option<Arc<S>> {
        self.0.push_back((owner, Arc::downgrade(session)));
        let own = limits.fresh_sessions_per_address;
        let default = (!owner.is_local()).then_some((limits.fresh_sessions / 4).max(1));
        if let Some(most) = own.or(default)
            && self.has_more(Some(owner), most)
        {
            return self.oldest(Some(owner));
        }
        if self.has_more(None, limits.fresh_sessions) {
            return self.oldest(None);
        }
        None
    }

    /// Takes the oldest of this owner, or of all, out.
    pub fn oldest(&mut self, of: Option<Owner>) -> Option<Arc<S>> {
        let is_it = |(owner, session): &(Owner, Weak<S>)| is_of(of, owner) && is_fresh(session);
        let at = self.0.iter().position(is_it)?;
        self.0.remove(at)?.1.upgrade()
    }

    fn has_more(&mut self, of: Option<Owner>, most: usize) -> bool {
        let count = |all: &VecDeque<_>| all.iter().filter(|(owner, _)| is_of(of, owner)).count();
        if count(&self.0) <= most {
            return false;
        }
        self.0.retain(|(_, session)| is_fresh(session));
        count(&self.0) > most
    }
}

fn is_of(of: Option<Owner>, owner: &Owner) -> bool {
    of.is_none_or(|of| of == *owner)
}

fn is_fresh<S: Listed>(session: &Weak<S>) -> bool {
    session.upgrade().is_some_and(|session| session.is_fresh())
}
