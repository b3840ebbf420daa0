//! What the requests of a session have in common, whatever the protocol.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::http::client::{Answer, Cookies, Target};

/// See the module. Clones share what the answers say.
#[derive(Clone)]
pub(in crate::transformers) struct Base {
    target: Target,
    /// `withCredentials`: the cookies that go with the requests.
    cookies: Option<Arc<Cookies>>,
    /// Requests of the session that were answered well.
    good: Arc<AtomicU32>,
}

impl Base {
    /// Requests to this target. They all have its query and its headers. With
    /// `credentials`, also the cookies that its answers set.
    pub fn new(target: Target, credentials: bool) -> Self {
        let slash = if target.pathname.ends_with('/') { "" } else { "/" };
        let path = format!("{}{slash}", target.pathname);
        let jar = || Arc::new(Cookies::new(&target.to.host, target.secure, &path));
        let cookies = credentials.then(jar);
        Base { target, cookies, good: Arc::default() }
    }

    /// The same, to pages below this target: its pathname is left without slashes at
    /// its end.
    pub fn below(mut target: Target, credentials: bool) -> Self {
        let bare = target.pathname.trim_end_matches('/').len();
        target.pathname.truncate(bare);
        Base::new(target, credentials)
    }

    /// Where they go.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The target of the next request, with its cookies; `page` goes behind the
    /// pathname.
    pub fn request(&self, page: &str) -> Target {
        let mut target = self.target.clone();
        target.pathname.push_str(page);
        if let Some(cookies) = &self.cookies {
            cookies.join(&mut target.headers);
        }
        target
    }

    /// Takes in the head of an answer.
    pub fn heard(&self, answer: &Answer) {
        if let Some(cookies) = &self.cookies {
            cookies.take(&answer.fields);
        }
    }

    /// Whether cookies go with them.
    pub fn has_cookies(&self) -> bool {
        self.cookies.is_some()
    }

    /// A request of the session was answered well.
    pub fn good(&self) {
        self.good.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether at most so many were. Servers forget sessions that have been silent; but
    /// not at once.
    pub fn is_young(&self, most: u32) -> bool {
        self.good.load(Ordering::Relaxed) <= most
    }
}
