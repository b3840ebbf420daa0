//! The back channel: requests that wait for what there is to tell.

use super::state::BrowserChannel;
use crate::frame::room;
use crate::http::server::Held;
use crate::transformers::browserchannel::route;
use crate::transformers::browserchannel::session::{Input, Refusal, Session};
use crate::transformers::browserchannel::shape::Shape;
use crate::transformers::polled::serve::unbuffered;
use crate::transformers::polled::{Receiver, serve};
use crate::transformers::serve::{After, Host, Passed};

/// How often a session may end just when a request of its client's comes, before that
/// is told.
const TRIES: usize = 3;

/// A back channel of a session, of this shape; what of it was received last, and
/// whether it stays.
// Kept from being inlined into what calls it: the pages of a stack that were ever
// touched stay resident, so the deepest call counts.
#[inline(never)]
pub(super) fn wait(
    channel: &BrowserChannel,
    host: &dyn Host,
    mut passed: Box<Passed>,
    (sid, shape): (&str, Shape),
    (aid, stays): (Option<u64>, bool),
) -> After {
    unbuffered(&mut passed.headers);
    for _ in 0..TRIES {
        let Some(live) = channel.sessions.find(sid) else { break };
        let receiver = |held| receiver(held, &shape, stays);
        let Passed { connection, headers, .. } = &mut *passed;
        match serve::receive(&live, connection, headers, receiver, Input::Wait { aid, stays }) {
            Ok(()) => return After::Kept(passed.connection),
            // Whoever ends it may not have come to taking it out of the table.
            Err(Refusal::Gone) => channel.sessions.remove(&live),
            Err(Refusal::Ahead | Refusal::TooEarly) => {
                return channel.refuse(host, passed, route::Refusal::Aid);
            }
        }
    }
    let mut body = Vec::new();
    shape.prelude(&mut body);
    let rest = channel.shared.owed.take(sid, aid, host.timer().now(), |arrays| match &shape {
        Shape::Xhr => arrays.chunk(&mut body),
        Shape::Page(_) => {
            let mut text = Vec::new();
            arrays.put_unsent(&mut text);
            shape.piece(&room::text(text), true, &mut body);
        }
    });
    if rest.is_none() {
        return channel.refuse(host, passed, route::Refusal::UnknownSid);
    }
    shape.end(&mut body);
    passed.reply(shape.content(), body)
}

fn receiver(held: Held, shape: &Shape, stays: bool) -> Receiver<Shape> {
    let mut to = held.begin(200, &[("Content-Type", shape.content())]);
    let mut prelude = Vec::new();
    shape.prelude(&mut prelude);
    to.chunk(&prelude);
    Receiver::stream(to, Session::limit(stays), shape.clone())
}
