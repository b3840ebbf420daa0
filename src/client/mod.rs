//! The blocking client.
//!
//! A [`Client`] has one thread, which connects, reads, runs the listeners and
//! waits out the delays between attempts, all in one `poll(2)` that any other
//! thread can end; it is there only while there is something to wait for. (A
//! host name is resolved on a second, short-lived one.) Writes go from the
//! caller's thread straight to the socket.
//!
//! ```text
//!  handles ──▶ shared: machine (what to do), outbox, inbox, listeners
//!                 ▲ inputs      │ effects
//!                 │             ▼
//!              driver (the thread) ──▶ Session (in), Writer (out)
//! ```
//!
//! A further wire protocol is one more implementation of
//! [`Dials`](crate::transformers::connect::Dials), in its folder of `transformers`.

mod alarms;
mod builder;
mod channel;
mod deliver;
mod discover;
mod driver;
mod emit;
mod events;
mod inbox;
mod machine;
mod options;
mod outbox;
mod outgoing;
mod plugins;
mod receiving;
mod recovery;
mod shared;
mod status;
pub(crate) mod url;

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

pub use builder::ClientBuilder;
pub use machine::Reconnected;
pub use outgoing::OutgoingUrl;
pub(crate) use plugins::ClientHalf;
pub use receiving::ClientMessages;
pub use recovery::Attempt;

use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::message::Written;
use crate::parsers::Peer;
use crate::protocol::ID_REQUEST;
use crate::ready_state::ReadyState;
use crate::timer::{Clock, Driven};
use machine::Input;
use options::Options;
use shared::{Shared, lock};

/// A client of a Primus server, in JavaScript or Rust.
///
/// The plain way, for programs that ask and wait:
///
/// ```no_run
/// # fn main() -> primus::Result<()> {
/// let client = primus::Client::connect("http://localhost:8080")?;
/// client.write("hello")?;
/// println!("{:?}", client.recv()?.value());
/// client.end();
/// client.wait_end(std::time::Duration::from_secs(5)); // until the server has read it all
/// # Ok(()) }
/// ```
///
/// With listeners, and reconnecting by itself, until the server ends it or it gives up:
///
/// ```no_run
/// # fn main() -> primus::Result<()> {
/// let client = primus::Client::builder("http://localhost:8080").build_with(|client| {
///     client.on_open(|client| client.write("hello"));
///     client.on_data(|_, message| println!("{:?}", message.value()));
///     client.on_reconnect_scheduled(|_, attempt| println!("again in {:?}", attempt.delay));
/// })?;
/// client.wait_end(std::time::Duration::MAX);
/// client.error().map_or(Ok(()), Err) // what ended it, if nobody here asked for that
/// # }
/// ```
///
/// [`build_with`](ClientBuilder::build_with) does not wait for the connection, and
/// `end` gives up what still waits for one. A program that writes and leaves waits
/// first, and learns what keeps it from connecting:
///
/// ```no_run
/// # fn main() -> primus::Result<()> {
/// # use std::time::Duration;
/// # let client = primus::Client::builder("http://localhost:8080").build()?;
/// client.wait_open(Duration::from_secs(30))?;
/// client.write("the last line")?;
/// client.end();
/// if !client.wait_end(Duration::from_secs(5)) {
///     eprintln!("the server may not have read the last line");
/// }
/// # Ok(()) }
/// ```
///
/// A `Client` is a handle: clones are cheap and stand for the same client, and
/// all of it may be used from any thread. When the last handle is dropped, the
/// connection is ended, without any event.
#[derive(Clone)]
pub struct Client(Arc<Handle>);

/// What the handles of one client have in common; its thread holds none.
pub(crate) struct Handle(Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        // Without a thread there is nothing to tell.
        let _ = self.0.command(Input::End);
    }
}

impl Client {
    pub(crate) fn new(options: Options) -> Result<Self> {
        let shared = Arc::new(Shared::new(options)?);
        if let Clock::Manual(clock) = &shared.options.given.clock {
            let driven: Arc<dyn Driven> = Arc::clone(&shared) as _;
            clock.attach(Arc::downgrade(&driven));
        }
        let handle = Arc::new(Handle(Arc::clone(&shared)));
        let _ = shared.handle.set(Arc::downgrade(&handle));
        let client = Client(handle);
        client.install_plugins()?;
        Ok(client)
    }

    pub(crate) fn from_handle(handle: Arc<Handle>) -> Self {
        Client(handle)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.0
    }

    /// Begins to connect; nothing happens when it is connected or connecting.
    /// While it waits to reconnect, the next attempt is made at once.
    ///
    /// # Errors
    /// [`Error::Closed`] after [`destroy`](Self::destroy), [`Error::Io`] when
    /// no thread can be made.
    pub fn open(&self) -> Result<()> {
        self.shared().command(Input::Open { once: false })
    }

    pub(crate) fn connect_once(&self) -> Result<()> {
        self.connect_within(None)
    }

    /// Connects; the first failure is final, and there is none before `until`.
    pub(crate) fn connect_within(&self, until: Option<Instant>) -> Result<()> {
        let before = self.shared().core().opens;
        self.shared().command(Input::Open { once: true })?;
        self.wait_opened(before, until)
    }

    /// Waits until the connection is open. One that is lost again at once counts
    /// as well: the client is about to reconnect then, or has ended.
    ///
    /// # Errors
    /// [`Error::Timeout`] when it is not within `timeout`; when the client has
    /// ended, what kept it from connecting.
    pub fn wait_open(&self, timeout: Duration) -> Result<()> {
        let before = self.shared().core().opens;
        self.wait_opened(before, Instant::now().checked_add(timeout))
    }

    /// Waits for an `open` beyond those before, unless it is open.
    fn wait_opened(&self, before: u64, until: Option<Instant>) -> Result<()> {
        self.outside("waiting for the connection")?;
        let shared = self.shared();
        let known = |core: &shared::Core| {
            let open = || core.machine.state() == ReadyState::Open && shared.outbox.is_connected();
            core.opens != before || core.ended || open()
        };
        if !shared.wait_until(until, known) {
            let text = format!("no connection to {} in time", shared.options.place());
            return Err(Error::Timeout(text));
        }
        let mut core = shared.core();
        if core.opens != before || !core.ended {
            return Ok(());
        }
        let failure = core.failure.take();
        drop(core);
        Err(failure.and_then(Arc::into_inner).unwrap_or_else(|| self.ended()))
    }

    /// Ends the connection, or the attempts to make one, for good: `close` and
    /// `end` follow, and no reconnect. What was written to an open connection is
    /// sent first; what still waits for one is given up, as in Primus (see
    /// [`wait_open`](Self::wait_open)).
    ///
    /// Never waits; the closing handshake goes on in the background.
    /// [`open`](Self::open) connects anew.
    ///
    /// The process may exit right after it. But the operating system resets a
    /// connection on which something came in that was not read, and the server
    /// may then lose the last that was written to it: where that matters, call
    /// [`wait_end`](Self::wait_end) first, which returns as soon as the server
    /// has answered the goodbye, and so has read everything.
    pub fn end(&self) {
        // The only failure is that no thread can be made to tell of an end.
        let _ = self.shared().command(Input::End);
    }

    /// Writes a last message, then ends.
    ///
    /// # Errors
    /// As [`write`](Self::write); the client ends nevertheless.
    pub fn end_with<T: Serialize + ?Sized>(&self, data: &T) -> Result<Written> {
        let written = self.write(data);
        self.end();
        written
    }

    /// Waits until the client has ended, by whatever means, and has nothing
    /// left to do in the background; false if it is not so within `timeout`.
    ///
    /// A client ends by [`end`](Self::end), when the server means the end, when
    /// it is refused, and when it gives up to reconnect
    /// ([`reconnect_retries`](ClientBuilder::reconnect_retries)): with
    /// `Duration::MAX`, this is the main loop of a program that lives by
    /// listeners, and [`error`](Self::error) tells how it went. One that waits
    /// for the network, or was never opened, has not ended.
    ///
    /// In a listener it returns false at once.
    pub fn wait_end(&self, timeout: Duration) -> bool {
        let until = Instant::now().checked_add(timeout);
        let over = |core: &shared::Core| core.machine.over() && !core.running;
        self.outside("").is_ok() && self.shared().wait_until(until, over)
    }

    /// Ends the client, emits `destroy`, and forgets listeners and queued
    /// messages: it cannot be opened again.
    pub fn destroy(&self) {
        // As in `end`.
        let _ = self.shared().destroy();
    }

    /// Writes a message. Without a connection it is queued, up to
    /// [`queue_size`](ClientBuilder::queue_size) messages, and sent when there
    /// is one.
    ///
    /// # Blocking
    /// While the server does not read, until it does or the connection is
    /// lost; [`write_timeout`](Self::write_timeout) waits no longer than it is
    /// told. In a listener the first megabyte waits in memory instead.
    ///
    /// # Errors
    /// [`Error::Closed`] when the client has ended, [`Error::Parser`] and
    /// [`Error::Transform`] when there is nothing to send; [`Error::Io`] and
    /// [`Error::Timeout`] when the connection broke in the midst of it.
    ///
    /// `Ok` says that the message is on its way, not that it arrived: what the
    /// server had not read when a connection is lost is not sent again.
    pub fn write<T: Serialize + ?Sized>(&self, message: &T) -> Result<Written> {
        let frame = self.shared().codec.encode(message, self)?;
        frame.map_or(Ok(Written::Sent), |frame| self.write_frame(&frame))
    }

    /// [`write`](Self::write) that waits no longer than `timeout` for a server
    /// that does not read. What the socket does not take at once is sent in the
    /// background (`Written::Queued`), and the next one waits for that: more
    /// than a message a thread never waits in memory.
    ///
    /// # Errors
    /// [`Error::Timeout`] when what was written before was not sent in time,
    /// and [`Error::Full`] in a listener, which cannot wait, when a megabyte
    /// waits already: the message was not sent and will not be. Else as
    /// [`write`](Self::write).
    pub fn write_timeout<T: Serialize + ?Sized>(
        &self,
        message: &T,
        timeout: Duration,
    ) -> Result<Written> {
        let until = Instant::now().checked_add(timeout);
        let Some(frame) = self.shared().codec.encode(message, self)? else {
            return Ok(Written::Sent);
        };
        self.shared().outbox.write_until(&frame, self.shared().is_inside(), until)
    }

    /// Writes a message that is encoded already; no transform sees it.
    ///
    /// # Errors
    /// As [`write`](Self::write); and [`Error::Misuse`] for bytes, if the
    /// transformer carries text only.
    pub fn write_frame(&self, frame: &Frame) -> Result<Written> {
        if frame.is_binary() && !self.shared().options.transport.takes_bytes() {
            let text = "bytes to a server whose transformer carries text only";
            return Err(Error::Misuse(text.into()));
        }
        self.shared().outbox.write(frame, self.shared().is_inside())
    }

    /// Asks the server for the id of the spark at its end.
    ///
    /// # Blocking
    /// Until it has answered, at most `timeout`.
    ///
    /// # Errors
    /// [`Error::Timeout`], [`Error::Closed`] when the client has ended, and
    /// [`Error::Misuse`] on the client's own thread (see
    /// [`request_id`](Self::request_id)).
    pub fn id(&self, timeout: Duration) -> Result<String> {
        self.outside("id")?;
        let (tell, told) = crossbeam_channel::bounded(1);
        self.request_id(move |id| drop(tell.send(id.to_owned())))?;
        told.recv_timeout(timeout).map_err(|error| match error {
            crossbeam_channel::RecvTimeoutError::Timeout => Error::Timeout("no id in time".into()),
            crossbeam_channel::RecvTimeoutError::Disconnected => Error::Closed,
        })
    }

    /// Asks the server for the id of the spark at its end, and returns at
    /// once; `then` is called with it on the client's thread. Without a
    /// connection the next one is asked.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn request_id(&self, then: impl FnOnce(&str) + Send + 'static) -> Result<()> {
        let core = self.shared().core();
        if core.machine.over() {
            return Err(Error::Closed);
        }
        let open = core.machine.state() == ReadyState::Open;
        lock(&self.shared().ids).push(Box::new(then));
        drop(core);
        if open && let Some(frame) = self.shared().codec.parser().encode(ID_REQUEST, self)? {
            self.write_frame(&frame)?;
        }
        Ok(())
    }

    fn ended(&self) -> Error {
        let Some(reason) = self.close_reason() else { return Error::Closed };
        match reason.cause() {
            Some(Error::Refused { url, status, message, authenticate }) => Error::Refused {
                url: url.clone(),
                status: *status,
                message: message.clone(),
                authenticate: authenticate.clone(),
            },
            _ => Error::Ended(Box::new(reason)),
        }
    }

    fn outside(&self, what: &str) -> Result<()> {
        if self.shared().is_inside() {
            let text = format!("{what}: a listener cannot wait for the client that runs it");
            return Err(Error::Misuse(text));
        }
        Ok(())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = &self.shared().options.address;
        f.debug_struct("Client")
            .field("host", &address.host)
            .field("port", &address.port)
            .field("ready_state", &self.ready_state())
            .finish_non_exhaustive()
    }
}

impl Peer for Client {
    fn id(&self) -> Option<&str> {
        None
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
