//! Longer texts: how things are done, what to expect of browsers, what holds on the
//! open network, how several servers are one, what has changed, and how the crate is
//! built.

#[doc = include_str!("architecture.md")]
pub mod architecture {}

#[doc = include_str!("browsers.md")]
pub mod browsers {}

#[doc = include_str!("changelog.md")]
pub mod changelog {}

#[doc = include_str!("port.md")]
pub mod port {}

#[doc = include_str!("recipes.md")]
pub mod recipes {}

#[cfg(feature = "redis")]
#[doc = include_str!("scaling.md")]
pub mod scaling {}

#[doc = include_str!("security.md")]
pub mod security {}
