//! Short pieces of bytes as words: copying those takes fewer steps.

/// Appends the lowest `count` bytes of a word, of up to eight.
#[inline(always)]
pub(super) fn put(out: &mut Vec<u8>, word: u64, count: usize) {
    out.extend_from_slice(&word.to_le_bytes());
    out.truncate(out.len() - 8 + count);
}

/// As [`put`], for up to 16 bytes.
#[inline(always)]
pub(super) fn put_wide(out: &mut Vec<u8>, word: u128, count: usize) {
    out.extend_from_slice(&word.to_le_bytes());
    out.truncate(out.len() - 16 + count);
}

/// Up to seven bytes as a word, the first one lowest, and nothing above them.
#[inline]
pub(super) fn few(bytes: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        // The two may overlap.
        let last = u64::from(u32::from_le_bytes(*last));
        return u64::from(u32::from_le_bytes(*first)) | last << (8 * (bytes.len() & 7) - 32);
    }
    match *bytes {
        [] => 0,
        [first, .., last] => {
            let middle = u64::from(bytes[bytes.len() / 2]) << (8 * (bytes.len() / 2));
            u64::from(first) | middle | u64::from(last) << (8 * (bytes.len() & 7) - 8)
        }
        [only] => only.into(),
    }
}

/// As [`few`], for up to 15 bytes.
#[inline(always)]
pub(super) fn several(bytes: &[u8]) -> u128 {
    match bytes.split_first_chunk::<8>() {
        Some((first, rest)) => u128::from(u64::from_le_bytes(*first)) | u128::from(few(rest)) << 64,
        None => few(bytes).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_every_length() {
        let bytes: [u8; 15] = std::array::from_fn(|at| at as u8 + 0xF0);
        for len in 0..=15 {
            let mut out = b"..".to_vec();
            put_wide(&mut out, several(&bytes[..len]), len);
            assert_eq!(out[2..], bytes[..len]);
            if len < 8 {
                assert_eq!(u128::from(few(&bytes[..len])), several(&bytes[..len]));
                put(&mut out, few(&bytes[..len]), len);
                assert_eq!(out[2 + len..], bytes[..len]);
            }
        }
    }
}
