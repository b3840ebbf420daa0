//! Passing over tagged bytes.

use super::reader::{Head, Reader, enter, take_of};
use super::tags::Tags;
use crate::value::{Fault, MAX_DEPTH};

/// Skips any value at the given depth, checking it as decoding would, with no more
/// than so many values in it. Uses no
/// stack that grows with the depth, except for extensions, which are decoded.
pub(super) fn skip<F: Tags>(
    reader: &mut Reader<'_>,
    outside: usize,
    mut values: usize,
) -> Result<(), Fault> {
    // How many things are still to come at each level that is open.
    let mut open = [0u64; MAX_DEPTH];
    let mut depth = 0;
    loop {
        let inside = match F::head(reader)? {
            Head::Str(len) | Head::Bin(len) => {
                reader.take(len as usize)?;
                0
            }
            Head::Array(count) => {
                reader.room_for(count, 1)?;
                enter(reader, outside + depth)?;
                take_of(&mut values, count)?;
                u64::from(count)
            }
            Head::Map(count) => {
                reader.room_for(count, 2)?;
                enter(reader, outside + depth)?;
                take_of(&mut values, count)?;
                u64::from(count) * 2
            }
            Head::Ext(kind, len) => {
                let data = reader.take(len as usize)?;
                F::ext(kind, data, outside + depth + 1)?;
                0
            }
            _ => 0,
        };
        if inside > 0 {
            open[depth] = inside;
            depth += 1;
            continue;
        }
        while depth > 0 {
            open[depth - 1] -= 1;
            if open[depth - 1] > 0 {
                break;
            }
            depth -= 1;
        }
        if depth == 0 {
            return Ok(());
        }
    }
}
