//! The `primus.js` layer: serves the browser client.

use tiny_http::ResponseBox;

use super::{Exchange, Flow, HttpError};
use crate::http::server::Request;

/// Answers with a file of the client, by its name below the pathname; `None`:
/// there is no such.
pub(crate) type Files = dyn Fn(&str, &Request) -> Option<ResponseBox> + Send + Sync;

/// Answers `<pathname>/primus.js` and the other files of the client, exactly.
pub(super) fn layer(
    pathname: &str,
    library: Box<Files>,
) -> impl Fn(&mut Exchange<'_>) -> Result<Flow, HttpError> + Send + Sync + 'static {
    let folder = format!("{pathname}/");
    move |exchange| {
        let request = exchange.request();
        let file = request.path().strip_prefix(&folder);
        let answer = file.and_then(|file| library(file, request));
        Ok(answer.map_or(Flow::Next, Flow::Respond))
    }
}
