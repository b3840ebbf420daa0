//! What is answered without a session.

use std::sync::Arc;
use std::time::Duration;

use tiny_http::ResponseBox;

use crate::http::server::{self as http, HeaderSet, Request};
use crate::transformers::browserchannel::options::Options;
use crate::transformers::browserchannel::route::Refusal;
use crate::transformers::browserchannel::shape::Shape;
use crate::transformers::polled::serve::unbuffered;
use crate::transformers::polled::timed;
use crate::transformers::serve::{After, Host, Passed};

pub(super) const TEXT: &str = "text/plain";

/// How long the second piece of the probe is kept back.
const PAUSE: Duration = Duration::from_secs(2);

/// A refusal.
pub(super) fn refusal(refusal: Refusal) -> ResponseBox {
    http::typed(refusal.status(), TEXT, refusal.body())
}

/// Adds the header fields that all answers have, beside those that the middleware has
/// set.
pub(super) fn decorate(options: &Options, request: &Request, headers: &mut HeaderSet) {
    headers.add_own("Expires", "Fri, 01 Jan 1990 00:00:00 GMT");
    headers.add_own("X-Content-Type-Options", "nosniff");
    // Those that say their origin are dealt with by the layer `cors`.
    if request.header("origin").is_none() {
        if let Some(origin) = &options.cors {
            headers.add("Access-Control-Allow-Origin", origin.clone());
        }
        if options.credentials {
            headers.add_own("Access-Control-Allow-Credentials", "true");
        }
    }
}

/// One of the names in front of the host's that clients are to use.
pub(super) fn prefix(options: &Options) -> Option<&str> {
    let count = options.host_prefixes.len();
    let chosen = (count > 0).then(|| options.host_prefixes.get(fastrand::usize(..count)));
    chosen.flatten().map(String::as_str)
}

/// What the server is reached by. No names are blocked.
pub(super) fn init(options: &Options, mut passed: Box<Passed>) -> After {
    let prefix = prefix(options).map_or("null".into(), |prefix| format!("\"{prefix}\""));
    let forms = "application/json; application/x-www-form-urlencoded";
    passed.headers.add_own("X-Accept", forms);
    passed.reply(TEXT, format!("[{prefix},null]").into_bytes())
}

/// Two pieces, of which the second comes later: a client that gets both together knows
/// that answers are held back on their way to it.
#[allow(clippy::boxed_local)] // from its box it would be copied to the stack
pub(super) fn probe(host: &Arc<dyn Host>, mut passed: Box<Passed>, shape: &Shape) -> After {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    shape.prelude(&mut first);
    shape.piece("11111", true, &mut first);
    shape.piece("2", false, &mut second);
    shape.end(&mut second);
    unbuffered(&mut passed.headers);
    let head = (200, &[("Content-Type", shape.content())][..]);
    let pieces = [(Duration::ZERO, first), (PAUSE, second)];
    let Passed { connection, headers, .. } = &mut *passed;
    timed::answer(host, connection, headers, head, pieces);
    After::Kept(passed.connection)
}
