//! Socket.IO 0.9, protocol revision 1, as Primus spoke it up to version 5: text
//! messages over a WebSocket, or over HTTP requests of three kinds.
//!
//! | file | what |
//! |---|---|
//! | `route` | what a request asks for, by path, method and query: one table |
//! | `packet` | packets, `type:id:endpoint:data` |
//! | `payload` | several of them in one body, with U+FFFD between |
//! | `shapes` | how packets are put into the answers of each transport |
//! | `session` | the life of a session, whatever carries it |
//! | `options` | the options of the server's side |
//! | `server` | requests to sessions and WebSockets, and back |
//! | `client` | the client's side |
//!
//! A session has an id that the server has given out before, in a handshake of its
//! own: text that says how long either side waits for the other, and which transports
//! there are. The session begins with the first request for one of these, and stays
//! with it.

pub(crate) mod client;
pub(crate) mod options;
pub(crate) mod packet;
pub(crate) mod payload;
mod route;
pub(crate) mod server;
mod session;
mod shapes;
