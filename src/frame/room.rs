//! The buffers of long frames, kept for the next ones: to an allocator large
//! pieces are dear, and they make it put its small ones together.

use std::sync::Mutex;

/// From this length on, in bytes, a frame has a buffer of its own.
pub(crate) const LONG: usize = 1024;

/// The largest buffer that is kept, in bytes.
pub(crate) const LARGEST: usize = 256 * 1024;

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
        let fits = free.iter_mut().filter(|room| room.capacity() >= bytes);
        if let Some(least) = fits.min_by_key(|room| room.capacity()) {
            std::mem::swap(least, &mut room);
        }
    }
    room.reserve(bytes);
    room
}

/// Keeps a buffer that is not needed any more, if there is place for it.
pub(super) fn give(mut room: Vec<u8>) {
    if !(LONG..=LARGEST).contains(&room.capacity()) {
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
