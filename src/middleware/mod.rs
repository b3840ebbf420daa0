//! Middleware: named layers that every request and upgrade under the pathname
//! passes, in order, before the transformer sees it.
//!
//! The default layers, in their order:
//!
//! | name | requests | upgrades | what it does |
//! |---|---|---|---|
//! | `forwarded` | yes | yes | works out the client's address from forwarding headers |
//! | `cors` | yes | with `origins` set | CORS headers, preflight, 403 |
//! | `primus.js` | yes | no | serves the browser client |
//! | `spec` | yes | no | serves the description of the server |
//! | `x-xss` | yes | no | switches the faulty XSS filter of old Internet Explorers off |
//! | `no-cache` | yes | no | forbids caching |
//! | `authorization` | yes | yes | asks the application |
//!
//! Each can be removed, disabled or replaced by its name. Layers of the
//! application's own follow them, or are inserted at an index:
//!
//! ```
//! use primus::middleware::{Flow, HttpError, Middleware, On};
//!
//! let middleware = Middleware::new();
//! middleware.use_layer("tenant", On::Both, |exchange| {
//!     match exchange.request().header("x-tenant") {
//!         Some(tenant) => exchange.set_header("x-served-for", &tenant.to_owned())?,
//!         None => return Err(HttpError::new(400, "x-tenant is missing")),
//!     }
//!     Ok(Flow::Next)
//! });
//! assert_eq!(middleware.index_of("tenant"), Some(0));
//! ```

use std::fmt;
use std::sync::Arc;

use tiny_http::ResponseBox;

use crate::error::catch;
use crate::sync::{Guard, Lock};

mod authorization;
mod cors;
mod error;
mod exchange;
mod forwarded;
mod no_cache;
mod primus_js;
mod spec;
mod xss;

#[cfg(test)]
mod tests;

pub(crate) use authorization::Authorization;
pub(crate) use cors::{Cors, Origins};
pub use error::HttpError;
pub use exchange::Exchange;
pub use forwarded::TrustedProxies;

/// What happens after a layer.
#[must_use]
pub enum Flow {
    /// The next layer runs; after the last one, the transformer.
    Next,
    /// This is the answer; nothing else runs. A refused upgrade is answered
    /// with it too, and the connection is closed.
    Respond(ResponseBox),
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flow::Next => write!(f, "Next"),
            Flow::Respond(response) => write!(f, "Respond({})", response.status_code().0),
        }
    }
}

/// What a layer sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum On {
    /// Plain requests only.
    Requests,
    /// Upgrades only.
    Upgrades,
    /// Both.
    Both,
}

impl On {
    fn sees(self, upgrade: bool) -> bool {
        match self {
            On::Requests => !upgrade,
            On::Upgrades => upgrade,
            On::Both => true,
        }
    }
}

/// A layer: looks at an exchange, may set headers, and lets it pass or answers
/// it. It runs on the thread of its connection and may block that one.
pub type Layer = dyn Fn(&mut Exchange<'_>) -> Result<Flow, HttpError> + Send + Sync;

#[derive(Clone)]
struct Named {
    name: Arc<str>,
    on: On,
    enabled: bool,
    layer: Arc<Layer>,
}

/// The list of layers.
///
/// A clone is another handle to the same list. It can be changed at any time
/// from any thread, also from a layer; requests that are under way finish with
/// the list they began with. No lock is held while a layer runs.
#[derive(Clone, Default)]
pub struct Middleware {
    layers: Arc<Lock<Arc<Vec<Named>>>>,
}

impl Middleware {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a layer at the end. A layer of the same name is replaced in its
    /// place instead.
    pub fn use_layer<F>(&self, name: &str, on: On, layer: F)
    where
        F: Fn(&mut Exchange<'_>) -> Result<Flow, HttpError> + Send + Sync + 'static,
    {
        self.use_layer_at(usize::MAX, name, on, layer);
    }

    /// Inserts a layer at an index, or at the end when there are fewer layers.
    /// A layer of the same name is replaced in its place instead.
    pub fn use_layer_at<F>(&self, index: usize, name: &str, on: On, layer: F)
    where
        F: Fn(&mut Exchange<'_>) -> Result<Flow, HttpError> + Send + Sync + 'static,
    {
        let named = Named { name: name.into(), on, enabled: true, layer: Arc::new(layer) };
        // What is replaced is dropped after the lock is released: its drop is
        // the application's code.
        let _replaced = self.change(|layers| {
            if let Some(same) = layers.iter_mut().find(|l| *l.name == *name) {
                return Some(std::mem::replace(same, named));
            }
            layers.insert(index.min(layers.len()), named);
            None
        });
    }

    /// Removes a layer; false when there is none of this name.
    pub fn remove(&self, name: &str) -> bool {
        let removed = self.change(|layers| {
            let index = layers.iter().position(|l| *l.name == *name)?;
            Some(layers.remove(index))
        });
        removed.is_some()
    }

    /// Removes all layers.
    pub(crate) fn clear(&self) {
        let removed = self.change(std::mem::take);
        drop(removed);
    }

    /// Lets a disabled layer run again; false when there is none of this name.
    pub fn enable(&self, name: &str) -> bool {
        self.switch(name, true)
    }

    /// Passes a layer over until it is enabled again; false when there is none
    /// of this name.
    pub fn disable(&self, name: &str) -> bool {
        self.switch(name, false)
    }

    /// The place of a layer in the list.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.layers().iter().position(|l| *l.name == *name)
    }

    /// The names of all layers, in order, disabled ones too.
    pub fn names(&self) -> Vec<String> {
        self.layers().iter().map(|l| l.name.to_string()).collect()
    }

    /// Runs the layers. An answer when one of them does not let the exchange
    /// pass: its own, its error's, or 500 when it panicked. What is the fault of a
    /// layer is for the caller to log.
    pub(crate) fn run(&self, exchange: &mut Exchange<'_>) -> Result<(), Answer> {
        for named in self.layers().iter() {
            if !named.enabled || !named.on.sees(exchange.is_upgrade()) {
                continue;
            }
            match catch(|| (named.layer)(exchange)) {
                Ok(Ok(Flow::Next)) => {}
                Ok(Ok(Flow::Respond(response))) => return Err(Answer { response, failure: None }),
                Ok(Err(error)) => return Err(Answer::failed(&named.name, &error)),
                Err(text) => return Err(Answer::panicked(&named.name, &text)),
            }
        }
        Ok(())
    }

    fn switch(&self, name: &str, enabled: bool) -> bool {
        self.change(|layers| {
            let same = layers.iter_mut().find(|l| *l.name == *name);
            same.map(|layer| layer.enabled = enabled).is_some()
        })
    }

    fn change<R>(&self, change: impl FnOnce(&mut Vec<Named>) -> R) -> R {
        let before;
        let changed = {
            let mut layers = self.lock();
            before = Arc::clone(&layers);
            change(Arc::make_mut(&mut layers))
        };
        drop(before);
        changed
    }

    fn layers(&self) -> Arc<Vec<Named>> {
        Arc::clone(&self.lock())
    }

    fn lock(&self) -> Guard<'_, Arc<Vec<Named>>> {
        self.layers.lock()
    }
}

impl fmt::Debug for Middleware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Middleware").field(&self.names()).finish()
    }
}

/// What a layer answers instead of letting the exchange pass.
pub(crate) struct Answer {
    /// The answer; for an upgrade, to be sent in the raw form.
    pub(crate) response: ResponseBox,
    /// What went wrong, if it is the layer that is at fault and not the client.
    pub(crate) failure: Option<Failure>,
}

/// The failure of a layer, for the log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) panicked: bool,
    pub(crate) text: String,
}

impl Answer {
    /// An error that is answered with 500 or above is the server's own.
    fn failed(name: &str, error: &HttpError) -> Self {
        let response = error.response(500);
        let own = response.status_code().0 >= 500;
        let text = || format!("the middleware layer {name:?} failed: {error}");
        let failure = own.then(|| Failure { panicked: false, text: text() });
        Answer { response, failure }
    }

    fn panicked(name: &str, panic: &str) -> Self {
        let text = format!("the middleware layer {name:?} panicked: {panic}");
        let response = HttpError::new(500, "Internal Server Error").response(500);
        Answer { response, failure: Some(Failure { panicked: true, text }) }
    }
}

/// What the default layers need of the server.
pub(crate) struct Defaults {
    /// With the leading slash.
    pub(crate) pathname: String,
    pub(crate) proxies: TrustedProxies,
    pub(crate) cors: Cors,
    pub(crate) authorization: Authorization,
    /// The document for `<pathname>/spec`.
    pub(crate) spec: Box<dyn Fn() -> String + Send + Sync>,
    /// The files of the browser client.
    pub(crate) library: Box<primus_js::Files>,
}

impl Defaults {
    /// The default layers in their order.
    pub(crate) fn middleware(self) -> Middleware {
        let middleware = Middleware::new();
        let cors_on = if self.cors.origins.is_any() { On::Requests } else { On::Both };
        middleware.use_layer("forwarded", On::Both, forwarded::layer(self.proxies));
        middleware.use_layer("cors", cors_on, cors::layer(self.cors));
        let library = primus_js::layer(&self.pathname, self.library);
        middleware.use_layer("primus.js", On::Requests, library);
        middleware.use_layer("spec", On::Requests, spec::layer(&self.pathname, self.spec));
        middleware.use_layer("x-xss", On::Requests, xss::layer);
        middleware.use_layer("no-cache", On::Requests, no_cache::layer);
        middleware.use_layer("authorization", On::Both, self.authorization.layer());
        middleware
    }
}
