#![doc = include_str!("mod.md")]

mod forward;
mod keys;
mod machine;
mod place;
mod plugin;
mod registry;
mod talk;
mod told;

pub use forward::PrimusMetroplex;
pub use plugin::Metroplex;
