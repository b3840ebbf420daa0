//! SockJS 0.3, as sockjs-node speaks it.

pub(crate) mod client;
