//! Errors that are answered over HTTP.

use std::fmt;

use serde::Serialize;
use tiny_http::ResponseBox;

use crate::error::BoxError;
use crate::http::server::{is_sound, typed};

/// An error of a middleware layer, or the refusal of an authorization, as it
/// is answered to the client: a status and the body `{"error":<message>}`.
///
/// ```
/// use primus::middleware::HttpError;
///
/// let error = HttpError::new(401, "log in first").with_authenticate(r#"Basic realm="chat""#);
/// assert_eq!(error.status(), Some(401));
/// assert_eq!(error.to_string(), r#"{"error":"log in first"}"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpError {
    status: Option<u16>,
    /// The message as JSON.
    json: String,
    authenticate: Option<String>,
}

impl HttpError {
    /// An error with a status and a message. A status that cannot be an answer
    /// (below 200 or above 999) becomes 500.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        HttpError::json(status, &message.into())
    }

    /// An error whose message is any JSON value, embedded as it is:
    /// `{"error":{"foo":1}}`.
    pub fn json<T: Serialize + ?Sized>(status: u16, message: &T) -> Self {
        let status = if (200..=999).contains(&status) { status } else { 500 };
        HttpError { status: Some(status), json: to_json(message), authenticate: None }
    }

    /// Asks the client for credentials: the value of `WWW-Authenticate`, which
    /// is sent when the status is 401. A value that cannot be a header is left
    /// out.
    #[must_use]
    pub fn with_authenticate(mut self, challenge: impl Into<String>) -> Self {
        self.authenticate = Some(challenge.into());
        self
    }

    /// The status; `None` is the default of the place: 401 for an
    /// authorization, 500 for any other layer.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// The answer.
    pub(crate) fn response(&self, default: u16) -> ResponseBox {
        let status = self.status.unwrap_or(default);
        let response = typed(status, "application/json", self.to_string());
        match &self.authenticate {
            Some(challenge) if status == 401 && is_sound("WWW-Authenticate", challenge) => {
                match tiny_http::Header::from_bytes("WWW-Authenticate", challenge.as_str()) {
                    Ok(header) => response.with_header(header),
                    Err(()) => response,
                }
            }
            _ => response,
        }
    }

    /// The same error with this status unless it has one.
    pub(crate) fn or_status(mut self, default: u16) -> Self {
        self.status.get_or_insert(default);
        self
    }
}

fn to_json<T: Serialize + ?Sized>(message: &T) -> String {
    serde_json::to_string(message).unwrap_or_else(|error| {
        log::error!("the message of an error could not be encoded: {error}");
        "null".to_owned()
    })
}

impl From<&str> for HttpError {
    /// An error with the default status of its place.
    fn from(message: &str) -> Self {
        HttpError { status: None, json: to_json(message), authenticate: None }
    }
}

impl From<String> for HttpError {
    /// An error with the default status of its place.
    fn from(message: String) -> Self {
        message.as_str().into()
    }
}

impl From<BoxError> for HttpError {
    /// An error with the default status of its place; the client sees its text.
    fn from(error: BoxError) -> Self {
        error.to_string().into()
    }
}

impl fmt::Display for HttpError {
    /// The body of the answer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{\"error\":{}}}", self.json)
    }
}

impl std::error::Error for HttpError {}
