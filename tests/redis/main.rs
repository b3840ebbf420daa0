//! What needs Redis, with a server of Redis for each test.

#[path = "../common/mod.rs"]
mod common;
mod server;

mod bus;
mod compat;
mod history;
mod link;
mod metroplex;
