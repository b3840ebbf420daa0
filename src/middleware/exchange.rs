//! A request on its way through the layers.

use std::fmt;

use super::error::HttpError;
use crate::extensions::Extensions;
use crate::http::server::{Connection, HeaderSet, Request};

/// A request or upgrade on its way through the layers.
pub struct Exchange<'a> {
    request: &'a Request,
    upgrade: bool,
    headers: HeaderSet,
    extensions: Extensions,
    /// What the body of the request comes over.
    connection: Option<&'a mut Connection>,
}

impl<'a> Exchange<'a> {
    /// Of a request without a body.
    pub(crate) fn new(request: &'a Request, upgrade: bool) -> Self {
        let (headers, extensions) = Default::default();
        Exchange { request, upgrade, headers, extensions, connection: None }
    }

    /// With the body that comes over this connection.
    pub(crate) fn over(mut self, connection: &'a mut Connection) -> Self {
        self.connection = Some(connection);
        self
    }

    /// The request.
    pub fn request(&self) -> &'a Request {
        self.request
    }

    /// Whether the client asks to leave HTTP for another protocol.
    pub fn is_upgrade(&self) -> bool {
        self.upgrade
    }

    /// Reads the body of the request: all of it, at most so many bytes, within
    /// [`Limits::body_timeout`](crate::Limits::body_timeout). Blocks until it is there.
    ///
    /// It can be read once. A layer that does so answers the request: for what comes
    /// behind it, the transformer too, the body is empty.
    ///
    /// ```
    /// use primus::middleware::{Flow, Middleware, On};
    /// use primus::tiny_http::{Method, Response};
    ///
    /// let middleware = Middleware::new();
    /// middleware.use_layer("shout", On::Requests, |exchange| {
    ///     if *exchange.request().method() != Method::Put {
    ///         return Ok(Flow::Next);
    ///     }
    ///     let body = exchange.read_body(1024)?;
    ///     let text = String::from_utf8_lossy(&body).to_uppercase();
    ///     Ok(Flow::Respond(Response::from_string(text).boxed()))
    /// });
    /// ```
    ///
    /// # Errors
    /// With status 413 when it is longer, 408 when it comes too slowly, and 400 when it
    /// breaks off or is framed wrongly. The connection ends behind the answer then.
    pub fn read_body(&mut self, limit: usize) -> Result<Vec<u8>, HttpError> {
        let Some(connection) = &mut self.connection else { return Ok(Vec::new()) };
        let body = connection.read_body(limit as u64);
        body.map_err(|bad| HttpError::new(bad.status, bad.text))
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
        let Exchange { request, upgrade, headers, extensions, .. } = self;
        f.debug_struct("Exchange")
            .field("request", request)
            .field("upgrade", upgrade)
            .field("headers", headers)
            .field("extensions", extensions)
            .finish_non_exhaustive()
    }
}

fn unsound() -> HttpError {
    HttpError::new(500, "a layer set a header that cannot be sent")
}
