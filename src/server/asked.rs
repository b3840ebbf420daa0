//! What can be asked of a spark.

use std::any::Any;
use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::close::CloseReason;
use crate::extensions::Extensions;
use crate::http::server::{Address, Request};
use crate::ready_state::ReadyState;
use crate::server::primus::Primus;
use crate::server::spark::Spark;

/// # What is known of it
impl Spark {
    /// The id: unique on this server and, by default, hard to guess.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The name of the transformer by which its client has come, as it was given to
    /// [`Builder::transformer`](crate::Builder::transformer).
    pub fn transformer(&self) -> &'static str {
        self.0.server.port.name(self.0.transformer)
    }

    /// The request that opened the connection.
    pub fn request(&self) -> &Request {
        &self.0.request
    }

    /// The value of a header of that request; case does not matter. See
    /// [`Request::header`].
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.request.header(name)
    }

    /// The headers of that request, names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.request.headers()
    }

    /// The decoded value of the first query parameter of this name.
    ///
    /// ```no_run
    /// # let primus = primus::Primus::builder().build()?;
    /// primus.on_connection(|spark| {
    ///     let room = spark.query_param("room").unwrap_or_default().into_owned();
    ///     spark.write(&format!("welcome to {room}"))
    /// });
    /// # Ok::<(), primus::Error>(())
    /// ```
    pub fn query_param(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.request.query_param(name)
    }

    /// The query parameters of that request, decoded, in order.
    pub fn query(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        self.0.request.query_pairs()
    }

    /// The client's address: that of the socket, or the one a trusted proxy
    /// forwards (see [`Builder::trusted_proxies`](crate::Builder::trusted_proxies)).
    pub fn address(&self) -> Address {
        self.0.request.address()
    }

    /// What the middleware, the authorization or a listener attached to the
    /// connection: the value of this type among the
    /// [`extensions`](Self::extensions).
    ///
    /// ```no_run
    /// struct User(String);
    ///
    /// # let primus = primus::Primus::builder().build()?;
    /// primus.authorize(|exchange| {
    ///     exchange.extensions_mut().insert(User("ada".into()));
    ///     Ok(())
    /// });
    /// primus.on_connection(|spark| {
    ///     let user = spark.extension::<User>().map(|user| user.0.as_str());
    ///     spark.write(&user)
    /// });
    /// # Ok::<(), primus::Error>(())
    /// ```
    pub fn extension<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.0.extensions.get()
    }

    /// The state of the connection: values of the application's by their type,
    /// which any listener can add and read. They live as long as the spark.
    ///
    /// ```no_run
    /// use std::sync::Mutex;
    ///
    /// #[derive(Default)]
    /// struct Basket(Mutex<Vec<String>>);
    ///
    /// # let primus = primus::Primus::builder().build()?;
    /// primus.on_connection(|spark| {
    ///     spark.on_data(|spark, message| -> primus::Result<()> {
    ///         let basket = spark.extensions().get_or_init(Basket::default);
    ///         basket.0.lock().unwrap().push(message.parse()?);
    ///         Ok(())
    ///     });
    /// });
    /// # Ok::<(), primus::Error>(())
    /// ```
    pub fn extensions(&self) -> &Extensions {
        &self.0.extensions
    }

    /// The server that it belongs to.
    pub fn primus(&self) -> Primus {
        Primus(self.0.server.clone())
    }

    /// Whether it is open. It is closed from the moment that `end` is called
    /// or the connection is known to be over.
    pub fn ready_state(&self) -> ReadyState {
        if self.0.is_open() { ReadyState::Open } else { ReadyState::Closed }
    }

    /// The time from the last heartbeat ping to its answer; `None` before the
    /// first, and for clients that ping by themselves.
    pub fn latency(&self) -> Option<Duration> {
        match self.0.latency.load(Ordering::Relaxed) {
            u64::MAX => None,
            micros => Some(Duration::from_micros(micros)),
        }
    }

    /// Bytes that were written and wait for the client to read.
    pub fn buffered(&self) -> usize {
        self.0.outbox.waiting()
    }

    /// Why the connection ended; `None` while it is open.
    pub fn close_reason(&self) -> Option<&CloseReason> {
        if self.0.is_open() { None } else { self.0.reason() }
    }
}
