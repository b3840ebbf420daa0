//! Tests of the layers.

use std::io::Read;

use super::*;
use crate::http::server::{HeaderSet, Request, refusal_of};
use crate::http::{Parsed, Scan, parse_request};
use crate::limits::Limits;

mod cors;
mod defaults;
mod forwarded;
mod layers;
mod traces;

/// A request with these header lines, from this peer.
fn request_from(line: &str, headers: &str, peer: Option<&str>) -> Request {
    let headers = if headers.is_empty() { String::new() } else { format!("{headers}\r\n") };
    let head = format!("{line} HTTP/1.1\r\nHost: h\r\n{headers}\r\n");
    match parse_request(&mut Scan::default(), head.as_bytes(), &Limits::default()) {
        Parsed::Complete { head, .. } => Request::new(head, peer.map(|p| p.parse().unwrap())),
        other => panic!("{head:?}: {other:?}"),
    }
}

fn request(line: &str, headers: &str) -> Request {
    request_from(line, headers, Some("192.0.2.9:9"))
}

/// What comes of an exchange: status and body of the answer, if a layer gave
/// one, and the headers that layers set.
struct Outcome {
    status: Option<u16>,
    body: String,
    headers: Vec<String>,
    /// The raw form, for upgrades.
    raw: String,
}

fn run(middleware: &Middleware, request: &Request, upgrade: bool) -> Outcome {
    let mut exchange = Exchange::new(request, upgrade);
    let answer = middleware.run(&mut exchange).err();
    let headers = exchange.headers().map(|(n, v)| format!("{n}: {v}")).collect();
    let (set, _) = exchange.into_parts();
    let status = answer.as_ref().map(|a| a.response.status_code().0);
    let (body, raw) = answer.map(|a| written(a.response, request, &set)).unwrap_or_default();
    Outcome { status, body, headers, raw }
}

fn written(response: ResponseBox, request: &Request, set: &HeaderSet) -> (String, String) {
    let raw = String::from_utf8(refusal_of(&request.version(), response, set)).unwrap();
    (raw.split_once("\r\n\r\n").unwrap().1.to_owned(), raw)
}

fn defaults() -> Defaults {
    Defaults {
        pathname: "/primus".into(),
        proxies: TrustedProxies::default(),
        cors: Cors::default(),
        authorization: Authorization::default(),
        spec: Box::new(|| r#"{"pingInterval":30000}"#.into()),
        library: Box::new(|file, _| {
            let text = (file == "primus.js").then_some("Primus = 1")?;
            Some(crate::http::server::typed(200, "text/javascript; charset=utf-8", text))
        }),
    }
}
