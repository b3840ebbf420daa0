//! Sockets: the streams under connections, and waiting for them.

pub(crate) mod dial;
mod stream;
pub(crate) mod wait;

pub use stream::Stream;
pub(crate) use stream::{Waker, bind, poll};
