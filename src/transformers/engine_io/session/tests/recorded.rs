//! What a recording says, in our terms.

use std::collections::BTreeMap;

use serde_json::Value;

use super::stand_in::{Live, show};
use super::trace::{Event, Reply, Request, What};
use crate::close::Ended;
use crate::frame::Frame;
use crate::protocol::{Control, classify};
use crate::transformers::engine_io::handshake::Handshake;
use crate::transformers::engine_io::jsonp;
use crate::transformers::engine_io::packet::Packet;
use crate::transformers::engine_io::payload::{Content, Decoder};
use crate::transformers::engine_io::request::Query;

/// The session of each connection, by its id.
pub(super) fn sids(events: &[Event]) -> BTreeMap<u64, String> {
    let mut sids = BTreeMap::new();
    for event in events {
        let sid = match &event.what {
            What::Request(request) => {
                Query::of(crate::http::pairs(&request.query)).sid().map(str::to_owned)
            }
            What::Reply(_) => opened(event).map(|handshake| handshake.sid),
            _ => None,
        };
        if let Some(sid) = sid {
            sids.entry(event.conn).or_insert(sid);
        }
    }
    sids
}

pub(super) fn content(request: &Request) -> Content {
    Content::of_mime(request.content_type.as_deref())
}

/// What ended a session, by the text of engine.io.
pub(super) fn by(text: &str) -> Option<Ended> {
    match text {
        "forced close" => None,
        "ping timeout" => Some(Ended::Heartbeat),
        "parse error" => Some(Ended::Protocol),
        "transport close" => Some(Ended::Lost),
        "transport error / poll connection closed prematurely" => Some(Ended::Lost),
        _ if text.starts_with("transport error / ") => Some(Ended::Protocol),
        _ => panic!("unknown reason {text}"),
    }
}

pub(super) fn json(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

/// Not one of Primus's own messages, nor one that it could not read.
pub(super) fn is_data(frame: &Frame) -> bool {
    let Some(text) = frame.as_text() else {
        return !frame.as_bytes().windows(8).any(|window| window == b"primus::");
    };
    let value = json(text);
    let control = value.as_ref().and_then(Value::as_str).and_then(classify);
    let own = matches!(control, Some(Control::Ping(_) | Control::Pong(_) | Control::Id(_)));
    !own && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// A reply as ours are written down.
pub(super) fn reply(event: &Event) -> Option<String> {
    let What::Reply(reply) = &event.what else { return None };
    Some(match reply {
        Reply::Http { status: 101, .. } => "101".to_owned(),
        Reply::Http { status: 200, mime, body } => {
            let body = show(body);
            // Ours is safe inside a page.
            let body = match body.starts_with("___eio") {
                true => body.replace("</", "\\u003c/"),
                false => body,
            };
            format!("200 {mime} {body}")
        }
        Reply::Http { status, body, .. } => format!("{status} {}", show(body)),
        Reply::Frame(frame) => {
            let kind = if frame.is_binary() { "binary" } else { "text" };
            format!("{kind} {}", show(frame.as_bytes()))
        }
        Reply::Close => "close".to_owned(),
        Reply::Cut => "cut".to_owned(),
    })
}

/// The packets of a reply.
pub(super) fn packets(event: &Event, live: &Live) -> Vec<Packet> {
    let What::Reply(reply) = &event.what else { return Vec::new() };
    match reply {
        Reply::Http { status: 200, mime, body } if mime != "text/html" => {
            let decoder = match live.jsonp {
                Some(_) => Decoder::call(body, live.format),
                None => Decoder::new(body.clone(), Content::of_mime(Some(mime)), live.format),
            };
            decoder.map(Result::unwrap).collect()
        }
        Reply::Frame(frame) => {
            vec![Packet::from_frame(frame.clone(), live.format.revision).unwrap()]
        }
        _ => Vec::new(),
    }
}

/// The handshake in a reply, which is as ours would be.
pub(super) fn opened(event: &Event) -> Option<Handshake> {
    let What::Reply(reply) = &event.what else { return None };
    let text = match reply {
        Reply::Http { status: 200, body, .. } => match jsonp::from_call(body) {
            Ok(text) => text,
            Err(_) => String::from_utf8(body.clone()).ok()?,
        },
        Reply::Frame(frame) => frame.as_text()?.to_owned(),
        _ => return None,
    };
    let json = &text[text.find("0{\"sid\"")? + 1..];
    let handshake = Handshake::parse(json).unwrap();
    assert_eq!(handshake.to_json(), json);
    Some(handshake)
}
