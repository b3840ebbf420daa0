//! The packets of an answer, as it arrives.

use crate::frame::room;

/// U+FFFD.
const MARK: &[u8] = "\u{fffd}".as_bytes();

/// Most digits of a length.
const DIGITS_MAX: usize = 10;

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// A packet is longer than it may be.
    TooLong,
    /// It is no payload.
    Invalid(&'static str),
}

/// The packets of one answer after the other.
pub(super) struct Incoming {
    /// Longest packet in bytes.
    longest: usize,
    /// What has arrived; the first `taken` bytes are behind us.
    buf: Vec<u8>,
    taken: usize,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Begin,
    /// The whole answer is one packet.
    Alone,
    /// A mark is to come, a length, and another.
    Length,
    /// So many UTF-16 units are to come of a packet, whose next character is there.
    Packet {
        left: usize,
        at: usize,
    },
}

impl Incoming {
    /// For packets of at most so many bytes.
    pub fn new(longest: usize) -> Self {
        Incoming { longest, buf: Vec::new(), taken: 0, stage: Stage::Begin }
    }

    /// Takes in more of an answer.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.taken > 0 {
            self.buf.drain(..self.taken);
            if let Stage::Packet { at, .. } = &mut self.stage {
                *at -= self.taken;
            }
            self.taken = 0;
        }
        room::append(&mut self.buf, bytes);
    }

    /// The next packet that has arrived whole. One that is alone is known to be so when
    /// the answer has [ended](Self::finish).
    pub fn next(&mut self) -> Result<Option<String>, Wrong> {
        loop {
            let rest = self.buf.get(self.taken..).unwrap_or_default();
            match self.stage {
                Stage::Begin if rest.len() < MARK.len() && MARK.starts_with(rest) => {
                    return Ok(None);
                }
                Stage::Begin if rest.starts_with(MARK) => self.stage = Stage::Length,
                Stage::Begin => self.stage = Stage::Alone,
                Stage::Alone if rest.len() > self.longest => return Err(Wrong::TooLong),
                Stage::Alone => return Ok(None),
                Stage::Length => {
                    let Some((length, size)) = length(rest)? else { return Ok(None) };
                    if length > self.longest {
                        return Err(Wrong::TooLong);
                    }
                    self.taken += size;
                    self.stage = Stage::Packet { left: length, at: self.taken };
                }
                Stage::Packet { left, at } => {
                    let (left, at) = count(&self.buf, left, at)?;
                    if at - self.taken > self.longest {
                        return Err(Wrong::TooLong);
                    }
                    if left > 0 {
                        self.stage = Stage::Packet { left, at };
                        return Ok(None);
                    }
                    let packet = self.buf.get(self.taken..at).unwrap_or_default();
                    let packet = text(packet.to_vec())?;
                    (self.taken, self.stage) = (at, Stage::Length);
                    return Ok(Some(packet));
                }
            }
        }
    }

    /// The answer has ended: gives a packet that was alone in it.
    pub fn finish(&mut self) -> Result<Option<String>, Wrong> {
        let stage = std::mem::replace(&mut self.stage, Stage::Begin);
        let mut rest = std::mem::take(&mut self.buf);
        rest.drain(..std::mem::take(&mut self.taken));
        match stage {
            Stage::Length if rest.is_empty() => Ok(None),
            Stage::Begin if rest.is_empty() => Ok(None),
            Stage::Begin | Stage::Alone => text(rest).map(Some),
            Stage::Length | Stage::Packet { .. } => {
                Err(Wrong::Invalid("an answer ends amid a packet"))
            }
        }
    }
}

fn text(bytes: Vec<u8>) -> Result<String, Wrong> {
    String::from_utf8(bytes).map_err(|_| Wrong::Invalid("text is not UTF-8"))
}

/// The length that stands between two marks, and how many bytes that are; `None` while
/// it has not come whole.
fn length(bytes: &[u8]) -> Result<Option<(usize, usize)>, Wrong> {
    const NONE: Wrong = Wrong::Invalid("no length of a packet");
    let shown = bytes.get(..MARK.len().min(bytes.len())).unwrap_or_default();
    if !MARK.starts_with(shown) {
        return Err(NONE);
    }
    let Some(rest) = bytes.strip_prefix(MARK) else { return Ok(None) };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, behind) = rest.split_at_checked(digits).ok_or(NONE)?;
    if digits > DIGITS_MAX
        || !MARK.starts_with(behind.get(..MARK.len().min(behind.len())).unwrap_or_default())
    {
        return Err(NONE);
    }
    if !behind.starts_with(MARK) {
        return Ok(None);
    }
    let number = str::from_utf8(number).ok().and_then(|number| number.parse().ok());
    Ok(Some((number.ok_or(NONE)?, digits + 2 * MARK.len())))
}

/// Counts the characters from `at` on that are whole, up to so many units: how many are
/// left, and where.
fn count(bytes: &[u8], mut left: usize, mut at: usize) -> Result<(usize, usize), Wrong> {
    while left > 0 {
        let Some(first) = bytes.get(at) else { break };
        let (width, units) = match first {
            0..0x80 => (1, 1),
            0xC0..0xE0 => (2, 1),
            0xE0..0xF0 => (3, 1),
            0xF0.. => (4, 2),
            _ => return Err(Wrong::Invalid("text is not UTF-8")),
        };
        if at + width > bytes.len() {
            break;
        }
        left = left.checked_sub(units).ok_or(Wrong::Invalid("a packet ends amid a character"))?;
        at += width;
    }
    Ok((left, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of an answer that arrives in pieces of this size.
    fn packets(answer: &[u8], step: usize, longest: usize) -> Result<Vec<String>, Wrong> {
        let (mut incoming, mut packets) = (Incoming::new(longest), Vec::new());
        for piece in answer.chunks(step) {
            incoming.push(piece);
            while let Some(packet) = incoming.next()? {
                packets.push(packet);
            }
        }
        packets.extend(incoming.finish()?);
        // It is ready for another one.
        assert_eq!(incoming.finish(), Ok(None));
        Ok(packets)
    }

    #[test]
    fn packets_in_pieces_of_any_size() {
        for (answer, expected) in [
            ("", &[][..]),
            ("1::", &["1::"]),
            ("3:::\"\u{fffd}é😀\"", &["3:::\"\u{fffd}é😀\""]),
            (
                "\u{fffd}8\u{fffd}3:::\"q1\"\u{fffd}9\u{fffd}3:::\"é😀\"",
                &["3:::\"q1\"", "3:::\"é😀\""],
            ),
            ("\u{fffd}0\u{fffd}\u{fffd}1\u{fffd}\u{fffd}", &["", "\u{fffd}"]),
            (
                "\u{fffd}7\u{fffd}3:::\u{fffd}3\u{fffd}\u{fffd}3\u{fffd}0::",
                &["3:::\u{fffd}3\u{fffd}", "0::"],
            ),
        ] {
            for step in 1..=answer.len().max(1) {
                assert_eq!(
                    packets(answer.as_bytes(), step, 100).unwrap(),
                    expected,
                    "{answer} {step}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_payload() {
        for answer in [
            &b"\xff"[..],
            b"3:::\xff",
            b"\xef\xbf",
            "\u{fffd}".as_bytes(),
            "\u{fffd}3".as_bytes(),
            "\u{fffd}3\u{fffd}8:".as_bytes(),
            "\u{fffd}2\u{fffd}8::".as_bytes(),
            "\u{fffd}3\u{fffd}8::x".as_bytes(),
            "\u{fffd}x\u{fffd}8::".as_bytes(),
            "\u{fffd}-3\u{fffd}8::".as_bytes(),
            "\u{fffd}\u{fffd}8::".as_bytes(),
            "\u{fffd}5\u{fffd}3:::😀".as_bytes(),
            "\u{fffd}12345678901\u{fffd}8::".as_bytes(),
            b"\xef\xbf\xbd2\xef\xbf\xbd\xc3x",
            b"\xef\xbf\xbd1\xef\xbf\xbd\x80",
        ] {
            for step in [1, 2, 7, 100] {
                let got = packets(answer, step, 1 << 40);
                assert!(matches!(got, Err(Wrong::Invalid(_))), "{answer:?} {step}: {got:?}");
            }
        }
    }

    /// No more is kept than a packet may be long.
    #[test]
    fn too_long() {
        for (answer, fits) in [
            ("x".repeat(10), true),
            ("x".repeat(11), false),
            (format!("\u{fffd}10\u{fffd}{}", "x".repeat(10)), true),
            ("\u{fffd}11\u{fffd}".to_owned(), false),
            (format!("\u{fffd}5\u{fffd}{}", "é".repeat(5)), true),
            (format!("\u{fffd}6\u{fffd}{}", "é".repeat(6)), false),
            ("\u{fffd}9999999999\u{fffd}".to_owned(), false),
        ] {
            for step in [1, 3, 100] {
                let got = packets(answer.as_bytes(), step, 10);
                assert_eq!(got.is_ok(), fits, "{answer} {step}: {got:?}");
                assert!(fits || got == Err(Wrong::TooLong), "{got:?}");
            }
        }
    }

    /// What the server puts together comes apart again.
    #[test]
    fn the_servers_payloads() {
        use crate::transformers::socket_io::payload;
        fastrand::seed(5);
        let alphabet = ['3', ':', 'x', 'é', '漢', '😀', '\u{fffd}', '1'];
        for _ in 0..500 {
            let count = fastrand::usize(2..6);
            let text =
                |_| (0..fastrand::usize(..40)).filter_map(|_| fastrand::choice(alphabet)).collect();
            let all: Vec<String> = (0..count).map(text).collect();
            let mut body = Vec::new();
            payload::encode(all.iter().map(|packet| ("", &**packet)), &mut body);
            assert_eq!(packets(&body, fastrand::usize(1..50), 1000).unwrap(), all);
        }
    }
}
