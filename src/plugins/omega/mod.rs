#![doc = include_str!("mod.md")]

mod endpoint;
mod forward;
mod here;
mod plugin;
mod to;
mod trust;
mod wire;

pub use forward::{Forwarded, PrimusForward};
// For those that know which server has which spark.
#[cfg(feature = "redis")]
pub(in crate::plugins) use forward::{forward_each, forward_elsewhere};
pub use plugin::Omega;
pub use to::To;
