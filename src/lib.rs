//! Primus in Rust.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod client;
mod close;
mod error;
mod events;
mod frame;
#[allow(dead_code)]
mod id;
mod limits;
mod message;
mod net;
#[allow(dead_code)]
mod outcome;
mod protocol;
#[allow(dead_code)]
mod timer;
mod transformers;
mod value;

mod ready_state;

pub mod parsers;

pub use client::{Attempt, Client, ClientBuilder, OutgoingUrl, Reconnected};
pub use close::{CloseReason, Ended};
pub use error::{BoxError, Error, Result};
pub use events::ListenerId;
pub use frame::Frame;
pub use limits::Limits;
pub use message::{Message, Written};
pub use net::Stream;
pub use outcome::Outcome;
pub use parsers::Parser;
pub use ready_state::ReadyState;
pub use timer::ManualClock;
pub use value::Value;
