//! HTTP as applications, proxies and strangers meet it, over real sockets.

#[path = "../common/mod.rs"]
mod common;

mod compression;
mod failures;
mod proxies;
mod shares;
mod upgrades;
