//! The `spec` layer: describes the server to clients that configure
//! themselves.

use super::{Exchange, Flow, HttpError};
use crate::http::server::typed;

/// Answers `<pathname>/spec`, exactly, with what `document` returns.
pub(super) fn layer(
    pathname: &str,
    document: Box<dyn Fn() -> String + Send + Sync>,
) -> impl Fn(&mut Exchange<'_>) -> Result<Flow, HttpError> + Send + Sync + 'static {
    let path = format!("{pathname}/spec");
    move |exchange| {
        if exchange.request().path() != path {
            return Ok(Flow::Next);
        }
        Ok(Flow::Respond(typed(200, "application/json", document())))
    }
}
