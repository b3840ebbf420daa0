//! Analytics: what happens to a page's connection, reported by the page.
//!
//! What `primus-analytics` is: a plugin for browsers alone. Its half goes into the
//! browser client ([`Primus::library`](crate::Primus::library)), which then reports
//! opens, closes, reconnects, errors and what is sent: to Google Analytics (`ga`), or
//! to a function of the page's own.
//!
//! ```
//! use primus::Primus;
//! use primus::plugins::analytics::Analytics;
//!
//! let primus = Primus::builder().plugin(Analytics).build()?;
//! assert!(primus.library().contains(r#"ark["analytics"]"#));
//! # primus.destroy(Default::default());
//! # Ok::<(), primus::Error>(())
//! ```
//!
//! ```js
//! new Primus(url, { analytics: { category: 'chat', report: (hit) => console.log(hit) } });
//! ```
//!
//! A client in Rust has events to listen to ([`Client`](crate::Client)).

use super::{Plugin, Script, half};

/// The plugin `analytics`: see [its page](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct Analytics;

impl Plugin for Analytics {
    fn name(&self) -> &str {
        "analytics"
    }

    fn script(&self) -> Option<Script<'_>> {
        Some(half(include_str!("client.js"), include_str!("types.d.ts")))
    }
}
