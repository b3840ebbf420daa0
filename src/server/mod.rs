//! The server: `Primus`, its sparks, and the threads between them.
//!
//! # Threads
//!
//! | thread | module | does |
//! |---|---|---|
//! | acceptor, one per listener | `http` | accepts |
//! | connection, one per connection | `connection`, then `life` | HTTP; after an upgrade the spark's listeners |
//! | watcher, while there is something to watch | `http` | waits with connections whose clients have been silent for half a second, held polls above all; they have no thread meanwhile |
//! | session, one per session whose client polls | `session`, `life` | the spark's listeners |
//! | broadcaster | `broadcaster` | writes a message to all sparks |
//! | flusher | `flusher` | sends on what a full socket did not take |
//! | timer | `crate::timer` | heartbeats, close time-outs, grace periods |
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
//! | `Outbox::release` | `finish`, `abandon` | lets go of the socket | – |
//!
//! # Locks
//!
//! Each is held for a few instructions. None is held while application code
//! runs, or during a system call that may block (sends are non-blocking), and a
//! thread that falls asleep holds none. They are taken in the order of this
//! table, each behind all that the thread holds already: debug builds check
//! that ([`crate::sync`]), with these names.
//!
//! | rank | lock | guards | is taken while these are held |
//! |---|---|---|---|
//! | `Turn` | `ManualClock`'s turn | nothing: one moves the clock at a time, and waits meanwhile | – |
//! | `Roster` | `Inner::roster` | acceptors, plugins, threads | – |
//! | `Heart` | `Spark`'s `heart` | heartbeat and timer keys of one spark | – |
//! | `Outbox` | `Outbox::state` | backlog, cork, phase of one spark; sends happen under it, which is what orders them | – |
//! | `Registry` | `Registry::table` | the sparks by id | `Outbox`, while a spark is registered |
//! | `Session` | `Live::state` of a session whose client polls | its state machine, and the requests to answer; answers are sent under it | `Outbox`, which offers what waits and ends the session |
//! | `Sessions` | the table of these sessions | sessions by id | `Outbox` |
//! | `Inlet` | the way in of a session | what was received and waits for the spark's thread | `Outbox`, `Session` |
//! | `Places` | `http::Connections` | connections and their threads | – |
//! | `Lot` | `http`'s parking lot | connections without a thread, and the epoll set that watches them | – |
//! | `Timer` | `Timer`'s wheel | deadlines | `Turn`, `Heart`, `Outbox`, `Session` |
//! | `Clock` | `ManualClock`'s time | what time it is | any before it |
//! | `Leaf` | `Spark`'s `waker`, `Inbox::state`, `Listeners`, `Metrics`' tables, the layers of `Middleware`, `Library`, ids, guesses, farewells, what a resting thread is told | each its own; nothing is taken while one is held, nor another of these | any before it |
//!
//! A session calls its spark only with its own lock given back: the spark's
//! outbox comes first.

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
mod inbox;
mod inner;
mod life;
mod listen;
mod messages;
mod metrics;
pub(crate) mod options;
mod outbox;
mod plugins;
pub(crate) mod primus;
mod registry;
mod session;
mod spark;
mod thread;
mod wakers;

pub use builder::Builder;
pub use destroy::{Destroy, Destroyed};
pub use messages::{Messages, SparkReader, SparkWriter};
pub use metrics::{ConnectionCounts, MetricsSnapshot};
pub use options::{ListenerErrors, SlowConsumer};
pub use primus::Primus;
pub use spark::{EndOptions, Spark};
