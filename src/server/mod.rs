//! The server: `Primus`, its sparks, and the threads between them.
//!
//! Its threads, the way of a message through it and the order of its locks are in
//! [`docs::architecture`](crate::docs::architecture).
//!
//! # How a spark ends
//!
//! The first reason given counts; the events follow on the spark's own thread.
//!
//! | word | who says it | what it does | what is left |
//! |---|---|---|---|
//! | [`Spark::end`] | the application | `close` | as there |
//! | `Spark::close` | this side: `end`, [`destroy`](Primus::destroy), a failure, an inbox that is full | writes the closing packet behind what this thread wrote, broadcasts included | the peer answers, or the close time-out cuts it |
//! | `Spark::close_behind` | `destroy` | the same, behind all broadcasts | the same |
//! | `Spark::die` | a heartbeat, a session whose client is gone | writes the closing packet and shuts the socket at once | nobody is waited for |
//! | `Spark::lost` | the spark's thread | the connection broke, or was cut because its client reads too slowly | nothing more can be sent |
//! | `Inner::mark_closed` | all of these, and the spark's thread when the peer closes | notes the reason: from here writes are refused | `life::finish` |
//! | `life::finish` | the spark's thread, after its last listener | the events `error` and `end`; then it `linger`s for the rest of the closing handshake and lets go of everything | nothing |
//! | `admit::abandon` | whoever made a spark that may not live | lets go of it; no event is emitted | nothing |
//! | `Outbox::close` | `close`, `die`, `finish` | writes the closing packet; nothing may follow | `fin` |
//! | `Outbox::fin` | `linger`, when the peer's part is done | ends our direction when all has gone out | the peer ends its own |
//! | `Outbox::shutdown` | `die`, `finish` | ends both directions, behind what the kernel has taken | – |
//! | `Outbox::cut` | time-outs, [`SlowConsumer::Close`](crate::SlowConsumer::Close) | resets the connection and forgets what waits | – |
//! | `Outbox::failed` | whoever sends, when the socket has failed | forgets what waits, and wakes the spark's thread | `Spark::lost` |
//! | `Outbox::release` | `finish`, `abandon` | lets go of the socket | – |

mod admit;
mod asked;
mod assemble;
mod audience;
mod broadcaster;
mod builder;
mod carried;
mod connection;
mod deliver;
mod destroy;
mod events;
mod failure;
mod flusher;
mod guard;
#[cfg(feature = "tls")]
mod https;
mod inbox;
mod inner;
mod life;
mod listen;
mod messages;
mod metrics;
mod mount;
pub(crate) mod options;
mod outbox;
mod plugins;
pub(crate) mod primus;
#[cfg(feature = "tls")]
mod redirect;
mod registry;
mod relay;
#[cfg(feature = "tls")]
mod secure;
mod session;
mod spark;
mod thread;
mod wakers;

pub use audience::Audience;
pub use builder::Builder;
pub use destroy::{Destroy, Destroyed};
pub use messages::{Messages, SparkReader, SparkWriter};
#[cfg(feature = "redis")]
pub(crate) use metrics::Counter;
pub use metrics::{ConnectionCounts, MetricsSnapshot};
pub use options::{ListenerErrors, SlowConsumer};
pub(crate) use plugins::ServerHalf;
pub use primus::Primus;
pub(crate) use primus::WeakPrimus;
#[cfg(feature = "tls")]
pub use redirect::Redirect;
pub use relay::{HandOn, Relay};
pub use spark::{EndOptions, Spark};
