//! What is answered without a session.

use std::sync::Arc;
use std::time::Duration;

use tiny_http::{Header, Response, ResponseBox};

use super::md5;
use crate::http::server::{HeaderSet, Request, is_sound};
use crate::id;
use crate::transformers::polled::timed;
use crate::transformers::serve::{After, Host, Passed};
use crate::transformers::sockjs::options::Options;
use crate::transformers::sockjs::receivers::SCRIPT;
use crate::transformers::sockjs::route::{Ask, Route};
use crate::value::Date;

/// What a request is told that asks for a WebSocket, and not in the way to get one.
pub(super) const NO_WEBSOCKET: &str = "Not a valid websocket request";

/// A year, for which answers that never change may be kept.
const YEAR_MS: f64 = 365.0 * 86_400_000.0;
const YEAR_SECONDS: &str = "31536000";

pub(super) const PLAIN: &str = "text/plain; charset=UTF-8";

fn header(name: &str, value: &str) -> Header {
    // Values are of our own, or were checked.
    Header::from_bytes(name, value).unwrap_or_else(|()| {
        Header::from_bytes("X-Unsound", "1").expect("constants that make a header")
    })
}

/// A text without a content type.
pub(super) fn text(status: u16, text: &str) -> ResponseBox {
    Response::from_data(text).with_status_code(status).boxed()
}

pub(super) fn typed(status: u16, content: &str, body: &str) -> ResponseBox {
    Response::from_data(body)
        .with_status_code(status)
        .with_header(header("Content-Type", content))
        .boxed()
}

/// The field `Expires`, a year from now.
fn expires() -> Header {
    let at = Date::from_ms(Date::now().ms() + YEAR_MS);
    header("Expires", &at.to_http().unwrap_or_default())
}

pub(super) fn greeting() -> ResponseBox {
    typed(200, PLAIN, "Welcome to SockJS!\n")
}

pub(super) fn not_found() -> ResponseBox {
    typed(404, PLAIN, "404 Error: Page not found\n")
}

pub(super) fn not_allowed(allow: &str) -> ResponseBox {
    Response::empty(405).with_header(header("Allow", allow)).boxed()
}

/// WebSockets are not offered here.
pub(super) fn disabled() -> ResponseBox {
    not_found().with_header(expires())
}

/// The same for an upgrade, with which no layer forbids to keep it.
pub(super) fn disabled_for_long() -> ResponseBox {
    let kept = format!("public, max-age={YEAR_SECONDS}");
    disabled().with_header(header("Cache-Control", &kept))
}

/// The answer to `OPTIONS`.
pub(super) fn methods(route: &Route) -> ResponseBox {
    // In this order, whatever that of `Allow` is.
    let methods = if route.allow.contains("GET") { "OPTIONS, GET" } else { "OPTIONS, POST" };
    Response::empty(204)
        .with_header(expires())
        .with_header(header("Access-Control-Allow-Methods", methods))
        .with_header(header("Access-Control-Max-Age", YEAR_SECONDS))
        .boxed()
}

/// What the server offers. The random number is for clients that have none.
pub(super) fn info(options: &Options) -> ResponseBox {
    let mut entropy = [0; 4];
    if id::fill(&mut entropy).is_err() {
        return text(500, "");
    }
    let Options { websocket, jsessionid, .. } = options;
    let mut info = format!(
        "{{\"websocket\":{websocket},\"origins\":[\"*:*\"],\"cookie_needed\":{jsessionid},\
         \"entropy\":{}",
        u32::from_le_bytes(entropy)
    );
    if let Some(url) = &options.base_url {
        info += &format!(",\"base_url\":\"{url}\"");
    }
    typed(200, "application/json; charset=UTF-8", &(info + "}"))
}

/// The page that a client puts into an iframe, to ask from there.
pub(super) struct Iframe {
    page: String,
    tag: String,
}

impl Iframe {
    pub(super) fn new(sockjs_url: &str) -> Self {
        let page = format!(
            "<!DOCTYPE html>\n\
             <html>\n\
             <head>\n  \
             <meta http-equiv=\"X-UA-Compatible\" content=\"IE=edge\" />\n  \
             <meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\" />\n  \
             <script src=\"{sockjs_url}\"></script>\n  \
             <script>\n    \
             document.domain = document.domain;\n    \
             SockJS.bootstrap_iframe();\n  \
             </script>\n\
             </head>\n\
             <body>\n  \
             <h2>Don't panic!</h2>\n  \
             <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>\n\
             </body>\n\
             </html>"
        );
        let tag = format!("\"{}\"", md5::hex(page.as_bytes()));
        Iframe { page, tag }
    }

    /// The page, unless the client has it.
    pub(super) fn answer(&self, request: &Request) -> ResponseBox {
        if request.knows(&self.tag) {
            return Response::empty(304).with_header(expires()).boxed();
        }
        typed(200, "text/html; charset=UTF-8", &self.page)
            .with_header(header("ETag", &self.tag))
            .with_header(expires())
    }
}

/// Has pieces come ever more slowly: what holds answers back shows.
#[allow(clippy::boxed_local)] // from its box it would be copied to the stack
pub(super) fn chunking_test(host: &Arc<dyn Host>, mut passed: Box<Passed>) -> After {
    const FILLED: &[u8] = &{
        let mut filled = [b' '; 2050];
        (filled[2048], filled[2049]) = (b'h', b'\n');
        filled
    };
    let piece = |(ms, piece)| (Duration::from_millis(ms), piece);
    let short: &[u8] = b"h\n";
    let pieces = [
        (0, short),
        (1, FILLED),
        (5, short),
        (25, short),
        (125, short),
        (625, short),
        (3125, short),
    ];
    let head = (200, &[("Content-Type", SCRIPT)][..]);
    let Passed { connection, headers, .. } = &mut *passed;
    timed::answer(host, connection, headers, head, pieces.into_iter().map(piece));
    After::Kept(passed.connection)
}

/// Adds the header fields that the answers of a route have, beside those that the
/// middleware has set.
pub(super) fn decorate(
    options: &Options,
    ask: Ask,
    route: &Route,
    request: &Request,
    headers: &mut HeaderSet,
) {
    if options.jsessionid && (route.cookie || ask == Ask::Options) {
        headers.add("Set-Cookie", format!("JSESSIONID={}; path=/", session_cookie(request)));
    }
    if !route.cors {
        return;
    }
    // Those that say their origin are dealt with by the layer `cors`.
    if request.header("origin").is_none() {
        headers.add_own("Access-Control-Allow-Origin", "*");
        headers.add_own("Vary", "Origin");
    }
    let wanted = request.header("access-control-request-headers").unwrap_or_default();
    if !wanted.is_empty() && is_sound("x", wanted) {
        headers.add("Access-Control-Allow-Headers", wanted.to_owned());
    }
}

/// The value of the cookie, as the client knows it.
fn session_cookie(request: &Request) -> &str {
    let cookies = request.header("cookie").unwrap_or_default().split(';');
    let mut values = cookies.filter_map(|cookie| cookie.trim().strip_prefix("JSESSIONID="));
    values.next().filter(|value| is_sound("x", value)).unwrap_or("dummy")
}
