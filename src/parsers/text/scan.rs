//! Finding the next byte of a string that needs a closer look.

use crate::parsers::words::few;

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const SPACES: u64 = ONES * 0x20;
const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);

/// Bytes that are looked at in one go.
pub(super) const BLOCK: usize = 32;

/// Words that are looked at before blocks are.
const WORDS: usize = 8;

/// The same where a string is long: the judgement of a block costs as much as
/// looking at thirty bytes.
const LARGE: usize = 128;

/// True for what ends a plain run: a control character, a quote, a backslash,
/// and when writing also the first byte of U+2028 and U+2029.
#[inline]
fn special<const WRITING: bool>(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\' || (WRITING && byte == 0xE2)
}

/// The place of the first such byte at or after `from`, or the end. Most strings
/// are short, so a few words are looked at before whole blocks.
#[inline]
pub(super) fn run<const WRITING: bool>(bytes: &[u8], from: usize) -> usize {
    let (words, _) = bytes.get(from..).unwrap_or_default().as_chunks::<8>();
    let mut at = from;
    for word in words.iter().take(WORDS) {
        let hits = hits::<WRITING>(u64::from_le_bytes(*word));
        if hits != 0 {
            return at + hits.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    if words.len() <= WORDS {
        return last::<WRITING>(bytes, at);
    }
    many::<WRITING>(bytes, at)
}

/// The word of so few bytes with harmless ones above them.
#[inline]
pub(super) fn filled(word: u64, len: usize) -> u64 {
    word | SPACES << (8 * len)
}

/// The place of the first special byte in a word.
#[inline]
pub(super) fn first<const WRITING: bool>(word: u64) -> Option<usize> {
    let hits = hits::<WRITING>(word);
    (hits != 0).then_some(hits.trailing_zeros() as usize / 8)
}

/// Whether nothing needs an escape. Of constants the compiler knows it.
#[inline(always)]
pub(super) fn is_plain(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<8>();
    let plain = |word: u64| hits::<true>(word) == 0;
    words.iter().all(|word| plain(u64::from_le_bytes(*word)))
        && plain(filled(few(rest), rest.len()))
}

/// As [`run`], for the last bytes: fewer than eight.
#[inline]
fn last<const WRITING: bool>(bytes: &[u8], mut at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    if let (Some(first), Some(last)) = (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        // The two halves may overlap, so a hit only says that there is one.
        let word =
            u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last));
        if hits::<WRITING>(word) == 0 {
            return bytes.len();
        }
    }
    while at < bytes.len() && !special::<WRITING>(bytes[at]) {
        at += 1;
    }
    at
}

/// Whether any byte of a block is special. Without branches and with one
/// judgement at the end, so that the compiler can use wide registers.
#[inline(always)]
pub(super) fn any<const WRITING: bool>(block: &[u8]) -> bool {
    let (mut low, mut backslash, mut separator) = (u8::MAX, u8::MAX, u8::MAX);
    for byte in block {
        // With this bit turned over the quote follows the control characters.
        low = low.min(byte ^ 2);
        backslash = backslash.min(byte ^ b'\\');
        separator = separator.min(byte ^ 0xE2);
    }
    low < 0x21 || backslash == 0 || (WRITING && separator == 0)
}

/// As [`run`], in large steps.
fn many<const WRITING: bool>(bytes: &[u8], at: usize) -> usize {
    let mut at = plain::<WRITING, LARGE>(bytes, at);
    at = plain::<WRITING, BLOCK>(bytes, at);
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let hits = hits::<WRITING>(u64::from_le_bytes(*word));
        if hits != 0 {
            return at + hits.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    last::<WRITING>(bytes, at)
}

/// Where the first block begins in which something is special, or that is not
/// whole.
#[inline(always)]
fn plain<const WRITING: bool, const SIZE: usize>(bytes: &[u8], mut at: usize) -> usize {
    while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk::<SIZE>()) {
        if any::<WRITING>(block) {
            break;
        }
        at += SIZE;
    }
    at
}

/// The top bit of each byte that is special. Bytes above the lowest hit may be
/// marked wrongly (borrows run upwards), so only the lowest counts.
#[inline(always)]
fn hits<const WRITING: bool>(word: u64) -> u64 {
    let below = |word: u64, bound: u8| word.wrapping_sub(ONES * u64::from(bound));
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    // With this bit turned over the quote follows the control characters.
    let control_or_quote = below(word ^ (ONES * 2), 0x21);
    let ascii = (control_or_quote | is(b'\\')) & !word;
    if WRITING {
        let separator = word ^ (ONES * 0xE2);
        return (ascii | (below(separator, 1) & !separator)) & HIGHS;
    }
    ascii & HIGHS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place() {
        for byte in 0..=255u8 {
            for place in 0..80 {
                for fill in [b'a', 0x7f, 0x80, 0xff, b'!', b'#', b'[', b']', 0x20, 0xe1, 0xe3] {
                    let mut bytes = [fill; 80];
                    bytes[place] = byte;
                    let reading = if special::<false>(byte) { place } else { 80 };
                    let writing = if special::<true>(byte) { place } else { 80 };
                    assert_eq!(run::<false>(&bytes, 0), reading);
                    assert_eq!(run::<true>(&bytes, 0), writing);
                    for from in 65..=place {
                        assert_eq!(run::<false>(&bytes, from), reading);
                    }
                }
            }
        }
    }

    #[test]
    fn every_kind_of_byte_at_every_place_of_long_strings() {
        let bytes = [0, 0x1f, b' ', b'!', b'"', b'#', b'[', b'\\', b']', 0x7f, 0xe1, 0xe2, 0xff];
        for (fill, byte) in bytes.iter().flat_map(|byte| [(b'a', *byte), (0xc3, *byte)]) {
            for place in 0..300 {
                let mut text = [fill; 300];
                text[place] = byte;
                let reading = if special::<false>(byte) { place } else { 300 };
                let writing = if special::<true>(byte) { place } else { 300 };
                assert_eq!(run::<false>(&text, 0), reading);
                assert_eq!(run::<true>(&text, 0), writing);
            }
        }
    }
}
