//! Requests to the other side, which it responds to: what `primus-responder` is to
//! JavaScript.
//!
//! ```
//! use primus::plugins::{Responder, ResponderExt};
//! use primus::testing::pair;
//! use primus::{Destroy, Primus};
//! use std::time::Duration;
//!
//! let primus = Primus::builder().plugin(Responder).build()?;
//! primus.on_connection(|spark| {
//!     spark.on_request(|_, request| {
//!         let name: String = request.parse()?;
//!         request.respond(&format!("hello, {name}"))
//!     });
//! });
//!
//! let pair = pair(&primus, |client| client.plugin(Responder))?;
//! let client = pair.client();
//! let answer = client.write_and_wait("Ann", Duration::from_secs(5))?;
//! assert_eq!(answer.as_str(), Some("hello, Ann"));
//! primus.destroy(Destroy::default());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # On the wire
//!
//! A request is `{"plugin":"primus-responder","requestId":"uuid","data":1}`, a response
//! the same with `responseId`; `data` may be missing. Every object with that `plugin` is
//! never `data`. A request is answered with the id that it came with, whatever that is;
//! one that has none does nothing, nor does a response that nobody waits for. A request
//! to which nobody listens is not answered.
//!
//! Every wait has a time-out, and ends when the connection does (JavaScript's waits for
//! ever). On one connection no more than [`Limits::answers`](crate::Limits::answers)
//! responses are waited for.

pub(crate) mod wire;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::answers::Answers;
use super::calls::call_all;
use super::event::clear_at_end;
use super::{Plugin, Script, half};
use crate::channel::{Channel, Handler};
use crate::client::Client;
use crate::error::{BoxError, Result};
use crate::events::{ListenerId, Listeners};
use crate::outcome::Outcome;
use crate::server::Primus;
use crate::value::Value;

/// The plugin, for servers and clients; see [the module](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct Responder;

impl Plugin for Responder {
    fn name(&self) -> &str {
        "responder"
    }

    fn server(&self, primus: &Primus) -> Result<(), BoxError> {
        primus.handlers().add(Requests);
        Ok(())
    }

    fn client(&self, client: &Client) -> Result<(), BoxError> {
        client.handlers().add(Requests);
        Ok(())
    }

    fn script(&self) -> Option<Script<'_>> {
        Some(half(include_str!("client.js"), include_str!("types.d.ts")))
    }

    fn plugout(&self, primus: &Primus) {
        primus.handlers().remove_all::<Requests>();
    }
}

struct Requests;

impl Handler for Requests {
    fn claims(&self, _: &dyn Channel, message: &Value) -> bool {
        wire::claims(message)
    }

    fn handle(&self, channel: &dyn Channel, message: Value) -> Result<(), BoxError> {
        let Some(packet) = wire::decode(message) else { return Ok(()) };
        let Some(state) = channel.extensions().get::<State>() else { return Ok(()) };
        match packet {
            wire::Packet::Request { id, data } => {
                let request = Request { channel, id, data, is_taken: AtomicBool::new(false) };
                call_all(state.listeners.snapshot().iter(), |listener| listener(&request))
            }
            wire::Packet::Response { id, data } => {
                state.answers.answer(&*id, data);
                Ok(())
            }
        }
    }
}

type Listener = dyn Fn(&Request<'_>) -> Result<(), BoxError> + Send + Sync;

/// What is known of one channel.
struct State {
    listeners: Listeners<Listener>,
    clears: OnceLock<()>,
    answers: Answers<String, Value>,
}

impl State {
    fn of(channel: &dyn Channel) -> &Self {
        let new = || State {
            listeners: Listeners::default(),
            clears: OnceLock::new(),
            answers: Answers::new(),
        };
        channel.extensions().get_or_init(new)
    }
}

/// A request of the other side's.
pub struct Request<'a> {
    channel: &'a dyn Channel,
    id: Value,
    data: Value,
    is_taken: AtomicBool,
}

impl Request<'_> {
    /// What is asked; `undefined` for a request without data.
    pub fn data(&self) -> &Value {
        &self.data
    }

    /// What is asked, as a type of the application's.
    ///
    /// # Errors
    /// [`Error::Parser`](crate::Error::Parser) when it has another shape.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        self.data.clone().parse()
    }

    /// Responds. Does nothing where another listener has done so.
    ///
    /// # Errors
    /// Those of a write.
    pub fn respond<T: Serialize + ?Sized>(&self, data: &T) -> Result<()> {
        self.take().map_or(Ok(()), |response| response.send(data))
    }

    /// The response, to be sent later and from any thread; `None` where another
    /// listener has taken it.
    pub fn take(&self) -> Option<Response> {
        let is_first = !self.is_taken.swap(true, Ordering::Relaxed);
        is_first.then(|| Response { id: self.id.clone(), channel: self.channel.share() })
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("id", &self.id).field("data", &self.data).finish()
    }
}

/// A response that is owed. Dropped, it is never sent, and the other side waits until
/// its time is over.
pub struct Response {
    id: Value,
    channel: Arc<dyn Channel>,
}

impl Response {
    /// Sends it.
    ///
    /// # Errors
    /// Those of a write.
    pub fn send<T: Serialize + ?Sized>(self, data: &T) -> Result<()> {
        self.channel.write_message(&wire::Response { id: &self.id, data: Some(data) }).map(drop)
    }

    /// Sends it without data: `undefined` to JavaScript.
    ///
    /// # Errors
    /// Those of a write.
    pub fn send_empty(self) -> Result<()> {
        self.channel.write_message(&wire::Response::<()> { id: &self.id, data: None }).map(drop)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Response").field(&self.id).finish()
    }
}

const WHAT: &str = "the response";

/// Requests on whatever carries messages: [`Spark`](crate::Spark), [`Client`], and
/// streams inside them.
pub trait ResponderExt: Channel + Sized {
    /// Asks the other side, and waits for its response; `undefined` for one without
    /// data.
    ///
    /// # Errors
    /// [`Error::Timeout`](crate::Error::Timeout) when it does not come in time,
    /// [`Error::Closed`](crate::Error::Closed) when the connection ends before,
    /// [`Error::Misuse`](crate::Error::Misuse) in a listener of the same connection,
    /// which would wait for itself, and when too many are waited for; and those of a
    /// write.
    fn write_and_wait<D: Serialize + ?Sized>(&self, data: &D, timeout: Duration) -> Result<Value>;

    /// Asks the other side, and has `call` called with its response, or the error of
    /// [`write_and_wait`](Self::write_and_wait): once, and as a rule on the connection's own thread.
    ///
    /// # Errors
    /// What keeps the request from being sent; `call` is not called then.
    fn write_with<D: Serialize + ?Sized>(
        &self,
        data: &D,
        timeout: Duration,
        call: impl FnOnce(&Self, Result<Value>) + Send + 'static,
    ) -> Result<()>;

    /// Runs `listener` for each request of the other side, on the channel's own
    /// thread. Without the plugin none comes.
    fn on_request<R: Outcome>(
        &self,
        listener: impl Fn(&Self, &Request<'_>) -> R + Send + Sync + 'static,
    ) -> ListenerId;

    /// Removes a listener of requests; false when it is not there.
    fn off_request(&self, id: ListenerId) -> bool;
}

impl<C: Channel> ResponderExt for C {
    fn write_and_wait<D: Serialize + ?Sized>(&self, data: &D, timeout: Duration) -> Result<Value> {
        let state = State::of(self);
        let send = |id: &String| self.write_message(&wire::Request { id, data });
        state.answers.wait(self, wire::uuid, timeout, || WHAT.to_owned(), send)
    }

    fn write_with<D: Serialize + ?Sized>(
        &self,
        data: &D,
        timeout: Duration,
        call: impl FnOnce(&Self, Result<Value>) + Send + 'static,
    ) -> Result<()> {
        let state = State::of(self);
        let send = |id: &String| self.write_message(&wire::Request { id, data });
        state.answers.call(self, wire::uuid, timeout, || WHAT.to_owned(), send, call)
    }

    fn on_request<R: Outcome>(
        &self,
        listener: impl Fn(&Self, &Request<'_>) -> R + Send + Sync + 'static,
    ) -> ListenerId {
        let listener = move |request: &Request<'_>| match request.channel.any().downcast_ref() {
            Some(channel) => listener(channel, request).into_result(),
            None => Ok(()),
        };
        let state = State::of(self);
        let id = state.listeners.add(Arc::new(listener), false);
        clear_at_end(self, &state.clears, |extensions| {
            if let Some(state) = extensions.get::<State>() {
                state.listeners.clear();
            }
        });
        id
    }

    fn off_request(&self, id: ListenerId) -> bool {
        self.extensions().get::<State>().is_some_and(|state| state.listeners.remove(id))
    }
}
