//! WebSocket frames, put together and taken apart by hand: what the crate makes of
//! them is what the tests check.

use std::io::{self, Read};

pub const CONTINUATION: u8 = 0;

pub const TEXT: u8 = 1;

pub const BINARY: u8 = 2;

pub const CLOSE: u8 = 8;

pub const PING: u8 = 9;

pub const PONG: u8 = 10;

pub const FIN: u8 = 0x80;

/// A WebSocket frame as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireFrame {
    /// The first byte: FIN, RSV and the opcode.
    pub head: u8,
    pub payload: Vec<u8>,
}

impl WireFrame {
    pub fn opcode(&self) -> u8 {
        self.head & 0x0f
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.payload).expect("text")
    }
}

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame as clients send it: masked.
pub fn masked(head: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = declared(head, 0x80, payload.len() as u64);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// A frame as servers send it.
pub fn unmasked(head: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = declared(head, 0, payload.len() as u64);
    frame.extend_from_slice(payload);
    frame
}

/// The header of a frame: with the mask bit (0x80) and a mask or without, and
/// a length that need not be true.
pub fn declared(head: u8, mask: u8, length: u64) -> Vec<u8> {
    let mut frame = vec![head];
    match length {
        0..126 => frame.push(mask | length as u8),
        126..65_536 => {
            frame.push(mask | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            frame.push(mask | 127);
            frame.extend_from_slice(&length.to_be_bytes());
        }
    }
    if mask != 0 {
        frame.extend_from_slice(&MASK);
    }
    frame
}

/// The frame at the start of what a server sent, and how long it is.
pub fn parse_frame(bytes: &[u8]) -> Option<(WireFrame, usize)> {
    let (frame, is_masked, end) = parse(bytes)?;
    assert!(!is_masked, "servers do not mask");
    Some((frame, end))
}

/// The frame at the start of some bytes, without its mask if it has one, whether
/// it has one, and how long it is.
pub fn parse(bytes: &[u8]) -> Option<(WireFrame, bool, usize)> {
    let (&head, &second) = (bytes.first()?, bytes.get(1)?);
    let start = header_length(second);
    let length = payload_length(bytes.get(..start)?);
    let mut payload = bytes.get(start..start + length)?.to_vec();
    let is_masked = second & 0x80 != 0;
    if is_masked {
        let mask = &bytes[start - 4..start];
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    }
    Some((WireFrame { head, payload }, is_masked, start + length))
}

/// Reads one frame, and not a byte more; tells whether it was masked.
pub fn read_frame(stream: &mut impl Read) -> io::Result<(WireFrame, bool)> {
    let mut bytes = vec![0; 2];
    stream.read_exact(&mut bytes)?;
    let start = header_length(bytes[1]);
    bytes.resize(start, 0);
    stream.read_exact(&mut bytes[2..])?;
    let end = start + payload_length(&bytes);
    bytes.resize(end, 0);
    stream.read_exact(&mut bytes[start..])?;
    let (frame, is_masked, _) = parse(&bytes).expect("a whole frame");
    Ok((frame, is_masked))
}

/// The length of a header with this second byte.
fn header_length(second: u8) -> usize {
    let more = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + more + if second & 0x80 == 0 { 0 } else { 4 }
}

/// The length of the payload behind this header.
fn payload_length(header: &[u8]) -> usize {
    match header[1] & 0x7f {
        126 => usize::from(u16::from_be_bytes([header[2], header[3]])),
        127 => u64::from_be_bytes(header[2..10].try_into().unwrap()) as usize,
        short => usize::from(short),
    }
}
