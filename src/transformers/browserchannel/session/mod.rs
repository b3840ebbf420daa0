//! A session: its life, as [`polled`] drives it.
//!
//! What waits to be sent is in the spark's outbox until there is a back channel for it;
//! what was sent is kept here until it is acknowledged.
//!
//! | what happens | no back channel | a back channel | over |
//! |---|---|---|---|
//! | [`Wait`](Input::Wait), which acknowledges what was sent | it waits; gets again what is kept | the one before ends, this one likewise | refused: gone |
//! | the same for what was never sent | refused: ahead | refused: ahead | refused: gone |
//! | messages | wait | it gets them, and they are kept | – |
//! | its answer ends in peace, or its connection is lost | – | → no back channel | – |
//! | `keepAliveInterval` since it came, or another one since | – | `noop` | – |
//! | `sessionTimeoutInterval` without one | → over | – | – |
//! | [`Bring`](Input::Bring) | in its order | in its order | refused: gone |
//! | maps whose turn it is | messages for the spark | messages for the spark | – |
//! | the client's end, when its turn has come | → over | end → over | – |
//! | a map that is no JSON, or more that is early than there is room for | → over | end → over | – |
//! | the spark ends, and what was written before has gone out | → over | `stop`, end → over | – |
//! | the session is lost, or another takes its place | → over | end → over | – |
//!
//! When the spark has ended, what the client has not acknowledged is owed to it, for
//! as long as a session lives without a back channel.
//!
//! [`polled`]: crate::transformers::polled

pub(super) mod order;
mod vocabulary;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::order::{Order, Step, TooEarly};
pub(super) use self::vocabulary::{Input, Refusal, Say, Shared};
use super::arrays::{Ahead, Arrays};
use super::maps::Map;
use super::options::Options;
use super::shape::Shape;
use crate::close::{CloseReason, Ended};
use crate::frame::room;
use crate::transformers::polled::protocol::{
    self, Dropped, Effect, End, Protocol, QuietEffect, What,
};
use crate::transformers::polled::receiver::Limit;
use crate::transformers::polled::records::Record;

/// UTF-16 units after which a back channel that stays ends all the same.
const LIMIT: usize = 10 << 10;

/// So many maps are handled in one go, or as many as have so many bytes, and those that
/// have been here before count too: then is looked whether the spark's thread keeps up,
/// and the session's lock is let go.
const STEPS: usize = 32;
const STEPS_BYTES: usize = 32 << 10;

/// One session.
pub(super) struct Session {
    keep_alive: Duration,
    timeout: Duration,
    arrays: Arrays,
    order: Order,
    /// There is a back channel.
    attached: bool,
    /// What it has got, if it is a page.
    page: Page,
    /// When the back channel is told something.
    beat: Option<Instant>,
    /// Until when the client may be without one.
    away: Option<Instant>,
    stop: Stop,
    over: bool,
}

/// What a page has got. What it says at its end goes with the last of it.
#[derive(Clone, Copy, Debug)]
struct Page {
    empty: bool,
    left: Limit,
}

/// Whether the client is told that the spark has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    No,
    /// Behind what comes next.
    Due,
    Told,
}

impl Session {
    /// A session that the request with this number opens, which is to be told
    /// [`greeting`](Self::greeting). `room`: bytes of what may come before its turn.
    pub fn open(
        options: &Options,
        (sid, prefix): (&str, Option<&str>),
        rid: u64,
        room: usize,
        now: Instant,
    ) -> Self {
        let prefix = prefix.map_or("null".into(), |prefix| format!("\"{prefix}\""));
        let mut arrays = Arrays::default();
        arrays.own(&format!("[\"c\",\"{sid}\",{prefix},8]"));
        Session {
            keep_alive: options.keep_alive,
            timeout: options.session_timeout,
            arrays,
            order: Order::new(rid, room),
            attached: false,
            page: Page { empty: true, left: Limit(None) },
            beat: None,
            away: now.checked_add(options.session_timeout),
            stop: Stop::No,
            over: false,
        }
    }

    /// What the request is answered that has opened it.
    pub fn greeting(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.arrays.chunk(&mut out);
        out
    }

    /// Whether something was brought that is still to be handled.
    pub fn has_more(&self) -> bool {
        !self.over && self.order.has_more()
    }

    /// What a request is answered that has brought something; `None` when the session
    /// is over.
    pub fn status(&self) -> Option<String> {
        (!self.over).then(|| self.arrays.status(self.attached))
    }

    /// How much a back channel may get.
    pub fn limit(stays: bool) -> Limit {
        // It ends with what goes beyond.
        Limit(Some(if stays { LIMIT + 1 } else { 1 }))
    }

    fn wait(&mut self, aid: Option<u64>, stays: bool, now: Instant, out: &mut Vec<Effect<Self>>) {
        if let Err(refusal) = self.acknowledge(aid) {
            return out.push(Effect::Refuse(refusal));
        }
        out.push(match self.attached {
            true => Effect::Replace(Some(Say::Last)),
            false => Effect::Accept,
        });
        self.arrays.begin();
        (self.attached, self.away) = (true, None);
        self.page = Page { empty: true, left: Session::limit(stays) };
        self.beat = now.checked_add(self.keep_alive);
    }

    fn acknowledge(&mut self, aid: Option<u64>) -> Result<(), Refusal> {
        match aid {
            _ if self.over => Err(Refusal::Gone),
            Some(aid) => self.arrays.acknowledge(aid).map_err(|Ahead| Refusal::Ahead),
            None => Ok(()),
        }
    }

    /// Handles some of what was brought.
    fn more(&mut self, out: &mut Vec<Effect<Self>>) {
        let mut bytes = 0;
        for _ in 0..STEPS {
            let Some((size, step)) = self.order.step().filter(|_| !self.over) else { return };
            match step {
                Step::Map(Map::Message(frame)) => out.push(Effect::Deliver(frame)),
                Step::Map(Map::Nothing) | Step::Nothing => {}
                Step::Map(Map::NotJson) => self.broken("a map that is no JSON", out),
                Step::Full => self.broken("too many maps before their turn", out),
                Step::End => {
                    let reason = CloseReason::new(Ended::Remote, 1005, "", true);
                    out.extend(self.finish(End::Because(reason)).map(Effect::Quiet));
                }
            }
            bytes += size;
            if bytes >= STEPS_BYTES {
                return;
            }
        }
    }

    fn broken(&mut self, what: &str, out: &mut Vec<Effect<Self>>) {
        let reason =
            CloseReason::new(Ended::Protocol, 1002, format!("browserchannel: {what}"), true);
        out.extend(self.finish(End::Because(reason)).map(Effect::Quiet));
    }

    /// The session is over. The back channel ends.
    fn finish(&mut self, end: End) -> [QuietEffect<Self>; 3] {
        (self.over, self.away, self.beat) = (true, None, None);
        self.order.clear();
        [QuietEffect::Answer(Say::Last), QuietEffect::Finish, QuietEffect::Over(end)]
    }

    fn tick(&mut self, now: Instant, out: &mut Vec<Effect<Self>>) {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if is_due(self.away) {
            let reason = CloseReason::lost("the client has not come back");
            out.extend(self.finish(End::Because(reason)).map(Effect::Quiet));
        } else if is_due(self.beat) {
            self.beat = now.checked_add(self.keep_alive);
            out.push(Effect::Quiet(QuietEffect::Answer(Say::Noop)));
        }
    }

    /// The back channel has ended.
    fn left(&mut self, now: Instant) {
        (self.attached, self.beat) = (false, None);
        if !self.over {
            self.away = now.checked_add(self.timeout);
        }
    }

    fn tell_stop(&mut self) {
        if std::mem::replace(&mut self.stop, Stop::Told) != Stop::Told {
            self.arrays.own("[\"stop\"]");
        }
    }

    /// Appends what the back channel has not got.
    fn unsent(&mut self, shape: &Shape, out: &mut Vec<u8>) {
        if *shape == Shape::Xhr {
            return self.arrays.chunk(out);
        }
        let mut arrays = Vec::new();
        self.arrays.put_unsent(&mut arrays);
        if arrays.is_empty() {
            return;
        }
        let start = out.len();
        let first = std::mem::replace(&mut self.page.empty, false);
        shape.piece(&room::text(arrays), first, out);
        if !self.page.left.take(out.get(start..).unwrap_or_default()) {
            shape.end(out);
        }
    }
}

impl Protocol for Session {
    type Input = Input;
    type Effect = Effect<Self>;
    type Quiet = QuietEffect<Self>;
    type Own = Say;
    type Act = Infallible;
    type Refusal = Refusal;
    type Shape = Shape;
    type Fixed = Arc<Shared>;

    const KEEPS: bool = true;

    fn handle(&mut self, input: Input, now: Instant, out: &mut Vec<Effect<Self>>) {
        match input {
            Input::Wait { aid, stays } => self.wait(aid, stays, now, out),
            Input::Bring { rid, aid, what } => {
                let brought = self.acknowledge(aid).and_then(|()| {
                    self.order.come(rid, what).map_err(|TooEarly| Refusal::TooEarly)
                });
                match brought {
                    Ok(()) => self.more(out),
                    Err(refusal) => out.push(Effect::Refuse(refusal)),
                }
            }
            Input::More => self.more(out),
            Input::Replaced if !self.over => {
                let reason = CloseReason::lost("its client has opened another session");
                out.extend(self.finish(End::Because(reason)).map(Effect::Quiet));
            }
            Input::Common(protocol::Input::Tick { .. }) => self.tick(now, out),
            Input::Replaced | Input::Common(_) => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.away.into_iter().chain(self.beat).min()
    }

    fn polls(&self) -> bool {
        !self.over
    }

    fn takes(&mut self, _: Instant) -> bool {
        self.attached
    }

    /// What the back channel before had got, and is not acknowledged.
    fn idle(&mut self, out: &mut Vec<QuietEffect<Self>>) {
        if self.attached && self.arrays.has_unsent() {
            out.push(QuietEffect::Answer(Say::Again));
        }
    }

    fn end(&mut self, _: Instant, out: &mut Vec<QuietEffect<Self>>) {
        if !self.over {
            self.stop = Stop::Due;
            out.push(QuietEffect::Answer(Say::Stop));
            out.extend(self.finish(End::Told));
        }
    }

    fn lost(&mut self, reason: CloseReason, _: Instant, out: &mut Vec<QuietEffect<Self>>) {
        if !self.over {
            out.extend(self.finish(End::Because(reason)));
        }
    }

    /// It may come again, and gets again what it has not acknowledged.
    fn dropped(&mut self, _: Dropped, now: Instant, _: &mut Vec<QuietEffect<Self>>) {
        self.left(now);
    }

    fn detached(&mut self, now: Instant) {
        self.left(now);
    }

    fn refuse(_: &Refusal, shape: &Shape) -> (u16, &'static str, Vec<u8>) {
        (400, shape.content(), Vec::new())
    }

    fn body(
        &mut self,
        _: &Arc<Shared>,
        shape: &Shape,
        what: What<'_, Say>,
        out: &mut Vec<u8>,
    ) -> &'static str {
        match what {
            What::Own(Say::Last) => shape.end(out),
            What::Own(own) => {
                match own {
                    Say::Noop => self.arrays.own("[\"noop\"]"),
                    Say::Stop => self.tell_stop(),
                    Say::Again | Say::Last => {}
                }
                self.unsent(shape, out);
            }
            What::Waiting { records, .. } => {
                for record in records {
                    // A frame of bytes is refused when it is written, and packets of
                    // its own the protocol has none.
                    if let Record::Text(text) = record {
                        self.arrays.message(text);
                    }
                }
                if self.stop == Stop::Due {
                    self.tell_stop();
                }
                self.unsent(shape, out);
            }
        }
        shape.content()
    }

    fn kept(&self) -> usize {
        self.arrays.kept()
    }

    fn act(_: &Arc<Shared>, _: &str, act: Infallible, _: Instant) {
        match act {}
    }

    /// What the client of a spark that has ended has not acknowledged is owed to it.
    fn over(&mut self, shared: &Arc<Shared>, id: &str, now: Instant) {
        if self.stop != Stop::No {
            self.tell_stop();
            shared.owed.owe(id, std::mem::take(&mut self.arrays), now);
        }
    }

    fn patience(shared: &Arc<Shared>) -> Duration {
        shared.options.session_timeout
    }
}

#[cfg(test)]
mod tests;
