//! Longer texts: how things are done, and what to expect of browsers.

#[doc = include_str!("browsers.md")]
pub mod browsers {}

#[doc = include_str!("recipes.md")]
pub mod recipes {}
