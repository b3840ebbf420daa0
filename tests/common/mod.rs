//! What the tests share. Each test binary takes it in with
//! `#[path = "../common/mod.rs"] mod common;`: a server under test, a raw client
//! that sends bytes exactly as told, counters of what a process uses, and what
//! starts other programs.
#![allow(dead_code, unused_imports, reason = "no test binary uses all of it")]

pub mod browserchannel;
pub mod child;
pub mod engine_io;
pub mod everything;
pub mod examples;
pub mod frames;
pub mod kit;
pub mod libraries;
pub mod nginx;
pub mod node;
pub mod peer;
pub mod plugged;
pub mod process;
pub mod recording;
pub mod replay;
pub mod requests;
pub mod server;
pub mod shares;
pub mod socket_io;
pub mod sockjs;
pub mod strangers;
pub mod wait;

pub use frames::*;
pub use peer::*;
pub use process::*;
pub use server::*;
pub use strangers::*;
pub use wait::*;
