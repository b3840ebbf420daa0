//! Numbers as JavaScript reads and writes them.

/// The number that JavaScript's unary plus makes of a text: 0 of an empty one,
/// NaN of one that is not a number.
pub fn number(text: &str) -> f64 {
    let text = text.trim_matches(white);
    if text.is_empty() {
        return 0.0;
    }
    if let Some(radix) = radix(text) {
        return integer(&text[2..], radix);
    }
    let (sign, digits) = match text.as_bytes()[0] {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    match digits {
        "Infinity" => sign * f64::INFINITY,
        _ if is_decimal(digits) => digits.parse().map_or(f64::NAN, |number: f64| sign * number),
        _ => f64::NAN,
    }
}

/// The text that JavaScript makes of a number.
pub fn text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if number == 0.0 {
        return "0".to_owned();
    }
    let shortest = format!("{:e}", number.abs());
    let Some((mantissa, exponent)) = shortest.split_once('e') else { return shortest };
    let digits = mantissa.replace('.', "");
    let text = lay_out(&digits, exponent.parse().unwrap_or(0));
    if number < 0.0 { format!("-{text}") } else { text }
}

/// Lays out the digits `d.ddd` times ten to the `exponent`.
fn lay_out(digits: &str, exponent: i32) -> String {
    let count = digits.len() as i32;
    let point = exponent + 1;
    match point {
        _ if count <= point && point <= 21 => {
            format!("{digits}{}", "0".repeat((point - count) as usize))
        }
        1..=21 => {
            let (whole, fraction) = digits.split_at(point as usize);
            format!("{whole}.{fraction}")
        }
        -5..=0 => format!("0.{}{digits}", "0".repeat(-point as usize)),
        _ => {
            let (first, rest) = digits.split_at(1);
            let dot = if rest.is_empty() { "" } else { "." };
            format!("{first}{dot}{rest}e{exponent:+}")
        }
    }
}

/// What JavaScript's `trim` removes.
fn white(c: char) -> bool {
    (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}'
}

fn radix(text: &str) -> Option<u32> {
    match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => Some(16),
        [b'0', b'o' | b'O', ..] => Some(8),
        [b'0', b'b' | b'B', ..] => Some(2),
        _ => None,
    }
}

/// A whole number of any length, rounded once.
fn integer(digits: &str, radix: u32) -> f64 {
    if digits.is_empty() {
        return f64::NAN;
    }
    let bits = radix.trailing_zeros();
    // The leading bits, the last of which also stands for all that were cut.
    let (mut leading, mut cut) = (0u64, 0u32);
    for digit in digits.chars() {
        let Some(digit) = digit.to_digit(radix) else { return f64::NAN };
        if leading >> (64 - bits) == 0 {
            leading = leading << bits | u64::from(digit);
        } else {
            leading |= u64::from(digit != 0);
            cut = cut.saturating_add(bits);
        }
    }
    leading as f64 * f64::from(cut.min(2_000)).exp2()
}

/// `[digits][.digits][e[+-]digits]`, with a digit before the exponent.
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    all_digits(whole)
        && all_digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !digits.is_empty() && all_digits(digits)
        })
}
