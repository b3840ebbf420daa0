//! The answers to polls, taken apart as they arrive: a server may have more to
//! say in one answer than one message may be long.

use crate::transformers::engine_io::packet::{Invalid, Packet};
use crate::transformers::engine_io::payload::{Content, undouble};
use crate::transformers::engine_io::{Format, Revision};

/// See the module.
pub(super) struct Incoming {
    format: Format,
    /// Longest packet in bytes.
    longest: usize,
    content: Content,
    /// What has arrived; the first `taken` bytes are behind us.
    buf: Vec<u8>,
    taken: usize,
    /// Where the search for the end of a packet goes on.
    at: usize,
    /// UTF-16 code units, or bytes, that the packet still has there.
    left: Option<usize>,
    /// There was a packet in this answer.
    any: bool,
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It is no payload.
    Invalid(Invalid),
    /// A packet is too long.
    TooLong,
}

impl From<Invalid> for Wrong {
    fn from(invalid: Invalid) -> Self {
        Wrong::Invalid(invalid)
    }
}

/// A whole packet, or `None` while there is none.
type Next = Result<Option<Packet>, Wrong>;

impl Incoming {
    /// For packets of at most so many bytes.
    pub fn new(format: Format, longest: usize) -> Self {
        let content = Content::Text;
        let buf = Vec::new();
        Incoming { format, longest, content, buf, taken: 0, at: 0, left: None, any: false }
    }

    /// Takes in more of an answer of this content.
    pub fn push(&mut self, content: Content, bytes: &[u8]) {
        self.content = content;
        self.buf.drain(..self.taken);
        self.at -= self.taken;
        self.taken = 0;
        self.buf.extend_from_slice(bytes);
    }

    /// The next packet that has arrived whole.
    pub fn next(&mut self) -> Next {
        let next = match (self.format.revision, self.content) {
            (Revision::V4, _) => self.joined(),
            (Revision::V3, Content::Text) => self.counted(),
            (Revision::V3, Content::Binary) => self.binary(),
        }?;
        if next.is_none() && self.buf.len() - self.taken > self.longest.saturating_add(16) {
            return Err(Wrong::TooLong);
        }
        self.any |= next.is_some();
        Ok(next)
    }

    /// The answer is whole: its last packet, if there is one left.
    pub fn finish(&mut self) -> Next {
        let rest = self.buf.split_off(self.taken);
        let any = std::mem::take(&mut self.any);
        *self = Incoming::new(self.format, self.longest);
        match self.format.revision {
            Revision::V4 => Ok(Some(self.text(&rest)?)),
            Revision::V3 if !rest.is_empty() => {
                Err(Invalid("payload shorter than its length").into())
            }
            Revision::V3 if !any => Err(Invalid("empty body").into()),
            Revision::V3 => Ok(None),
        }
    }

    fn joined(&mut self) -> Next {
        let rest = self.buf.get(self.at..).unwrap_or_default();
        let Some(end) = rest.iter().position(|byte| *byte == 0x1e) else {
            self.at = self.buf.len();
            return Ok(None);
        };
        let end = self.at + end;
        let packet = self.text(self.buf.get(self.taken..end).unwrap_or_default())?;
        self.take(end + 1);
        Ok(Some(packet))
    }

    fn counted(&mut self) -> Next {
        loop {
            let Some(left) = self.length(b'0', b':')? else { return Ok(None) };
            let mut left = left;
            while left > 0
                && let Some(byte) = self.buf.get(self.at)
            {
                let (bytes, units) = match byte {
                    0x00..0x80 => (1, 1),
                    0x80..0xe0 => (2, 1),
                    0xe0..0xf0 => (3, 1),
                    0xf0.. => (4, 2),
                };
                left = left.checked_sub(units).ok_or(Invalid("length inside a character"))?;
                self.at += bytes;
            }
            self.left = Some(left);
            if left > 0 || self.at > self.buf.len() {
                // In the midst of a character the search goes on behind it.
                return Ok(None);
            }
            let (begin, end) = (self.begin(), self.at);
            if begin < end {
                let packet = self.text(self.buf.get(begin..end).unwrap_or_default())?;
                self.take(end);
                return Ok(Some(packet));
            }
            self.take(end);
        }
    }

    fn binary(&mut self) -> Next {
        if self.left.is_none() && self.at == self.taken {
            match self.buf.get(self.at) {
                Some(0 | 1) => self.at += 1,
                Some(_) => return Err(Invalid("unknown kind of packet").into()),
                None => return Ok(None),
            }
        }
        let Some(left) = self.length(0, 0xff)? else { return Ok(None) };
        self.left = Some(left);
        let (begin, end) = (self.at, self.at.saturating_add(left));
        let Some(data) = self.buf.get(begin..end) else { return Ok(None) };
        let packet = match self.buf.get(self.taken) {
            Some(0) => self.text(data)?,
            _ => Packet::from_bytes(data)?,
        };
        self.take(end);
        Ok(Some(packet))
    }

    /// What is left of the present item, whose length stands before it in
    /// digits that count from `zero`.
    fn length(&mut self, zero: u8, end: u8) -> Result<Option<usize>, Wrong> {
        if self.left.is_some() {
            return Ok(self.left);
        }
        let mut length = 0usize;
        let mut at = self.at;
        while let Some(byte) = self.buf.get(at) {
            if *byte == end && at > self.at {
                self.at = at + 1;
                return Ok(Some(length));
            }
            let digit = byte.checked_sub(zero).filter(|digit| *digit < 10);
            let digit = digit.ok_or(Invalid("bad length"))?;
            length = length.saturating_mul(10).saturating_add(digit.into());
            at += 1;
            if length > self.longest {
                return Err(Wrong::TooLong);
            }
            if at - self.at > 20 {
                return Err(Invalid("bad length").into());
            }
        }
        Ok(None)
    }

    /// Where the text of the present item begins.
    fn begin(&self) -> usize {
        let item = self.buf.iter().skip(self.taken);
        self.taken + item.take_while(|byte| **byte != b':').count() + 1
    }

    fn take(&mut self, end: usize) {
        self.taken = end;
        self.at = end;
        self.left = None;
    }

    fn text(&self, bytes: &[u8]) -> Result<Packet, Invalid> {
        let text = std::str::from_utf8(bytes).map_err(|_| Invalid("text is not UTF-8"))?;
        let once = self.format.double.then(|| undouble(text)).flatten();
        Packet::from_text(once.as_deref().unwrap_or(text), self.format.revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;
    use crate::transformers::engine_io::packet::PacketRef;
    use crate::transformers::engine_io::payload;

    /// Everything in a body that arrives in pieces of this length.
    fn all(
        format: Format,
        content: Content,
        body: &[u8],
        step: usize,
    ) -> Result<Vec<Packet>, Wrong> {
        let mut incoming = Incoming::new(format, 100);
        let mut found = Vec::new();
        for piece in body.chunks(step) {
            incoming.push(content, piece);
            while let Some(packet) = incoming.next()? {
                found.push(packet);
            }
        }
        found.extend(incoming.finish()?);
        Ok(found)
    }

    fn formats() -> impl Iterator<Item = Format> {
        let v3 = Format::new(Revision::V3);
        [Format::new(Revision::V4), v3, Format { b64: true, ..v3 }].into_iter().chain([Format {
            double: true,
            b64: true,
            ..v3
        }])
    }

    #[test]
    fn what_is_encoded_arrives_in_any_pieces() {
        let packets = [
            Packet::Open("{}".into()),
            Packet::Message(Frame::text("é€😀\u{2028}:1:4")),
            Packet::Message(Frame::text("")),
            Packet::Message(Frame::binary([0, 255, 0x1e, 4])),
            Packet::Message(Frame::text("plain")),
            Packet::Ping(String::new()),
            Packet::Noop,
            Packet::Message(Frame::text("last 😀")),
        ];
        for format in formats() {
            for count in 1..=packets.len() {
                let packets = &packets[..count];
                let mut body = Vec::new();
                let refs = packets.iter().map(Packet::as_ref);
                let content = payload::encode(refs, format, &mut body);
                for step in [1, 2, 3, 7, 1000] {
                    let found = all(format, content, &body, step);
                    assert_eq!(found.as_deref(), Ok(packets), "{format:?}, {step}");
                }
            }
        }
    }

    #[test]
    fn one_answer_after_another() {
        for format in formats() {
            let mut incoming = Incoming::new(format, 100);
            for text in ["one", "two"] {
                let mut body = Vec::new();
                let content = payload::encode([PacketRef::Text(text)], format, &mut body);
                incoming.push(content, &body);
                let mut found = Vec::new();
                while let Some(packet) = incoming.next().unwrap() {
                    found.push(packet);
                }
                found.extend(incoming.finish().unwrap());
                assert_eq!(found, [Packet::Message(Frame::text(text))]);
            }
        }
    }

    #[test]
    fn what_is_no_payload() {
        let v4 = Format::new(Revision::V4);
        let v3 = Format::new(Revision::V3);
        let bodies: [(Format, Content, &[u8]); 17] = [
            (v4, Content::Text, b""),
            (v4, Content::Text, b"9"),
            (v4, Content::Text, b"4a\x1e"),
            (v4, Content::Text, b"\x1e4a"),
            (v4, Content::Text, b"4\xff"),
            (v4, Content::Text, b"b!"),
            (v3, Content::Text, b""),
            (v3, Content::Text, b"0:"),
            (v3, Content::Text, b"4a"),
            (v3, Content::Text, b":4a"),
            (v3, Content::Text, b"-1:4"),
            (v3, Content::Text, b"3:4a"),
            (v3, Content::Text, b"1:4a"),
            (v3, Content::Text, b"00000000000000000000001:4"),
            (v3, Content::Text, "2:4😀".as_bytes()),
            (v3, Content::Binary, &[2, 1, 255, 4]),
            (v3, Content::Binary, &[1, 2, 255, 4]),
        ];
        for (format, content, body) in bodies {
            for step in [1, 1000] {
                let found = all(format, content, body, step);
                assert!(matches!(found, Err(Wrong::Invalid(_))), "{body:?}: {found:?}");
            }
        }
    }

    #[test]
    fn a_packet_that_is_too_long_is_not_waited_for() {
        let v3 = Format::new(Revision::V3);
        let long = [b'4'; 200];
        for (format, content, body) in [
            (Format::new(Revision::V4), Content::Text, &long[..]),
            (v3, Content::Text, b"101:"),
            (v3, Content::Text, b"99999999999999999"),
            (v3, Content::Binary, &[1, 1, 0, 1]),
        ] {
            for step in [1, 1000] {
                assert_eq!(all(format, content, body, step), Err(Wrong::TooLong));
            }
        }
    }
}
