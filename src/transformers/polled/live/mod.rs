//! A session that is open: between the HTTP connections, which tell it what its
//! client does, and the spark that it carries.

mod cast;
mod clock;
mod post;
mod receive;
mod todo;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use self::todo::{Outcome, Quiet, Todo};
use super::inlet::Inlet;
use super::protocol::{Effect, End, Protocol, QuietEffect, Read, What};
use super::receiver::Receiver;
use super::sessions::{Listed, Sessions};
use crate::close::CloseReason;
use crate::excuse::Busy;
use crate::frame::Frame;
use crate::net::Stream;
use crate::sync::{Guard, Lock, rank};
use crate::timer::Key;
use crate::transformers::serve::{Carried, Host, Session, Wire};
use crate::transformers::websockets::server::Reader;

/// A session and what belongs to it.
///
/// Its lock guards the state machine, and the requests to answer; answers are
/// sent under it, without blocking. The spark's outbox calls with its own lock
/// held, so the spark is called only without this one, and by nothing that the
/// outbox has called: see [the module](super).
pub(crate) struct Live<P: Protocol> {
    id: String,
    fixed: P::Fixed,
    sessions: Arc<Sessions<Live<P>>>,
    host: Arc<dyn Host>,
    inlet: Inlet,
    spark: OnceLock<Arc<dyn Carried>>,
    me: Weak<Live<P>>,
    /// No request has come since the one that opened it.
    fresh: AtomicBool,
    /// A message came since the last tick.
    heard: AtomicBool,
    state: Lock<State<P>, rank::Session>,
}

/// What is locked.
pub(crate) struct State<P: Protocol> {
    machine: P,
    /// Numbers the receivers.
    receivers: u64,
    receiver: Option<Receiver<P::Shape>>,
    /// The connection that the client was reached by last, while it is there.
    reached_by: Weak<Stream>,
    /// The connection of the POST.
    post: Option<Arc<Stream>>,
    /// Numbers the POSTs.
    posts: u64,
    /// Requests whose messages are being handed over, where any number may at a time.
    delivering: usize,
    timer: Option<Key>,
    /// When it is set to.
    due: Option<Instant>,
    /// Judged by how often the spark's thread has waited, or a POST come.
    busy: Busy,
    /// When it ended.
    over_since: Option<Instant>,
    /// The server shuts down: the next answer ends its connection.
    last: bool,
    /// The client has been told of the end, or is being told, and is not waited
    /// for any more.
    parting: bool,
}

impl<P: Protocol> State<P> {
    fn new(machine: P) -> Self {
        State {
            machine,
            receivers: 0,
            receiver: None,
            reached_by: Weak::new(),
            post: None,
            posts: 0,
            delivering: 0,
            timer: None,
            due: None,
            busy: Busy::default(),
            over_since: None,
            last: false,
            parting: false,
        }
    }

    /// Whether a receiver has not read all that it was sent.
    pub(crate) fn is_behind(&self) -> bool {
        self.receiver.as_ref().is_some_and(Receiver::is_behind)
    }
}

/// What became of a frame on the WebSocket.
pub(crate) enum Received {
    /// A message of the application's.
    Message(Frame),
    /// Something that is dealt with.
    Nothing,
    /// The end.
    Closed(CloseReason),
}

impl<P: Protocol> Live<P> {
    /// Opens a session, which `is_fresh` until its client comes back. If there is
    /// one with this id it is returned instead.
    pub(crate) fn open(
        sessions: &Arc<Sessions<Self>>,
        host: &Arc<dyn Host>,
        (id, is_fresh): (String, bool),
        machine: P,
        fixed: P::Fixed,
    ) -> Result<Arc<Self>, Arc<Self>> {
        let live = Arc::new_cyclic(|me| Live {
            id,
            fixed,
            sessions: sessions.clone(),
            host: host.clone(),
            inlet: Inlet::new(),
            spark: OnceLock::new(),
            me: me.clone(),
            fresh: AtomicBool::new(is_fresh),
            heard: AtomicBool::new(false),
            state: Lock::new(State::new(machine)),
        });
        match sessions.insert(&live) {
            Some(other) => Err(other),
            None => {
                live.watch_clock(&mut live.lock());
                Ok(live)
            }
        }
    }

    /// Its id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Locks it.
    pub(crate) fn lock(&self) -> Guard<'_, State<P>> {
        self.state.lock()
    }

    /// What does not change.
    pub(crate) fn fixed(&self) -> &P::Fixed {
        &self.fixed
    }

    /// Looks at the machine.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&P) -> R) -> R {
        look(&self.lock().machine)
    }

    /// The way in.
    pub(super) fn inlet(&self) -> &Inlet {
        &self.inlet
    }

    /// Something happens to the session. What follows is left to
    /// [`settle`](Self::settle), without the lock.
    pub(crate) fn feed(&self, state: &mut State<P>, input: P::Input) -> Todo<P> {
        let mut effects = Vec::new();
        state.machine.handle(input, self.host.timer().now(), &mut effects);
        let mut todo = Todo::default();
        self.apply(state, effects, &mut todo);
        todo
    }

    /// [`feed`](Self::feed) and [`settle`](Self::settle).
    pub(crate) fn happens(&self, input: P::Input) -> Outcome<P> {
        let mut state = self.lock();
        let todo = self.feed(&mut state, input);
        drop(state);
        self.settle(todo)
    }

    fn apply(&self, state: &mut State<P>, effects: Vec<P::Effect>, todo: &mut Todo<P>) {
        for effect in effects {
            match effect.into() {
                Effect::Accept => todo.accepted = true,
                Effect::Replace(last) => {
                    todo.accepted = true;
                    self.replace(state, last.as_ref());
                }
                Effect::Refuse(refusal) => todo.refused = Some(refusal),
                Effect::Posted => state.post = None,
                Effect::Deliver(frame) => self.inlet.message(frame),
                Effect::Send { packet, asked } => todo.send.push((packet, asked)),
                Effect::Switch => todo.switch = true,
                Effect::Die(reason) => {
                    todo.die = Some(reason);
                    self.carry_out(state, QuietEffect::Over(End::Told), &mut todo.quiet);
                }
                Effect::Quiet(effect) => self.carry_out(state, effect, &mut todo.quiet),
            }
        }
        self.watch_clock(state);
    }

    /// [`apply`](Self::apply) for what may follow while the outbox is locked.
    fn apply_quietly(&self, state: &mut State<P>, effects: Vec<P::Quiet>, quiet: &mut Quiet) {
        for effect in effects {
            self.carry_out(state, effect.into(), quiet);
        }
        self.watch_clock(state);
    }

    fn carry_out(&self, state: &mut State<P>, effect: QuietEffect<P>, quiet: &mut Quiet) {
        match effect {
            QuietEffect::Answer(own) => self.answer(state, What::Own(&own), quiet),
            QuietEffect::Finish => self.finish(state, quiet),
            QuietEffect::CutPost => {
                if let Some(stream) = state.post.take() {
                    stream.abort();
                }
            }
            QuietEffect::Act(act) => P::act(&self.fixed, &self.id, act, self.host.timer().now()),
            QuietEffect::Over(end) => {
                let now = self.host.timer().now();
                state.machine.over(&self.fixed, &self.id, now);
                quiet.over = Some(end);
                state.over_since = Some(now);
                self.limit_unsent(state);
            }
        }
    }

    /// Does what must not be done under the session's lock, but may be under its
    /// outbox's.
    fn settle_quietly(&self, quiet: Quiet) -> Option<End> {
        if let Some(stream) = quiet.unsent
            && let Some(me) = self.me.upgrade()
        {
            self.host.send_later(me, stream);
        }
        if let Some(end) = &quiet.over {
            self.sessions.remove(self);
            if let End::Because(reason) = end {
                self.inlet.closed(reason.clone());
            }
            self.inlet.end();
        }
        quiet.over
    }

    /// Does what must not be done under any lock.
    pub(crate) fn settle(&self, todo: Todo<P>) -> Outcome<P> {
        let Todo { quiet, refused, send, die, .. } = todo;
        let spark = self.spark.get();
        for (packet, asked) in send {
            if let Some(spark) = spark {
                spark.packet(&packet, asked);
            }
        }
        if let Some(reason) = die {
            self.sessions.remove(self);
            match spark {
                Some(spark) => spark.die(reason),
                None => self.inlet.closed(reason),
            }
        }
        let over = self.settle_quietly(quiet);
        Outcome { refused, over }
    }

    /// A request has come.
    pub(crate) fn knock(&self) {
        self.fresh.store(false, Ordering::Relaxed);
    }

    /// The session goes on over this WebSocket.
    pub(crate) fn switch(&self, stream: Arc<Stream>, wire: &'static dyn Wire, socket: Box<Reader>) {
        // The spark writes there before its thread reads from there: what comes
        // may have to be answered at once.
        if let Some(spark) = self.spark.get() {
            spark.switch(stream, wire);
        }
        self.inlet.switch(socket);
    }

    /// A frame came on the WebSocket that carries the session. On the spark's
    /// thread.
    pub(super) fn received(&self, frame: Frame) -> Received {
        let (message, input) = match P::read(&self.fixed, frame) {
            Read::Message(frame) => {
                // Enough for the heartbeat, and cheaper than the lock.
                self.heard.store(true, Ordering::Relaxed);
                return Received::Message(frame);
            }
            Read::Both(frame, input) => (Some(frame), input),
            Read::Input(input) => (None, input),
        };
        match (self.happens(input).over, message) {
            (Some(End::Because(reason)), _) => Received::Closed(reason),
            (Some(End::Told), _) => Received::Closed(CloseReason::lost("gone")),
            (None, Some(frame)) => Received::Message(frame),
            (None, None) => Received::Nothing,
        }
    }

    /// Ends the session if its client has still not come back; its place is free
    /// then. False if it has, or is over.
    pub(crate) fn give_up_fresh(&self, why: &str) -> bool {
        let mut state = self.lock();
        // Requests from here on wait for the lock.
        if self.is_fresh() && state.over_since.is_none() {
            let mut quiet = Quiet::default();
            self.lose(&mut state, CloseReason::lost(why), &mut quiet);
            drop(state);
            self.settle_quietly(quiet);
            self.spark.get().iter().for_each(|spark| spark.give_way());
            return true;
        }
        false
    }

    /// The session cannot go on.
    fn lose(&self, state: &mut State<P>, reason: CloseReason, quiet: &mut Quiet) {
        let mut effects = Vec::new();
        state.machine.lost(reason, self.host.timer().now(), &mut effects);
        self.apply_quietly(state, effects, quiet);
    }

    /// The spark is done with it.
    pub(crate) fn over(&self) {
        let mut quiet = Quiet::default();
        let mut state = self.lock();
        self.lose(&mut state, CloseReason::lost("the spark has ended"), &mut quiet);
        let timer = if state.over_since.is_some() { state.timer.take() } else { None };
        drop(state);
        self.settle_quietly(quiet);
        if let Some(key) = timer {
            self.host.timer().cancel(key);
        }
    }
}

impl<P: Protocol> Listed for Live<P> {
    fn id(&self) -> &str {
        &self.id
    }

    fn is_fresh(&self) -> bool {
        self.fresh.load(Ordering::Relaxed)
    }
}

impl<P: Protocol> Session for Live<P> {
    fn opened(&self, spark: Arc<dyn Carried>) {
        // Once only.
        let _ = self.spark.set(spark);
    }
}
