//! The `primus.js` layer: serves the browser client.

use std::sync::Arc;

use super::{Exchange, Flow, HttpError};
use crate::http::{text, typed};

/// Answers `<pathname>/primus.js`, exactly, with the library, or with 404 when
/// there is none.
pub(super) fn layer(
    pathname: &str,
    library: Box<dyn Fn() -> Option<Arc<str>> + Send + Sync>,
) -> impl Fn(&mut Exchange<'_>) -> Result<Flow, HttpError> + Send + Sync + 'static {
    let path = format!("{pathname}/primus.js");
    move |exchange| {
        if exchange.request().path() != path {
            return Ok(Flow::Next);
        }
        Ok(Flow::Respond(match library() {
            Some(source) => typed(200, "text/javascript; charset=utf-8", source.as_bytes()),
            None => text(404, "Not Found"),
        }))
    }
}
