//! The forward channel: what clients send, the opening of a session among it, and its
//! end.
//!
//! Each is kept from being inlined into what calls it: the pages of a stack that
//! were ever touched stay resident, so the deepest call counts.

use std::sync::Arc;
use std::time::Instant;

use tiny_http::Response;

use super::pages;
use super::state::{BrowserChannel, Live};
use crate::http::server as http;
use crate::id;
use crate::transformers::browserchannel::maps::{Invalid, Maps, Most};
use crate::transformers::browserchannel::route::Refusal;
use crate::transformers::browserchannel::session::order::Brought;
use crate::transformers::browserchannel::session::{self, Input, Session};
use crate::transformers::polled::records::Records;
use crate::transformers::polled::serve::{self, Made, STRAY_BODY};
use crate::transformers::serve::{After, Host, Passed};
use crate::transformers::websockets;

/// Bytes of a body beside its messages.
const AROUND: usize = 64 << 10;

/// Bytes in which a byte of a message is written, at the most.
const ESCAPED: usize = 3;

/// Opens a session; `old`: in the place of this one.
#[inline(never)]
pub(super) fn open(
    channel: &BrowserChannel,
    host: &Arc<dyn Host>,
    mut passed: Box<Passed>,
    rid: u64,
    old: Option<&str>,
) -> After {
    if host.is_closing() {
        return passed.respond(&**host, http::text(503, "Service Unavailable"));
    }
    let maps = match maps(&**host, &mut passed, longest(&**host)) {
        Ok(maps) => maps,
        Err(unread) => return unread.tell(channel, &**host, passed),
    };
    if let Some(old) = old.and_then(|old| channel.sessions.find(old)) {
        old.happens(Input::Replaced);
    }
    let Some((live, greeting)) = begin(channel, host, rid) else {
        return passed.respond(&**host, http::text(500, "Internal Server Error"));
    };
    let generation = websockets::server::generation(&passed.request);
    let made = Made { wire: &Records, generation, id: live.id().to_owned() };
    let mut opened = match serve::open(&channel.sessions, &live, host, passed, made) {
        Ok(opened) => opened,
        Err(opened) => return opened.refuse(&**host),
    };
    let brought = bring(&live, (&**host, None), (rid, None), Brought::Maps(maps));
    let answered = match brought.ok().and_then(|()| status(channel, &live, &**host)) {
        Some(_) => opened.connection.reply(200, pages::TEXT, greeting, &opened.headers),
        None => {
            host.refused(Refusal::Forbidden.status());
            opened.connection.respond(pages::refusal(Refusal::Forbidden), &opened.headers)
        }
    };
    if answered.is_err() {
        // There is no such session.
        live.give_up_fresh("the first answer could not be sent");
    }
    After::answered(opened.connection, answered)
}

/// Makes a session, and what its client is told.
fn begin(channel: &BrowserChannel, host: &Arc<dyn Host>, rid: u64) -> Option<(Arc<Live>, Vec<u8>)> {
    let id = id::session_id().ok()?;
    let (options, now) = (channel.options(), host.timer().now());
    let named = (&*id, pages::prefix(options));
    let mut machine = Session::open(options, named, rid, host.limits().inbox, now);
    let greeting = machine.greeting();
    let fixed = channel.shared.clone();
    let live = Live::open(&channel.sessions, host, (id, true), machine, fixed).ok()?;
    Some((live, greeting))
}

/// What a client sends in a session: the number of the request, and what was received
/// last.
#[inline(never)]
pub(super) fn send(
    channel: &BrowserChannel,
    host: &dyn Host,
    mut passed: Box<Passed>,
    sid: &str,
    numbers: (u64, Option<u64>),
) -> After {
    let live = channel.sessions.find(sid);
    if live.is_none() && !channel.shared.owed.has(sid, host.timer().now()) {
        return channel.refuse(host, passed, Refusal::UnknownSid);
    }
    let came = passed.connection.came();
    let most = if live.is_some() { longest(host) } else { STRAY_BODY };
    let maps = match maps(host, &mut passed, most) {
        Ok(maps) => maps,
        Err(unread) => return unread.tell(channel, host, passed),
    };
    // After the end of a session what its client sends is thrown away.
    let brought = live.as_ref().map(|live| {
        live.knock();
        bring(live, (host, came), numbers, Brought::Maps(maps)).map(|()| live)
    });
    let told = match brought {
        Some(Ok(live)) => status(channel, live, host).ok_or(Refusal::Forbidden),
        Some(Err(session::Refusal::Ahead)) => Err(Refusal::Aid),
        Some(Err(session::Refusal::TooEarly)) => Err(Refusal::TooEarly),
        Some(Err(session::Refusal::Gone)) | None => {
            channel.shared.owed.status(sid, host.timer().now()).ok_or(Refusal::UnknownSid)
        }
    };
    match told {
        Ok(status) => passed.reply(pages::TEXT, status.into_bytes()),
        Err(refusal) => channel.refuse(host, passed, refusal),
    }
}

/// A client ends its session.
#[inline(never)]
pub(super) fn terminate(
    channel: &BrowserChannel,
    host: &dyn Host,
    passed: Box<Passed>,
    sid: &str,
    rid: u64,
) -> After {
    let ended = channel.sessions.find(sid).map(|live| {
        live.knock();
        let came = passed.connection.came();
        bring(&live, (host, came), (rid, None), Brought::End)
    });
    match ended {
        Some(Ok(())) => passed.reply(pages::TEXT, Vec::new()),
        Some(Err(session::Refusal::TooEarly)) => channel.refuse(host, passed, Refusal::TooEarly),
        _ if channel.shared.owed.remove(sid, host.timer().now()) => {
            passed.reply(pages::TEXT, Vec::new())
        }
        _ => channel.refuse(host, passed, Refusal::UnknownSid),
    }
}

/// Has a session handle what was brought.
fn bring(
    live: &Live,
    (host, came): (&dyn Host, Option<Instant>),
    (rid, aid): (u64, Option<u64>),
    what: Brought,
) -> Result<(), session::Refusal> {
    let more = |session: &Session| session.has_more().then_some(Input::More);
    live.bring(came, Input::Bring { rid, aid, what }, more, host.limits().inbox)
}

/// What a request is answered that has brought something; `None` if that has ended the
/// session.
fn status(channel: &BrowserChannel, live: &Live, host: &dyn Host) -> Option<String> {
    let owed = || channel.shared.owed.status(live.id(), host.timer().now());
    live.look(Session::status).or_else(owed)
}

/// The longest body.
fn longest(host: &dyn Host) -> usize {
    host.max_length().saturating_mul(ESCAPED).saturating_add(AROUND)
}

/// Why a body is not made use of.
enum Unread {
    Invalid(Invalid),
    /// It did not come whole: the request is answered with this status.
    Failed(u16),
}

impl Unread {
    #[cold]
    fn tell(self, channel: &BrowserChannel, host: &dyn Host, passed: Box<Passed>) -> After {
        match self {
            Unread::Failed(413) | Unread::Invalid(Invalid::TooLarge) => {
                channel.refuse(host, passed, Refusal::TooLarge)
            }
            Unread::Invalid(Invalid::Malformed) => channel.refuse(host, passed, Refusal::BadData),
            Unread::Failed(status) => passed.respond(host, Response::empty(status).boxed()),
        }
    }
}

/// Reads the maps in the body of a request.
fn maps(host: &dyn Host, passed: &mut Passed, longest: usize) -> Result<Maps, Unread> {
    let content = passed.request.header("content-type").unwrap_or_default();
    let content = content.split(';').next().unwrap_or_default().trim();
    let is_json = content.eq_ignore_ascii_case("application/json");
    let body = passed.connection.read_body(longest as u64);
    let body = body.map_err(|bad| Unread::Failed(bad.status))?;
    let most = Most { maps: host.limits().values, length: host.max_length() };
    Maps::parse(body, is_json, most).map_err(Unread::Invalid)
}
