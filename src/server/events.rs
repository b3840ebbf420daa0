//! The events of servers and sparks, and how to listen to them.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use crate::close::CloseReason;
use crate::error::Error;
use crate::events::{ListenerId, define_events};
use crate::message::Message;
use crate::ready_state::ReadyState;
use crate::server::primus::Primus;
use crate::server::spark::Spark;
use crate::server::{deliver, thread};

define_events! {
    /// The listeners of one spark.
    struct SparkEvents;
    lists |spark| spark.0.events;
    then |_: &Spark| ();

    /// # Events
    ///
    /// Listeners run on the spark's own thread, in the order in which they were
    /// added. One may block, and may call anything, its own spark's methods
    /// included. When one returns an error, that is an [`error`](Self::on_error)
    /// event and the connection goes on
    /// ([`Builder::listener_errors`](crate::Builder::listener_errors) can end it
    /// instead); one that panics ends its spark (`error`, then `end`) and no other,
    /// and the client may come back. A closure with `?` in it says what it returns:
    /// `|spark| -> primus::Result<()> { ... }`. To keep a spark, or use it on
    /// another thread, clone it.
    impl Spark {
        /// A message was received. Messages that come before there is a listener
        /// are kept, and the first listener gets them in order. One that is added
        /// after the end gets what was kept too: at once, on the thread that adds
        /// it, and nothing later. When [`Limits::inbox`](crate::Limits::inbox)
        /// bytes are kept and nobody listens, the connection is ended; a server that
        /// only sends sets that to 0.
        ///
        /// Listeners have the stack of
        /// [`Builder::stack_size`](crate::Builder::stack_size), 1 MiB by default;
        /// recursion that overflows it aborts the process, as in any Rust program.
        data: on_data, once_data(spark: &Spark, message: &Message)
            then deliver::listens;
        /// The connection ended. The last event of a spark.
        end: on_end, once_end(spark: &Spark, reason: &CloseReason);
        /// Something went wrong: a message that cannot be decoded or encoded
        /// or a listener that returned an error (the connection stays), a
        /// panic or a breach of the protocol (the end follows). For a failed
        /// `write` it runs on the thread that writes. When nobody listens, the
        /// errors of listeners are told on stderr, unless there is a logger or
        /// a [`log`](Primus::on_log) listener.
        error: on_error, once_error(spark: &Spark, error: &Error);
        /// The client answered a ping, or sent one.
        heartbeat: on_heartbeat, once_heartbeat(spark: &Spark);
        /// Nothing waits to be sent any more, after something did. It may come
        /// a round trip late where descriptors are scarce, or when the listener
        /// was added by another thread than the spark's: the client is then
        /// pinged, and its answer wakes the spark's thread.
        drain: on_drain, once_drain(spark: &Spark) then Spark::want_wake;
        /// [`ready_state`](Self::ready_state) changed. It comes just before
        /// `end`; the state itself may have changed some time earlier, when
        /// another thread called `end`.
        ready_state_change: on_ready_state_change, once_ready_state_change(spark: &Spark, state: ReadyState);
    }
}

impl Spark {
    /// Removes a listener from whichever event it is on; false when it was not
    /// there.
    pub fn off(&self, id: ListenerId) -> bool {
        self.0.events.remove(id)
    }

    /// From now on the spark's thread can be woken. If it sits in the socket's
    /// `read` already, the client is made to answer something.
    fn want_wake<F: ?Sized>(&self, _: ListenerId, _: &F, _: bool) {
        self.want_to_be_woken();
    }

    pub(super) fn want_to_be_woken(&self) {
        let wanted = self.0.wake_wanted.swap(true, Ordering::AcqRel);
        if !wanted && !thread::is_own(&self.0) {
            self.0.outbox.nudge();
        }
    }
}

define_events! {
    /// The listeners of a server.
    struct ServerEvents;
    lists |primus| primus.0.events;
    then |_: &Primus| ();

    /// # Events
    impl Primus {
        /// A spark was made: for plugins, which attach their state and listeners to
        /// it here. Nobody knows it yet: it is not among those that get broadcasts,
        /// its client has no answer, and the thread that this runs on need not be
        /// its own. An error refuses the client, as one of a `connection` listener
        /// does. It must not wait: what may belongs into `connection`.
        spark: on_spark, once_spark(spark: &Spark);
        /// A client connected. Listeners run in order on the spark's thread;
        /// each may block. When one returns an error, the connection is ended
        /// with close code 1011 (`error`, then `end`) before the next one runs;
        /// the client has been connected for a moment, and may reconnect. To
        /// refuse a client before it is connected, see
        /// [`authorize`](Self::authorize).
        ///
        /// The server knows the spark before the client knows that it is
        /// connected: [`Primus::write`] reaches it from then on, perhaps before
        /// what these listeners write.
        ///
        /// They have the stack of
        /// [`Builder::stack_size`](crate::Builder::stack_size), 1 MiB by
        /// default; recursion that overflows it aborts the process, as in any
        /// Rust program.
        connection: on_connection, once_connection(spark: &Spark);
        /// A spark ended. Runs on its thread, after its `end` listeners.
        disconnection: on_disconnection, once_disconnection(spark: &Spark);
        /// The server serves its first port or stream. Runs on the thread that
        /// gave it that.
        initialised: on_initialised, once_initialised(primus: &Primus);
        /// The server listens on a TCP address. Runs on the thread that made it listen,
        /// for each address.
        listening: on_listening, once_listening(address: SocketAddr);
        /// The server is about to end: [`destroy`](Primus::destroy) was called, and
        /// nobody is connected any less yet. Nobody new is let in any more, but messages
        /// come and go: a word of farewell to everybody is sent. For plugins that have to
        /// tell others before; the server ends when this returns. Runs on the thread that
        /// destroys it.
        closing: on_closing, once_closing(primus: &Primus);
        /// The server was destroyed. Runs on the thread that did it.
        close: on_close, once_close(primus: &Primus);
        /// Something worth a line in a log, on whichever thread it happens. The
        /// same lines go to the `log` crate.
        log: on_log, once_log(level: log::Level, text: &str);
        /// A plugin was registered.
        plugin: on_plugin, once_plugin(name: &str);
        /// A plugin was taken out.
        plugout: on_plugout, once_plugout(name: &str);
    }
}

impl Primus {
    /// Removes a listener, transform or relay from wherever it is; false when it
    /// was not there.
    pub fn off(&self, id: ListenerId) -> bool {
        self.0.events.remove(id) || self.0.codec.remove(id) || self.0.relays.remove(id)
    }

    /// Whether `name` is an event that Primus itself emits on servers, which
    /// applications and plugins must not use for their own.
    ///
    /// ```
    /// assert!(primus::Primus::reserved("connection"));
    /// assert!(!primus::Primus::reserved("chat"));
    /// ```
    pub fn reserved(name: &str) -> bool {
        const NAMES: [&str; 7] =
            ["disconnection", "initialised", "connection", "plugout", "plugin", "close", "log"];
        name.starts_with("incoming::") || name.starts_with("outgoing::") || NAMES.contains(&name)
    }
}
