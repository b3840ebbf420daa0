//! Asking a server how it wants to be talked to: `GET <pathname>/spec`.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::builder::ClientBuilder;
use crate::error::{Error, Result};
use crate::http::client::{Answer, Reader, Target};
use crate::net::Waker;
use crate::net::dial::Dialler;
use crate::net::wait::{Ready, wait, write_all};
use crate::protocol::ClientMode;
use crate::spec::Spec;
use crate::transformers::{Kind, Transformers};

impl ClientBuilder {
    /// Reads the server's spec document, at [`pathname`](Self::pathname), and
    /// sets the [`options`](Self::options) accordingly. The parser stays as it
    /// is when the server has one of its own.
    ///
    /// # Blocking
    /// Until the server has answered, at most [`timeout`](Self::timeout).
    ///
    /// # Errors
    /// [`Error::Refused`] when there is no spec document at the pathname,
    /// [`Error::Option`] when the server uses something that is not known
    /// here, else what failed.
    pub fn discover(self) -> Result<Self> {
        let waker = Arc::new(Waker::new()?);
        let until = self.connect_timeout().and_then(|timeout| Instant::now().checked_add(timeout));
        let target = self.spec_target(until, Arc::clone(&waker))?;
        let answer = fetch(&target, &waker, until).map_err(|error| error.at(&target.place()))?;
        if answer.status != 200 {
            return Err(answer.refusal().at(&target.place()));
        }
        let spec: Spec = String::from_utf8_lossy(&answer.body).parse()?;
        Transformers::known(spec.transformers())?;
        // What the document was found below, a proxy may have renamed.
        Ok(self.options(&Spec { pathname: None, ..spec }))
    }

    /// Sets [`transformer`] (all those of the server that are known here), [`parser`],
    /// [`pathname`] and the heartbeat ([`ping_timeout`] for servers that ping,
    /// [`happn`] for older ones) to what a server asks for; everything else stays as it
    /// is. For the
    /// `engine.io` of a server before Primus 8 it also sets the [`transport`]
    /// options `protocol` and `doubleEncoding`, unless they were set before.
    ///
    /// ```
    /// use primus::{Client, Primus};
    ///
    /// let primus = Primus::builder().pathname("/live").parser_name("ejson").build()?;
    /// let address = primus.listen("127.0.0.1:0")?;
    ///
    /// let options = primus.client_options();
    /// let client = Client::builder(&format!("http://{address}")).options(&options).connect()?;
    /// client.end();
    /// # primus.destroy(Default::default());
    /// # Ok::<(), primus::Error>(())
    /// ```
    ///
    /// [`transformer`]: Self::transformer
    /// [`parser`]: Self::parser
    /// [`pathname`]: Self::pathname
    /// [`ping_timeout`]: Self::ping_timeout
    /// [`happn`]: Self::happn
    /// [`transport`]: Self::transport
    pub fn options(mut self, of_server: &Spec) -> Self {
        let names = of_server.transformers();
        if !names.is_empty() {
            // Whether there are such shows when the client is built.
            let known = Transformers::known(names);
            self = self.transformer(known.unwrap_or_else(|_| names.into()));
        }
        for (kind, _) in names.iter().filter_map(|name| Kind::of_name(name).ok()) {
            for (name, value) in kind.options_for(of_server, self.transport_options()) {
                self = self.transport(name, value);
            }
        }
        if let Some(parser) = &of_server.parser {
            self = self.parser(parser.clone());
        }
        if let Some(pathname) = &of_server.pathname {
            self = self.pathname(pathname);
        }
        self.set_server_plugins(of_server.plugins());
        match of_server.heartbeat.client_mode() {
            Some(ClientMode::ServerPings { timeout }) => self.ping_timeout(timeout),
            Some(ClientMode::ClientPings { interval, timeout }) => self.happn(interval, timeout),
            None => self,
        }
    }
}

/// One request, one answer.
fn fetch(target: &Target, waker: &Arc<Waker>, until: Option<Instant>) -> Result<Answer> {
    let mut dialler = Dialler::new(&target.to)?;
    let in_time = || match until {
        Some(until) if until <= Instant::now() => {
            Err(Error::Timeout(format!("no spec document from {} in time", target.place())))
        }
        _ => Ok(()),
    };
    let stream = loop {
        if let Some(stream) = dialler.next(until)? {
            break stream;
        }
        in_time()?;
    };
    let request = target.head("GET", "Connection: close\r\n");
    match write_all(&stream, request.as_bytes(), until) {
        Err(error) if error.kind() == io::ErrorKind::TimedOut => in_time()?,
        sent => sent?,
    }
    let mut reader = Reader::default();
    loop {
        let want = Ready { read: true, write: false };
        if wait(waker, Some((&*stream, want)), until)?.read
            && let Some(answer) = reader.read(&stream)?
        {
            return Ok(answer);
        }
        in_time()?;
    }
}
