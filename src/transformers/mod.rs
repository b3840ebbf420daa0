//! The wire protocols, one folder each. What the server asks of them is in
//! [`serve`], what the client asks in [`connect`].

use std::sync::Arc;

use self::connect::Transport;
use self::engine_io::client::EngineIo;
use self::serve::Transformer;
use crate::error::{Error, Result};

pub(crate) mod connect;
pub(crate) mod engine_io;
pub(crate) mod misses;
pub(crate) mod options;
pub(crate) mod records;
pub(crate) mod serve;
pub(crate) mod websockets;

/// The names under which a transformer may be asked for. `faye`, `uws` and
/// `lws` are the other WebSocket servers of Primus; they speak the same
/// protocol as `websockets` and differ in nothing that a client may rely on.
const KNOWN: [&str; 5] = ["websockets", "faye", "uws", "lws", ENGINE_IO];

/// The name of Engine.IO.
pub(crate) const ENGINE_IO: &str = "engine.io";

/// The canonical form of a transformer's name; case does not matter.
pub(crate) fn by_name(name: &str) -> Result<&'static str> {
    KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(name)).ok_or_else(|| {
        Error::Option(format!(
            "unknown transformer `{name}`; known transformers: {}",
            KNOWN.join(", ")
        ))
    })
}

/// The server side of the transformer with this canonical name.
///
/// # Errors
/// [`Error::Option`] for the value of an option that cannot be used.
pub(crate) fn server(name: &str, given: &[(String, String)]) -> Result<Box<dyn Transformer>> {
    debug_assert!(KNOWN.contains(&name));
    if name == ENGINE_IO {
        let (options, unknown) = engine_io::options::Options::parse(given)?;
        options::warn(name, &unknown);
        return Ok(Box::new(engine_io::server::EngineIo::new(options)));
    }
    options::warn(name, &options::read(given, |_, _| None)?);
    Ok(Box::new(websockets::server::Websockets))
}

/// The client side of a transformer by name, with its options; case does not
/// matter in the name.
pub(crate) fn client(name: &str, given: &[(String, String)]) -> Result<Arc<dyn Transport>> {
    let name = by_name(name)?;
    if name == ENGINE_IO {
        let (options, unknown) = engine_io::client::Options::parse(given)?;
        options::warn(name, &unknown);
        return Ok(Arc::new(EngineIo(options)));
    }
    options::warn(name, &options::read(given, |_, _| None)?);
    Ok(Arc::new(websockets::client::WebSockets))
}
