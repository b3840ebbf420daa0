//! Comparing what only those may know who are let in.

use std::hint::black_box;

/// Whether two texts are the same, in a time that tells nothing but whether they are
/// equally long: not how much of the one a stranger has guessed.
pub(in crate::plugins) fn is_same(ours: &str, theirs: &str) -> bool {
    let (ours, theirs) = (ours.as_bytes(), theirs.as_bytes());
    if ours.len() != theirs.len() {
        return false;
    }
    // All bytes are looked at, whatever the first ones are: the compiler may not stop
    // at the first difference.
    let differs = |all: u8, (one, other): (&u8, &u8)| black_box(all | (one ^ other));
    black_box(ours.iter().zip(theirs).fold(0, differs)) == 0
}

#[cfg(test)]
mod tests {
    use super::is_same;

    #[test]
    fn only_what_is_the_same_to_the_last_byte_is_the_same() {
        assert!(is_same("", "") && is_same("Basic b21lZ2E=", "Basic b21lZ2E="));
        let secret = "Basic b21lZ2E6c3VwcmVtZQ==";
        for at in 0..secret.len() {
            let mut other = secret.as_bytes().to_vec();
            other[at] ^= 1;
            assert!(!is_same(secret, std::str::from_utf8(&other).unwrap()), "{at}");
            assert!(!is_same(secret, &secret[..at]) && !is_same(&secret[..at], secret), "{at}");
        }
    }

    /// A comparison that stops at the first difference takes a thousand times as long for
    /// one at the end.
    #[test]
    fn where_the_difference_is_makes_none() {
        let secret = "x".repeat(1 << 16);
        let (early, late) = (format!("y{}", &secret[1..]), format!("{}y", &secret[1..]));
        let time = |guess: &str| {
            let times = (0..50).map(|_| {
                let begin = std::time::Instant::now();
                assert!(!is_same(&secret, guess));
                begin.elapsed()
            });
            times.min().unwrap()
        };
        let (early, late) = (time(&early), time(&late));
        assert!(late < early * 10, "{early:?} and {late:?}");
    }
}
