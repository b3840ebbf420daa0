//! The link to Redis: what joins several servers speaks to each other through it.
//!
//! A [`RedisLink`] has two connections to one Redis (6 or later, or Valkey), one for
//! commands and one for subscriptions, and a thread for each. It connects by itself,
//! and again, for ever, with growing pauses, when a connection breaks or Redis does
//! not answer in time. Nobody waits for Redis who does not ask for it: commands are
//! queued within a bound, and what comes back is told on the link's threads.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use primus::RedisLink;
//! use primus::link::Heard;
//!
//! let link = RedisLink::open("redis://127.0.0.1:6379")?;
//! let _news = link.subscribe("news", |heard| {
//!     if let Heard::Message { payload, .. } = heard {
//!         println!("{}", String::from_utf8_lossy(payload));
//!     }
//! });
//! if link.wait_connected(Duration::from_secs(5)) {
//!     link.publish("news", "the first".into())?;
//! }
//! # Ok::<(), primus::Error>(())
//! ```
//!
//! # Addresses
//!
//! | URL | goes to |
//! |---|---|
//! | `redis://user:password@host:6379/0` | a port; user, password, port and database may be left out |
//! | `rediss://…` | the same over TLS, with the feature `tls` |
//! | `redis+unix:///path?db=0&user=…&pass=…`, `unix:///path…` | a Unix socket |
//!
//! `valkey` may stand for `redis`. A node of a cluster, a sentinel, and a replica are
//! refused with an error that says so.
//!
//! # What becomes of commands
//!
//! - [`publish`](RedisLink::publish) and [`post`](RedisLink::post) with [`Keep::Yes`]
//!   are carried out in the order of the calls. What was accepted waits while there is
//!   no connection, and what was not answered when one broke is sent again, so that
//!   nothing is lost and some of it may be carried out twice.
//! - [`post`](RedisLink::post) with [`Keep::No`], [`ask`](RedisLink::ask) and
//!   [`fetch`](RedisLink::fetch) fail while there is no connection, and are never
//!   sent twice.
//!
//! What Redis refuses (out of memory, a key of the wrong type, no permission) comes
//! back from those who asked, and goes to [`on_error`](RedisLink::on_error) otherwise.
//! A batch at which connections end is given up: after three connections on which Redis
//! answered it with nonsense, or after twelve in a row on which it was the first and
//! nothing at all was answered.
//!
//! A channel that Redis refuses to a subscription is named there as well, once, and asked
//! for again at each [`ping_interval`](LinkBuilder::ping_interval), until it is granted. The
//! other subscriptions stand meanwhile, and the link is up: whoever has to hear something
//! asks [its own subscription](Subscription::stands), and
//! [`subscriptions_refused`](LinkMetrics::subscriptions_refused) counts them.
//!
//! # Threads
//!
//! Listeners run on the link's threads, which do nothing else meanwhile: they are to
//! return soon. They may call everything but [`fetch`](RedisLink::fetch), which would
//! wait for itself and fails there. One that panics is told to
//! [`on_error`](RedisLink::on_error), and the thread goes on.
//!
//! The threads end with [`close`](RedisLink::close), or with the last handle: a
//! listener that holds a handle of its own link keeps it alive.

mod address;
mod batch;
mod builder;
mod commands;
mod connection;
mod decoder;
mod errors;
mod exchange;
mod greeting;
mod hear;
mod metrics;
mod news;
mod options;
mod pause;
mod queue;
mod reply;
mod shared;
mod standing;
mod state;
mod subscriber;
mod subscription;
mod topics;

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

pub use batch::{Batch, Script};
pub use builder::LinkBuilder;
pub use hear::Heard;
pub use metrics::LinkMetrics;
pub use queue::Keep;
pub use reply::{Reply, ServerError, refusal};
use shared::{Handle, Shared};
pub use state::LinkState;
use state::Listener;
pub use subscription::Subscription;

use crate::error::{Error, Result};
use crate::events::ListenerId;

/// A link to Redis: a handle, cheap to clone; see the [module](self).
#[derive(Clone)]
pub struct RedisLink {
    handle: Arc<Handle>,
}

impl RedisLink {
    /// Begins to connect, with all options at their defaults, and does not wait for it.
    ///
    /// # Errors
    /// [`Error::Option`] for a URL that cannot be used.
    pub fn open(url: &str) -> Result<RedisLink> {
        Self::builder(url).open()
    }

    /// Options first.
    pub fn builder(url: &str) -> LinkBuilder {
        LinkBuilder::new(url)
    }

    /// Whether the link is [up](LinkState::Up).
    pub fn is_connected(&self) -> bool {
        self.shared().is_up()
    }

    /// Waits until the link is up, at most so long; false if it is not then, or has
    /// been closed. On a thread of the link it does not wait.
    pub fn wait_connected(&self, patience: Duration) -> bool {
        self.shared().wait_up(patience)
    }

    /// What the link has done so far, and how it stands.
    pub fn metrics(&self) -> LinkMetrics {
        self.shared().metrics()
    }

    /// Runs when something went wrong: a connection that could not be made or broke,
    /// a [`post`](Self::post) that Redis refused, a full queue, a listener that
    /// panicked. Failures of the same kind that follow closely on one another are told
    /// about once a second, with their number. The listener stays as long as the link,
    /// or until it is taken [`off`](Self::off).
    pub fn on_error(&self, listener: impl Fn(&Error) + Send + Sync + 'static) -> ListenerId {
        self.shared().on_error(Arc::new(listener))
    }

    /// Runs when the link goes up or down, in the order in which that happens, on the
    /// thread of commands. If the link is up already, it runs for that first. The
    /// listener stays as long as the link, or until it is taken [`off`](Self::off).
    pub fn on_state(&self, listener: impl Fn(LinkState) + Send + Sync + 'static) -> ListenerId {
        self.shared().on_state(Listener::new(Arc::new(listener), None))
    }

    /// [`on_state`](Self::on_state) for somebody, with whom the listener ends: a link may
    /// outlive many who use it.
    pub(crate) fn on_state_for<T: Any + Send + Sync>(
        &self,
        whom: &Weak<T>,
        listener: impl Fn(&Arc<T>, LinkState) + Send + Sync + 'static,
    ) -> ListenerId {
        let own = Weak::clone(whom);
        let call = move |state| {
            if let Some(whom) = own.upgrade() {
                listener(&whom, state);
            }
        };
        let owner: Weak<dyn Any + Send + Sync> = Weak::<T>::clone(whom);
        self.shared().on_state(Listener::new(Arc::new(call), Some(owner)))
    }

    /// Removes a listener of [`on_error`](Self::on_error) or [`on_state`](Self::on_state);
    /// false when it was not there. One that runs at this moment runs to its end.
    pub fn off(&self, id: ListenerId) -> bool {
        self.shared().off(id)
    }

    /// Ends the link. What is queued is sent first, if that takes no longer than
    /// `patience`; then the threads end, and questions that are open fail with
    /// [`Error::Closed`]. Returns when that is done, or soon after `patience` where a
    /// listener does not return. On a thread of the link it does not wait.
    pub fn close(&self, patience: Duration) {
        self.shared().close(patience);
    }

    /// Sends commands whose answers matter to nobody; never blocks. Those that Redis
    /// refuses go to [`on_error`](Self::on_error).
    ///
    /// # Errors
    /// [`Error::Full`] when the queue is full, [`Error::Closed`] after
    /// [`close`](Self::close), and with [`Keep::No`] [`Error::Unavailable`] when there
    /// is no connection.
    pub fn post(&self, batch: Batch, keep: Keep) -> Result<()> {
        self.shared().post(batch, keep)
    }

    /// Sends commands and has `then` called with the reply to each, once, in any case,
    /// on a thread of the link; never blocks. Errors among the replies are
    /// [values](Reply::ServerError), for [`refusal`], but one in an
    /// [atomic](Batch::atomic) batch that Redis refused as a whole.
    ///
    /// `then` gets [`Error::Unavailable`] when there is no connection, or when it broke
    /// before all replies were there: then the commands may have been carried out.
    /// [`Error::Full`] and [`Error::Closed`] as for [`post`](Self::post); after
    /// [`close`](Self::close), and beyond 10,000 refusals that wait to be told, it is
    /// called on the caller's thread.
    pub fn ask(&self, batch: Batch, then: impl FnOnce(Result<Vec<Reply>>) + Send + 'static) {
        self.shared().ask(batch, Box::new(then));
    }

    /// [`ask`](Self::ask) that waits for the replies.
    ///
    /// # Errors
    /// Those of [`ask`](Self::ask); [`Error::Timeout`] when there was no reply within
    /// `patience`, though the commands may be carried out nevertheless;
    /// [`Error::Misuse`] on a thread of a link.
    pub fn fetch(&self, batch: Batch, patience: Duration) -> Result<Vec<Reply>> {
        self.shared().fetch(batch, patience)
    }

    /// Publishes on a channel: a [`post`](Self::post) with [`Keep::Yes`].
    ///
    /// # Errors
    /// Those of [`post`](Self::post).
    pub fn publish(&self, channel: &str, payload: Vec<u8>) -> Result<()> {
        self.post(Batch::new().publish(channel, &payload), Keep::Yes)
    }

    /// Hears what is published on a channel, from about now until the subscription is
    /// dropped. `hear` runs on the thread of subscriptions.
    pub fn subscribe(
        &self,
        channel: &str,
        hear: impl Fn(Heard<'_>) + Send + Sync + 'static,
    ) -> Subscription {
        self.shared().subscribe(channel, false, Arc::new(hear))
    }

    /// [`subscribe`](Self::subscribe) to all channels that match a pattern of Redis's,
    /// such as `room:*`.
    pub fn psubscribe(
        &self,
        pattern: &str,
        hear: impl Fn(Heard<'_>) + Send + Sync + 'static,
    ) -> Subscription {
        self.shared().subscribe(pattern, true, Arc::new(hear))
    }

    /// How many bytes of commands may wait, and how many one message may have.
    pub(crate) fn bounds(&self) -> (usize, usize) {
        self.shared().route.bounds()
    }

    fn shared(&self) -> &Arc<Shared> {
        self.handle.shared()
    }
}

impl fmt::Debug for RedisLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may have a password in it.
        f.debug_struct("RedisLink").field("up", &self.is_connected()).finish_non_exhaustive()
    }
}
