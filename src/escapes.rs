//! What the escapes in strings of JSON stand for.

/// The character of an escape, whose backslash is at `at`, and where what follows
/// the escape begins; `None` if it is not one of JSON's. A lone surrogate becomes
/// U+FFFD.
#[inline]
pub(crate) fn unescape(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    let char = match bytes.get(at + 1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return of_units(bytes, at),
        _ => return None,
    };
    Some((char, at + 2))
}

fn of_units(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    let units = [unit(bytes, at)?, unit(bytes, at + 6).unwrap_or_default()];
    Some(match char::decode_utf16(units).next() {
        Some(Ok(char)) => (char, at + 6 * char.len_utf16()),
        _ => (char::REPLACEMENT_CHARACTER, at + 6),
    })
}

/// The UTF-16 unit of `\uXXXX` at a place.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let digit = |digit: &u8| char::from(*digit).to_digit(16).map(|value| value as u16);
    digits.iter().try_fold(0, |unit, next| Some(unit << 4 | digit(next)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        let of = |text: &str| unescape(text.as_bytes(), 0);
        assert_eq!(of(r#"\"a"#), Some(('"', 2)));
        assert_eq!(of(r"\u00e9a"), Some(('\u{e9}', 6)));
        assert_eq!(of(r"\ud83d\ude00a"), Some(('\u{1f600}', 12)));
        for lone in [r"\ud83d", r"\ud83da", r"\ud83d\u0041", r"\ude00\ud83d"] {
            assert_eq!(of(lone), Some((char::REPLACEMENT_CHARACTER, 6)), "{lone}");
        }
        for bad in [r"\", r"\x", r"\u", r"\u12", r"\u12g4", r"\u+123"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
