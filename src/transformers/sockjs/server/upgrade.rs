//! WebSockets. They have no session that another request could find.

use std::sync::Arc;

use super::heartbeat::Heartbeat;
use super::socket::{Raw, Socket};
use super::state::SockJs;
use super::{pages, wire};
use crate::id;
use crate::transformers::serve::{Host, Opening, Passed, Session, Sink, Source, Upgraded, Wire};
use crate::transformers::sockjs::frame::OPEN;
use crate::transformers::websockets::frame::encode_header;
use crate::transformers::websockets::server::{Accepted, Reader, accept, generation};

/// A WebSocket with the frames of SockJS.
#[inline(never)]
pub(super) fn framed(sockjs: &SockJs, host: &Arc<dyn Host>, passed: Box<Passed>) -> Upgraded {
    let Some(mut accepted) = accept(&**host, passed, host.max_length()) else {
        return Upgraded::Over;
    };
    // In one piece with the answer, as from sockjs-node: clients have their listeners
    // before they ask.
    encode_header(false, OPEN.len(), &mut accepted.answer);
    accepted.answer.extend_from_slice(OPEN.as_bytes());
    let heartbeat = Heartbeat::new(host.timer(), sockjs.options().heartbeat_delay);
    let most = host.limits().values;
    let wire = accepted.wire(&wire::Frames);
    spark(accepted, wire, Some(heartbeat.clone()), |connection| {
        Box::new(Socket::new(connection, heartbeat, most))
    })
}

/// A WebSocket that carries messages and nothing else. It has no heartbeat but that of
/// Primus.
#[inline(never)]
pub(super) fn raw(host: &Arc<dyn Host>, passed: Box<Passed>) -> Upgraded {
    let version = passed.request.header("sec-websocket-version");
    if !matches!(version, Some("8" | "13")) {
        let text = "Only supported WebSocket protocol is RFC 6455.";
        passed.refuse(&**host, pages::text(400, text));
        return Upgraded::Over;
    }
    match accept(&**host, passed, host.max_length()) {
        Some(accepted) => {
            let wire = accepted.wire(&wire::Raw);
            spark(accepted, wire, None, |connection| Box::new(Raw(connection)))
        }
        None => Upgraded::Over,
    }
}

fn spark(
    accepted: Accepted,
    wire: &'static dyn Wire,
    heartbeat: Option<Arc<Heartbeat>>,
    source: impl FnOnce(Box<Reader>) -> Box<dyn Source>,
) -> Upgraded {
    let Accepted { request, extensions, answer, stream, source: connection, .. } = accepted;
    let generation = generation(&request);
    Upgraded::Spark(Box::new(Opening {
        request,
        extensions,
        sink: Sink::Socket(stream),
        answer,
        wire,
        source: source(connection),
        generation,
        // Without one of SockJS's the spark gets one of Primus's.
        id: id::uuid().ok(),
        session: heartbeat.map(|heartbeat| heartbeat as Arc<dyn Session>),
    }))
}
