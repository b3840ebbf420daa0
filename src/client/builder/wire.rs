//! What is spoken with the server, and over what.

use std::io;
use std::sync::Arc;

use super::ClientBuilder;
use crate::compression::Compression;
use crate::error::Error;
use crate::net::Stream;
use crate::net::dial::Connector;
#[cfg(feature = "tls")]
use crate::net::tls::ClientTls;
use crate::parsers::Parser;
use crate::transformers::Transformers;

/// # What is spoken, and over what
impl ClientBuilder {
    /// The wire protocol, by its name in Primus; the same as the server's;
    /// case does not matter. `websockets` (which `faye`, `uws`, `lws` and `ws` name,
    /// too), `engine.io`, `sockjs`, `browserchannel` or `socket.io`. Default
    /// `websockets`.
    ///
    /// A list, or `all`, is for a server that speaks several: they are tried in this
    /// order, without those that cannot carry what the parser makes, until one opens.
    /// What counts as failed, and with which the next attempt begins, is told in
    /// [`docs::port`](crate::docs::port#which-one-a-client-speaks).
    ///
    /// # engine.io
    /// A session polls over HTTP and goes over to a WebSocket if the server
    /// offers that; [`transport`](Self::transport) says otherwise. While it
    /// polls:
    ///
    /// - [`Client::write`](crate::Client::write) returns when the message waits for the next POST,
    ///   or is in it; it waits while more than 256 KiB do. Messages are sent
    ///   together, as many as the server takes at a time.
    /// - What is written while a listener runs long may have to wait for its
    ///   end: the client's thread sends it.
    /// - After [`Client::end`](crate::Client::end), [`Client::wait_end`](crate::Client::wait_end) is worth its while: the
    ///   goodbye takes a request of its own.
    /// - No request is sent twice. One that fails loses the connection, and the
    ///   client reconnects.
    ///
    /// # sockjs
    /// A session is opened by a WebSocket, or where that fails by a stream of HTTP,
    /// or where that fails too by polling; it stays with what has opened it. Each has
    /// a few times as long as the server's first answer took, at least 600 ms;
    /// [`transport`](Self::transport) says otherwise. Without a WebSocket it is as
    /// above, but for the goodbye: there is none. Only text goes, so the parser is
    /// `json`, `ejson` or one that makes text. A server that has clients go on
    /// elsewhere (`base_url`) is not followed.
    ///
    /// # browserchannel
    /// A session is requests of HTTP alone: one that waits, and one at a time that
    /// sends. The first finds out whether answers come piece by piece. When a
    /// connection breaks it is made again, and what was lost with it comes again, both
    /// ways and nothing twice; after three failures in a row, some seconds, the session
    /// is lost. [`Client::write`](crate::Client::write) is as with `engine.io`. Only text goes, as with
    /// `sockjs`.
    ///
    /// # socket.io
    /// That of version 0.9, for servers of Primus up to version 5, and for this
    /// crate's. A session is opened by a WebSocket, or where that fails by polling, of
    /// which the above is true; the time for each is as with sockjs. Only text goes. The
    /// client sends no acknowledgements, for which servers of Primus never ask.
    pub fn transformer(mut self, names: impl Into<Transformers>) -> Self {
        self.transformers = names.into();
        self
    }

    /// How messages are encoded; the same as the server's. Default
    /// [`Parser::JSON`].
    pub fn parser(mut self, parser: Parser) -> Self {
        self.given.parser = parser;
        self
    }

    /// How messages are encoded, by name; case does not matter.
    pub fn parser_name(mut self, name: impl Into<String>) -> Self {
        match name.into().parse() {
            Ok(parser) => self.given.parser = parser,
            Err(error) => self.fault = Some(Error::to_string(&error)),
        }
        self
    }

    /// `transport`: an option of the transformer, by its name in Primus; may
    /// be called repeatedly. An option that the transformer does not know is
    /// logged and otherwise ignored, as in Primus; a value that cannot be used
    /// is an error when the client is built. Case does not matter in names. With
    /// several transformers it goes to all that know it, or to the one that is named
    /// before it: `sockjs:transports`.
    ///
    /// `websockets` has none. Those of `engine.io`:
    ///
    /// | name | value | default |
    /// |---|---|---|
    /// | `transports` | a list of `polling` and `websocket`: the first opens the session, and if that is `polling` and `websocket` is in the list, it goes over to that. `polling` alone is what Primus's `websockets: false` does | `polling,websocket` |
    /// | `upgrade` | `false`: a session that polls keeps polling | `true` |
    /// | `protocol` (or `EIO`) | the revision of Engine.IO: `4` for Primus 8, `3` for Primus 2.4 to 7 | `4`, or what [`discover`](Self::discover) found |
    /// | `doubleEncoding` | `true` for engine.io 1.x (Primus 2.4 to 6.0), which encodes what is not ASCII twice in polling | `false`, or what [`discover`](Self::discover) found |
    /// | `forceBase64` | `false`: the server may send bytes as bytes | `true`, as Primus sets it |
    /// | `withCredentials` | `true`: each session keeps the cookies that the answers to its requests set, and sends them with the next: for load balancers that tell by a cookie which server has the session | `false` |
    ///
    /// Those of `sockjs`:
    ///
    /// | name | value | default |
    /// |---|---|---|
    /// | `transports` | a list of `websocket`, `xhr-streaming` and `xhr-polling`: what is tried, in this order | `websocket,xhr-streaming,xhr-polling` |
    /// | `timeout` | how long each is given at least, in milliseconds | what the server's first answer allows |
    /// | `withCredentials` | `false`: cookies are not kept (see above) | `true`, as browsers do |
    ///
    /// Those of `socket.io`:
    ///
    /// | name | value | default |
    /// |---|---|---|
    /// | `transports` | a list of `websocket` and `xhr-polling`: what is tried, in this order | `websocket,xhr-polling` |
    /// | `connect timeout` (or `timeout`) | how long each is given at least, in milliseconds | what the server's first answer allows |
    /// | `withCredentials` | `false`: cookies are not kept | `true`, as browsers do |
    ///
    /// `browserchannel` has `withCredentials` alone.
    pub fn transport(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.transport.push((name.into(), value.into()));
        self
    }

    /// The path that the server's Primus answers on; a missing leading slash
    /// is added. Default `/primus`. (As in Primus, the path of the URL says
    /// nothing.)
    pub fn pathname(mut self, pathname: impl Into<String>) -> Self {
        self.given.pathname = pathname.into();
        self
    }

    /// Adds a parameter to the query of the URL, which the server reads with
    /// [`Spark::query_param`](crate::Spark::query_param); name and value as they are, not
    /// percent-encoded. Where name and value are not the program's own, this is safer than
    /// to put them into the URL. For values that change, see
    /// [`Client::on_outgoing_url`](crate::Client::on_outgoing_url).
    ///
    /// ```
    /// use primus::testing::pair;
    /// use primus::Primus;
    ///
    /// let primus = Primus::builder().build()?;
    /// primus.on_connection(|spark| spark.write(&spark.query_param("name")));
    ///
    /// let pair = pair(&primus, |client| client.query("name", "Ann & Bob"))?;
    /// assert_eq!(pair.client().recv()?.as_str(), Some("Ann & Bob"));
    /// # primus.destroy(Default::default());
    /// # Ok::<(), primus::Error>(())
    /// ```
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Adds a header to every request that opens a connection. For values that
    /// change, see [`Client::on_outgoing_url`](crate::Client::on_outgoing_url).
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.given.headers.push((name.into(), value.into()));
        self
    }

    /// permessage-deflate (RFC 7692): messages on WebSockets are compressed if the
    /// server has it on as well. `true`, or a [`Compression`]. Needs the feature
    /// `compression` of the crate. Default false.
    pub fn compression(mut self, compression: impl Into<Compression>) -> Self {
        self.given.compression = compression.into();
        self
    }

    /// Where connections come from, in place of TCP to the URL's host and port
    /// (which `connect` is called with) or its Unix socket: a tunnel, a stream of
    /// a test. It is asked anew for every connection, reconnects
    /// included; its errors are failed attempts.
    ///
    /// It runs on the client's thread. While it blocks, neither time-outs nor
    /// [`Client::end`](crate::Client::end) can break it off.
    ///
    /// ```no_run
    /// use std::net::TcpStream;
    ///
    /// // What a tunnel forwards from here.
    /// let client = primus::Client::builder("http://server.internal")
    ///     .connector(|_host, _port| TcpStream::connect("127.0.0.1:9000"))
    ///     .connect()?;
    /// # client.end();
    /// # Ok::<(), primus::Error>(())
    /// ```
    pub fn connector<S: Into<Stream>>(
        mut self,
        connect: impl Fn(&str, u16) -> io::Result<S> + Send + Sync + 'static,
    ) -> Self {
        let connect = move |host: &str, port| connect(host, port).map(Into::into);
        self.given.connector = Some(Connector::Application(Arc::new(connect)));
        self
    }

    /// How TLS is spoken with an `https` or `wss` server: whom to trust, and the
    /// client's own certificate. Default: as [`ClientTls::new`]. With a
    /// [`connector`](Self::connector), TLS goes over the stream that it makes.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: ClientTls) -> Self {
        self.given.tls = tls;
        self
    }
}
