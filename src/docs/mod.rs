//! Longer texts: how things are done, and what to expect of browsers.

#[doc = include_str!("browsers.md")]
pub mod browsers {}

#[doc = include_str!("recipes.md")]
pub mod recipes {
    // For the links of the text.
    #[allow(unused_imports, reason = "rustdoc resolves links here")]
    use crate::{Primus, Spark};
}
