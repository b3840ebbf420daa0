//! Strings of JSON in the form that SockJS gives them.

use crate::frame::room;
use crate::transformers::json::run;

/// Appends a text as a JSON string. Beside what JSON demands all is escaped that
/// browsers or proxies have been found to spoil: surrogates, so every character
/// beyond U+FFFF, and U+200C-200F, U+2028-202F, U+2060-206F and U+FFF0-FFFF.
pub(crate) fn quote(text: &str, out: &mut Vec<u8>) {
    // Escapes make it longer.
    room::reserve(out, text.len() + 2);
    out.push(b'"');
    let bytes = text.as_bytes();
    let (mut from, mut at) = (0, 0);
    loop {
        at = run::<true>(bytes, at);
        let Some(&byte) = bytes.get(at) else { break };
        match byte {
            b'"' | b'\\' => {
                room::append(out, &bytes[from..at]);
                room::append(out, b"\\");
                from = at;
                at += 1;
            }
            0x80.. => {
                let next = text.get(at..).and_then(|rest| rest.chars().next());
                let Some(next) = next else { break };
                if is_spoilt(next) {
                    room::append(out, &bytes[from..at]);
                    next.encode_utf16(&mut [0; 2]).iter().for_each(|unit| escape(*unit, out));
                    from = at + next.len_utf8();
                }
                at += next.len_utf8();
            }
            _ => {
                room::append(out, &bytes[from..at]);
                control(byte, out);
                at += 1;
                from = at;
            }
        }
    }
    room::append(out, &bytes[from..]);
    room::append(out, b"\"");
}

fn is_spoilt(char: char) -> bool {
    matches!(char,
        '\u{200c}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{2060}'..='\u{206f}'
        | '\u{fff0}'..)
}

fn control(byte: u8, out: &mut Vec<u8>) {
    let letter = match byte {
        0x08 => b'b',
        0x09 => b't',
        0x0a => b'n',
        0x0c => b'f',
        0x0d => b'r',
        _ => return escape(byte.into(), out),
    };
    room::append(out, &[b'\\', letter]);
}

fn escape(unit: u16, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |shift: u16| DIGITS[usize::from(unit >> shift & 0xF)];
    room::append(out, &[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}
