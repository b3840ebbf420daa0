#![doc = include_str!("mod.md")]

mod handle;
mod plugin;
pub(crate) mod wire;

pub use handle::Substream;
pub use plugin::{OpenSubstream, Substreams};
