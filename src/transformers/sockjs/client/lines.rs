//! Answers that come line by line, of which no line is waited for that is too long.

use crate::frame::room;

/// The lines of one answer after the other, as they arrive.
pub(super) struct Lines {
    /// Longest line in bytes.
    longest: usize,
    /// What has arrived; the first `taken` bytes are behind us.
    buf: Vec<u8>,
    taken: usize,
    /// Where the search for the end of the line goes on.
    at: usize,
}

/// A line is longer than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Lines {
    /// For lines of at most so many bytes.
    pub fn new(longest: usize) -> Self {
        Lines { longest, buf: Vec::new(), taken: 0, at: 0 }
    }

    /// Takes in more of an answer.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buf.drain(..self.taken);
        self.at -= self.taken;
        self.taken = 0;
        room::append(&mut self.buf, bytes);
    }

    /// The next line that has arrived whole.
    pub fn next(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        let rest = self.buf.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == b'\n');
        self.at = end.map_or(self.buf.len(), |end| self.at + end);
        let line = self.buf.get(self.taken..self.at).unwrap_or_default();
        if line.len() > self.longest {
            return Err(TooLong);
        }
        if end.is_none() {
            return Ok(None);
        }
        let mut found = room::take(line.len());
        found.extend_from_slice(line);
        self.at += 1;
        self.taken = self.at;
        Ok(Some(found))
    }

    /// The answer is over; whether that was amid a line.
    pub fn finish(&mut self) -> bool {
        let cut = self.buf.len() > self.taken;
        *self = Lines::new(self.longest);
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_in_any_pieces() {
        let text = "o\n\nh\na[\"é😀\"]\nlast\n";
        for step in 1..=text.len() {
            let mut lines = Lines::new(100);
            let mut found = Vec::new();
            for piece in text.as_bytes().chunks(step) {
                lines.push(piece);
                while let Some(line) = lines.next().unwrap() {
                    found.push(String::from_utf8(line).unwrap());
                }
            }
            assert_eq!(found, ["o", "", "h", "a[\"é😀\"]", "last"], "{step}");
            assert!(!lines.finish());
        }
        let mut lines = Lines::new(100);
        lines.push(b"o\na[");
        assert_eq!(lines.next(), Ok(Some(b"o".to_vec())));
        assert!(lines.finish(), "amid a line");
        lines.push(b"h\n");
        assert_eq!(lines.next(), Ok(Some(b"h".to_vec())), "another answer");
    }

    #[test]
    fn a_line_that_is_too_long_is_not_waited_for() {
        for step in [1, 7, 1000] {
            let mut lines = Lines::new(10);
            lines.push(b"0123456789\n");
            assert_eq!(lines.next().unwrap().unwrap().len(), 10);
            let mut pieces = [b'x'; 1000].chunks(step);
            let at = pieces.position(|piece| {
                lines.push(piece);
                lines.next().is_err()
            });
            assert_eq!(at, Some(10 / step), "{step}");
        }
        let mut lines = Lines::new(10);
        lines.push(b"01234567890\n");
        assert_eq!(lines.next(), Err(TooLong));
    }
}
