//! The client's thread: carries out what the machine asks for, feeds it with
//! what the connection tells, and runs the listeners.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Client;
use super::machine::{Effect, Event, Heard, Input};
use super::outgoing::OutgoingUrl;
use super::shared::{Core, Shared, lock};
use crate::error::{Error, Result, caught};
use crate::frame::Frame;
use crate::http::client::Target;
use crate::message::Message;
use crate::net::wait::wait;
use crate::protocol::{ID_REQUEST, Yeast, classify};
use crate::ready_state::ReadyState;
use crate::transformers::connect::{News, Session, Writer};

/// How much longer than the heartbeat a blocked writer waits for the client's
/// thread to judge the connection, before it cuts it by itself.
const WRITER_GRACE: Duration = Duration::from_secs(5);

/// How long the next connection waits for the one before it to be closed.
const LAST_MOMENT: Duration = Duration::from_millis(100);

/// The state of the thread.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    connection: Option<Box<dyn Session>>,
    /// Where that goes, or the last one went.
    place: String,
    writer: Option<Arc<dyn Writer>>,
    own: Own,
    /// A connection that was ended, and until when it is looked after.
    closing: Option<(Box<dyn Session>, Instant)>,
    yeast: Yeast,
    /// The last look at the connection found nothing to read.
    quiet: bool,
    /// What blocked writers were told.
    patience: Option<Instant>,
    /// It is this thread's: it was not dropped because there is none.
    runs: bool,
}

/// Messages of Primus's own that the peer has not taken. They answer to what it
/// says, so one that says much and takes nothing gets no more of them.
#[derive(Default)]
struct Own {
    /// Bytes of them, as far as can be told.
    bytes: usize,
    /// Bytes that waited in all when the last was queued.
    waiting: usize,
}

impl Own {
    /// Beyond so many bytes they are dropped.
    const MAX: usize = 64 << 10;

    fn queue(&mut self, writer: &dyn Writer, frame: &Frame) {
        let taken = self.waiting.saturating_sub(writer.waiting());
        self.bytes = self.bytes.saturating_sub(taken);
        if self.bytes < Self::MAX
            && let Ok(waiting) = writer.queue(frame)
        {
            self.bytes = (self.bytes + frame.len()).min(waiting);
            self.waiting = waiting;
        }
    }
}

impl Driver {
    pub fn new(shared: Arc<Shared>) -> Self {
        Driver {
            shared,
            connection: None,
            place: String::new(),
            writer: None,
            own: Own::default(),
            closing: None,
            yeast: Yeast::default(),
            quiet: true,
            patience: None,
            runs: false,
        }
    }

    /// The thread's main loop. It ends when there is nothing left to wait for.
    pub fn run(mut self) {
        self.runs = true;
        self.shared.enter();
        loop {
            self.settle();
            if self.is_done() {
                return;
            }
            self.step();
        }
    }

    /// Carries out everything that can be done now.
    fn settle(&mut self) {
        while let Some(effect) = self.effect() {
            self.execute(effect);
        }
        self.shared.run_due();
        self.shared.deliver_inbox();
    }

    /// The next effect, perhaps one of a timer that has come due.
    fn effect(&mut self) -> Option<Effect> {
        let shared = Arc::clone(&self.shared);
        let mut core = shared.core();
        let due = |at| at <= shared.now();
        if core.todo.is_empty() && core.machine.deadline().is_some_and(due) {
            let wall_ms = shared.options.given.clock.wall_ms();
            shared.apply(&mut core, Input::Tick { wall_ms, busy: !self.quiet });
        }
        let effect = core.todo.pop_front();
        if effect.is_none() {
            self.tell_patience(&core);
        }
        effect
    }

    fn tell_patience(&mut self, core: &Core) {
        let open = core.machine.state() == ReadyState::Open;
        let deadline = core.machine.deadline().filter(|_| open);
        let deadline = self.shared.real(deadline);
        let patience = deadline.and_then(|at| at.checked_add(WRITER_GRACE));
        if let Some(writer) = self.writer.as_ref().filter(|_| patience != self.patience) {
            writer.patience(patience);
            self.patience = patience;
        }
    }

    /// True, and the thread is no more, when nothing is left to do.
    fn is_done(&self) -> bool {
        if self.connection.is_some() || self.closing.is_some() {
            return false;
        }
        let mut core = self.shared.core();
        let idle = core.todo.is_empty() && self.shared.deadline(&core).is_none();
        let done = idle && !self.shared.owes_messages();
        if done {
            core.running = false;
            self.shared.changed();
        }
        done
    }

    /// Waits for something to happen.
    fn step(&mut self) {
        let deadline = self.shared.deadline(&self.shared.core());
        let until = self.shared.real(deadline);
        let closing = self.closing.as_ref().map(|(_, until)| *until);
        if let Some(connection) = &mut self.connection {
            // What is left of a broken connection is read, however much waits: else its
            // end would not be seen, and what is written wait for it.
            let paused = self.shared.inbox.is_full() && !self.shared.outbox.is_broken();
            let step = connection.next(until, paused);
            self.quiet = !paused && matches!(step, News::Waited);
            self.told(step);
        } else if let (Some((connection, _)), Some(at)) = (&mut self.closing, closing) {
            let step = connection.next(Some(until.map_or(at, |until| until.min(at))), false);
            let over = matches!(step, News::Closed(_) | News::Failed(_)) || Instant::now() >= at;
            if over {
                self.closing = None;
            }
        } else if wait(&self.shared.waker, None, until).is_err() {
            // Nothing that is known makes this fail; do not spin if it does.
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn told(&mut self, step: News) {
        match step {
            News::Waited => {}
            News::Open(writer) => {
                self.writer = Some(writer);
                self.own = Own::default();
                self.report(Input::Opened);
            }
            News::Message(frame) => self.message(frame),
            News::Failed(error) => {
                self.connection = None;
                self.failed(error.at(&self.place));
            }
            News::Closed(reason) => {
                self.look_after();
                self.report(Input::Lost(reason));
            }
        }
    }

    /// Leaves the connection to end in the background.
    fn look_after(&mut self) {
        // At most a day, which no clock overflows.
        let timeout = self.shared.options.given.close_timeout.min(Duration::from_secs(86_400));
        let until = Instant::now() + timeout;
        self.closing = self.connection.take().map(|connection| (connection, until));
    }

    fn failed(&self, error: Error) {
        let error = Arc::new(error);
        self.report(Input::Failed(Arc::clone(&error)));
    }

    /// Feeds the machine with what the connection tells; `None` when the
    /// application has given this connection up meanwhile.
    fn report(&self, input: Input<'_>) -> Option<Heard> {
        let mut core = self.shared.core();
        let given_up = |e: &Effect| matches!(e, Effect::Hangup { .. } | Effect::Dial);
        if core.todo.iter().any(given_up) {
            return None;
        }
        Some(self.shared.apply(&mut core, input))
    }

    fn execute(&mut self, effect: Effect) {
        match effect {
            Effect::Dial => self.dial(),
            Effect::Hangup { graceful } => self.hang_up(graceful),
            Effect::Flush => self.flush(),
            Effect::Send(text) => self.send(&text),
            Effect::Emit(event) => self.emit(event),
        }
    }

    /// Gives a connection that is still closing a last moment.
    fn leave_closing(&mut self) {
        let until = Instant::now() + LAST_MOMENT;
        while let Some((mut connection, _)) = self.closing.take()
            && Instant::now() < until
        {
            if !matches!(connection.next(Some(until), false), News::Closed(_) | News::Failed(_)) {
                self.closing = Some((connection, until));
            }
        }
    }

    fn dial(&mut self) {
        self.leave_closing();
        match self.target() {
            Ok(target) => {
                self.quiet = true;
                self.place = target.place();
                let max_length = self.shared.options.given.max_length;
                self.connection = Some(self.shared.options.transport.dial(target, max_length));
            }
            Err(error) => self.failed(error),
        }
    }

    /// Where the attempt goes, after the listeners had their say.
    fn target(&mut self) -> Result<Target> {
        let options = &self.shared.options;
        let mut url = OutgoingUrl::first(options, self.yeast.text(options.given.clock.wall_ms()));
        let client = self.shared.client().ok_or(Error::Closed)?;
        for listener in self.shared.events.outgoing_url.snapshot().iter() {
            caught(|| listener(&client, &mut url))?.map_err(Error::Listener)?;
        }
        let until = self.shared.real(self.shared.core().machine.deadline());
        url.target(options, until, Arc::clone(&self.shared.waker))
    }

    fn hang_up(&mut self, graceful: bool) {
        drop(self.shared.outbox.disconnected());
        self.writer = None;
        self.patience = None;
        match &mut self.connection {
            Some(connection) if graceful => {
                connection.close();
                self.look_after();
            }
            _ => self.connection = None,
        }
    }

    fn flush(&mut self) {
        if let Some(writer) = &self.writer {
            self.shared.greet(&**writer);
            self.shared.outbox.connect(writer);
        }
        if !lock(&self.shared.ids).is_empty() {
            self.send(ID_REQUEST);
        }
    }

    /// Sends a message of Primus's own.
    fn send(&mut self, text: &str) {
        let (Some(writer), Some(client)) = (&self.writer, self.shared.client()) else { return };
        match self.shared.codec.encode_control(text, &client) {
            // Without a connection the reader will know it.
            Ok(Some(frame)) => self.own.queue(&**writer, &frame),
            Ok(None) => {}
            Err(error) => self.shared.error(&client, &error),
        }
    }

    fn message(&mut self, frame: Frame) {
        let Some(client) = self.shared.client() else { return };
        let received = caught(|| self.received(&client, frame)).and_then(|received| received);
        match received {
            Ok(Some(message)) => self.shared.offer(&client, message),
            Ok(None) => {}
            Err(error) => self.shared.error(&client, &error),
        }
    }

    /// The application's message in a frame, if it has one.
    fn received(&self, client: &Client, frame: Frame) -> Result<Option<Message>> {
        let codec = &self.shared.codec;
        if let Some(text) = codec.control(&frame, client)
            && let Some(control) = classify(&text)
            && self.report(Input::Control(control)) != Some(Heard::Data)
        {
            return Ok(None);
        }
        codec.check(frame, client).map(Some)
    }

    fn emit(&mut self, event: Event) {
        if matches!(event, Event::End(_)) {
            self.shared.forget_waiters();
        }
        if let Some(client) = self.shared.client() {
            self.shared.emit(&client, &event);
        }
        self.note(event);
    }

    /// Wakes the callers that wait for an event.
    fn note(&self, event: Event) {
        let mut core = self.shared.core();
        // What is in there may be the application's.
        let last = match event {
            Event::Open => {
                core.opens += 1;
                core.failure.take()
            }
            // Unless the application has opened it again meanwhile, or it
            // comes back with the network.
            Event::End(_) => {
                core.ended = core.machine.over();
                self.shared.inbox.set_over(core.ended);
                None
            }
            Event::Error(error) => core.failure.replace(error),
            Event::Timeout => {
                let text = format!("no connection to {} in time", self.shared.options.place());
                core.failure.replace(Arc::new(Error::Timeout(text)))
            }
            _ => return,
        };
        drop(core);
        drop(last);
        self.shared.changed();
    }
}

impl Drop for Driver {
    /// Only a defect of this crate, or a destructor of the application's that
    /// panics, can end the thread like this. No caller is left waiting for it.
    fn drop(&mut self) {
        if self.runs && std::thread::panicking() {
            log::error!("primus client: its thread panicked");
            let mut core = self.shared.core();
            core.running = false;
            self.shared.apply(&mut core, Input::End);
            let rest = std::mem::take(&mut core.todo);
            let waiters = self.shared.over(&mut core);
            drop(core);
            drop((rest, waiters));
        }
    }
}
