//! How what a client writes is compressed, whichever protocol encodes it.

use std::sync::{Mutex, PoisonError};

use crate::transformers::websockets::deflate::{Agreed, Packer, pack};

/// See the module.
pub(super) struct Packing {
    agreed: Option<Agreed>,
    /// What knows the messages before, where each refers to them. Locked behind the
    /// writer's own locks.
    packer: Option<Mutex<Packer>>,
}

impl Packing {
    pub fn new(agreed: Option<Agreed>) -> Self {
        let packer = agreed.as_ref().and_then(Packer::new).map(Mutex::new);
        Packing { agreed, packer }
    }

    /// Whether messages must be encoded in the order in which they are sent.
    pub fn keeps_order(&self) -> bool {
        self.packer.is_some()
    }

    /// Appends what `encode` appends, compressed. That is done now where it may be:
    /// before locks are taken.
    pub fn pack<'a>(
        &'a self,
        encode: impl FnOnce(&mut Vec<u8>) + 'a,
    ) -> impl FnOnce(&mut Vec<u8>) + 'a {
        let (early, encode) = match (&self.agreed, &self.packer) {
            (Some(agreed), None) => {
                let (mut plain, mut packed) = (Vec::new(), Vec::new());
                encode(&mut plain);
                pack(agreed, &mut plain, &mut packed);
                (packed, None)
            }
            _ => (Vec::new(), Some(encode)),
        };
        move |out| match (encode, &self.packer) {
            (None, _) => out.extend_from_slice(&early),
            (Some(encode), None) => encode(out),
            (Some(encode), Some(packer)) => {
                let mut plain = Vec::new();
                encode(&mut plain);
                let mut packer = packer.lock().unwrap_or_else(PoisonError::into_inner);
                packer.pack(&mut plain, out);
            }
        }
    }
}
