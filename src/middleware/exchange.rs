//! A request on its way through the layers.

use std::fmt;

use super::error::HttpError;
use crate::extensions::Extensions;
use crate::http::server::{HeaderSet, Request};

/// A request or upgrade on its way through the layers.
pub struct Exchange<'a> {
    request: &'a Request,
    upgrade: bool,
    headers: HeaderSet,
    extensions: Extensions,
}

impl<'a> Exchange<'a> {
    pub(crate) fn new(request: &'a Request, upgrade: bool) -> Self {
        let (headers, extensions) = Default::default();
        Exchange { request, upgrade, headers, extensions }
    }

    /// The request.
    pub fn request(&self) -> &'a Request {
        self.request
    }

    /// Whether the client asks to leave HTTP for another protocol.
    pub fn is_upgrade(&self) -> bool {
        self.upgrade
    }

    /// Sets a header of the answer, whatever gives it. It wins over a header of
    /// the same name that the transformer or a response sets later, and over
    /// one that an earlier layer set.
    ///
    /// # Errors
    /// With status 500 when the name is no token, the value has bytes that are
    /// not printable ASCII (a CR or LF would split the response), or the name
    /// is one of those that the connection needs for itself, such as
    /// `Connection` or `Content-Length`.
    pub fn set_header(&mut self, name: &str, value: &str) -> Result<(), HttpError> {
        let set = self.headers.lock(name.to_owned(), value.to_owned());
        set.then_some(()).ok_or_else(unsound)
    }

    /// [`set_header`](Self::set_header) of a field of our own.
    pub(super) fn set_own(&mut self, name: &'static str, value: &'static str) {
        self.headers.lock_own(name, value);
    }

    /// Adds a header beside others of the same name, as is right for `Vary` or
    /// `Set-Cookie`.
    ///
    /// # Errors
    /// As [`set_header`](Self::set_header).
    pub fn append_header(&mut self, name: &str, value: &str) -> Result<(), HttpError> {
        let added = self.headers.add(name.to_owned(), value.to_owned());
        added.then_some(()).ok_or_else(unsound)
    }

    /// Takes back what layers set under this name.
    pub fn remove_header(&mut self, name: &str) {
        self.headers.remove(name);
    }

    /// The headers that layers have set so far, as (name, value).
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter()
    }

    /// What layers attached to this exchange; it goes on to the spark.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// The same, to attach something.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }

    /// What the layers leave: headers for the answer, attachments for the
    /// spark.
    pub(crate) fn into_parts(self) -> (HeaderSet, Extensions) {
        (self.headers, self.extensions)
    }
}

impl fmt::Debug for Exchange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Exchange { request, upgrade, headers, extensions } = self;
        f.debug_struct("Exchange")
            .field("request", request)
            .field("upgrade", upgrade)
            .field("headers", headers)
            .field("extensions", extensions)
            .finish()
    }
}

fn unsound() -> HttpError {
    HttpError::new(500, "a layer set a header that cannot be sent")
}
