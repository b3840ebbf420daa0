//! The client's thread: carries out what the machine asks for, feeds it with
//! what the connection tells, and runs the listeners.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Client;
use super::machine::{Effect, Event, Heard, Input};
use super::shared::{Core, Shared, lock};
use super::transport::{Connection, Sink, Step, Target};
use super::wait::wait;
use crate::error::{BoxError, Error, Result};
use crate::events::Listeners;
use crate::frame::Frame;
use crate::message::Message;
use crate::protocol::{ID_REQUEST, Yeast, classify};
use crate::ready_state::ReadyState;

/// How much longer than the heartbeat a blocked writer waits for the client's
/// thread to judge the connection, before it cuts it by itself.
const WRITER_GRACE: Duration = Duration::from_secs(5);

/// The state of the thread.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    connection: Option<Box<dyn Connection>>,
    sink: Option<Arc<dyn Sink>>,
    /// A connection that was ended, and until when it is looked after.
    closing: Option<(Box<dyn Connection>, Instant)>,
    yeast: Yeast,
    /// The last look at the connection found nothing to read.
    quiet: bool,
    /// What blocked writers were told.
    patience: Option<Instant>,
}

fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

impl Driver {
    pub fn new(shared: Arc<Shared>) -> Self {
        Driver {
            shared,
            connection: None,
            sink: None,
            closing: None,
            yeast: Yeast::default(),
            quiet: true,
            patience: None,
        }
    }

    /// The thread's main loop. It ends when there is nothing left to wait for.
    pub fn run(mut self) {
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
        self.deliver_inbox();
    }

    /// The next effect, perhaps one of a timer that has come due.
    fn effect(&mut self) -> Option<Effect> {
        let shared = Arc::clone(&self.shared);
        let mut core = shared.core();
        if core.todo.is_empty() && core.machine.deadline().is_some_and(|at| at <= Instant::now()) {
            let tick = Input::Tick { wall_ms: wall_ms(), busy: !self.quiet };
            shared.apply(&mut core, tick);
        }
        let effect = core.todo.pop_front();
        if effect.is_none() {
            self.tell_patience(&core);
        }
        effect
    }

    fn tell_patience(&mut self, core: &Core) {
        let open = core.machine.state() == ReadyState::Open;
        let patience = core.machine.deadline().filter(|_| open).map(|at| at + WRITER_GRACE);
        if let Some(sink) = self.sink.as_ref().filter(|_| patience != self.patience) {
            sink.patience(patience);
            self.patience = patience;
        }
    }

    /// True, and the thread is no more, when nothing is left to do.
    fn is_done(&self) -> bool {
        if self.connection.is_some() || self.closing.is_some() {
            return false;
        }
        let mut core = self.shared.core();
        let done = core.todo.is_empty() && core.machine.deadline().is_none();
        if done {
            core.running = false;
            self.shared.changed();
        }
        done
    }

    /// Waits for something to happen.
    fn step(&mut self) {
        let until = self.shared.core().machine.deadline();
        let closing = self.closing.as_ref().map(|(_, until)| *until);
        if let Some(connection) = &mut self.connection {
            let step = connection.next(until, self.shared.inbox.is_full());
            self.quiet = matches!(step, Step::Waited);
            self.stepped(step);
        } else if let (Some((connection, _)), Some(at)) = (&mut self.closing, closing) {
            let step = connection.next(Some(until.map_or(at, |until| until.min(at))), false);
            let over = matches!(step, Step::Closed(_) | Step::Failed(_)) || Instant::now() >= at;
            if over {
                self.closing = None;
            }
        } else if wait(&self.shared.waker, None, until).is_err() {
            // Nothing that is known makes this fail; do not spin if it does.
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn stepped(&mut self, step: Step) {
        match step {
            Step::Waited => {}
            Step::Open(sink) => {
                self.sink = Some(sink);
                self.report(Input::Opened);
            }
            Step::Message(frame) => self.message(frame),
            Step::Failed(error) => {
                self.connection = None;
                self.report(Input::Failed(error));
            }
            Step::Closed(reason) => {
                self.look_after();
                self.report(Input::Lost(reason));
            }
        }
    }

    /// Leaves the connection to end in the background.
    fn look_after(&mut self) {
        let until = Instant::now() + self.shared.options.close_timeout;
        self.closing = self.connection.take().map(|connection| (connection, until));
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

    fn dial(&mut self) {
        self.closing = None;
        match self.target() {
            Ok(target) => {
                self.quiet = true;
                self.connection = Some(self.shared.options.transport.dial(target));
            }
            Err(error) => {
                self.report(Input::Failed(error));
            }
        }
    }

    /// Where the attempt goes, after the listeners had their say.
    fn target(&mut self) -> Result<Target> {
        let options = &self.shared.options;
        let mut url = options.outgoing_url(self.yeast.text(wall_ms()));
        let client = self.shared.client().ok_or(Error::Closed)?;
        for listener in self.shared.events.outgoing_url.snapshot().iter() {
            caught(|| listener(&client, &mut url))?.map_err(Error::Listener)?;
        }
        url.target(options, Arc::clone(&self.shared.waker))
    }

    fn hang_up(&mut self, graceful: bool) {
        drop(self.shared.outbox.disconnected());
        self.sink = None;
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
        if let Some(sink) = &self.sink {
            self.shared.outbox.connect(sink);
        }
        if !lock(&self.shared.ids).is_empty() {
            self.send(ID_REQUEST);
        }
    }

    /// Sends a message of Primus's own.
    fn send(&mut self, text: &str) {
        let (Some(sink), Some(client)) = (&self.sink, self.shared.client()) else { return };
        let encode = || self.shared.options.parser.encode(text, &client);
        match caught(encode).and_then(|encoded| Ok(encoded?)) {
            // Without a connection the reader will know it.
            Ok(Some(frame)) => drop(sink.queue(&frame)),
            Ok(None) => {}
            Err(error) => self.error(&client, &error),
        }
    }

    fn message(&mut self, frame: Frame) {
        let Some(client) = self.shared.client() else { return };
        let received = caught(|| self.received(&client, frame)).and_then(|received| received);
        match received {
            Ok(Some(message)) => self.deliver(&client, message),
            Ok(None) => {}
            Err(error) => self.error(&client, &error),
        }
    }

    /// The application's message in a frame, if it has one.
    fn received(&self, client: &Client, frame: Frame) -> Result<Option<Message>> {
        let parser = &self.shared.options.parser;
        if let Some(text) = parser.control(&frame, client)
            && let Some(control) = classify(&text)
            && self.report(Input::Control(control)) != Some(Heard::Data)
        {
            return Ok(None);
        }
        let message = Message::checked(frame, parser, client)?;
        let transforms = self.shared.events.incoming.snapshot();
        if transforms.is_empty() {
            return Ok(Some(message));
        }
        let mut value = message.value().clone();
        for transform in transforms.iter() {
            match transform(client, value).map_err(Error::Transform)? {
                Some(changed) => value = changed,
                None => return Ok(None),
            }
        }
        Ok(Some(message.transformed(value)))
    }

    fn deliver(&self, client: &Client, message: Message) {
        let data = &self.shared.events.data;
        if data.is_empty() {
            return self.shared.inbox.push(message);
        }
        self.deliver_inbox();
        self.tell(client, data, |listener| listener(client, &message));
    }

    /// Gives what waited to a listener that has come since.
    fn deliver_inbox(&self) {
        let data = &self.shared.events.data;
        while !data.is_empty()
            && let Some(message) = self.shared.inbox.pop()
            && let Some(client) = self.shared.client()
        {
            self.tell(&client, data, |listener| listener(&client, &message));
        }
    }

    fn emit(&mut self, event: Event) {
        if let Some(client) = self.shared.client() {
            self.emit_to(&client, &event);
        }
        self.note(event);
    }

    /// Lets those know who wait for an event without listening.
    fn note(&self, event: Event) {
        let mut core = self.shared.core();
        match event {
            Event::Open => {}
            // Unless the application has opened it again meanwhile, or it
            // comes back with the network.
            Event::End(_) => {
                core.ended = core.machine.over();
                self.shared.inbox.set_over(core.ended);
            }
            Event::Error(error) => core.failure = Some(error),
            Event::Timeout => core.failure = Some(Error::Timeout("no connection in time")),
            _ => return,
        }
        drop(core);
        self.shared.changed();
    }

    fn emit_to(&self, client: &Client, event: &Event) {
        let events = &self.shared.events;
        match event {
            Event::ReadyState(state) => {
                self.tell(client, &events.ready_state_change, |l| l(client, *state));
            }
            Event::Open => self.tell(client, &events.open, |l| l(client)),
            Event::Error(error) => self.error(client, error),
            Event::Timeout => self.tell(client, &events.timeout, |l| l(client)),
            Event::ReconnectScheduled(attempt) => {
                self.tell(client, &events.reconnect_scheduled, |l| l(client, *attempt));
            }
            Event::Reconnect(attempt) => {
                self.tell(client, &events.reconnect, |l| l(client, *attempt));
            }
            Event::Reconnected(done) => {
                self.tell(client, &events.reconnected, |l| l(client, *done));
            }
            Event::ReconnectTimeout(attempt) => {
                self.tell(client, &events.reconnect_timeout, |l| l(client, *attempt));
            }
            Event::ReconnectFailed => self.tell(client, &events.reconnect_failed, |l| l(client)),
            Event::Online => self.tell(client, &events.online, |l| l(client)),
            Event::Offline => self.tell(client, &events.offline, |l| l(client)),
            Event::Id(id) => self.id(client, id),
            Event::Close(reason) => self.tell(client, &events.close, |l| l(client, reason)),
            Event::End(reason) => {
                // Nobody will answer them.
                drop(std::mem::take(&mut *lock(&self.shared.ids)));
                self.tell(client, &events.end, |l| l(client, reason));
            }
            Event::Destroy => self.destroyed(client),
        }
    }

    fn id(&self, client: &Client, id: &str) {
        let waiters = std::mem::take(&mut *lock(&self.shared.ids));
        for waiter in waiters {
            if let Err(error) = caught(|| waiter(id)) {
                self.error(client, &error);
            }
        }
    }

    fn destroyed(&self, client: &Client) {
        let events = &self.shared.events;
        self.tell(client, &events.destroy, |l| l(client));
        events.clear();
        self.shared.outbox.clear();
    }

    /// Runs listeners; each panic and error becomes an error event.
    fn tell<F: ?Sized>(
        &self,
        client: &Client,
        listeners: &Listeners<F>,
        call: impl Fn(&F) -> Result<(), BoxError>,
    ) {
        for listener in listeners.snapshot().iter() {
            let done = caught(|| call(listener));
            if let Err(error) = done.and_then(|done| done.map_err(Error::Listener)) {
                self.error(client, &error);
            }
        }
    }

    fn error(&self, client: &Client, error: &Error) {
        let listeners = self.shared.events.error.snapshot();
        if listeners.is_empty() {
            log::warn!("primus client: {error}");
        }
        for listener in listeners.iter() {
            let done = caught(|| listener(client, error));
            if let Err(error) = done.and_then(|done| done.map_err(Error::Listener)) {
                log::error!("primus client: error listener: {error}");
            }
        }
    }
}

/// Runs application code; a panic becomes an error.
fn caught<T>(run: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| Error::Panicked(text_of(&*panic)))
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".into())
}
