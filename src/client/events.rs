//! What a client tells, and who listens.

use std::sync::Arc;

use super::machine::Reconnected;
use super::recovery::Attempt;
use super::{Client, OutgoingUrl};
use crate::close::CloseReason;
use crate::error::{BoxError, Error};
use crate::events::{ListenerId, Listeners};
use crate::message::Message;
use crate::outcome::Outcome;
use crate::ready_state::ReadyState;
use crate::value::Value;

type Outcomes = Result<(), BoxError>;

macro_rules! client_events {
    ($( $(#[$doc:meta])* $on:ident $once:ident $field:ident($($name:ident: $arg:ty),*); )*) => {
        /// The listeners of every event.
        #[derive(Default)]
        pub(crate) struct ClientEvents {
            $( pub $field: Listeners<dyn Fn(&Client $(, $arg)*) -> Outcomes + Send + Sync>, )*
        }

        impl ClientEvents {
            /// Removes whatever has this id.
            pub fn remove(&self, id: ListenerId) -> bool {
                false $( || self.$field.remove(id) )*
            }

            /// Removes everything.
            pub fn clear(&self) {
                $( self.$field.clear(); )*
            }
        }

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
        ///
        /// Each method returns the id with which [`off`](Client::off) takes
        /// the listener away; the `once_*` ones are called at most once.
        impl Client {
            $(
                $(#[$doc])*
                pub fn $on<O: Outcome>(
                    &self,
                    listener: impl Fn(&Client $(, $arg)*) -> O + Send + Sync + 'static,
                ) -> ListenerId {
                    let listener = move |client: &Client $(, $name: $arg)*| {
                        listener(client $(, $name)*).into_result()
                    };
                    let id = self.shared().events.$field.add(Arc::new(listener));
                    self.shared().listened();
                    id
                }

                #[doc = concat!("[`", stringify!($on), "`](Self::", stringify!($on), "), once.")]
                pub fn $once<O: Outcome>(
                    &self,
                    listener: impl Fn(&Client $(, $arg)*) -> O + Send + Sync + 'static,
                ) -> ListenerId {
                    let listener = move |client: &Client $(, $name: $arg)*| {
                        listener(client $(, $name)*).into_result()
                    };
                    let id = self.shared().events.$field.once(Arc::new(listener));
                    self.shared().listened();
                    id
                }
            )*
        }
    };
}

client_events! {
    /// `open`: a connection stands, the first or a later one. What was queued
    /// has been handed to it.
    on_open once_open open();
    /// `data`: a message was received. While there is no such listener,
    /// messages wait for [`recv`](Client::recv) or for a listener to come, also
    /// when the client has ended meanwhile.
    on_data once_data data(message: &Message);
    /// `error`: something went wrong: the first connection could not be made,
    /// a message could not be decoded, a listener panicked, or the server
    /// refused an attempt to reconnect for good (401 or 403; `close` and `end`
    /// follow, and their reason has the refusal as its
    /// [`cause`](CloseReason::cause)). Other failures of attempts to reconnect
    /// are no errors. Without a listener they are logged; and what a listener or
    /// transform returned is told on stderr where there is no logger either,
    /// once for each connection.
    on_error once_error error(error: &Error);
    /// `reconnect scheduled`: an attempt to reconnect will be made after its
    /// `delay`.
    on_reconnect_scheduled once_reconnect_scheduled reconnect_scheduled(attempt: Attempt);
    /// `reconnect`: an attempt to reconnect begins.
    on_reconnect once_reconnect reconnect(attempt: Attempt);
    /// `reconnected`: an attempt worked; `open` follows.
    on_reconnected once_reconnected reconnected(reconnected: Reconnected);
    /// `reconnect timeout`: an attempt took longer than `reconnect_timeout`.
    on_reconnect_timeout once_reconnect_timeout reconnect_timeout(attempt: Attempt);
    /// `reconnect failed`: there were as many failed attempts as `retries`;
    /// `end` follows.
    on_reconnect_failed once_reconnect_failed reconnect_failed();
    /// `timeout`: the first connection was not there within `timeout`.
    on_timeout once_timeout timeout();
    /// `close`: a connection was closed or lost. The client may reconnect.
    on_close once_close close(reason: &CloseReason);
    /// `end`: the client is closed and will not reconnect by itself.
    on_end once_end end(reason: &CloseReason);
    /// `online`: the network is there again.
    on_online once_online online();
    /// `offline`: the network is gone, or the server's heartbeat is.
    on_offline once_offline offline();
    /// `readyStateChange`.
    on_ready_state_change once_ready_state_change ready_state_change(state: ReadyState);
    /// `outgoing::url`: a connection is about to be made, the first or a later
    /// one; the listener may change where it goes and what it carries, and is
    /// the place for a fresh access token. It may block, within the time that
    /// the attempt has. An error makes the attempt fail.
    on_outgoing_url once_outgoing_url outgoing_url(url: &mut OutgoingUrl);
    /// `destroy`: [`destroy`](Client::destroy) was called; the last event.
    on_destroy once_destroy destroy();
}

impl Client {
    /// Takes a listener or transform away. False if it was not there any more.
    pub fn off(&self, id: ListenerId) -> bool {
        self.shared().events.remove(id) || self.shared().codec.remove(id)
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
