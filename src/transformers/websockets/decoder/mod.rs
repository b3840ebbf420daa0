//! From bytes to messages, sans-io, for both roles (RFC 6455 sections 5.4 and 5.5):
//! fragments, UTF-8, limits, and what a peer must not send.
//!
//! tungstenite's own `WebSocket` can be neither split between threads nor told what
//! is still buffered; of it the names of close codes and the handshake's digest are
//! used.

use std::io;

use tungstenite::protocol::frame::coding::CloseCode;

use super::deflate::{Agreed, Unpacking};
use super::frame::{CONTROL_MAX, HEADER_MAX, Header, Opcode, apply_mask};
use crate::frame::Frame;

mod breach;
mod in_place;
mod partial;

pub(crate) use breach::Violation;
use breach::{breach, unpacked, utf8};
use partial::Partial;

/// The size a fresh read buffer has; most peers send small messages.
const BUFFER_MIN: usize = 1 << 10;
/// The size a read buffer grows to for busy peers and larger messages.
const BUFFER_MAX: usize = 64 << 10;
/// What a peer is read into that sends little: a piece of the stack, which the
/// thread that waits has at hand anyway.
const SMALL: usize = 3 << 8;
/// A buffer of this size is not worth letting go of.
const KEPT: usize = 128;
/// Reads in a row that `SMALL` would have been enough for, before the buffer is
/// let go of.
const QUIET_AFTER: u8 = 4;
/// Fragments that one message may come in, as `ws`.
const FRAGMENTS_MAX: u32 = 128 << 10;

/// Which end of the connection we are: a server expects masked frames and
/// sends unmasked ones, a client the reverse (RFC 6455 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// We accept connections.
    Server,
    /// We make them.
    Client,
}

/// What a peer sent.
#[derive(Debug, PartialEq)]
pub(crate) enum Event {
    /// A whole message.
    Message(Frame),
    /// A ping frame; its payload belongs in the pong.
    Ping(Vec<u8>),
    /// A pong frame.
    Pong(Vec<u8>),
    /// A close frame, with code and reason if it carried any. Nothing that
    /// comes after it counts.
    Close(Option<(u16, String)>),
}

/// Bytes in, events out.
///
/// ```text
/// read() -> next() until it returns None
/// ```
pub(crate) struct Decoder {
    role: Role,
    max_length: usize,
    buf: Vec<u8>,
    start: usize,
    end: usize,
    /// How many small reads make the peer a quiet one.
    busy: u8,
    /// The header of the frame being read.
    current: Option<Current>,
    /// The data message being put together.
    message: Option<Partial>,
    /// Messages may be compressed.
    unpacking: Option<Unpacking>,
    closed: bool,
}

#[derive(Clone, Copy)]
struct Current {
    opcode: Opcode,
    fin: bool,
    compressed: bool,
    mask: Option<[u8; 4]>,
    /// Payload bytes of this frame.
    length: usize,
    /// Payload bytes already moved to the message.
    taken: usize,
}

impl Decoder {
    /// A decoder that refuses messages over `max_length` bytes with 1009, on
    /// the declared length, before it keeps any of them. Messages may be compressed
    /// if that was agreed on.
    pub fn new(role: Role, max_length: usize, agreed: Option<&Agreed>) -> Self {
        Decoder {
            role,
            max_length,
            buf: Vec::new(),
            start: 0,
            end: 0,
            busy: 0,
            current: None,
            message: None,
            unpacking: agreed.map(Unpacking::new),
            closed: false,
        }
    }

    /// Feeds bytes that were read elsewhere, such as those behind the
    /// handshake.
    pub fn feed(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.compact();
        self.buf.truncate(self.end);
        // Few different sizes, which the allocator finds again.
        self.buf.reserve_exact(if bytes.len() <= KEPT { KEPT } else { bytes.len().max(SMALL) });
        self.buf.extend_from_slice(bytes);
        self.end = self.buf.len();
    }

    /// Has `read` read from the peer, and tells how many bytes it has read. While
    /// a peer sends little it has no buffer to wait with.
    pub fn read(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<usize> {
        self.compact();
        if self.end == 0 && self.busy == 0 {
            return self.read_little(read);
        }
        self.fit();
        let got = read(&mut self.buf[self.end..])?;
        self.filled(got);
        Ok(got)
    }

    #[inline(never)]
    fn read_little(
        &mut self,
        read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        if self.buf.capacity() > KEPT {
            self.buf = Vec::new();
        }
        let mut small = [0; SMALL];
        let got = read(&mut small)?.min(SMALL);
        self.feed(&small[..got]);
        if got == SMALL {
            self.busy = QUIET_AFTER;
        }
        Ok(got)
    }

    fn filled(&mut self, got: usize) {
        let room = self.buf.len() - self.end;
        self.end += got.min(room);
        if got >= room && self.buf.len() < BUFFER_MAX {
            self.buf.resize((self.buf.len() * 4).min(BUFFER_MAX), 0);
        }
        self.busy = if got > SMALL { QUIET_AFTER } else { self.busy.saturating_sub(1) };
    }

    /// Moves what is unread to the front of the buffer; after the end nothing
    /// is kept.
    fn compact(&mut self) {
        if self.start == self.end || self.closed {
            (self.start, self.end) = (0, 0);
        } else if self.start > 0 {
            self.buf.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
    }

    /// Sizes the buffer: it grows with what has come, up to whole frames of
    /// `BUFFER_MAX` bytes, and never by what a header declares.
    fn fit(&mut self) {
        if self.buf.len() == self.end || self.buf.len() < BUFFER_MIN {
            let grown = (self.end * 4).clamp(BUFFER_MIN, BUFFER_MAX);
            self.buf.resize(grown.max(self.end + BUFFER_MIN), 0);
        }
    }

    /// True when [`next`](Self::next) has something to give, or a breach to
    /// report, from what is buffered. A fragment that does not end its message
    /// counts too.
    pub fn has_more(&mut self) -> bool {
        match self.header() {
            Ok(Some(frame)) => self.end - self.start >= frame.length - frame.taken,
            Ok(None) => false,
            Err(_) => true,
        }
    }

    /// The next event; `None` when more bytes are needed. After a breach or a
    /// close frame the decoder gives nothing more.
    pub fn next(&mut self) -> Result<Option<Event>, Violation> {
        loop {
            if self.closed {
                return Ok(None);
            }
            let step = self.step();
            match step {
                Ok(Step::Event(event)) => {
                    self.closed = matches!(event, Event::Close(_));
                    return Ok(Some(event));
                }
                Ok(Step::Again) => {}
                Ok(Step::More) => return Ok(None),
                Err(violation) => {
                    self.closed = true;
                    return Err(violation);
                }
            }
        }
    }

    #[inline]
    fn step(&mut self) -> Result<Step, Violation> {
        let Some(frame) = self.header()? else { return Ok(Step::More) };
        match frame.opcode.is_control() {
            true => self.control(frame),
            false => self.data(frame),
        }
    }

    /// The header of the frame at hand, read and judged when it is complete.
    #[inline]
    fn header(&mut self) -> Result<Option<Current>, Violation> {
        if self.current.is_none() {
            let bytes = &self.buf[self.start..self.end];
            let Some(header) = Header::parse(bytes) else { return Ok(None) };
            let length = self.judge(&header)?;
            self.start += header.size;
            let Header { opcode, fin, compressed, mask, .. } = header;
            self.current = Some(Current { opcode, fin, compressed, mask, length, taken: 0 });
        }
        Ok(self.current)
    }

    /// Whether a frame may come here and now; gives the length of its payload.
    fn judge(&self, header: &Header) -> Result<usize, Violation> {
        if header.opcode == Opcode::Reserved {
            return Err(breach(1002, "reserved opcode"));
        }
        let begins = matches!(header.opcode, Opcode::Text | Opcode::Binary);
        if header.reserved || header.compressed && !(begins && self.unpacking.is_some()) {
            return Err(breach(1002, "reserved bits are set"));
        }
        if header.mask.is_some() != (self.role == Role::Server) {
            return Err(breach(1002, "wrong masking"));
        }
        if !header.shortest {
            return Err(breach(1002, "length not in its shortest form"));
        }
        let length = usize::try_from(header.length).unwrap_or(usize::MAX);
        if header.opcode.is_control() {
            return match header.fin {
                _ if length > CONTROL_MAX => Err(breach(1002, "control frame too long")),
                false => Err(breach(1002, "fragmented control frame")),
                true => Ok(length),
            };
        }
        let before = match (&self.message, header.opcode) {
            (None, Opcode::Continuation) => return Err(breach(1002, "continuation of nothing")),
            (Some(message), Opcode::Continuation) => message.came(),
            (None, _) => 0,
            (Some(_), _) => return Err(breach(1002, "new message inside a fragmented one")),
        };
        let compressed = match &self.message {
            Some(message) => message.packed.is_some(),
            None => header.compressed,
        };
        // What cannot be made shorter becomes a little longer.
        let spare = if compressed { self.max_length / 8 + 1024 } else { 0 };
        match before.saturating_add(length) > self.max_length.saturating_add(spare) {
            true => Err(breach(1009, "message over the limit")),
            false => Ok(length),
        }
    }

    #[inline(never)]
    fn control(&mut self, frame: Current) -> Result<Step, Violation> {
        if self.end - self.start < frame.length {
            return Ok(Step::More);
        }
        let payload = self.take(frame, frame.length).to_vec();
        self.current = None;
        Ok(Step::Event(match frame.opcode {
            Opcode::Ping => Event::Ping(payload),
            Opcode::Pong => Event::Pong(payload),
            _ => Event::Close(close_payload(&payload)?),
        }))
    }

    #[inline]
    fn data(&mut self, frame: Current) -> Result<Step, Violation> {
        let available = self.end - self.start;
        let rest = frame.length - frame.taken;
        if self.message.is_none() && frame.fin && frame.taken == 0 {
            if available >= rest && !frame.compressed {
                self.current = None;
                return whole(frame.opcode == Opcode::Binary, self.take(frame, rest));
            }
            if available < rest && rest <= BUFFER_MAX - HEADER_MAX {
                return Ok(Step::More);
            }
        }
        self.fragment(frame, available.min(rest))
    }

    /// Moves `take` payload bytes to the message being put together. By itself: what
    /// it takes of the stack most messages have no need of.
    #[inline(never)]
    fn fragment(&mut self, mut frame: Current, take: usize) -> Result<Step, Violation> {
        let mut message = self.message.take().unwrap_or_else(|| Partial {
            binary: frame.opcode == Opcode::Binary,
            bytes: Vec::new(),
            packed: self.unpacking.as_mut().filter(|_| frame.compressed).map(Unpacking::begin),
            checked: 0,
            fragments: 0,
        });
        let most = self.max_length;
        message.push(self.take(frame, take), most)?;
        frame.taken += take;
        let done = frame.taken == frame.length;
        if done {
            message.fragments += 1;
            self.current = None;
        } else {
            self.current = Some(frame);
        }
        if done && frame.fin {
            if let (Some(packed), Some(unpacking)) = (message.packed.take(), &mut self.unpacking) {
                unpacking.end(packed, most, &mut message.bytes).map_err(unpacked)?;
            }
            return Ok(Step::Event(Event::Message(message.finish()?)));
        }
        if message.fragments > FRAGMENTS_MAX {
            return Err(breach(1008, "too many fragments"));
        }
        message.check()?;
        self.message = Some(message);
        Ok(if done { Step::Again } else { Step::More })
    }

    /// The next `length` payload bytes, unmasked in place.
    fn take(&mut self, frame: Current, length: usize) -> &[u8] {
        let payload = &mut self.buf[self.start..self.start + length];
        self.start += length;
        if let Some(mask) = frame.mask {
            apply_mask(payload, mask, frame.taken);
        }
        payload
    }
}

enum Step {
    Event(Event),
    /// Go on with what is buffered.
    Again,
    /// More bytes are needed.
    More,
}

fn whole(binary: bool, payload: &[u8]) -> Result<Step, Violation> {
    let frame = if binary { Frame::binary(payload) } else { Frame::text(utf8(payload)?) };
    Ok(Step::Event(Event::Message(frame)))
}

fn close_payload(payload: &[u8]) -> Result<Option<(u16, String)>, Violation> {
    let (code, reason) = match payload {
        [] => return Ok(None),
        [_] => return Err(breach(1002, "close frame of one byte")),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    // 1014 is registered with IANA, though not in the RFC.
    if !CloseCode::from(code).is_allowed() && code != 1014 {
        return Err(breach(1002, "close code not allowed"));
    }
    Ok(Some((code, utf8(reason)?.to_owned())))
}

/// The `Sec-WebSocket-Accept` value for a `Sec-WebSocket-Key`.
pub(crate) fn accept_key(key: &str) -> String {
    tungstenite::handshake::derive_accept_key(key.as_bytes())
}

#[cfg(test)]
mod tests;
