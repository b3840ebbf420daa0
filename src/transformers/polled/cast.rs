//! Broadcasts to clients that poll: what one receiver gets of them, others of its
//! kind get too, so it is put together once.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use crate::http::server::Chunk;

/// What was made of some broadcasts so far, by the name of its form
/// ([`Protocol::common`](super::Protocol::common)).
///
/// It belongs to one batch of them and to the thread that sends that.
#[derive(Default)]
pub(crate) struct Cast(RefCell<Vec<(&'static str, Rc<Piece>)>>);

impl Cast {
    /// What all receivers get whose form has this name; made by the first.
    pub(super) fn piece(&self, name: &'static str, make: impl FnOnce() -> Piece) -> Rc<Piece> {
        let made = self.0.borrow().iter().find(|(known, _)| *known == name).cloned();
        if let Some((_, piece)) = made {
            return piece;
        }
        let piece = Rc::new(make());
        self.0.borrow_mut().push((name, piece.clone()));
        piece
    }
}

/// What many receivers get, ready to be sent.
pub(super) struct Piece {
    pub content: &'static str,
    pub chunk: Chunk,
    units: OnceCell<usize>,
}

impl Piece {
    pub fn new(content: &'static str, body: &[u8]) -> Self {
        Piece { content, chunk: Chunk::new(body), units: OnceCell::new() }
    }

    /// What it counts where a stream has a limit.
    pub fn units(&self) -> usize {
        *self.units.get_or_init(|| units(self.chunk.body()))
    }
}

/// The UTF-16 units of a text.
pub(crate) fn units(text: &[u8]) -> usize {
    // One for each character, which begins with a byte that continues none, and
    // another one for those of four bytes; in sums that fit into a byte, of which a
    // processor takes many at a time.
    let of = |byte: &u8| u8::from(byte & 0xC0 != 0x80) + u8::from(*byte >= 0xF0);
    text.chunks(127).map(|part| usize::from(part.iter().map(of).sum::<u8>())).sum()
}
