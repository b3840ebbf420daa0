//! The client's `engine.io` against a scripted server.

mod balanced;
mod cookies;
mod ends;
mod errors;
mod http;
mod polling;
mod pressure;
mod server;
mod upgrade;
