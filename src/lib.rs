//! Primus in Rust.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[allow(dead_code)]
mod client;
mod close;
mod error;
mod frame;
#[allow(dead_code)]
mod id;
mod limits;
mod net;
#[allow(dead_code)]
mod protocol;
#[allow(dead_code)]
mod timer;
mod value;

pub mod parsers;

pub use close::{CloseReason, Ended};
pub use error::{BoxError, Error, Result};
pub use frame::Frame;
pub use limits::Limits;
pub use net::Stream;
pub use parsers::Parser;
pub use timer::ManualClock;
pub use value::Value;
