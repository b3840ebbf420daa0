//! The options of permessage-deflate.

use crate::error::{Error, Result};

/// How messages on WebSockets are compressed (permessage-deflate, RFC 7692): an option
/// of servers ([`Builder::compression`](crate::Builder::compression)) and of clients
/// ([`ClientBuilder::compression`](crate::ClientBuilder::compression)), `true` for
/// these defaults. Needs the feature `compression` of the crate.
///
/// ```
/// use primus::{Compression, Primus};
///
/// let builder = Primus::builder().compression(Compression::default().level(3).threshold(512));
/// # let primus = builder.compression(false).build()?;
/// # primus.destroy(Default::default());
/// # Ok::<(), primus::Error>(())
/// ```
///
/// # What it costs
/// Where no context is taken over, which is the default, a connection keeps nothing:
/// the working memory of about 0.4 MiB is borrowed for each message, and the process
/// keeps eight of them at most. A broadcast is compressed once for all clients.
///
/// # Over HTTP
/// A server with this option compresses answers to polls too, and the files of the
/// browser client (`primus.js`), by gzip or deflate as `Accept-Encoding` asks for it:
/// those that have the [threshold](Self::threshold), at this [level](Self::level),
/// and of answers to polls those of at most 1 MiB. Streams stay as they are: each
/// frame would have to be flushed for itself. So do the application's own pages. It
/// is engine.io's `httpCompression`, which Primus switches on with `compression`.
///
/// The browser's JavaScript, and Node's, read such answers by themselves. The
/// [`Client`](crate::Client) does not ask for them: what is worth compressing comes
/// on a WebSocket, and a server cannot have it unpack what it did not ask for (an answer
/// that is compressed all the same is an error).
///
/// What is secret, together with what a stranger chooses, in one compressed answer shows
/// in its length (BREACH): leave it off where a page's answers mix the two.
///
/// # Contexts
/// With *context takeover* a message may refer to those before it. Small messages that
/// look like each other become smaller, at the cost of 0.4 MiB in each connection for
/// what it sends and 50 KiB for what it receives; and a server compresses a broadcast
/// anew for each of them, with its outbox locked meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compression {
    pub(crate) on: bool,
    pub(crate) level: u8,
    pub(crate) threshold: usize,
    pub(crate) server_takeover: bool,
    pub(crate) client_takeover: bool,
    pub(crate) server_bits: u8,
    pub(crate) client_bits: u8,
}

impl Default for Compression {
    /// On, with the defaults of the options.
    fn default() -> Self {
        Compression {
            on: true,
            level: 6,
            threshold: 1024,
            server_takeover: false,
            client_takeover: false,
            server_bits: 15,
            client_bits: 15,
        }
    }
}

impl From<bool> for Compression {
    fn from(on: bool) -> Self {
        Compression { on, ..Compression::default() }
    }
}

impl Compression {
    /// How much work is done to make what is sent small: 1 to 9, 0 for none at all.
    /// Default 6.
    pub fn level(mut self, level: u8) -> Self {
        self.level = level;
        self
    }

    /// Messages that are shorter, in bytes, are sent as they are. Default 1,024.
    pub fn threshold(mut self, bytes: usize) -> Self {
        self.threshold = bytes;
        self
    }

    /// Whether what the server sends may refer to messages before. On a server it
    /// needs [`SlowConsumer::Close`](crate::SlowConsumer::Close): of messages that
    /// follow each other none may be dropped. A client with false asks its server not to;
    /// one that does so all the same is understood. Default false.
    pub fn server_context_takeover(mut self, on: bool) -> Self {
        self.server_takeover = on;
        self
    }

    /// Whether what the client sends may refer to messages before. Default false.
    pub fn client_context_takeover(mut self, on: bool) -> Self {
        self.client_takeover = on;
        self
    }

    /// How far back what the server sends refers at most: so many bits of a number of
    /// bytes, 9 to 15. Default 15.
    pub fn server_max_window_bits(mut self, bits: u8) -> Self {
        self.server_bits = bits;
        self
    }

    /// How far back what the client sends refers at most, in bits, 9 to 15. Default
    /// 15.
    pub fn client_max_window_bits(mut self, bits: u8) -> Self {
        self.client_bits = bits;
        self
    }

    /// Checks that it can be used.
    pub(crate) fn check(&self) -> Result<()> {
        let bad = |text: &str| Err(Error::Option(format!("`compression`: {text}")));
        if !self.on {
            return Ok(());
        }
        if !cfg!(feature = "compression") {
            return bad("the crate was built without its feature `compression`");
        }
        if self.level > 9 {
            return bad("the level is from 0 to 9");
        }
        if !(9..=15).contains(&self.server_bits) || !(9..=15).contains(&self.client_bits) {
            return bad("window bits are from 9 to 15");
        }
        Ok(())
    }
}
