//! The forms in which the client is handed out.

use std::sync::{Arc, OnceLock};

use crate::http::Coding;

/// One form of the client, to be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// For script tags, CommonJS and AMD.
    Script,
    /// The ES module.
    Module,
    /// The types.
    Types,
}

/// The forms of one client.
pub(crate) struct Forms {
    pub script: Arc<str>,
    pub module: Arc<str>,
    pub types: Arc<str>,
    /// Compressed, once somebody has asked for that.
    pub coded: Coded,
}

/// The forms of a client as they are compressed, each in each coding. Those that were
/// asked for are kept; `None` for what does not become shorter.
#[derive(Default)]
pub(crate) struct Coded([[OnceLock<Body>; 2]; 3]);

/// A compressed file; `None` for one that is not worth it.
type Body = Option<Arc<[u8]>>;

impl Coded {
    /// One of them; `encode` makes it the first time.
    pub fn get(
        &self,
        form: Form,
        coding: Coding,
        encode: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Option<Arc<[u8]>> {
        let coded = self.0.get(form as usize)?.get(coding as usize)?;
        coded.get_or_init(|| encode().map(Into::into)).clone()
    }
}
