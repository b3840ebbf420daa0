//! The orderly end of a server.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::close::{CloseReason, Ended};
use crate::deadline::after;
use crate::server::inner::Inner;
use crate::server::primus::Primus;
use crate::server::spark::Spark;
use crate::server::thread;

/// How [`Primus::destroy`] ends a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct Destroy {
    /// Stop listening. With `false` the ports stay open and the application's own
    /// pages ([`Primus::on_request`]) go on answering every request; a later
    /// `destroy` with `true` ends that too. Default true.
    pub close: bool,
    /// Let the clients reconnect (to the server's successor, say) instead of
    /// telling them that the end is meant. Default false.
    pub reconnect: bool,
    /// How long clients may take to read what was written for them and to
    /// answer the close; what is left then is cut, and listeners that still run
    /// get 0.3 s more to return. By the system's clock. Default 1 s.
    ///
    /// Plugins that tell others of the end first (`metroplex`, say) wait for them
    /// within the first half of it, and have 0.3 s at the end if nothing is left. What
    /// the application's own [`closing`](Primus::on_closing) listeners take beyond that
    /// half is not counted.
    pub timeout: Duration,
}

impl Default for Destroy {
    fn default() -> Self {
        Destroy { close: true, reconnect: false, timeout: Duration::from_secs(1) }
    }
}

impl Destroy {
    /// Sets [`close`](Self::close).
    pub fn close(mut self, close: bool) -> Self {
        self.close = close;
        self
    }

    /// Sets [`reconnect`](Self::reconnect).
    pub fn reconnect(mut self, reconnect: bool) -> Self {
        self.reconnect = reconnect;
        self
    }

    /// Sets [`timeout`](Self::timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// What came of [`Primus::destroy`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Destroyed {
    /// Sparks that were connected.
    pub sparks: usize,
    /// Connections that did not end in time and were cut.
    pub cut: usize,
    /// Connection threads that had not ended when the call returned, because a
    /// listener on them does not return.
    pub stuck: usize,
}

/// How long threads get to end once their sockets are cut, and plugins in any case.
const AFTER_CUT: Duration = Duration::from_millis(300);

impl Primus {
    /// Ends the server: lets nobody in any more, runs the [`closing`](Self::on_closing)
    /// listeners, while messages still come and go, accepts no more connections, ends
    /// every spark behind what was written to it, waits for that up to
    /// [`Destroy::timeout`], cuts what is left, and joins every thread. Nothing of the server runs after it,
    /// unless a listener does not return (the result tells) or it was called by
    /// a listener, whose own thread ends when the listener has returned.
    ///
    /// Blocks; may be called from any thread, and again.
    pub fn destroy(&self, options: Destroy) -> Destroyed {
        let server = &self.0;
        let begun = Instant::now();
        let first = !server.closing.swap(true, Ordering::AcqRel);
        server.reconnect_at_end.store(options.reconnect, Ordering::Release);
        let of_plugins = options.timeout / 2;
        if first {
            *server.patient_until.lock() = Some(after(begun, of_plugins));
            for listener in server.events.closing.snapshot().iter() {
                server.report("closing", || listener(self));
            }
        }
        server.over.store(true, Ordering::Release);
        let left = options.timeout - begun.elapsed().min(of_plugins);
        let deadline = after(Instant::now(), left);
        let sparks = server.registry.snapshot();
        let mut destroyed = Destroyed { sparks: sparks.len(), ..Destroyed::default() };
        if options.close {
            // The end of some may be under way already.
            let all = server.registry.snapshot_all();
            self.end_polled(&all, deadline);
            server.stop_accepting();
            server.connections.close();
            let sockets: Vec<_> = all.iter().filter_map(|spark| spark.outbox().stream()).collect();
            let sockets: HashSet<_> = sockets.iter().map(Arc::as_ptr).collect();
            server.connections.end_reading(|stream| !sockets.contains(&Arc::as_ptr(stream)));
        }
        sparks.iter().for_each(|spark| spark.close_behind(server.shutdown_reason()));
        drop(sparks);
        if options.close {
            self.join(deadline, &mut destroyed);
        }
        if first {
            *server.patient_until.lock() = Some(deadline.max(after(Instant::now(), AFTER_CUT)));
            for listener in server.events.close.snapshot().iter() {
                server.report("close", || listener(self));
            }
        }
        if options.close {
            server.destroyed.open();
        }
        if options.close && destroyed.stuck == 0 && !thread::serves(server) {
            server.forget_listeners();
        }
        destroyed
    }

    /// Blocks until the server has been [destroyed](Self::destroy) and its `close`
    /// listeners have run: the last line of a program that only serves. After
    /// `destroy` with `close(false)` it goes on waiting.
    ///
    /// It says nothing of the thread that called `destroy`: if that has more to do
    /// afterwards, [join](std::thread::JoinHandle::join) it before `main` returns,
    /// which ends the process; or do it in an
    /// [`on_close`](Self::on_close) listener. Simplest is to destroy the server on
    /// the main thread, [as shown above](Self#shutting-down), without `wait`.
    ///
    /// Do not call it in a listener: `destroy` would wait for that listener, and it
    /// for `destroy`.
    pub fn wait(&self) {
        self.0.destroyed.wait();
    }

    /// Ends the sparks whose clients poll: a client that is between two polls
    /// must still be able to come and ask. No new client is let in meanwhile.
    fn end_polled(&self, sparks: &[Spark], deadline: Instant) {
        let server = &self.0;
        let polls = |spark: &&Spark| spark.outbox().is_poll();
        let sparks: Vec<_> = sparks.iter().filter(polls).collect();
        // A client that has ended its session has been told that all it sent was
        // received: that is still handled.
        let open = sparks.iter().filter(|spark| !spark.outbox().is_over());
        open.for_each(|spark| spark.close_behind(server.shutdown_reason()));
        let others = sparks.iter().filter(|spark| !thread::is_own(&spark.0));
        let outboxes: Vec<_> = others.map(|spark| spark.outbox().clone()).collect();
        server.registry.wait_forgotten(&outboxes, deadline);
    }

    /// Waits for the connections, cuts those that do not end, stops the
    /// server's own threads.
    fn join(&self, deadline: Instant, destroyed: &mut Destroyed) {
        let server = &self.0;
        let own = thread::serves(server);
        destroyed.cut = server.connections.wait(deadline, own);
        if destroyed.cut > 0 {
            server.connections.abort();
            server.registry.snapshot_all().iter().for_each(|spark| spark.outbox().cut());
        }
        // Also where nothing is cut: a thread may have left its connection and
        // not be gone yet.
        destroyed.stuck = server.connections.wait(after(Instant::now(), AFTER_CUT), own);
        server.broadcaster.stop();
        server.flusher.stop();
        server.timer.stop();
        let threads = std::mem::take(&mut server.roster.lock().threads);
        for thread in threads {
            let _ = thread.join();
        }
    }
}

impl Inner {
    pub(super) fn stop_accepting(&self) {
        let acceptors = std::mem::take(&mut self.roster.lock().acceptors);
        acceptors.iter().for_each(|acceptor| acceptor.stop());
    }

    /// Lets go of what the application has given, which often holds a handle of
    /// the server itself.
    fn forget_listeners(&self) {
        self.events.clear();
        self.codec.clear();
        self.relays.clear();
        self.options.authorization.clear();
        self.middleware.clear();
        drop(self.set_fallback(None));
    }

    pub(super) fn shutdown_reason(&self) -> CloseReason {
        let reconnect = self.reconnect_at_end.load(Ordering::Acquire);
        CloseReason::new(Ended::Shutdown, 1001, "the server shuts down", reconnect)
    }
}
