//! The `x-xss` layer: the XSS filter of old Internet Explorers mistook JSONP
//! answers for attacks.

use super::{Exchange, Flow, HttpError};

pub(super) fn layer(exchange: &mut Exchange<'_>) -> Result<Flow, HttpError> {
    let Some(agent) = exchange.request().header("user-agent") else { return Ok(Flow::Next) };
    let agent = agent.to_ascii_lowercase();
    if agent.contains(";msie") || agent.contains("trident/") {
        exchange.set_own("x-xss-protection", "0");
    }
    Ok(Flow::Next)
}
