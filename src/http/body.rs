//! The framing of bodies, without a socket: which of the bytes that arrive
//! are body, and where it ends.

use super::Bad;
use super::fields::is_text_byte;
use super::head::BodyLength;
use super::query::hex;

/// Bytes of chunk extensions and of trailer fields that a body may spend, each
/// for itself. Nothing reads them.
const WASTE: usize = 8 << 10;

/// What lies at the start of the input: `skip` bytes of framing, then `data`
/// bytes of body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) skip: usize,
    pub(crate) data: usize,
}

/// Finds the body in what follows a head. Serves requests and responses.
#[derive(Debug)]
pub(crate) struct BodyDecoder {
    state: State,
    extensions: usize,
    trailers: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// So many bytes of a body of known length are still to come.
    Known(u64),
    /// Everything is body.
    UntilClose,
    /// In the digits of a chunk size.
    Size {
        digits: u8,
        size: u64,
    },
    /// In what follows the chunk size.
    Extension {
        size: u64,
    },
    /// Before the LF that ends the size line.
    SizeEnd {
        size: u64,
    },
    /// So many bytes of the chunk are still to come.
    Data(u64),
    /// Before the CR, then the LF, after a chunk.
    DataCr,
    DataLf,
    /// At the start of a trailer field or of the last, empty line.
    TrailerStart,
    Trailer,
    TrailerLf,
    LastLf,
    Done,
}

impl BodyDecoder {
    pub(crate) fn new(length: BodyLength) -> Self {
        let state = match length {
            BodyLength::Known(0) => State::Done,
            BodyLength::Known(length) => State::Known(length),
            BodyLength::Chunked => State::Size { digits: 0, size: 0 },
            BodyLength::UntilClose => State::UntilClose,
        };
        BodyDecoder { state, extensions: 0, trailers: 0 }
    }

    /// Whether the whole body has been taken.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Body bytes that are announced and not yet taken: of the whole body if
    /// its length is known, else of the present chunk.
    pub(crate) fn announced(&self) -> u64 {
        match self.state {
            State::Known(left) | State::Data(left) => left,
            State::Extension { size } | State::SizeEnd { size } => size,
            State::UntilClose => u64::MAX,
            _ => 0,
        }
    }

    /// Whether its whole rest is known to be so many bytes.
    pub(crate) fn known_rest(&self) -> Option<u64> {
        match self.state {
            State::Known(left) => Some(left),
            State::Done => Some(0),
            _ => None,
        }
    }

    /// Looks at the input. The caller drops `skip` bytes, takes as many of the
    /// `data` bytes after them as it likes, and says so with
    /// [`took`](Self::took) before the next step.
    pub(crate) fn step(&mut self, input: &[u8]) -> Result<Step, Bad> {
        let mut skip = 0;
        for &byte in input {
            if matches!(self.state, State::Known(_) | State::Data(_) | State::UntilClose)
                || self.is_done()
            {
                break;
            }
            self.state = self.framing(byte)?;
            skip += 1;
        }
        let left = usize::try_from(match self.state {
            State::Known(left) | State::Data(left) => left,
            State::UntilClose => u64::MAX,
            _ => 0,
        });
        Ok(Step { skip, data: left.unwrap_or(usize::MAX).min(input.len() - skip) })
    }

    /// Says that `n` body bytes were taken.
    pub(crate) fn took(&mut self, n: usize) {
        let n = n as u64;
        self.state = match self.state {
            State::Known(left) if left <= n => State::Done,
            State::Known(left) => State::Known(left - n),
            State::Data(left) if left <= n => State::DataCr,
            State::Data(left) => State::Data(left - n),
            state => state,
        };
    }

    /// One byte of the chunked framing.
    fn framing(&mut self, byte: u8) -> Result<State, Bad> {
        let bad = Err(Bad::new("malformed chunk"));
        Ok(match (self.state, byte) {
            (State::Size { digits, size }, _) => {
                return size_byte(digits, size, byte).map_or(bad, Ok);
            }
            (State::Extension { size }, b'\r') => State::SizeEnd { size },
            (State::Extension { .. }, _) if is_text_byte(byte) => {
                self.extensions += 1;
                if self.extensions > WASTE {
                    return Err(Bad::new("chunk extensions too long"));
                }
                self.state
            }
            (State::SizeEnd { size: 0 }, b'\n') => State::TrailerStart,
            (State::SizeEnd { size }, b'\n') => State::Data(size),
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size { digits: 0, size: 0 },
            (State::TrailerStart, b'\r') => State::LastLf,
            (State::LastLf, b'\n') => State::Done,
            (State::Trailer, b'\r') => State::TrailerLf,
            (State::TrailerLf, b'\n') => State::TrailerStart,
            (State::TrailerStart | State::Trailer, _) if is_text_byte(byte) => {
                self.trailers += 1;
                if self.trailers > WASTE {
                    return Err(Bad { status: 431, text: "trailer too large" });
                }
                State::Trailer
            }
            _ => return bad,
        })
    }
}

/// One byte of the line with the chunk size; `None` if it does not belong.
fn size_byte(digits: u8, size: u64, byte: u8) -> Option<State> {
    match (byte, hex(byte)) {
        (_, Some(digit)) if digits < 16 => {
            Some(State::Size { digits: digits + 1, size: size << 4 | u64::from(digit) })
        }
        (b'\r', _) if digits > 0 => Some(State::SizeEnd { size }),
        (b';', _) if digits > 0 => Some(State::Extension { size }),
        _ => None,
    }
}
