//! How the key of a handshake shows an old client.

/// Whether a `Sec-WebSocket-Key` is of the form that only old Node clients use:
/// base64 of `13-` and digits (the version and the time).
pub(crate) fn is_old_key(key: &str) -> bool {
    let Some(rest) = key.trim_end_matches('=').strip_prefix("MTMt") else { return false };
    let (mut bits, mut count) = (0u32, 0);
    for letter in rest.bytes() {
        let Some(six) = base64_digit(letter) else { return false };
        bits = bits << 6 | six;
        count += 6;
        if count >= 8 {
            count -= 8;
            if !((bits >> count) as u8).is_ascii_digit() {
                return false;
            }
            bits &= (1 << count) - 1;
        }
    }
    rest.len() >= 2
}

fn base64_digit(letter: u8) -> Option<u32> {
    let digit = match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(digit))
}

#[test]
fn old_keys_are_the_version_and_a_time() {
    assert!(is_old_key("MTMtMTc5NTI0NDk4NzI1OA=="));
    assert!(is_old_key("MTMtMTQwMDAwMDAwMDAwMA=="));
    // `13-` and something else, and nothing at all.
    assert!(!is_old_key("MTMtMTc5NTI0NDk4NzI1eA=="));
    assert!(!is_old_key("MTMt"));
    assert!(!is_old_key("MTMt\u{e9}"));
    assert!(!is_old_key("dGhlIHNhbXBsZSBub25jZQ=="));
}
