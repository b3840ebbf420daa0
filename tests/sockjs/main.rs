//! The sockjs server over real sockets, by clients that write every byte themselves.

#[path = "../common/mod.rs"]
mod common;

mod attacks;
mod behaviours;
mod closing;
mod hopping;
mod jsonp;
mod limits;
mod pages;
mod polling;
mod replay;
mod streams;
mod websocket;

use common::sockjs as client;
