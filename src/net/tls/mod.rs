//! TLS: a layer on a [`Stream`](super::Stream), made of a `rustls` session, which
//! takes no part in input and output.
//!
//! - **One lock** (`Stream` in the order) guards the session. Under it bytes are
//!   encrypted and decrypted and handed to the socket, which does not block; nothing
//!   is waited for with it. A reader receives without it, into the buffer that it
//!   was given, and has that decrypted in place.
//! - **Nothing is kept** of what has passed. The session has no buffers (it is one of
//!   `rustls::unbuffered`), and those of the layer are given back when they are empty:
//!   a connection that waits owns its keys and little more.
//! - **What is offered** is encrypted record by record, the next only when the
//!   kernel has all of the one before. Of a record that it has not taken all of, all
//!   but the last byte counts as taken: so whoever offers knows that something is
//!   left, waits for room as with any socket, and offers that byte again, which is
//!   then only confirmed. Nowhere is "all is written" said of bytes that are not on
//!   their way, and nobody else need see to them. They are the stream's
//!   [`owed`](super::Stream::owed) bytes, at most one record, and count in the bound
//!   on a backlog.
//! - **What is read** may be more than the reader has room for. The stream
//!   [`holds`](super::Waitable::holds) the rest, and waits ask it before the
//!   descriptor. A descriptor that is readable promises nothing: what comes may be
//!   half a record, or one without anything in it (a ticket, a new key). Readers are
//!   told so (`WouldBlock`, `None`) and wait again.
//! - **The handshake** is over before the layer is put on the stream: by a server's
//!   handshake thread within the deadline of the first head, by a client's
//!   [dialling](super::dial).
//! - **The end** is said (`close_notify`) when our direction is shut down, and
//!   expected from the peer: a stream that ends without it is an error, which only
//!   those heed who expect more.

mod accepted;
mod certificate;
mod client;
mod dialled;
mod failure;
mod layer;
mod peer;
mod pem;
mod server;
mod session;
mod state;

pub(crate) use accepted::{Shaken, accept};
pub use client::ClientTls;
pub(crate) use client::Secure;
pub(crate) use dialled::Dialled;
pub use failure::{TlsError, TlsProblem};
pub(super) use layer::Layer;
pub use peer::PeerCertificate;
pub use server::Tls;
