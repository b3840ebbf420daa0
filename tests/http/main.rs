//! HTTP as applications, proxies and strangers meet it, over real sockets.

#[path = "../common/mod.rs"]
mod common;

mod failures;
mod proxies;
mod shares;
mod upgrades;
