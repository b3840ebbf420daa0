//! SockJS 0.3, as sockjs-node 0.3.24 and sockjs-client 1.6 speak it: text messages
//! over a WebSocket, or over HTTP requests of five kinds for clients that have none.
//!
//! | file | what |
//! |---|---|
//! | `route` | what a request asks for, by path and method: one table |
//! | `frame` | the frames `o`, `h`, `a`, `m` and `c`, and what clients send |
//! | `receivers` | how frames are put into the answers of each transport |
//! | `session` | the life of a session whose client has no WebSocket |
//! | `options` | the options of the server's side |
//! | `server` | requests to sessions and WebSockets, and back |
//! | `client` | the client's side |
//!
//! The client names its session, by two segments of the path, of which the first is
//! for load balancers alone. The name leads to the session and is nothing else: the
//! spark's id is made here, and a WebSocket has no session that could be found.

pub(crate) mod client;
pub(crate) mod frame;
pub(crate) mod options;
mod receivers;
mod route;
pub(crate) mod server;
mod session;
