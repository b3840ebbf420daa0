//! The browserchannel server over real sockets, by clients that write every byte
//! themselves.

#[path = "../common/mod.rs"]
mod common;

mod attacks;
mod back;
mod closing;
mod forward;
mod pages;
mod replay;

use common::browserchannel as client;
