//! The end of a connection.

use std::time::{Duration, Instant};

use super::READ;
use crate::deadline::after;
use crate::net::Stream;
use crate::net::wait::read_until;

/// For so long, and for so many bytes, a connection that is being closed is
/// read on: a socket closed with unread bytes is reset, and the reset may
/// overtake the answer.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 << 10;

/// Reads on a connection of which our direction has ended, until its peer has
/// ended the other or has had time enough.
#[inline(never)] // its scratch would be on the stack of every connection
pub(crate) fn drain(stream: &Stream) {
    let deadline = after(Instant::now(), LINGER);
    let mut left = LINGER_BYTES;
    let mut scratch = [0; READ];
    while left > 0 {
        match read_until(stream, &mut scratch, deadline, false) {
            Ok(0) | Err(_) => break,
            Ok(read) => left = left.saturating_sub(read),
        }
    }
}
