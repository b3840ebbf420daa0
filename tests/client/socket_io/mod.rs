//! The client's `socket.io` against a scripted server, and against our own.

mod ending;
mod hostile;
mod messages;
mod opening;
mod own;
mod server;
