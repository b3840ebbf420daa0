//! A kit for tests of what is built on this crate: a server and a client in
//! one process, without a port, in virtual time, over a wire that fails when
//! told to.
//!
//! ```
//! use primus::testing::pair;
//! use primus::{ManualClock, Primus};
//! use std::time::Duration;
//!
//! let clock = ManualClock::new();
//! let primus = Primus::builder().clock(&clock).build()?;
//! primus.on_connection(|spark| {
//!     spark.on_data(|spark, message| spark.write(message.value()));
//! });
//!
//! let pair = pair(&primus, |client| client)?;
//! pair.client().write("hello")?;
//! assert_eq!(pair.client().recv()?.as_str(), Some("hello"));
//!
//! // An hour of heartbeats passes in milliseconds.
//! pair.advance(Duration::from_secs(3600))?;
//! let spark = pair.spark()?;
//! spark.write("still here")?;
//! assert_eq!(pair.client().recv()?.as_str(), Some("still here"));
//!
//! // The client comes back when the connection breaks.
//! pair.link().cut();
//! pair.wait_ended(&spark);
//! pair.advance(Duration::from_secs(1))?;
//! assert_ne!(pair.spark()?, spark);
//! # pair.client().end();
//! # primus.destroy(Default::default());
//! # Ok::<(), primus::Error>(())
//! ```
//!
//! The parts can be used alone: a [`Link`] joins any number of clients to a
//! server, [`ManualClock`] is given to [`Builder::clock`](crate::Builder::clock)
//! and [`ClientBuilder::clock`], and
//! [`Primus::serve`] and [`ClientBuilder::connector`] take streams from anywhere.

mod line;
mod link;

use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, bounded};

use crate::client::{Client, ClientBuilder};
use crate::deadline::after;
use crate::error::{Error, Result};
use crate::ready_state::ReadyState;
use crate::server::{Primus, Spark};
use crate::timer::{Clock, ManualClock};

pub use link::{Lane, Link};

/// How long in real time the kit waits for what other threads do at once,
/// unless the machine is overloaded.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a client may take to notice that it is to dial.
const GRACE: Duration = Duration::from_secs(2);

/// How often what may end a wait is looked at.
const GLANCE: Duration = Duration::from_millis(2);

/// A client that is connected to a server in this process over a [`Link`] of
/// its own.
#[derive(Debug)]
pub struct Pair {
    primus: Primus,
    client: Client,
    link: Link,
}

/// Connects a client to `primus` over a new [`Link`], and waits until it is
/// open. The client has the [options](Primus::client_options) of the server and
/// its clock; `setup` may add others. The server knows the spark by then.
///
/// # Errors
/// As [`ClientBuilder::connect`], at once: the first failure is final. And
/// [`Error::Timeout`] when there is neither within 20 s of real time.
pub fn pair(primus: &Primus, setup: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Result<Pair> {
    pair_with(primus, setup, |_| {})
}

/// [`pair`], with listeners that are there for the first event.
///
/// # Errors
/// As [`pair`].
pub fn pair_with(
    primus: &Primus,
    setup: impl FnOnce(ClientBuilder) -> ClientBuilder,
    listen: impl FnOnce(&Client),
) -> Result<Pair> {
    let link = Link::new(primus);
    let client = setup(link.client()).manual(true).build_with(listen)?;
    // A virtual clock may never come to the client's own time-out.
    client.connect_within(Instant::now().checked_add(PATIENCE))?;
    Ok(Pair { primus: primus.clone(), client, link })
}

impl Pair {
    /// The client's end.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The wire between.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// The server's end of the present connection: another spark after each
    /// reconnect. The client asks the server for it.
    ///
    /// # Errors
    /// [`Error::Timeout`] when there is no connection or the wire does not let
    /// the question pass, [`Error::Closed`] when the client has ended.
    pub fn spark(&self) -> Result<Spark> {
        let id = self.client.id(PATIENCE)?;
        self.primus.spark(&id).ok_or(Error::Closed)
    }

    /// Waits until the server and the client both know that the connection of
    /// this spark is over; false when they do not find out within 20 s of real
    /// time.
    pub fn wait_ended(&self, spark: &Spark) -> bool {
        let until = after(Instant::now(), PATIENCE);
        let alive = || self.primus.spark(spark.id()).is_some();
        let open = || self.client.ready_state() == ReadyState::Open;
        while alive() || (open() && self.asked().is_none_or(|id| id == spark.id())) {
            if Instant::now() >= until {
                return false;
            }
            std::thread::sleep(GLANCE);
        }
        true
    }

    /// Moves the clock that server and client share, from deadline to deadline,
    /// and lets both ends answer each other between the steps, as they have
    /// time to do in reality. So heartbeats are kept and reconnects succeed,
    /// over any span.
    ///
    /// What listeners set going on other threads is not waited for; nor is
    /// anything while the wire holds back, delays or swallows what is sent.
    /// With several pairs on one clock, see [`advance`].
    ///
    /// # Errors
    /// [`Error::Option`] when the server has no manual clock.
    pub fn advance(&self, span: Duration) -> Result<()> {
        advance(&[self], span)
    }

    fn clock(&self) -> Result<&ManualClock> {
        match self.link.clock() {
            Clock::Manual(clock) => Ok(clock),
            Clock::System => Err(Error::Option("the server has no manual clock".into())),
        }
    }

    /// Lets both ends handle what is under way. A question that goes to the
    /// server and back comes behind whatever the server had sent, and the next
    /// one behind the client's answers to that.
    fn settle(&self) {
        self.settle_opening();
        for _ in 0..2 {
            self.asked();
        }
    }

    /// Waits for an attempt to connect, unless nothing can come of it.
    fn settle_opening(&self) {
        let begun = Instant::now();
        while self.client.ready_state() == ReadyState::Opening && self.link.is_prompt() {
            match self.link.dead() {
                Some(line) if line.is_given_up() => return,
                // Perhaps it is the last one, and the next not begun.
                Some(line) if begun.elapsed() > GRACE => return line.give_up(),
                None if begun.elapsed() > PATIENCE => return,
                _ => drop(self.client.wait_open(GLANCE)),
            }
        }
    }

    fn can_ask(&self) -> bool {
        let open = self.client.ready_state() == ReadyState::Open;
        open && self.link.is_prompt() && self.link.dead().is_none()
    }

    /// Asks the server for the spark's id, unless that cannot reach it.
    fn asked(&self) -> Option<String> {
        if !self.can_ask() {
            return None;
        }
        let until = after(Instant::now(), PATIENCE);
        let (tell, told) = bounded(1);
        self.client.request_id(move |id| drop(tell.send(id.to_owned()))).ok()?;
        loop {
            match told.recv_timeout(GLANCE) {
                Ok(id) => return Some(id),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if !self.can_ask() || Instant::now() >= until {
                return None;
            }
        }
    }
}

/// [`Pair::advance`] for several pairs on one clock.
///
/// # Errors
/// As [`Pair::advance`].
pub fn advance(pairs: &[&Pair], span: Duration) -> Result<()> {
    let Some(first) = pairs.first() else { return Ok(()) };
    let clock = first.clock()?;
    let settle = || pairs.iter().for_each(|pair| pair.settle());
    let target = clock.time_after(span);
    settle();
    loop {
        let next = clock.next_deadline().filter(|&next| next <= target);
        clock.advance(next.unwrap_or(target).saturating_duration_since(clock.now()));
        settle();
        if next.is_none() {
            return Ok(());
        }
    }
}
