//! The client's `sockjs` against a scripted server.

mod ending;
mod hostile;
mod messages;
mod opening;
mod own;
mod recorded;
mod server;
