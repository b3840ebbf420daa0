//! permessage-deflate (RFC 7692), sans-io: what is agreed on in the handshake, and
//! messages compressed and not.
//!
//! | file | what |
//! |---|---|
//! | `offer` | the header `Sec-WebSocket-Extensions`: offers, answers |
//! | `pack` | frames that are to be sent, compressed |
//! | `unpack` | what is received, decompressed |
//!
//! Frames are compressed when they are whole, whatever protocol made them: it need
//! not know of this. Without the feature `compression` of the crate `off` takes the
//! place of this module, whose types have no values then.

mod offer;
mod pack;
mod unpack;

pub(super) use offer::{Agreed, accepted, answer, offer};
pub(super) use pack::{Packer, pack};
pub(super) use unpack::{Message, Unpacking};

pub(super) use crate::deflate::Bad;

#[cfg(test)]
mod tests;
