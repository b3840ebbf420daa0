//! Primus in Rust.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod client;
mod close;
mod error;
mod events;
mod frame;
mod http;
mod id;
mod limits;
mod message;
mod net;
mod options;
mod outcome;
mod protocol;
mod ready_state;
mod server;
mod spec;
mod timer;
mod transformers;
pub mod value;

pub mod middleware;
pub mod parsers;
pub mod plugins;

pub use client::{Attempt, Client, ClientBuilder, OutgoingUrl, Reconnected};
pub use close::{CloseReason, Ended};
pub use error::{BoxError, Error, Result};
pub use events::ListenerId;
pub use frame::Frame;
pub use http::{Address, Request};
pub use limits::Limits;
pub use message::{Message, Written};
pub use net::Stream;
pub use options::{Builder, SlowConsumer};
pub use outcome::Outcome;
pub use parsers::Parser;
pub use plugins::Plugin;
pub use protocol::Generation;
pub use ready_state::ReadyState;
pub use server::{
    ConnectionCounts, Destroy, Destroyed, EndOptions, Messages, MetricsSnapshot, Primus, Spark,
    SparkReader, SparkWriter,
};
pub use spec::Spec;
pub use timer::ManualClock;
pub use value::Value;
