//! The requests of sessions: to open one, to wait for what there is to tell, and
//! to send.
//!
//! Each is kept from being inlined into what calls it: the pages of a stack that
//! were ever touched stay resident, so the deepest call counts.

use std::sync::Arc;

use tiny_http::ResponseBox;

use super::live::Live;
use super::outlet::Outlet;
use super::protocol::Protocol;
use super::receiver::Receiver;
use super::sessions::Sessions;
use crate::http::server::{self as http, Connection, HeaderSet, Held, Holder, Owner};
use crate::protocol::Generation;
use crate::transformers::serve::{After, Host, Opening, Passed, Sink, Wire};

/// Bytes of a body that are read for a session that is unknown, or over, to say what is
/// wrong with it.
pub(crate) const STRAY_BODY: usize = 64 << 10;

/// Says to proxies how to treat an answer that comes piece by piece.
pub(crate) fn unbuffered(headers: &mut HeaderSet) {
    // nginx collects an answer before it passes it on, and so does what compresses
    // answers.
    headers.add_own("X-Accel-Buffering", "no");
    headers.add_own("Cache-Control", "no-transform");
}

/// Ends the oldest session whose client has not come back, of this owner or of anybody;
/// false when there is none.
pub(crate) fn make_room<P: Protocol>(sessions: &Sessions<Live<P>>, of: Option<Owner>) -> bool {
    let why = "a newcomer takes the place of a session that nobody polls";
    std::iter::from_fn(|| sessions.oldest_fresh(of)).any(|live| live.give_up_fresh(why))
}

/// What is left of a request that has opened a session: it is to be answered.
pub(crate) struct Opened {
    pub(crate) headers: HeaderSet,
    pub(crate) connection: Box<Connection>,
}

impl Opened {
    /// Answers that there is no room for the session.
    #[cold]
    #[inline(never)]
    pub(crate) fn refuse(mut self, host: &dyn Host) -> After {
        host.refused(503);
        let answered = self.connection.respond(unavailable(), &self.headers);
        After::answered(self.connection, answered)
    }
}

/// What is known of a spark before it is made: the format of what it writes to a
/// socket, the client's generation, and its id, if it is that of the session.
pub(crate) struct Made {
    pub(crate) wire: &'static dyn Wire,
    pub(crate) generation: Generation,
    pub(crate) id: String,
}

/// Makes the spark of a session that a request opens. If there is no room for it
/// the request is given back, to be refused.
#[inline(never)]
pub(crate) fn open<P: Protocol>(
    sessions: &Sessions<Live<P>>,
    live: &Arc<Live<P>>,
    host: &Arc<dyn Host>,
    passed: Box<Passed>,
    made: Made,
) -> Result<Opened, Opened> {
    let owner = host.owner(&passed.request);
    let (opening, opened) = opening(live, passed, made);
    if let Err(refused) = host.clone().open(opening) {
        log::debug!("no thread for a session: {refused}");
        return Err(opened);
    }
    if let Some(oldest) = sessions.count_fresh(live, owner, host.limits()) {
        oldest.give_up_fresh("too many sessions that nobody polls");
    }
    Ok(opened)
}

/// What a spark is made of, and what is left of the request.
#[inline(never)]
#[allow(clippy::boxed_local)] // from its box it would be copied to the stack
fn opening<P: Protocol>(
    live: &Arc<Live<P>>,
    passed: Box<Passed>,
    made: Made,
) -> (Box<Opening>, Opened) {
    let Made { wire, generation, id } = made;
    let Passed { request, extensions, headers, connection } = *passed;
    let opening = Box::new(Opening {
        request,
        extensions,
        sink: Sink::Poll(live.clone()),
        answer: Vec::new(),
        wire,
        source: Box::new(Outlet::polls(live.clone())),
        generation,
        id: Some(id),
        session: Some(live.clone()),
    });
    (opening, Opened { headers, connection })
}

#[cold]
#[inline(never)]
fn unavailable() -> ResponseBox {
    let retry =
        tiny_http::Header::from_bytes("Retry-After", "5").expect("constants that make a header");
    http::text(503, "Service Unavailable").with_header(retry)
}

/// A request that waits: it is answered when there is something to send.
/// `receiver` says in which form.
#[inline(never)]
pub(crate) fn receive<P: Protocol>(
    live: &Arc<Live<P>>,
    connection: &mut Connection,
    headers: &HeaderSet,
    receiver: impl FnOnce(Held) -> Receiver<P::Shape>,
    input: P::Input,
) -> Result<(), P::Refusal> {
    let held = connection.hold(headers);
    let number = live.attach(receiver(held), input)?;
    connection.set_holder(Box::new(Waiting { live: live.clone(), number }));
    Ok(())
}

/// A receiver, as its connection sees it.
struct Waiting<P: Protocol> {
    live: Arc<Live<P>>,
    number: u64,
}

impl<P: Protocol> Holder for Waiting<P> {
    fn holds(&self) -> bool {
        self.live.holds(self.number)
    }
}

impl<P: Protocol> Drop for Waiting<P> {
    fn drop(&mut self) {
        self.live.detach(self.number);
    }
}

/// Why a POST is not served.
pub(crate) enum Unread<R> {
    /// The session refuses it.
    Refused(R),
    /// Its body did not come whole: it is answered with this status.
    Failed(u16),
}

/// Reads the body of a POST, of at most so many bytes. What is in it is to be
/// handed to [`Live::posted`].
#[inline(never)]
pub(crate) fn read<P: Protocol>(
    live: &Live<P>,
    connection: &mut Connection,
    input: P::Input,
    longest: usize,
) -> Result<Vec<u8>, Unread<P::Refusal>> {
    live.post(connection.stream(), connection.came(), input).map_err(Unread::Refused)?;
    connection.read_body(longest as u64).map_err(|bad| {
        // What was only too long or too slow may be followed by something
        // better.
        live.post_failed(matches!(bad.status, 408 | 413));
        Unread::Failed(bad.status)
    })
}
