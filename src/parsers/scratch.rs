//! Where a message is written before its length is known.

use std::borrow::Cow;
use std::cell::Cell;

use crate::frame::room;
use crate::value::Fault;

/// Room for a thread's first message, in bytes.
const FIRST: usize = 128;

/// Most room that a thread keeps for its next message, in bytes.
const KEPT: usize = room::LONG;

struct Scratch {
    kept: Vec<u8>,
    /// The room that the next message may need, if that is more.
    guess: usize,
}

thread_local! {
    static SCRATCH: Cell<Scratch> = const { Cell::new(Scratch::NEW) };
}

impl Scratch {
    const NEW: Scratch = Scratch { kept: Vec::new(), guess: FIRST };
}

/// Has a message written and makes something of its bytes: borrowed ones if it
/// is short, so that the room stays for the next one; else they are given away.
pub(super) fn write<T>(
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), Fault>,
    finish: impl FnOnce(Cow<'_, [u8]>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    // A thread that is ending has none any more.
    let Scratch { kept, guess } =
        SCRATCH.try_with(|scratch| scratch.replace(Scratch::NEW)).unwrap_or(Scratch::NEW);
    let mut out = if kept.capacity() < guess { room::take(guess) } else { kept };
    out.clear();
    write(&mut out)?;
    let short = out.capacity() <= KEPT;
    // A little more, for the next one may be a little longer.
    let guess =
        if out.len() <= KEPT { FIRST } else { room::LARGEST.min(out.len() + out.len() / 8) };
    let (kept, done) = match short {
        true => {
            let done = finish(Cow::Borrowed(&out));
            (out, done)
        }
        false => (Vec::new(), finish(Cow::Owned(out))),
    };
    let _ = SCRATCH.try_with(|scratch| scratch.set(Scratch { kept, guess }));
    done
}
