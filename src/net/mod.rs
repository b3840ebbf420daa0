//! Sockets: the streams under connections, what accepts and what makes them, and
//! waiting for them.

pub(crate) mod dial;
#[cfg(feature = "activation")]
mod inherited;
mod listener;
mod socket;
mod stream;
#[cfg(feature = "tls")]
pub(crate) mod tls;
#[cfg(not(feature = "tls"))]
pub(crate) mod tls {
    //! Not here: what would speak TLS.

    /// How TLS is spoken.
    #[derive(Clone, Debug)]
    pub(crate) enum Secure {}
}
pub(crate) mod unix;
pub(crate) mod wait;
mod waitable;
mod waker;
pub(crate) mod watch;

#[cfg(feature = "activation")]
pub(crate) use inherited::inherited;
pub(crate) use listener::{Listener, bind};
pub use stream::Stream;
pub use unix::SocketPath;
pub(crate) use waitable::Waitable;
pub use waker::Waker;
