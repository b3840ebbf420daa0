//! Answers that come piece by piece by the clock, and belong to no session: some
//! protocols have clients find out that way what lies between them and a server.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::deadline::after;
use crate::http::server::{Connection, HeaderSet, Holder, Streaming};
use crate::net::Stream;
use crate::sync::{Lock, rank};
use crate::timer::Task;
use crate::transformers::serve::{Backlog, Host};

/// Answers the present request of a connection with pieces, each so long after the one
/// before it, and this status and these fields. A client that has not read one piece when
/// the next is due is cut.
pub(crate) fn answer(
    host: &Arc<dyn Host>,
    connection: &mut Connection,
    headers: &HeaderSet,
    (status, fields): (u16, &[(&str, &str)]),
    pieces: impl IntoIterator<Item = (Duration, impl Into<Cow<'static, [u8]>>)>,
) {
    let to = connection.hold(headers).begin(status, fields);
    let mut at = host.timer().now();
    let pieces = pieces.into_iter().map(|(wait, piece)| {
        at = after(at, wait);
        (at, piece.into())
    });
    let playing = Playing { to: Some(to), pieces: pieces.collect(), behind: false };
    let timed = Arc::new_cyclic(|me| Timed {
        host: host.clone(),
        me: me.clone(),
        state: Lock::new(playing),
    });
    connection.set_holder(Box::new(Listener(timed.clone())));
    let now = host.timer().now();
    if let Some(at) = timed.go_on(now) {
        host.timer().schedule(at, Arc::downgrade(&timed));
    }
}

/// An answer that is being given. Its connection keeps it.
struct Timed {
    host: Arc<dyn Host>,
    me: Weak<Timed>,
    state: Lock<Playing, rank::Session>,
}

struct Playing {
    /// `None` when all of it is sent, or the client is gone.
    to: Option<Streaming>,
    /// What is still to come, and when.
    pieces: VecDeque<(Instant, Cow<'static, [u8]>)>,
    /// What has come waits for room in its socket.
    behind: bool,
}

impl Timed {
    /// Sends what is due. When it is to be called again, if so.
    fn go_on(&self, now: Instant) -> Option<Instant> {
        let mut state = self.state.lock();
        let Playing { to, pieces, behind } = &mut *state;
        let answer = to.as_mut()?;
        while let Some((_, piece)) = pieces.front().filter(|(at, _)| *at <= now) {
            answer.chunk(piece);
            pieces.pop_front();
        }
        if pieces.is_empty() {
            answer.finish();
        }
        let sent = if *behind { None } else { answer.send().ok() };
        match sent {
            None => {
                answer.stream().abort();
                *to = None;
                return None;
            }
            Some(true) if pieces.is_empty() => {
                *to = None;
                return None;
            }
            Some(whole) => *behind = !whole,
        }
        let unsent = behind.then(|| answer.stream().clone());
        let patience = self.host.limits().close_timeout;
        let next = pieces.front().map_or_else(|| after(now, patience), |(at, _)| *at);
        drop(state);
        if let (Some(stream), Some(me)) = (unsent, self.me.upgrade()) {
            self.host.send_later(me, stream);
        }
        Some(next)
    }
}

impl Task for Timed {
    fn fire(self: Arc<Self>, now: Instant) -> Option<Instant> {
        self.go_on(now)
    }
}

impl Backlog for Timed {
    fn flush_backlog(&self, _: &Arc<Stream>) -> bool {
        let mut state = self.state.lock();
        let Some(answer) = &mut state.to else { return false };
        match answer.send() {
            Ok(false) => return true,
            Ok(true) if !answer.is_finished() => state.behind = false,
            _ => state.to = None,
        }
        false
    }
}

/// The connection that waits for the answer.
struct Listener(Arc<Timed>);

impl Holder for Listener {
    fn holds(&self) -> bool {
        self.0.state.lock().to.is_some()
    }
}

impl Drop for Listener {
    /// The client is gone, or has had its answer.
    fn drop(&mut self) {
        self.0.state.lock().to = None;
    }
}
