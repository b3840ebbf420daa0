//! What is answered without a session.

use tiny_http::{Header, Response, ResponseBox};

use crate::http::server as http;
use crate::transformers::socket_io::route::Wrong;

/// The content type of what is posted by a form.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

fn header(name: &'static str, value: &'static str) -> Header {
    Header::from_bytes(name, value).expect("constants that make a header")
}

/// As Socket.IO says it, without a content type.
fn bare(status: u16, text: &str) -> ResponseBox {
    Response::from_data(text).with_status_code(status).boxed()
}

pub(super) fn greeting() -> ResponseBox {
    bare(200, "Welcome to socket.io.")
}

pub(super) fn empty(status: u16) -> ResponseBox {
    Response::empty(status).boxed()
}

/// What cannot be asked for.
pub(super) fn wrong(wrong: Wrong) -> ResponseBox {
    match wrong {
        Wrong::Page => http::text(404, "Not Found"),
        Wrong::Version => bare(500, "Protocol version not supported."),
        Wrong::Method => {
            http::text(405, "Method Not Allowed").with_header(header("Allow", "GET, POST"))
        }
    }
}

/// A WebSocket is asked for in a plain request.
pub(super) fn no_upgrade() -> ResponseBox {
    http::text(426, "Upgrade Required").with_header(header("Sec-WebSocket-Version", "13"))
}

/// A WebSocket is asked for where there is none.
pub(super) fn no_websocket() -> ResponseBox {
    http::text(400, "Not a WebSocket")
}

pub(super) fn unavailable() -> ResponseBox {
    http::text(503, "Service Unavailable")
}
