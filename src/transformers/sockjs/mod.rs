//! SockJS 0.3, as sockjs-node speaks it.
