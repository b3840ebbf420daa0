//! Whom a parser works for.

use std::any::Any;

/// The connection that a parser works for; a custom parser can look at it, as
/// in Primus, where the encoder and decoder are called on the spark or client.
pub trait Peer {
    /// The id of the spark, if the connection has one.
    fn id(&self) -> Option<&str>;
    /// The connection itself: downcast it to a `Spark`, `Client` or (for
    /// broadcasts, which are encoded once) `Primus`.
    fn as_any(&self) -> &dyn Any;
}

/// The peer of a parser that is used on its own, outside any connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPeer;

impl Peer for NoPeer {
    fn id(&self) -> Option<&str> {
        None
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
