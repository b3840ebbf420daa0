//! What a client tells, and its listeners.

use std::sync::Arc;

use super::Client;
use super::machine::Reconnected;
use super::outgoing::OutgoingUrl;
use super::recovery::Attempt;
use crate::close::CloseReason;
use crate::error::{BoxError, Error};
use crate::events::{ListenerId, define_events};
use crate::message::Message;
use crate::ready_state::ReadyState;
use crate::value::Value;

define_events! {
    /// The listeners of a client.
    struct ClientEvents;
    lists |client| client.shared().events;
    then |client: &Client| client.shared().listened();

    /// # Events
    ///
    /// Listeners run one after another, in the order added, on the
    /// client's thread: none ever runs beside another of the same client.
    /// They may call everything; what would wait for the client's own
    /// thread ([`recv`](Client::recv), [`id`](Client::id), …) returns an
    /// error there. A listener that panics or returns an error causes an
    /// `error` event; the connection stays.
    ///
    /// The `&Client` that they are given saves them from holding a handle
    /// of their own, which would keep the client alive for ever.
    impl Client {
        /// `open`: a connection stands, the first or a later one. What was queued
        /// has been handed to it.
        open: on_open, once_open(client: &Client);
        /// `data`: a message was received. While there is no such listener,
        /// messages wait for [`recv`](Client::recv) or for a listener to come, also
        /// when the client has ended meanwhile.
        data: on_data, once_data(client: &Client, message: &Message);
        /// `error`: something went wrong: the first connection could not be made,
        /// a message could not be decoded, a listener panicked, or the server
        /// refused an attempt to reconnect for good (401 or 403; `close` and `end`
        /// follow, and their reason has the refusal as its
        /// [`cause`](CloseReason::cause)). Other failures of attempts to reconnect
        /// are no errors. Without a listener they are logged; and what a listener or
        /// transform returned is told on stderr where there is no logger either,
        /// once for each connection.
        error: on_error, once_error(client: &Client, error: &Error);
        /// `reconnect scheduled`: an attempt to reconnect will be made after its
        /// `delay`.
        reconnect_scheduled: on_reconnect_scheduled, once_reconnect_scheduled(client: &Client, attempt: Attempt);
        /// `reconnect`: an attempt to reconnect begins.
        reconnect: on_reconnect, once_reconnect(client: &Client, attempt: Attempt);
        /// `reconnected`: an attempt worked; `open` follows.
        reconnected: on_reconnected, once_reconnected(client: &Client, reconnected: Reconnected);
        /// `reconnect timeout`: an attempt took longer than `reconnect_timeout`.
        reconnect_timeout: on_reconnect_timeout, once_reconnect_timeout(client: &Client, attempt: Attempt);
        /// `reconnect failed`: there were as many failed attempts as `retries`;
        /// `end` follows.
        reconnect_failed: on_reconnect_failed, once_reconnect_failed(client: &Client);
        /// `timeout`: the first connection was not there within `timeout`.
        timeout: on_timeout, once_timeout(client: &Client);
        /// `close`: a connection was closed or lost. The client may reconnect.
        close: on_close, once_close(client: &Client, reason: &CloseReason);
        /// `end`: the client is closed and will not reconnect by itself.
        end: on_end, once_end(client: &Client, reason: &CloseReason);
        /// `online`: the network is there again.
        online: on_online, once_online(client: &Client);
        /// `offline`: the network is gone, or the server's heartbeat is.
        offline: on_offline, once_offline(client: &Client);
        /// `readyStateChange`.
        ready_state_change: on_ready_state_change, once_ready_state_change(client: &Client, state: ReadyState);
        /// `outgoing::url`: a connection is about to be made, the first or a later
        /// one; the listener may change where it goes and what it carries, and is
        /// the place for a fresh access token. It may block, within the time that
        /// the attempt has. An error makes the attempt fail.
        outgoing_url: on_outgoing_url, once_outgoing_url(client: &Client, url: &mut OutgoingUrl);
        /// `destroy`: [`destroy`](Client::destroy) was called; the last event.
        destroy: on_destroy, once_destroy(client: &Client);
    }
}

impl Client {
    /// Takes a listener or transform away. False if it was not there any more.
    pub fn off(&self, id: ListenerId) -> bool {
        let shared = self.shared();
        shared.events.remove(id) || shared.codec.remove(id) || shared.first.remove(id)
    }

    /// Adds a transform of received messages, after those added before: it
    /// gets the message and returns what is to be made of it; `None` drops it,
    /// an error drops it and causes an `error` event.
    ///
    /// Transforms do not see Primus's own messages. Without any, messages are
    /// decoded only when they are looked at.
    pub fn transform_incoming(
        &self,
        transform: impl Fn(&Client, Value) -> Result<Option<Value>, BoxError> + Send + Sync + 'static,
    ) -> ListenerId {
        self.shared().codec.incoming.add(Arc::new(transform))
    }

    /// Adds a transform of written messages, after those added before. As
    /// [`transform_incoming`](Self::transform_incoming), but an error is
    /// returned by the `write`. It runs on the thread that writes.
    pub fn transform_outgoing(
        &self,
        transform: impl Fn(&Client, Value) -> Result<Option<Value>, BoxError> + Send + Sync + 'static,
    ) -> ListenerId {
        self.shared().codec.outgoing.add(Arc::new(transform))
    }
}
