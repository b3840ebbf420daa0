//! Deflate (RFC 1951) for messages and answers, and its working memory, which is shared: a
//! compressor has about 0.4 MiB, a decompressor 64 KiB.

use std::sync::Mutex;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::frame::room;

/// How many of each kind the process keeps for the next message.
const MOST: usize = 8;

/// How many bytes are decompressed at a time.
const PIECE: usize = 16 << 10;

/// What a flush ends with (RFC 7692 section 7.2.1): an empty block that is not
/// compressed, without its header.
const MARK: [u8; 4] = [0, 0, 0xff, 0xff];

/// The same, and a last block that is empty. Where something but the beginning of a
/// block is expected, this is not its end.
const MARK_AND_END: [u8; 6] = [0, 0, 0xff, 0xff, 3, 0];

static DEFLATERS: Mutex<Vec<Deflater>> = Mutex::new(Vec::new());
static INFLATERS: Mutex<Vec<Inflater>> = Mutex::new(Vec::new());

/// One of those that are kept and suit. A thread that would have to wait makes a new
/// one.
fn take<T>(kept: &Mutex<Vec<T>>, suits: impl Fn(&T) -> bool) -> Option<T> {
    let mut kept = kept.try_lock().ok()?;
    let at = kept.iter().position(suits)?;
    Some(kept.swap_remove(at))
}

fn give<T>(kept: &Mutex<Vec<T>>, back: T) {
    if let Ok(mut kept) = kept.try_lock() {
        if kept.len() >= MOST {
            // Others may be of use no more: servers with another level come and go.
            kept.swap_remove(0);
        }
        kept.push(back);
    }
}

/// Compresses messages.
pub(crate) struct Deflater {
    compress: Compress,
    level: u8,
    bits: u8,
}

impl Deflater {
    /// One that knows no message. The level is from 0 to 9, the window's bits from 9
    /// to 15.
    pub(crate) fn new(level: u8, bits: u8) -> Self {
        let bits = bits.clamp(9, 15);
        let compress = Compress::new_with_window_bits(Compression::new(level.into()), false, bits);
        Deflater { compress, level, bits }
    }

    /// Lends one that knows no message.
    pub(crate) fn with<T>(level: u8, bits: u8, run: impl FnOnce(&mut Deflater) -> T) -> T {
        let suits = |one: &Deflater| one.level == level && one.bits == bits;
        let mut deflater = take(&DEFLATERS, suits).unwrap_or_else(|| Deflater::new(level, bits));
        let result = run(&mut deflater);
        deflater.compress.reset();
        give(&DEFLATERS, deflater);
        result
    }

    /// Appends a message that is not empty, compressed as RFC 7692 section 7.2.1 has
    /// it. False if that failed, when what was appended is of no use.
    pub(crate) fn message(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        let mut rest = bytes;
        while !rest.is_empty() {
            room::reserve(out, rest.len() / 2 + 64);
            let before = self.compress.total_in();
            if self.compress.compress_vec(rest, out, FlushCompress::None).is_err() {
                return false;
            }
            rest = &rest[(self.compress.total_in() - before) as usize..];
        }
        // Backends differ in what a flush gives when it is asked for twice, so it is
        // asked for once, and again only if there was no room for all.
        loop {
            room::reserve(out, 64);
            if self.compress.compress_vec(&[], out, FlushCompress::Sync).is_err() {
                return false;
            }
            if out.len() < out.capacity() {
                break;
            }
        }
        let whole = out.ends_with(&MARK);
        out.truncate(out.len().saturating_sub(MARK.len()));
        whole
    }

    /// Appends a whole stream of these bytes. False if that failed, when what was
    /// appended is of no use.
    pub(crate) fn stream(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        let mut rest = bytes;
        loop {
            room::reserve(out, rest.len() / 2 + 64);
            let before = self.compress.total_in();
            let status = self.compress.compress_vec(rest, out, FlushCompress::Finish);
            let came = (self.compress.total_in() - before) as usize;
            rest = rest.get(came..).unwrap_or_default();
            match status {
                Ok(Status::StreamEnd) => return true,
                // There was no room for more.
                Ok(Status::Ok | Status::BufError) => {}
                Err(_) => return false,
            }
        }
    }
}

/// Why bytes were not decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bad {
    /// They are more than there may be.
    Long,
    /// They are not compressed as they should be.
    Invalid,
}

/// Decompresses messages, piece by piece.
pub(crate) struct Inflater {
    decompress: Decompress,
    piece: Box<[u8]>,
    /// The last block of a stream has come: what follows begins a new one.
    ended: bool,
    /// Something has come of the message.
    begun: bool,
}

impl Inflater {
    /// One that knows no message.
    pub(crate) fn new() -> Self {
        let (decompress, piece) = (Decompress::new(false), vec![0; PIECE].into());
        Inflater { decompress, piece, ended: false, begun: false }
    }

    /// One that knows no message, and is to be given back.
    pub(crate) fn take() -> Self {
        take(&INFLATERS, |_| true).unwrap_or_else(Inflater::new)
    }

    /// Gives it back.
    pub(crate) fn give(mut self) {
        self.reset();
        give(&INFLATERS, self);
    }

    fn reset(&mut self) {
        self.decompress.reset(false);
        (self.ended, self.begun) = (false, false);
    }

    /// Appends what the next bytes of a message stand for, which is to have at most so
    /// many in all.
    pub(crate) fn push(&mut self, bytes: &[u8], most: usize, out: &mut Vec<u8>) -> Result<(), Bad> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.begun = true;
        let mut rest = bytes;
        loop {
            if self.ended && !rest.is_empty() {
                self.decompress.reset(false);
                self.ended = false;
            }
            let (came, made) = (self.decompress.total_in(), self.decompress.total_out());
            let status = self.decompress.decompress(rest, &mut self.piece, FlushDecompress::None);
            let came = (self.decompress.total_in() - came) as usize;
            let made = (self.decompress.total_out() - made) as usize;
            rest = rest.get(came..).unwrap_or_default();
            let piece = self.piece.get(..made).unwrap_or_default();
            if out.len().saturating_add(made) > most {
                return Err(Bad::Long);
            }
            room::append(out, piece);
            match status {
                Err(_) => return Err(Bad::Invalid),
                Ok(Status::StreamEnd) => self.ended = true,
                Ok(Status::Ok | Status::BufError) => {
                    if came == 0 && made == 0 && !rest.is_empty() {
                        return Err(Bad::Invalid);
                    }
                }
            }
            // A full piece says that there may be more.
            if rest.is_empty() && (made < self.piece.len() || self.ended) {
                return Ok(());
            }
        }
    }

    /// Ends a message. `knows` says that the next one may refer to this one.
    pub(crate) fn finish(
        &mut self,
        knows: bool,
        most: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Bad> {
        // A message without a byte is empty, though it should have one.
        if !self.begun {
            return Ok(());
        }
        if !self.ended {
            self.push(if knows { &MARK } else { &MARK_AND_END }, most, out)?;
        }
        self.begun = false;
        if knows {
            return Ok(());
        }
        let whole = self.ended;
        self.reset();
        if whole { Ok(()) } else { Err(Bad::Invalid) }
    }
}
