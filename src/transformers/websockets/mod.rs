//! The `websockets` transformer: RFC 6455, one message per Primus packet.

pub(crate) mod client;
pub(crate) mod decoder;
#[cfg_attr(not(feature = "compression"), path = "deflate/off.rs")]
mod deflate;
pub(crate) mod frame;
mod old_key;
pub(crate) mod server;
mod session;
