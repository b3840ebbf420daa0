//! The `no-cache` layer: nothing of a live connection may be cached.

use super::{Exchange, Flow, HttpError};

pub(super) fn layer(exchange: &mut Exchange<'_>) -> Result<Flow, HttpError> {
    let everything = "no-store, no-cache, must-revalidate, max-age=0";
    exchange.set_own("cache-control", everything);
    exchange.set_own("pragma", "no-cache");
    Ok(Flow::Next)
}
