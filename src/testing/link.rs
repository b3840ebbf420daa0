//! The wire of a test, and what can be done to it.

use std::fmt;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::line::{self, End, Line};
use crate::client::{Client, ClientBuilder};
use crate::server::Primus;
use crate::timer::Clock;

/// A wire between clients and a server in one process: Unix sockets without a
/// name, and between them a thread for each connection that passes the bytes
/// on, or does not.
///
/// A cheap handle. Without faults, bytes pass unchanged and at once. Faults of
/// a direction ([`up`](Self::up), [`down`](Self::down)) stay until they are
/// changed; what ends connections, or makes them dead, concerns those that
/// exist at the time.
///
/// ```
/// use primus::testing::Link;
///
/// let primus = primus::Primus::builder().build()?;
/// let link = Link::new(&primus);
/// link.up().split(1);
/// let client = link.client().connect()?;
/// client.write("one byte at a time")?;
/// client.end();
/// # primus.destroy(Default::default());
/// # Ok::<(), primus::Error>(())
/// ```
#[derive(Clone)]
pub struct Link(Arc<Inner>);

pub(super) struct Inner {
    primus: Primus,
    pub clock: Clock,
    pub lanes: [Mutex<Rules>; 2],
    refused: AtomicBool,
    lines: Mutex<Vec<Arc<Line>>>,
    newest: Mutex<Option<Arc<Line>>>,
}

/// The faults of one direction.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rules {
    pub held: bool,
    /// Most bytes passed on at once.
    pub piece: Option<usize>,
    pub delay: Duration,
    /// Bytes that pass before the cut.
    pub left: Option<u64>,
    /// Bytes that have passed.
    pub passed: u64,
}

/// From the client to the server.
pub(super) const UP: usize = 0;
/// From the server to the client.
pub(super) const DOWN: usize = 1;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    /// A wire to this server, with nothing wrong with it.
    pub fn new(primus: &Primus) -> Self {
        Link(Arc::new(Inner {
            primus: primus.clone(),
            clock: primus.clock().clone(),
            lanes: Default::default(),
            refused: AtomicBool::new(false),
            lines: Mutex::default(),
            newest: Mutex::default(),
        }))
    }

    /// The options of a client that connects over this wire: those that the
    /// server asks for, the server's clock if that is a manual one, and a
    /// [connector](ClientBuilder::connector).
    pub fn client(&self) -> ClientBuilder {
        let link = self.clone();
        let builder = Client::builder("http://localhost")
            .options(&self.0.primus.client_options())
            .connector(move |_, _| link.connect());
        match &self.0.clock {
            Clock::Manual(clock) => builder.clock(clock),
            Clock::System => builder,
        }
    }

    /// A connection to the server, for tests that speak the wire protocol
    /// themselves: raw bytes, a hostile peer, another implementation.
    ///
    /// # Errors
    /// `ConnectionRefused` while connections are [refused](Self::refuse), and
    /// when the server takes none.
    pub fn connect(&self) -> io::Result<UnixStream> {
        if self.0.refused.load(Ordering::Acquire) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (near, client) = UnixStream::pair()?;
        let (far, server) = UnixStream::pair()?;
        let refused = |error| io::Error::new(io::ErrorKind::ConnectionRefused, error);
        self.0.primus.serve(server).map_err(refused)?;
        let line = line::start(&self.0, [near, far])?;
        *lock(&self.0.newest) = Some(line.clone());
        let mut lines = lock(&self.0.lines);
        lines.retain(|line| !line.is_over());
        lines.push(line);
        Ok(client)
    }

    /// The way from clients to the server.
    pub fn up(&self) -> Lane<'_> {
        Lane { link: self, way: UP }
    }

    /// The way from the server to clients.
    pub fn down(&self) -> Lane<'_> {
        Lane { link: self, way: DOWN }
    }

    /// Ends every connection between two bytes: what has passed can still be
    /// read, then both sides see the end of the stream.
    pub fn cut(&self) {
        self.each(|line| line.end(End::Cut));
    }

    /// Ends every connection as a crashed host does: what is under way is
    /// lost. A side that has sent something which was not passed on yet sees
    /// `ConnectionReset`, the other the end of the stream.
    pub fn reset(&self) {
        self.each(|line| line.end(End::Reset));
    }

    /// Makes every connection dead: whatever either side sends, a closing of
    /// the connection included, is swallowed without a sign. Connections made
    /// later are not concerned.
    pub fn black_hole(&self) {
        self.each(|line| line.swallow([true; 2]));
    }

    /// Refuses new connections, or lets them be made again.
    pub fn refuse(&self, refused: bool) {
        self.0.refused.store(refused, Ordering::Release);
    }

    /// Takes back holds, splits, delays, pending cuts and refusals. Dead
    /// connections stay dead.
    pub fn heal(&self) {
        self.refuse(false);
        for way in [UP, DOWN] {
            let lane = Lane { link: self, way };
            lane.change(|rules| *rules = Rules { passed: rules.passed, ..Rules::default() });
        }
    }

    /// How many connections there are: those of which either side still holds
    /// its end.
    pub fn connections(&self) -> usize {
        lock(&self.0.lines).iter().filter(|line| !line.is_over()).count()
    }

    /// Whether nothing is held back or delayed.
    pub(super) fn is_prompt(&self) -> bool {
        self.0.lanes.iter().all(|rules| {
            let rules = lock(rules);
            !rules.held && rules.delay.is_zero()
        })
    }

    /// The newest connection, if it is dead and its client does not know.
    pub(super) fn dead(&self) -> Option<Arc<Line>> {
        lock(&self.0.newest).clone().filter(|line| line.is_dead())
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    fn each(&self, act: impl Fn(&Line)) {
        let lines = lock(&self.0.lines).clone();
        lines.iter().for_each(|line| act(line));
    }
}

impl Inner {
    pub fn rules(&self, way: usize) -> MutexGuard<'_, Rules> {
        lock(self.lanes.get(way).unwrap_or(&self.lanes[UP]))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("connections", &self.connections())
            .field("up", &*self.0.rules(UP))
            .field("down", &*self.0.rules(DOWN))
            .finish_non_exhaustive()
    }
}

/// One direction of a [`Link`], and its faults.
#[derive(Clone, Copy, Debug)]
pub struct Lane<'a> {
    link: &'a Link,
    way: usize,
}

impl Lane<'_> {
    /// Holds back everything, the end of a connection included, until
    /// [`release`](Self::release): a network that is away for a while. About
    /// 64 KiB are taken from the sender meanwhile.
    pub fn hold(&self) {
        self.change(|rules| rules.held = true);
    }

    /// Lets what was held back pass, in order.
    pub fn release(&self) {
        self.change(|rules| rules.held = false);
    }

    /// Passes bytes on in pieces of at most `bytes` (at least 1), each with a
    /// call of its own. A receiver that is slower than that finds several at
    /// once.
    pub fn split(&self, bytes: usize) {
        self.change(|rules| rules.piece = Some(bytes.max(1)));
    }

    /// Lets everything arrive later by `span`, on the server's clock; what is
    /// under way too.
    pub fn delay(&self, span: Duration) {
        self.change(|rules| rules.delay = span);
    }

    /// Cuts a connection when so many more bytes have passed in this direction,
    /// right behind the last of them. Once.
    pub fn cut_after(&self, bytes: u64) {
        self.change(|rules| rules.left = Some(bytes));
    }

    /// [`Link::black_hole`] for this direction alone.
    pub fn black_hole(&self) {
        self.link.each(|line| line.swallow([self.way == UP, self.way == DOWN]));
    }

    /// How many bytes have passed, ever, on all connections.
    pub fn passed(&self) -> u64 {
        self.link.0.rules(self.way).passed
    }

    fn change(&self, change: impl FnOnce(&mut Rules)) {
        change(&mut self.link.0.rules(self.way));
        self.link.each(Line::wake);
    }
}
