//! Who is connected here, by id.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};

/// Who can be connected: a spark. Equal is who is the same, not who has the same id.
pub trait Member: Eq {
    fn id(&self) -> &str;
}

/// At most one of each id: the last that has come.
pub struct Members<M>(HashSet<ById<M>>);

impl<M> Default for Members<M> {
    fn default() -> Self {
        Members(HashSet::new())
    }
}

impl<M: Member> Members<M> {
    /// Somebody has come, in the place of whoever has the id.
    pub fn insert(&mut self, member: M) -> Option<M> {
        self.0.replace(ById(member)).map(|ById(member)| member)
    }

    /// Somebody has gone; `None` when another has the id by now.
    pub fn remove(&mut self, member: &M) -> Option<M> {
        let ById(found) = self.0.get(member.id())?;
        if found != member {
            return None;
        }
        self.0.take(member.id()).map(|ById(member)| member)
    }

    pub fn contains(&self, id: &str) -> bool {
        self.0.contains(id)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// One of them.
    pub fn any(&self) -> Option<&str> {
        self.0.iter().next().map(|ById(member)| member.id())
    }

    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|ById(member)| member.id())
    }
}

struct ById<M>(M);

impl<M: Member> Borrow<str> for ById<M> {
    fn borrow(&self) -> &str {
        self.0.id()
    }
}

impl<M: Member> Hash for ById<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id().hash(state);
    }
}

impl<M: Member> PartialEq for ById<M> {
    fn eq(&self, other: &Self) -> bool {
        self.0.id() == other.0.id()
    }
}

impl<M: Member> Eq for ById<M> {}
