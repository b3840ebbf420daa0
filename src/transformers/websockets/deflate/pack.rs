//! Frames that are to be sent, compressed.

use super::Agreed;
use crate::deflate::Deflater;
use crate::frame::room;
use crate::transformers::websockets::frame::{Header, Opcode, apply_mask, write_compressed};

/// What compresses the frames of one connection, where each may refer to those before.
pub(crate) struct Packer {
    agreed: Agreed,
    /// Gone if it has failed: what is compressed later could not be understood.
    deflater: Option<Deflater>,
}

impl Packer {
    /// One that has seen no frame. `None` where frames do not refer to others.
    pub fn new(agreed: &Agreed) -> Option<Self> {
        let deflater = || Deflater::new(agreed.level, agreed.send_bits);
        let keeps = agreed.send_takeover && packs(agreed);
        keeps.then(|| Packer { agreed: agreed.clone(), deflater: Some(deflater()) })
    }

    /// Appends frames that are whole; what must be is compressed.
    pub fn pack(&mut self, frames: &mut [u8], out: &mut Vec<u8>) {
        let Packer { agreed, deflater } = self;
        each(frames, agreed.threshold, out, |payload, packed| {
            let packs = deflater.as_mut().is_some_and(|one| one.message(payload, packed));
            if !packs {
                *deflater = None;
            }
            packs
        });
    }
}

/// Appends frames that are whole; those that are long enough, and become shorter, are
/// compressed, each for itself.
pub(crate) fn pack(agreed: &Agreed, frames: &mut [u8], out: &mut Vec<u8>) {
    if !packs(agreed) {
        return out.extend_from_slice(frames);
    }
    each(frames, agreed.threshold, out, |payload, packed| {
        Deflater::with(agreed.level, agreed.send_bits, |deflater| {
            deflater.message(payload, packed) && packed.len() < payload.len()
        })
    });
}

/// Whether anything is compressed: not with a window of eight bits, which no
/// compressor makes, nor with a level that asks for none.
fn packs(agreed: &Agreed) -> bool {
    agreed.send_bits > 8 && agreed.level > 0
}

fn each(
    mut rest: &mut [u8],
    threshold: usize,
    out: &mut Vec<u8>,
    mut deflate: impl FnMut(&[u8], &mut Vec<u8>) -> bool,
) {
    while let Some(header) = Header::parse(rest) {
        let length = usize::try_from(header.length).unwrap_or(usize::MAX);
        let end = header.size.saturating_add(length).min(rest.len());
        let (frame, behind) = std::mem::take(&mut rest).split_at_mut(end);
        rest = behind;
        let (head, payload) = frame.split_at_mut(header.size.min(end));
        let is_message = matches!(header.opcode, Opcode::Text | Opcode::Binary) && header.fin;
        if !is_message || payload.len() < threshold.max(1) {
            out.extend_from_slice(head);
            out.extend_from_slice(payload);
            continue;
        }
        let mask = |payload: &mut [u8]| {
            if let Some(mask) = header.mask {
                apply_mask(payload, mask, 0);
            }
        };
        mask(payload);
        let mut packed = room::take(payload.len() / 2 + 64);
        if deflate(payload, &mut packed) {
            mask(&mut packed);
            write_compressed(header.opcode, packed.len(), header.mask, out);
            out.extend_from_slice(&packed);
        } else {
            mask(payload);
            out.extend_from_slice(head);
            out.extend_from_slice(payload);
        }
        room::give(packed);
    }
}
