//! The buffers of long frames: some are kept for the next ones, and the largest
//! go back to the system.
//!
//! An allocator finds place for a small piece among others and keeps it when it is
//! freed; large ones it has mapped for themselves, and unmapped. What is large,
//! glibc learns: when a piece of so many bytes that was mapped is freed, pieces up
//! to that size, at most 32 MiB, are taken from its arenas from then on, and
//! each arena keeps twice as much of what is freed (mallopt(3),
//! `M_MMAP_THRESHOLD`). A server whose clients have sent a few large messages
//! would keep hundreds of megabytes so. A buffer with room for more than 32 MiB
//! is always mapped, and teaches nothing when it is freed; of what it has room
//! for only the pages that were written take memory.

use std::fs;
use std::sync::{Mutex, OnceLock};

use rustix::process::{Resource, getrlimit};

/// From this length on, in bytes, a frame has a buffer of its own.
pub(crate) const LONG: usize = 1024;

/// The largest buffer that is guessed to be needed, in bytes.
pub(crate) const LARGEST: usize = 256 * 1024;

/// From this length on, in bytes, a buffer is large: what glibc maps by default.
const LARGE: usize = 128 << 10;

/// The room that a large buffer has, in bytes. Most of it is never touched.
const VAST: usize = 33 << 20;

/// How much of a large buffer may have been written if it is to be kept, in bytes.
const WRITTEN: usize = 512 << 10;

/// How many are kept, by the whole process.
const MOST: usize = 8;

static FREE: Mutex<[Vec<u8>; MOST]> = Mutex::new([const { Vec::new() }; MOST]);

/// An empty buffer for so many bytes, or more.
pub(crate) fn take(bytes: usize) -> Vec<u8> {
    let mut room = Vec::new();
    // A thread that would have to wait makes a new one.
    if bytes >= LONG
        && let Ok(mut free) = FREE.try_lock()
    {
        // What was written of a large one takes memory, however little is used.
        let suits = |capacity| capacity >= bytes && (bytes >= LARGE || !is_vast(capacity));
        let fits = free.iter_mut().filter(|room| suits(room.capacity()));
        if let Some(least) = fits.min_by_key(|room| room.capacity()) {
            std::mem::swap(least, &mut room);
        }
    }
    reserve(&mut room, bytes);
    room
}

/// An empty large buffer, for what is not large yet.
pub(crate) fn large() -> Vec<u8> {
    let mut room = Vec::new();
    reserve(&mut room, LARGE);
    room
}

/// Makes room in a buffer for so many bytes more, with as much in reserve as is
/// there already.
#[inline]
pub(crate) fn reserve(room: &mut Vec<u8>, bytes: usize) {
    if bytes > room.capacity() - room.len() {
        widen(room, bytes);
    }
}

#[cold]
#[inline(never)]
fn widen(room: &mut Vec<u8>, bytes: usize) {
    let wanted = room.len().saturating_add(bytes);
    let grown = wanted.max(room.capacity().saturating_mul(2));
    if let Some(more) = missing(grown, room.len(), room.capacity()) {
        // Where it fails there is the ordinary way.
        let _ = room.try_reserve_exact(more);
    }
    room.reserve(bytes);
}

/// Appends to a buffer that may become large.
pub(crate) fn append(room: &mut Vec<u8>, bytes: &[u8]) {
    reserve(room, bytes.len());
    room.extend_from_slice(bytes);
}

/// Makes room in a text for so many bytes more, as [`reserve`] does.
#[inline]
pub(crate) fn reserve_text(room: &mut String, bytes: usize) {
    let (len, capacity) = (room.len(), room.capacity());
    if bytes > capacity - len {
        let grown = len.saturating_add(bytes).max(capacity.saturating_mul(2));
        if let Some(more) = missing(grown, len, capacity) {
            // Where it fails there is the ordinary way.
            let _ = room.try_reserve_exact(more);
        }
    }
}

/// The text that these bytes are; what is not UTF-8 becomes U+FFFD.
pub(crate) fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| lossy(error.as_bytes()))
}

/// [`text`] of bytes that somebody else has.
pub(crate) fn lossy(bytes: &[u8]) -> String {
    let mut text = String::new();
    reserve_text(&mut text, bytes.len());
    for part in bytes.utf8_chunks() {
        reserve_text(&mut text, part.valid().len() + char::REPLACEMENT_CHARACTER.len_utf8());
        text.push_str(part.valid());
        if !part.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    text
}

/// Whether so much room is more than what is in it would say.
pub(super) fn is_vast(capacity: usize) -> bool {
    capacity >= VAST
}

/// How much more room a buffer needs that is to hold `wanted` bytes, so that it
/// goes back to the system when it is freed; `None` if it will or need not.
pub(super) fn missing(wanted: usize, len: usize, capacity: usize) -> Option<usize> {
    let ordinary = (LARGE..VAST).contains(&wanted) && !is_vast(capacity);
    (ordinary && has_space()).then(|| VAST - len)
}

/// Whether address space costs nothing: it is not counted.
fn has_space() -> bool {
    static HAS_SPACE: OnceLock<bool> = OnceLock::new();
    *HAS_SPACE.get_or_init(|| {
        let unlimited = |resource| getrlimit(resource).current.is_none();
        let counted = fs::read_to_string("/proc/sys/vm/overcommit_memory");
        cfg!(target_pointer_width = "64")
            && unlimited(Resource::As)
            && unlimited(Resource::Data)
            && counted.is_ok_and(|mode| mode.trim() != "2")
    })
}

/// Keeps a buffer that is not needed any more, if there is place for it.
pub(crate) fn give(mut room: Vec<u8>) {
    let kept = match is_vast(room.capacity()) {
        true => room.len() <= WRITTEN,
        false => (LONG..=LARGEST).contains(&room.capacity()),
    };
    if !kept {
        return;
    }
    room.clear();
    if let Ok(mut free) = FREE.try_lock() {
        // The smallest one goes; with luck that is none at all.
        if let Some(least) = free.iter_mut().min_by_key(|room| room.capacity())
            && least.capacity() < room.capacity()
        {
            std::mem::swap(least, &mut room);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_buffer_has_room_for_more_than_the_allocator_ever_keeps() {
        let mut grown = Vec::new();
        while grown.len() < 3 * LARGE {
            append(&mut grown, &[7; 1000]);
            assert!(grown.capacity() < LARGE || is_vast(grown.capacity()) || !has_space());
        }
        assert_eq!(grown.iter().filter(|byte| **byte == 7).count(), grown.len());
        assert!(take(LARGE).capacity() >= if has_space() { VAST } else { LARGE });
        let mut larger = Vec::new();
        reserve(&mut larger, 2 * VAST);
        assert!(larger.capacity() >= 2 * VAST);
    }

    #[test]
    fn a_large_text_has_as_much_room_as_a_large_buffer() {
        let is_large = |text: &String| is_vast(text.capacity()) || !has_space();
        let mut grown = String::new();
        while grown.len() < 3 * LARGE {
            reserve_text(&mut grown, 1000);
            grown.extend(['x'; 1000]);
            assert!(grown.capacity() < LARGE || is_large(&grown));
        }
        assert_eq!(grown.bytes().filter(|byte| *byte == b'x').count(), grown.len());
        // It becomes three times as long.
        assert!(is_large(&text(vec![0xff; LARGE / 2])));
        assert!(is_large(&lossy(&vec![b'x'; LARGE])));
    }

    #[test]
    fn what_is_no_text_is_replaced_as_everywhere() {
        for bytes in [
            &b""[..],
            b"abc",
            b"\xff",
            b"a\xffb",
            b"\xe2\x82",
            b"\xe2\x82x\xf0\x9f\x98\x80\xed\xa0\x80",
        ] {
            assert_eq!(lossy(bytes), String::from_utf8_lossy(bytes), "{bytes:?}");
            assert_eq!(text(bytes.to_vec()), lossy(bytes));
        }
    }

    #[test]
    fn small_buffers_are_what_they_are() {
        assert!(take(LARGE / 2).capacity() < LARGE);
        assert_eq!(missing(LARGE - 1, 0, 0), None);
        assert_eq!(missing(VAST, 0, 0), None);
    }
}
