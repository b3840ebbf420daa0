//! permessage-deflate (RFC 7692), with nothing taken over from message to message.

use std::cell::RefCell;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

/// What the handshake offers.
pub const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; \
                         server_no_context_takeover; client_no_context_takeover\r\n";

/// The bit of a frame's first byte that says that its message is compressed.
pub const BIT: u8 = 0x40;

/// What a flush ends with, and a message does not.
const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];

/// Whether it is offered.
static ON: AtomicBool = AtomicBool::new(false);

/// It is offered from now on, or not.
pub fn offer(on: bool) {
    ON.store(on, Relaxed);
}

/// Whether it is offered, and what is sent is compressed.
pub fn is_on() -> bool {
    ON.load(Relaxed)
}

thread_local! {
    static COMPRESS: RefCell<Compress> =
        RefCell::new(Compress::new(Compression::fast(), false));
    static DECOMPRESS: RefCell<Decompress> = RefCell::new(Decompress::new(false));
}

/// Compresses a message that is not empty; `out` is emptied before.
pub fn pack(message: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.reserve(message.len() + 1024);
    COMPRESS.with_borrow_mut(|compress| {
        compress.reset();
        // Both calls have room enough, so neither leaves anything.
        let _ = compress.compress_vec(message, out, FlushCompress::None);
        let _ = compress.compress_vec(&[], out, FlushCompress::Sync);
    });
    out.truncate(out.len().saturating_sub(TAIL.len()));
}

/// What a message was before it was compressed; `out` is emptied before.
pub fn unpack(message: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    out.clear();
    DECOMPRESS.with_borrow_mut(|decompress| {
        decompress.reset(false);
        for mut part in [message, &TAIL] {
            while !part.is_empty() {
                out.reserve(part.len() * 4 + 4096);
                let before = decompress.total_in();
                let done = decompress.decompress_vec(part, out, FlushDecompress::Sync);
                done.map_err(io::Error::other)?;
                let came = (decompress.total_in() - before) as usize;
                part = &part[came..];
                if came == 0 && out.len() < out.capacity() {
                    return Err(io::Error::other("a message that is not compressed right"));
                }
            }
        }
        Ok(())
    })
}
