//! What a peer must not send.

use crate::transformers::websockets::deflate::Bad;

/// A breach of the protocol by the peer, with the close code that names it.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) struct Violation {
    /// The close code: 1002, 1007, 1008 or 1009.
    pub code: u16,
    /// What was wrong.
    pub text: &'static str,
}

pub(super) const fn breach(code: u16, text: &'static str) -> Violation {
    Violation { code, text }
}

/// What it means that a message cannot be decompressed.
pub(super) fn unpacked(bad: Bad) -> Violation {
    match bad {
        Bad::Long => breach(1009, "message over the limit"),
        Bad::Invalid => breach(1007, "compressed data that makes no sense"),
    }
}

pub(super) fn utf8(bytes: &[u8]) -> Result<&str, Violation> {
    std::str::from_utf8(bytes).map_err(|_| breach(1007, "text is not UTF-8"))
}
