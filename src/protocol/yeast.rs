//! Short texts that never repeat: the cache buster `_primuscb`.

const ALPHABET: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

/// Writes the time in base 64; within one millisecond, a counter behind a dot
/// keeps the texts apart.
#[derive(Clone, Debug, Default)]
pub struct Yeast {
    previous: Option<u64>,
    counter: u64,
}

impl Yeast {
    /// The next text, `wall_ms` milliseconds after 1970.
    pub fn text(&mut self, wall_ms: u64) -> String {
        let mut text = encode(wall_ms);
        if self.previous == Some(wall_ms) {
            text.push('.');
            text.push_str(&encode(self.counter));
            self.counter += 1;
        } else {
            self.previous = Some(wall_ms);
            self.counter = 0;
        }
        text
    }
}

/// A number in base 64, most significant digit first.
fn encode(mut number: u64) -> String {
    let mut digits = Vec::with_capacity(11);
    loop {
        digits.push(ALPHABET[(number % 64) as usize] as char);
        number /= 64;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_in_base_64() {
        let mut yeast = Yeast::default();
        assert_eq!(yeast.text(0), "0");
        assert_eq!(yeast.text(63), "_");
        assert_eq!(yeast.text(64), "10");
        assert_eq!(yeast.text(1_439_816_226_334), "Kyxl1OU");
        assert_eq!(yeast.text(u64::MAX).len(), 11);
    }

    #[test]
    fn a_counter_keeps_one_millisecond_apart() {
        let mut yeast = Yeast::default();
        let texts: Vec<_> = (0..67).map(|_| yeast.text(64)).collect();
        assert_eq!(texts[..3], ["10", "10.0", "10.1"]);
        assert_eq!(texts[64..], ["10._", "10.10", "10.11"]);
        assert_eq!(yeast.text(65), "11");
        assert_eq!(yeast.text(65), "11.0");
    }
}
