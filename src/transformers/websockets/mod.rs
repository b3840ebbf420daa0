//! The `websockets` transformer: RFC 6455, one message per Primus packet.

pub(crate) mod client;
pub(crate) mod packet;
pub(crate) mod server;
