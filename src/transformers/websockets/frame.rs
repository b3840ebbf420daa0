//! RFC 6455 frames as bytes: headers, masks and whole frames, for both roles
//! (sections 5.2 to 5.5).

use crate::frame::{Frame, room};

/// The longest payload of a control frame (section 5.5).
pub(super) const CONTROL_MAX: usize = 125;
/// The first reserved bit of a frame.
const COMPRESSED: u8 = 0x40;
/// The longest frame header: two bytes, a 64-bit length and a mask.
pub(super) const HEADER_MAX: usize = 14;

/// What a frame is (section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
    Reserved,
}

impl Opcode {
    fn of(bits: u8) -> Self {
        match bits {
            0x0 => Opcode::Continuation,
            0x1 => Opcode::Text,
            0x2 => Opcode::Binary,
            0x8 => Opcode::Close,
            0x9 => Opcode::Ping,
            0xA => Opcode::Pong,
            _ => Opcode::Reserved,
        }
    }

    fn bits(self) -> u8 {
        match self {
            Opcode::Continuation => 0x0,
            Opcode::Text => 0x1,
            Opcode::Binary => 0x2,
            Opcode::Close => 0x8,
            Opcode::Ping => 0x9,
            Opcode::Pong => 0xA,
            Opcode::Reserved => 0xF,
        }
    }

    pub fn is_control(self) -> bool {
        matches!(self, Opcode::Close | Opcode::Ping | Opcode::Pong)
    }

    fn of_data(binary: bool) -> Self {
        if binary { Opcode::Binary } else { Opcode::Text }
    }
}

/// A frame header as it was read, not judged yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub opcode: Opcode,
    pub fin: bool,
    /// The first reserved bit: the message is compressed, where that was agreed on.
    pub compressed: bool,
    /// One of the other two is set.
    pub reserved: bool,
    pub mask: Option<[u8; 4]>,
    /// Bytes of payload.
    pub length: u64,
    /// The length is written in its shortest form.
    pub shortest: bool,
    /// Bytes of the header itself.
    pub size: usize,
}

impl Header {
    /// The header at the front; `None` while it is not whole.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Option<Header> {
        let (&[first, second], rest) = bytes.split_first_chunk::<2>()?;
        let (length, shortest, rest) = match second & 0x7F {
            126 => {
                let (length, rest) = rest.split_first_chunk::<2>()?;
                let length = u16::from_be_bytes(*length);
                (u64::from(length), length > 125, rest)
            }
            127 => {
                let (length, rest) = rest.split_first_chunk::<8>()?;
                let length = u64::from_be_bytes(*length);
                (length, length > u64::from(u16::MAX), rest)
            }
            short => (u64::from(short), true, rest),
        };
        let (mask, rest) = match second & 0x80 {
            0 => (None, rest),
            _ => {
                let (mask, rest) = rest.split_first_chunk::<4>()?;
                (Some(*mask), rest)
            }
        };
        Some(Header {
            opcode: Opcode::of(first & 0x0F),
            fin: first & 0x80 != 0,
            compressed: first & COMPRESSED != 0,
            reserved: first & 0x30 != 0,
            mask,
            length,
            shortest,
            size: bytes.len() - rest.len(),
        })
    }
}

/// Appends the header of a whole message or control frame.
#[inline]
pub(super) fn write_header(
    opcode: Opcode,
    length: usize,
    mask: Option<[u8; 4]>,
    out: &mut Vec<u8>,
) {
    write_first(0x80 | opcode.bits(), length, mask, out);
}

/// Appends the header of a whole message that is compressed.
#[cfg(feature = "compression")]
pub(super) fn write_compressed(
    opcode: Opcode,
    length: usize,
    mask: Option<[u8; 4]>,
    out: &mut Vec<u8>,
) {
    write_first(0x80 | COMPRESSED | opcode.bits(), length, mask, out);
}

#[inline]
fn write_first(first: u8, length: usize, mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    match length {
        0..=125 => out.extend_from_slice(&[first, masked | length as u8]),
        126..=0xFFFF => {
            let [high, low] = (length as u16).to_be_bytes();
            out.extend_from_slice(&[first, masked | 126, high, low]);
        }
        _ => {
            out.extend_from_slice(&[first, masked | 127]);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    if let Some(mask) = mask {
        out.extend_from_slice(&mask);
    }
}

/// Masks or unmasks; `offset` is how many bytes of the payload came before
/// (section 5.3).
pub(super) fn apply_mask(payload: &mut [u8], mask: [u8; 4], offset: usize) {
    let word = u32::from_ne_bytes(mask);
    let turned = match cfg!(target_endian = "little") {
        true => word.rotate_right(8 * (offset as u32 % 4)),
        false => word.rotate_left(8 * (offset as u32 % 4)),
    };
    let wide = u64::from(turned) << 32 | u64::from(turned);
    let (chunks, tail) = payload.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in tail.iter_mut().zip(wide.to_ne_bytes()) {
        *byte ^= mask;
    }
}

pub(super) fn write_frame(
    opcode: Opcode,
    payload: &[u8],
    mask: Option<[u8; 4]>,
    out: &mut Vec<u8>,
) {
    room::reserve(out, HEADER_MAX + payload.len());
    write_header(opcode, payload.len(), mask, out);
    let body = out.len();
    out.extend_from_slice(payload);
    if let Some(mask) = mask {
        apply_mask(&mut out[body..], mask, 0);
    }
}

/// Appends one message as a single frame; masked when a mask is given.
pub(crate) fn encode(frame: &Frame, mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    write_frame(Opcode::of_data(frame.is_binary()), frame.as_bytes(), mask, out);
}

/// Appends one message as a single frame whose payload, of this length, is
/// appended by `fill`.
pub(crate) fn encode_with(
    binary: bool,
    length: usize,
    mask: Option<[u8; 4]>,
    out: &mut Vec<u8>,
    fill: impl FnOnce(&mut Vec<u8>),
) {
    write_header(Opcode::of_data(binary), length, mask, out);
    let body = out.len();
    fill(out);
    debug_assert_eq!(out.len() - body, length);
    if let Some(mask) = mask {
        apply_mask(&mut out[body..], mask, 0);
    }
}

/// Appends one text message as a single frame whose payload is appended by `fill`,
/// and of which it is known only `about` how long it is.
pub(crate) fn encode_about(
    about: usize,
    mask: Option<[u8; 4]>,
    out: &mut Vec<u8>,
    fill: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    write_header(Opcode::Text, about, mask, out);
    let body = out.len();
    fill(out);
    let end = out.len();
    if let Some(mask) = mask {
        apply_mask(&mut out[body..], mask, 0);
    }
    let length = end - body;
    if mask.is_none() && length <= 125 && body - start == 2 {
        out[start + 1] = length as u8;
        return;
    }
    write_header(Opcode::Text, length, mask, out);
    let header = out.split_off(end);
    out.splice(start..body, header);
}

/// Appends only the header of an unmasked message, for payloads that are better
/// sent from where they lie, or put together in place.
pub(crate) fn encode_header(binary: bool, length: usize, out: &mut Vec<u8>) {
    write_header(Opcode::of_data(binary), length, None, out);
}

/// Appends a ping frame. At most 125 bytes of payload are taken.
pub(crate) fn encode_ping(payload: &[u8], mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    write_frame(Opcode::Ping, cut(payload), mask, out);
}

/// Appends a pong frame. At most 125 bytes of payload are taken.
pub(crate) fn encode_pong(payload: &[u8], mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    write_frame(Opcode::Pong, cut(payload), mask, out);
}

fn cut(payload: &[u8]) -> &[u8] {
    &payload[..payload.len().min(CONTROL_MAX)]
}

/// Appends a close frame: empty, or with a code and a reason that is cut to
/// the 123 bytes that fit, on a character boundary.
pub(crate) fn encode_close(why: Option<(u16, &str)>, mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    let mut payload = Vec::new();
    if let Some((code, reason)) = why {
        payload.extend_from_slice(&code.to_be_bytes());
        payload.extend_from_slice(&reason.as_bytes()[..reason.floor_char_boundary(123)]);
    }
    write_frame(Opcode::Close, &payload, mask, out);
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use tungstenite::protocol::frame::FrameHeader;

    use super::*;

    /// Every length around a change of form, and some others.
    fn lengths() -> impl Iterator<Item = usize> {
        let edges = [0, 1, 125, 126, 127, 0xFFFF, 0x1_0000, 1 << 31, 1 << 40];
        edges.into_iter().flat_map(|edge: usize| [edge.saturating_sub(1), edge, edge + 1])
    }

    #[test]
    fn headers_are_those_that_tungstenite_reads_and_writes() {
        let kinds = [Opcode::Text, Opcode::Binary, Opcode::Close, Opcode::Ping, Opcode::Pong];
        for (opcode, length) in kinds.into_iter().flat_map(|k| lengths().map(move |l| (k, l))) {
            for mask in [None, Some([1, 2, 3, 4])] {
                let mut ours = Vec::new();
                write_header(opcode, length, mask, &mut ours);
                let mut cursor = Cursor::new(&ours);
                let (theirs, told) = FrameHeader::parse(&mut cursor).unwrap().unwrap();
                assert_eq!(cursor.position() as usize, ours.len());
                assert_eq!(told, length as u64);
                let mut again = Vec::new();
                theirs.format(told, &mut again).unwrap();
                assert_eq!(again, ours);
                let read = Header::parse(&ours).unwrap();
                assert_eq!((read.opcode, read.fin, read.mask), (opcode, true, mask));
                assert_eq!((read.length, read.size), (length as u64, ours.len()));
                assert!(read.shortest && !read.reserved && !read.compressed);
                (0..ours.len()).for_each(|cut| assert_eq!(Header::parse(&ours[..cut]), None));
            }
        }
    }

    #[test]
    fn any_bytes_are_read_as_tungstenite_reads_them() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..50_000 {
            let mut bytes = [0; 16];
            random.fill(&mut bytes);
            if random.bool() {
                // Lengths that would fit in less.
                bytes[2..8].fill(0);
            }
            let bytes = &bytes[..random.usize(..=16)];
            let mut cursor = Cursor::new(bytes);
            match (Header::parse(bytes), FrameHeader::parse(&mut cursor)) {
                (None, Ok(None)) => {}
                (Some(ours), Err(_)) => assert_eq!(ours.opcode, Opcode::Reserved),
                (Some(ours), Ok(Some((theirs, length)))) => {
                    assert_eq!(ours.length, length);
                    assert_eq!((ours.fin, ours.mask), (theirs.is_final, theirs.mask));
                    assert_eq!(ours.compressed, theirs.rsv1);
                    assert_eq!(ours.reserved, theirs.rsv2 || theirs.rsv3);
                    assert_eq!(ours.size, cursor.position() as usize);
                    assert_eq!(ours.shortest, theirs.len(length) == ours.size);
                    assert_eq!(ours.opcode.bits(), u8::from(theirs.opcode));
                }
                (ours, theirs) => panic!("{bytes:?}: {ours:?}, but {theirs:?}"),
            }
        }
    }

    #[test]
    fn a_frame_whose_length_was_guessed_is_the_same() {
        let guesses = [0, 125, 126, 0xFFFF, 0x1_0000];
        for length in lengths().filter(|length| *length < 1 << 20) {
            for (about, mask) in guesses.iter().flat_map(|g| [(*g, None), (*g, Some([1, 2, 3, 4]))])
            {
                let text = "x".repeat(length);
                let (mut guessed, mut known) = (b"before".to_vec(), b"before".to_vec());
                encode_about(about, mask, &mut guessed, |out| out.extend(text.as_bytes()));
                encode(&Frame::text(&*text), mask, &mut known);
                assert!(guessed == known, "{length} {about}");
            }
        }
    }

    #[test]
    fn a_mask_goes_on_where_it_stopped() {
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        let payload: Vec<u8> = (0..100).collect();
        for cut in 0..payload.len() {
            let mut masked = payload.clone();
            let (front, back) = masked.split_at_mut(cut);
            apply_mask(front, mask, 0);
            apply_mask(back, mask, cut);
            let byte_by_byte = payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m);
            assert!(masked.iter().copied().eq(byte_by_byte));
        }
    }
}
