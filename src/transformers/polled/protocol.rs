//! What a protocol says of its sessions: what happens to one, and what follows.
//!
//! An implementation does no input or output, takes no lock and knows no clock
//! but the time that it is given.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use super::records::Record;
use crate::close::CloseReason;
use crate::frame::Frame;

/// The server's side of one session of a protocol whose clients poll.
pub(crate) trait Protocol: Sized + Send + 'static {
    /// What happens to a session; more than what happens to every one.
    type Input: From<Input>;
    /// What is to be done about it.
    type Effect: Into<Effect<Self>>;
    /// What may be done about it while the spark's outbox is locked.
    type Quiet: Into<QuietEffect<Self>>;
    /// What the protocol itself has to say to a client that waits.
    type Own;
    /// What only this protocol does.
    type Act;
    /// How a request is refused.
    type Refusal;
    /// In which form a client waits, where there are several.
    type Shape: Send;
    /// What goes with a session and does not change.
    type Fixed: Send + Sync;

    /// Whether what was sent may be [kept](Self::kept).
    const KEEPS: bool = false;

    /// Something happens.
    fn handle(&mut self, input: Self::Input, now: Instant, out: &mut Vec<Self::Effect>);

    /// When a tick is needed; an earlier one does no harm.
    fn deadline(&self) -> Option<Instant>;

    /// Whether the session goes on, and its client polls.
    fn polls(&self) -> bool;

    /// Asked when something waits to be sent and a receiver could take it. With
    /// true all of it goes there, and counts as sent.
    fn takes(&mut self, now: Instant) -> bool;

    /// A receiver waits, and nothing is there for it.
    fn idle(&mut self, out: &mut Vec<Self::Quiet>);

    /// The spark ends, and what was written before has been offered.
    fn end(&mut self, now: Instant, out: &mut Vec<Self::Quiet>);

    /// The session cannot go on.
    fn lost(&mut self, reason: CloseReason, now: Instant, out: &mut Vec<Self::Quiet>);

    /// The connection of a receiver is gone.
    fn dropped(&mut self, how: Dropped, now: Instant, out: &mut Vec<Self::Quiet>);

    /// A receiver has got all that it may, and its answer has ended in peace.
    fn detached(&mut self, now: Instant) {
        let _ = now;
    }

    /// A receiver comes while the one before has not read all of its answer, to
    /// which nothing is added any more. How it is refused, with which the session
    /// ends; `None` where that one is cut and the new one takes its place.
    fn unread(&self) -> Option<Self::Refusal> {
        None
    }

    /// How a poll is refused that waited already, because another comes that was
    /// sent before it: its status, content type and body. (A poll that has only
    /// just come is refused by the thread that has its request.)
    fn refuse(refusal: &Self::Refusal, shape: &Self::Shape) -> (u16, &'static str, Vec<u8>);

    /// Appends what a receiver of this shape is to get, and says of which content
    /// type it is, should that be the whole of an answer.
    fn body(
        &mut self,
        fixed: &Self::Fixed,
        shape: &Self::Shape,
        what: What<'_, Self::Own>,
        out: &mut Vec<u8>,
    ) -> &'static str;

    /// Under which name all receivers of some shapes get the same
    /// [`body`](Self::body) of the same messages, whatever the session: it is made
    /// once for all of them. `None` where each has its own.
    fn common(fixed: &Self::Fixed, shape: &Self::Shape) -> Option<&'static str> {
        let _ = (fixed, shape);
        None
    }

    /// Bytes that were sent and are kept until the client has acknowledged them.
    /// They count against the spark's bound.
    fn kept(&self) -> usize {
        0
    }

    /// Does what only this protocol does. With the session locked, and perhaps
    /// its spark's outbox.
    fn act(fixed: &Self::Fixed, id: &str, act: Self::Act, now: Instant);

    /// The session is over; nothing is asked of it any more. With it locked, and
    /// perhaps its spark's outbox.
    fn over(&mut self, fixed: &Self::Fixed, id: &str, now: Instant) {
        let _ = (fixed, id, now);
    }

    /// What a frame is that came on the WebSocket which carries the session.
    fn read(fixed: &Self::Fixed, frame: Frame) -> Read<Self> {
        let _ = fixed;
        Read::Message(frame)
    }

    /// Waits, for a moment at the most, until it is the turn of a request that
    /// has come. With nothing locked.
    fn turn(fixed: &Self::Fixed) {
        let _ = fixed;
    }

    /// How long a spark that does nothing but write is not told that its session
    /// is over, for the sake of what came before.
    fn patience(fixed: &Self::Fixed) -> Duration;
}

/// What happens to the sessions of every protocol.
#[derive(Debug)]
pub(crate) enum Input {
    /// All of the POST was handed over.
    Posted,
    /// The body of the POST did not come whole.
    PostFailed {
        /// It is longer than allowed; nothing else is wrong.
        too_large: bool,
    },
    /// Messages have come that the machine was not told of: on the WebSocket that carries
    /// the session, or in requests of which any number may come at a time.
    Alive,
    /// The [deadline](Protocol::deadline) has come.
    Tick {
        /// What the client sent may lie unread, because a listener keeps the
        /// thread that would read it. Never twice in a row, except where the
        /// thread has not moved since.
        excused: bool,
    },
}

/// How a receiver was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// It waited for something.
    Waiting,
    /// It has not read all of its answer, or that could not be sent.
    Unread,
}

/// What is to be done by a thread that holds no lock of the spark's.
pub(crate) enum Effect<P: Protocol> {
    /// The request that has just come goes on: a receiver waits from now on; the
    /// body of a POST is to be read; whatever else asked may go on.
    Accept,
    /// The receiver that has just come waits from now on, in place of the one
    /// before, whose answer ends, with this if there is something to say. What of
    /// that its socket does not take at once is lost with its connection.
    Replace(Option<P::Own>),
    /// The request that has just come is refused; with
    /// [`Input::PostFailed`], the POST.
    Refuse(P::Refusal),
    /// The POST gets its answer.
    Posted,
    /// A message for the spark.
    Deliver(Frame),
    /// To be put with what waits to be sent, as a packet of the protocol's own.
    Send {
        /// As it goes out.
        packet: Cow<'static, str>,
        /// The client has asked for it: it is left out while another waits.
        asked: bool,
    },
    /// A socket carries the session from now on: what waits goes there.
    Switch,
    /// The client is dead: the session is over and the spark ends at once,
    /// whatever came before.
    Die(CloseReason),
    /// What may be done at any time.
    Quiet(QuietEffect<P>),
}

/// What may be done while the spark's outbox is locked, too.
pub(crate) enum QuietEffect<P: Protocol> {
    /// The receiver gets this. A poll is over with it.
    Answer(P::Own),
    /// The receiver's answer ends; that of a poll is empty.
    Finish,
    /// The POST that is being read: its connection is cut.
    CutPost,
    /// What only this protocol does.
    Act(P::Act),
    /// The session is over, and its id unknown from now on.
    Over(End),
}

/// How the spark of a session that is over learns of it.
#[derive(Debug, PartialEq)]
pub(crate) enum End {
    /// It knows already.
    Told,
    /// It ends for this reason, behind the messages that came before.
    Because(CloseReason),
}

impl From<Option<CloseReason>> for End {
    fn from(reason: Option<CloseReason>) -> Self {
        reason.map_or(End::Told, End::Because)
    }
}

/// What a client has sent: a frame on a WebSocket, or a piece of a POST.
pub(crate) enum Read<P: Protocol> {
    /// A message, and a sign of life.
    Message(Frame),
    /// Something that the machine has to know.
    Input(P::Input),
    /// A message, of which the machine has to know something.
    Both(Frame, P::Input),
}

/// What a receiver is to get.
pub(crate) enum What<'a, O> {
    /// What the protocol itself says.
    Own(&'a O),
    /// What has waited.
    Waiting {
        /// All of it but the end.
        records: &'a [Record<'a>],
        /// It is the last, and the protocol's own end follows: the server shuts
        /// down, and waits for no other receiver.
        parting: bool,
    },
}
