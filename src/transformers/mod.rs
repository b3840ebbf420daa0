//! The wire protocols, one folder each.

pub(crate) mod websockets;

use std::sync::Arc;

use crate::client::transport::Transport;
use crate::error::{Error, Result};

/// The client's side of a transformer by its name in Primus; case does not
/// matter.
pub(crate) fn client(name: &str) -> Result<Arc<dyn Transport>> {
    match name.to_ascii_lowercase().as_str() {
        // One wire protocol under four names.
        "websockets" | "faye" | "uws" | "lws" => Ok(Arc::new(websockets::client::WebSockets)),
        _ => Err(Error::Option(format!(
            "unknown transformer `{name}`; known transformers: websockets, faye, uws, lws"
        ))),
    }
}
