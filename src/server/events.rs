//! The events of servers and sparks, and how to listen to them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::close::CloseReason;
use crate::error::{BoxError, Error};
use crate::events::{ListenerId, Listeners};
use crate::message::Message;
use crate::outcome::Outcome;
use crate::ready_state::ReadyState;
use crate::server::deliver::{self, DataListener};
use crate::server::spark::Spark;
use crate::server::{Primus, thread};

type Outcomes = Result<(), BoxError>;
type SparkListener = dyn Fn(&Spark) -> Outcomes + Send + Sync;
type ErrorListener = dyn Fn(&Spark, &Error) -> Outcomes + Send + Sync;
type EndListener = dyn Fn(&Spark, &CloseReason) -> Outcomes + Send + Sync;
type StateListener = dyn Fn(&Spark, ReadyState) -> Outcomes + Send + Sync;
type ServerListener = dyn Fn(&Primus) -> Outcomes + Send + Sync;
type LogListener = dyn Fn(log::Level, &str) -> Outcomes + Send + Sync;
type PluginListener = dyn Fn(&str) -> Outcomes + Send + Sync;

/// The listeners of one spark.
#[derive(Default)]
pub(crate) struct SparkEvents {
    pub data: Listeners<DataListener>,
    pub end: Listeners<EndListener>,
    pub error: Listeners<ErrorListener>,
    pub heartbeat: Listeners<SparkListener>,
    pub drain: Listeners<SparkListener>,
    pub ready_state_change: Listeners<StateListener>,
}

impl SparkEvents {
    /// Lets go of all listeners, and of what they hold.
    pub fn clear(&self) {
        self.data.clear();
        self.end.clear();
        self.error.clear();
        self.heartbeat.clear();
        self.drain.clear();
        self.ready_state_change.clear();
    }
}

/// The listeners of a server.
#[derive(Default)]
pub(crate) struct ServerEvents {
    pub connection: Listeners<SparkListener>,
    pub disconnection: Listeners<SparkListener>,
    pub initialised: Listeners<ServerListener>,
    pub close: Listeners<ServerListener>,
    pub log: Listeners<LogListener>,
    pub plugin: Listeners<PluginListener>,
    pub plugout: Listeners<PluginListener>,
}

impl ServerEvents {
    /// Lets go of all listeners, and of what they hold.
    pub fn clear(&self) {
        self.connection.clear();
        self.disconnection.clear();
        self.initialised.clear();
        self.close.clear();
        self.log.clear();
        self.plugin.clear();
        self.plugout.clear();
    }
}

/// Defines the two ways to listen to an event.
macro_rules! event {
    (
        $list:ident: $on:ident, $once:ident ($($arg:ident: $type:ty),*) $then:expr;
        $(#[$doc:meta])*
    ) => {
        $(#[$doc])*
        ///
        /// Returns what [`off`](Self::off) takes to remove the listener.
        pub fn $on<R: Outcome>(
            &self,
            listener: impl Fn($($type),*) -> R + Send + Sync + 'static,
        ) -> ListenerId {
            let id = self.0.events.$list.add(Arc::new(move |$($arg: $type),*| {
                listener($($arg),*).into_result()
            }));
            #[allow(clippy::redundant_closure_call)]
            ($then)(self);
            id
        }

        #[doc = concat!("[`", stringify!($on), "`](Self::", stringify!($on), ") for the next time only.")]
        pub fn $once<R: Outcome>(
            &self,
            listener: impl Fn($($type),*) -> R + Send + Sync + 'static,
        ) -> ListenerId {
            let id = self.0.events.$list.once(Arc::new(move |$($arg: $type),*| {
                listener($($arg),*).into_result()
            }));
            #[allow(clippy::redundant_closure_call)]
            ($then)(self);
            id
        }
    };
}

fn data_listener<R: Outcome>(
    listener: impl Fn(&Spark, &Message) -> R + Send + Sync + 'static,
) -> Arc<DataListener> {
    Arc::new(move |spark: &Spark, message: &Message| listener(spark, message).into_result())
}

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
    ///
    /// Returns what [`off`](Self::off) takes to remove the listener.
    pub fn on_data<R: Outcome>(
        &self,
        listener: impl Fn(&Spark, &Message) -> R + Send + Sync + 'static,
    ) -> ListenerId {
        let listener = data_listener(listener);
        let id = self.0.events.data.add(listener.clone());
        deliver::listens(self, id, &*listener, usize::MAX);
        id
    }

    /// [`on_data`](Self::on_data) for the next time only.
    pub fn once_data<R: Outcome>(
        &self,
        listener: impl Fn(&Spark, &Message) -> R + Send + Sync + 'static,
    ) -> ListenerId {
        let listener = data_listener(listener);
        let id = self.0.events.data.once(listener.clone());
        deliver::listens(self, id, &*listener, 1);
        id
    }

    event! {
        end: on_end, once_end (spark: &Spark, reason: &CloseReason) |_| ();
        /// The connection ended. The last event of a spark.
    }
    event! {
        error: on_error, once_error (spark: &Spark, error: &Error) |_| ();
        /// Something went wrong: a message that cannot be decoded or encoded
        /// or a listener that returned an error (the connection stays), a
        /// panic or a breach of the protocol (the end follows). For a failed
        /// `write` it runs on the thread that writes. When nobody listens, the
        /// errors of listeners are told on stderr, unless there is a logger or
        /// a [`log`](Primus::on_log) listener.
    }
    event! {
        heartbeat: on_heartbeat, once_heartbeat (spark: &Spark) |_| ();
        /// The client answered a ping, or sent one.
    }
    event! {
        drain: on_drain, once_drain (spark: &Spark) Spark::want_wake;
        /// Nothing waits to be sent any more, after something did. It may come
        /// a round trip late where descriptors are scarce, or when the listener
        /// was added by another thread than the spark's: the client is then
        /// pinged, and its answer wakes the spark's thread.
    }
    event! {
        ready_state_change: on_ready_state_change, once_ready_state_change
            (spark: &Spark, state: ReadyState) |_| ();
        /// [`ready_state`](Self::ready_state) changed. It comes just before
        /// `end`; the state itself may have changed some time earlier, when
        /// another thread called `end`.
    }

    /// Removes a listener from whichever event it is on; false when it was not
    /// there.
    pub fn off(&self, id: ListenerId) -> bool {
        let events = &self.0.events;
        events.data.remove(id)
            || events.end.remove(id)
            || events.error.remove(id)
            || events.heartbeat.remove(id)
            || events.drain.remove(id)
            || events.ready_state_change.remove(id)
    }

    /// From now on the spark's thread can be woken. If it sits in the socket's
    /// `read` already, the client is made to answer something.
    fn want_wake(&self) {
        let wanted = self.0.wake_wanted.swap(true, Ordering::AcqRel);
        if !wanted && !thread::is_own(&self.0) {
            self.0.outbox.nudge();
        }
    }
}

/// # Events
impl Primus {
    event! {
        connection: on_connection, once_connection (spark: &Spark) |_| ();
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
    }
    event! {
        disconnection: on_disconnection, once_disconnection (spark: &Spark) |_| ();
        /// A spark ended. Runs on its thread, after its `end` listeners.
    }
    event! {
        initialised: on_initialised, once_initialised (primus: &Primus) |_| ();
        /// The server serves its first port or stream. Runs on the thread that
        /// gave it that.
    }
    event! {
        close: on_close, once_close (primus: &Primus) |_| ();
        /// The server was destroyed. Runs on the thread that did it.
    }
    event! {
        log: on_log, once_log (level: log::Level, text: &str) |_| ();
        /// Something worth a line in a log, on whichever thread it happens. The
        /// same lines go to the `log` crate.
    }
    event! {
        plugin: on_plugin, once_plugin (name: &str) |_| ();
        /// A plugin was registered.
    }
    event! {
        plugout: on_plugout, once_plugout (name: &str) |_| ();
        /// A plugin was taken out.
    }

    /// Removes a listener or transform from wherever it is; false when it was
    /// not there.
    pub fn off(&self, id: ListenerId) -> bool {
        let events = &self.0.events;
        events.connection.remove(id)
            || events.disconnection.remove(id)
            || events.initialised.remove(id)
            || events.close.remove(id)
            || events.log.remove(id)
            || events.plugin.remove(id)
            || events.plugout.remove(id)
            || self.0.codec.remove(id)
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
