//! BrowserChannel, version 8, as `browserchannel` 2 of npm and its client `bcsocket`
//! speak it: text messages over HTTP requests alone.
//!
//! | file | what |
//! |---|---|
//! | `route` | what a request asks for, by path, method and query |
//! | `maps` | the forward channel: what clients send |
//! | `arrays` | the back channel: what clients are told, and what is kept of it until it is acknowledged |
//! | `shape` | in which form that comes |
//! | `session` | the life of a session, with its `order` of what clients send |
//! | `options` | the options of the server's side |
//! | `server` | requests to sessions and back |
//! | `client` | the client's side |
//!
//! A session is opened by a POST. Then one request, the back channel, waits for what
//! there is to tell, and others bring what the client has to say. Both ways all that is
//! said is numbered, so that nothing is lost or comes twice when a connection breaks.
//!
//! Where this differs from the original on purpose: ids of sessions cannot be guessed
//! and are longer; the port in an address is the real one, not always 1337; the script
//! `bcsocket.js` is not served, as Primus has its own; a request that the original
//! would never answer, or would let an exception end it, is refused; what is malformed
//! is refused as a whole; and what one request may bring, and may have to wait for its
//! turn, is bounded.

mod arrays;
pub(crate) mod client;
mod maps;
pub(crate) mod options;
mod route;
pub(crate) mod server;
mod session;
mod shape;
