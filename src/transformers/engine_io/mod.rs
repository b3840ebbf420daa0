//! The `engine.io` transformer: Engine.IO protocol revisions 3 and 4, by
//! polling and by WebSocket.
//!
//! Sans-io, and the same for server and client:
//!
//! - [`packet`]: one packet, as the text or binary frame of a WebSocket;
//! - [`payload`]: many packets, as the body of a poll's answer or of a POST;
//!   [`jsonp`]: the same for browsers that poll with script elements;
//! - [`handshake`]: what the first packet says;
//! - [`request`]: what a request asks of the server;
//! - [`options`]: the options of the server;
//! - [`session`]: what is done with all of it, and when.
//!
//! And with sockets: [`client`] and [`server`].

pub(crate) mod client;
pub(crate) mod handshake;
pub(crate) mod jsonp;
pub(crate) mod options;
pub(crate) mod packet;
pub(crate) mod payload;
pub(crate) mod request;
pub(crate) mod server;
pub(crate) mod session;

/// The protocol's revision: `EIO` in the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Revision {
    /// The client pings. Primus 2 to 7.
    V3,
    /// The server pings. Primus 8.
    V4,
}

impl Revision {
    /// The revision that a query asks for: what is not 4 counts as 3.
    pub fn of_query(eio: Option<&str>) -> Self {
        if eio == Some("4") { Revision::V4 } else { Revision::V3 }
    }

    /// As it stands in the query.
    pub fn number(self) -> u8 {
        match self {
            Revision::V3 => 3,
            Revision::V4 => 4,
        }
    }
}

/// What carries a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// A request for each batch of packets.
    Polling,
    /// One lasting connection.
    Websocket,
}

/// How the packets of one session look on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    /// Which revision both sides speak.
    pub revision: Revision,
    /// What is sent is text only, binary messages in base 64 (`b64=1`). Both
    /// forms are understood all the same.
    pub b64: bool,
    /// Polling text of revision 3 is encoded as UTF-8 twice, as engine.io 1.x
    /// does (Primus 2.4 to 6.0).
    pub double: bool,
}

impl Format {
    /// The usual format of a revision.
    #[cfg(test)]
    pub fn new(revision: Revision) -> Self {
        Format { revision, b64: false, double: false }
    }
}
