//! Primus in Rust.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod close;
mod error;
mod events;
mod frame;
mod limits;
mod message;
mod net;
mod transformers;
mod value;

pub mod parsers;

pub use close::{CloseReason, Ended};
pub use error::{BoxError, Error, Result};
pub use events::ListenerId;
pub use frame::Frame;
pub use limits::Limits;
pub use message::{Message, Written};
pub use net::Stream;
pub use parsers::Parser;
pub use value::Value;
