//! The transformers of one server, and which of them a request is for.

use std::sync::Arc;

use super::custom::CustomTransformer;
use super::kind::Kind;
use super::recognise::{Asked, owners};
use super::serve::Transformer;
use crate::http::Request;
use crate::http::server::Owner;

/// The transformers of a server.
pub(crate) struct Port {
    own: Vec<Mounted>,
    custom: Vec<Arc<dyn CustomTransformer>>,
}

/// One of the crate's own.
pub(crate) struct Mounted {
    /// The name under which it was asked for.
    pub name: &'static str,
    pub kind: Kind,
    pub transformer: Box<dyn Transformer>,
}

/// One of them: its place among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Which(u8);

impl Port {
    pub fn new(own: Vec<Mounted>, custom: Vec<Arc<dyn CustomTransformer>>) -> Self {
        Port { own, custom }
    }

    /// The one that a request below the pathname is for: the only one of the crate's
    /// own, if there is one only, else whose it is by the [table](super::recognise).
    /// Those of the application's own have no requests.
    pub fn find(&self, request: &Request, pathname: &str) -> Option<Which> {
        if self.own.len() == 1 {
            return Some(Which(0));
        }
        let asked = Asked {
            pathname,
            path: request.path(),
            query: request.query(),
            upgrade: request.is_upgrade(),
        };
        let place = |owner: &Kind| self.own.iter().position(|own| own.kind == *owner);
        let at = owners(&asked).iter().find_map(place)?;
        u8::try_from(at).ok().map(Which)
    }

    /// What serves the requests that [`find`](Self::find) has found to be its.
    ///
    /// # Panics
    /// If it is one of the application's own, which has no requests.
    pub fn transformer(&self, Which(at): Which) -> &dyn Transformer {
        &*self.own[usize::from(at)].transformer
    }

    /// The name under which it was asked for.
    pub fn name(&self, Which(at): Which) -> &'static str {
        let at = usize::from(at);
        match self.own.get(at) {
            Some(own) => own.name,
            None => self.custom.get(at - self.own.len()).map_or("", |custom| custom.name()),
        }
    }

    /// Whether its messages may be bytes.
    pub fn takes_bytes(&self, Which(at): Which) -> bool {
        let at = usize::from(at);
        match self.own.get(at) {
            Some(own) => own.kind.takes_bytes(),
            None => self.custom.get(at - self.own.len()).is_some_and(|custom| custom.takes_bytes()),
        }
    }

    /// The one of the application's own that has this name.
    pub fn custom(&self, name: &str) -> Option<(Which, Arc<dyn CustomTransformer>)> {
        let at = self.custom.iter().position(|custom| custom.name() == name)?;
        let which = u8::try_from(self.own.len() + at).ok()?;
        Some((Which(which), self.custom.get(at)?.clone()))
    }

    /// Ends a session whose client has not come back since it was opened, as
    /// [`Transformer::make_room`].
    pub fn make_room(&self, of: Option<Owner>) -> bool {
        self.own.iter().any(|own| own.transformer.make_room(of))
    }
}
