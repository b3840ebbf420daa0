//! Base 64, as EJSON and HTTP have it.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Writes bytes in base 64, padded.
pub(crate) fn encode_into(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len().div_ceil(3) * 4);
    let digit = |word: u32, at: u32| ALPHABET[(word >> at & 63) as usize];
    let mut groups = bytes.chunks_exact(48);
    for group in &mut groups {
        let mut text = [0; 64];
        for (from, to) in group.chunks_exact(3).zip(text.chunks_exact_mut(4)) {
            let word = u32::from_be_bytes([0, from[0], from[1], from[2]]);
            to.copy_from_slice(&[18, 12, 6, 0].map(|at| digit(word, at)));
        }
        out.extend_from_slice(&text);
    }
    for chunk in groups.remainder().chunks(3) {
        let byte = |at: usize| chunk.get(at).copied().unwrap_or(0);
        let word = u32::from_be_bytes([0, byte(0), byte(1), byte(2)]);
        for place in 0..4 {
            let padding = place > chunk.len();
            out.push(if padding { b'=' } else { digit(word, 18 - 6 * place as u32) });
        }
    }
}

/// Bytes in base 64, padded.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    encode_into(&mut out, bytes);
    String::from_utf8(out).unwrap_or_default()
}

/// The values of the digits; 64 for what is none.
const VALUES: [u8; 256] = {
    let mut values = [64; 256];
    let mut at = 0;
    while at < 64 {
        values[ALPHABET[at] as usize] = at as u8;
        at += 1;
    }
    values
};

/// Reads base 64, padded or not; `None` if it is not.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    let padding = bytes.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    let digits = &bytes[..bytes.len() - padding];
    if digits.len() % 4 == 1 || (padding > 0 && !bytes.len().is_multiple_of(4)) {
        return None;
    }
    let mut out = Vec::with_capacity(digits.len() / 4 * 3 + 3);
    let mut bad = 0;
    let mut groups = digits.chunks_exact(4);
    for group in &mut groups {
        let values = [group[0], group[1], group[2], group[3]].map(|b| VALUES[b as usize]);
        bad |= values[0] | values[1] | values[2] | values[3];
        let word = values.iter().fold(0u32, |word, value| word << 6 | u32::from(*value));
        out.extend_from_slice(&word.to_be_bytes()[1..]);
    }
    let rest = groups.remainder();
    if !rest.is_empty() {
        let mut word = 0;
        for at in 0..4 {
            let value = rest.get(at).map_or(0, |byte| VALUES[*byte as usize]);
            bad |= value;
            word = word << 6 | u32::from(value);
        }
        out.extend_from_slice(&word.to_be_bytes()[1..rest.len()]);
    }
    (bad < 64).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        for length in 0..200 {
            let bytes: Vec<u8> = (0..length).map(|n| (n * 37 + 11) as u8).collect();
            let text = encode(&bytes);
            assert_eq!(text.len() % 4, 0);
            assert_eq!(decode(&text).as_deref(), Some(&bytes[..]));
            assert_eq!(decode(text.trim_end_matches('=')).as_deref(), Some(&bytes[..]));
        }
        for wrong in ["A", "A=", "====", "AAA*", "AA=A", "AAAAA", "AA===", "é"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
