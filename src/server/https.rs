//! What an application says of TLS, and asks.

use crate::error::Result;
use crate::net::tls::{PeerCertificate, Tls};
use crate::server::builder::Builder;
use crate::server::primus::Primus;
use crate::server::spark::Spark;

/// # `https` and `wss`
impl Builder {
    /// Speaks TLS on every connection, whether it is accepted on a port, on a Unix
    /// socket or by the application ([`Primus::serve`]). Default: none does.
    ///
    /// A handshake has the time of the first request head
    /// ([`Limits::head_timeout`](crate::Limits::head_timeout)), and both together no
    /// more than that. Who speaks HTTP without TLS is told so, with status 400.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.options.tls = Some(tls);
        self
    }
}

/// # `https` and `wss`
impl Primus {
    /// Shakes hands with this from now on: after a renewal, with the same [`Tls`],
    /// whose files are read again. Connections that there are stay as they are.
    ///
    /// # Errors
    /// [`Error::Option`](crate::Error::Option) when something is wrong with it (the
    /// server goes on with what it has), or when the server was built without TLS:
    /// what it says on its ports cannot change then.
    pub fn set_tls(&self, tls: &Tls) -> Result<()> {
        self.0.tls.set(tls)
    }
}

/// # `https` and `wss`
impl Spark {
    /// The certificate that the client has shown, and the server has verified:
    /// [`Request::certificate`](crate::Request::certificate) of the request that
    /// opened the connection.
    pub fn certificate(&self) -> Option<&PeerCertificate> {
        self.request().certificate()
    }
}
