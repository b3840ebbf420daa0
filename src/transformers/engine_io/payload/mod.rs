//! Many packets in one HTTP body.
//!
//! - Revision 4: their text forms, joined by the byte 1E, which no message of
//!   text may therefore have (none in JSON does).
//! - Revision 3, text: for each `<length>:<packet>`; the length counts UTF-16
//!   code units. engine.io 1.x counts and sends something else: it takes the
//!   UTF-8 bytes of a packet for the code points of a text.
//! - Revision 3, binary, when a message is binary and the other side has not
//!   refused that: for each a byte 0 (text) or 1 (binary), the length in
//!   bytes as decimal digits of value 0 to 9, the byte FF, then UTF-8 or a
//!   type of value 0 to 6 and data.
//!
//! Bodies are decoded packet by packet, in time linear in their length, and
//! nothing is allocated on the word of a length.

use super::packet::{Invalid, Packet, PacketRef};
use super::{Format, Revision, jsonp};

/// Separates packets in revision 4.
const SEPARATOR: u8 = 0x1e;
/// Ends a length in a binary payload.
const LENGTH_END: u8 = 0xff;

/// What a body is, and its `Content-Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Text.
    Text,
    /// Bytes; revision 3 only.
    Binary,
}

impl Content {
    /// The `Content-Type` of an answer.
    pub fn mime(self) -> &'static str {
        match self {
            Content::Text => "text/plain; charset=UTF-8",
            Content::Binary => "application/octet-stream",
        }
    }

    /// What a body with this `Content-Type` is: binary if that is named
    /// exactly.
    pub fn of_mime(mime: Option<&str>) -> Self {
        if mime == Some("application/octet-stream") { Content::Binary } else { Content::Text }
    }
}

/// Appends the body that carries these packets; it takes at least one.
pub(crate) fn encode<'a, I>(packets: I, format: Format, out: &mut Vec<u8>) -> Content
where
    I: IntoIterator<Item = PacketRef<'a>>,
    I::IntoIter: Clone,
{
    let packets = packets.into_iter();
    if format.revision == Revision::V4 {
        for (at, packet) in packets.enumerate() {
            out.extend((at > 0).then_some(SEPARATOR));
            packet.text_into(format.revision, out);
        }
        return Content::Text;
    }
    if !format.b64 && packets.clone().any(|packet| matches!(packet, PacketRef::Binary(_))) {
        packets.for_each(|packet| binary_item(packet, format, out));
        return Content::Binary;
    }
    packets.for_each(|packet| text_item(packet, format, out));
    Content::Text
}

/// [`encode`] for a client that polls by JSONP: a call of its function with
/// this number.
fn encode_jsonp<'a, I>(packets: I, format: Format, number: &str, out: &mut Vec<u8>)
where
    I: IntoIterator<Item = PacketRef<'a>>,
    I::IntoIter: Clone,
{
    let mut body = Vec::new();
    encode(packets, Format { b64: true, ..format }, &mut body);
    jsonp::call_into(number, &body, out);
}

/// Appends the body of an answer to a poll, which is a call if the client polls by
/// JSONP, by its function of this number.
pub(crate) fn answer<'a, I>(
    packets: I,
    format: Format,
    jsonp: Option<&str>,
    out: &mut Vec<u8>,
) -> Content
where
    I: IntoIterator<Item = PacketRef<'a>>,
    I::IntoIter: Clone,
{
    match jsonp {
        Some(number) => {
            encode_jsonp(packets, format, number, out);
            Content::Text
        }
        None => encode(packets, format, out),
    }
}

/// The most bytes that one packet adds to a text body.
pub(crate) fn item_len(packet: PacketRef<'_>, format: Format) -> usize {
    let bytes = packet.text_len(format.revision);
    match format.revision {
        Revision::V4 => bytes + 1,
        Revision::V3 => {
            let sent = if format.double { bytes + high_bytes(packet) } else { bytes };
            units(packet, format).ilog10() as usize + 2 + sent
        }
    }
}

fn text_item(packet: PacketRef<'_>, format: Format, out: &mut Vec<u8>) {
    decimal(units(packet, format), b'0', out);
    out.push(b':');
    if format.double && !packet.text().is_ascii() {
        out.reserve(packet.text_len(format.revision) + high_bytes(packet));
        out.extend_from_slice(packet.digit(format.revision).as_bytes());
        let chars = packet.text().bytes().map(char::from);
        chars.for_each(|c| out.extend_from_slice(c.encode_utf8(&mut [0; 2]).as_bytes()));
    } else {
        packet.text_into(format.revision, out);
    }
}

/// The length that a text item declares.
fn units(packet: PacketRef<'_>, format: Format) -> usize {
    let bytes = packet.text_len(format.revision);
    let text = packet.text();
    if format.double { bytes } else { bytes - text.len() + utf16_len(text) }
}

/// UTF-16 code units: one for each character, and one more for those that have
/// four bytes in UTF-8.
fn utf16_len(text: &str) -> usize {
    let begins = |byte: u8| usize::from(byte & 0xc0 != 0x80) + usize::from(byte >= 0xf0);
    text.bytes().map(begins).sum()
}

/// How many bytes of its text the second encoding makes two of.
fn high_bytes(packet: PacketRef<'_>) -> usize {
    packet.text().bytes().filter(|byte| !byte.is_ascii()).count()
}

fn binary_item(packet: PacketRef<'_>, format: Format, out: &mut Vec<u8>) {
    let binary = packet.is_binary_frame(format);
    out.push(u8::from(binary));
    decimal(packet.frame_len(format), 0, out);
    out.push(LENGTH_END);
    packet.frame_into(format, out);
}

/// Appends a number in decimal digits that count from `zero`.
fn decimal(mut number: usize, zero: u8, out: &mut Vec<u8>) {
    let begin = out.len();
    loop {
        out.push(zero + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out[begin..].reverse();
}

/// Takes a body apart. Ends behind the first error: what came before it stands.
pub(crate) struct Decoder {
    body: Body,
    /// Bytes of the body that are behind us.
    at: usize,
    format: Format,
}

enum Body {
    Text(String),
    Bytes(Vec<u8>),
    Bad(Invalid),
    Done,
}

impl Decoder {
    /// The body of a POST, or of the answer to a poll. An empty one is an
    /// error, as is text that is not UTF-8, which is found before any packet.
    pub fn new(body: Vec<u8>, content: Content, format: Format) -> Self {
        let body = match content {
            Content::Binary => Body::Bytes(body),
            Content::Text => match String::from_utf8(body) {
                Ok(text) => Body::Text(text),
                Err(_) => Body::Bad(Invalid("text is not UTF-8")),
            },
        };
        Decoder { body: body.or_empty(), at: 0, format }
    }

    /// A POST by JSONP: the field `d` of its form, decoded.
    pub fn field(value: &str, format: Format) -> Self {
        let body = Body::Text(jsonp::from_field(value));
        Decoder { body: body.or_empty(), at: 0, format }
    }

    /// The answer to a poll by JSONP: a call.
    #[cfg(test)]
    pub fn call(body: &[u8], format: Format) -> Self {
        let body = jsonp::from_call(body).map_or_else(Body::Bad, Body::Text);
        Decoder { body: body.or_empty(), at: 0, format }
    }

    fn step(&mut self) -> Result<Option<Packet>, Invalid> {
        let (packet, read) = match &self.body {
            Body::Text(text) if self.format.revision == Revision::V4 => {
                // One more than the body has when the last packet is read.
                let Some(rest) = text.get(self.at..) else { return Ok(None) };
                let end = memchr(SEPARATOR, rest.as_bytes()).unwrap_or(rest.len());
                (Some(Packet::from_text(&rest[..end], Revision::V4)?), end + 1)
            }
            Body::Text(text) => read_text(&text[self.at..], self.format)?,
            Body::Bytes(bytes) => read_binary(&bytes[self.at..])?,
            Body::Bad(invalid) => return Err(*invalid),
            Body::Done => return Ok(None),
        };
        self.at += read;
        Ok(packet)
    }
}

impl Body {
    fn or_empty(self) -> Self {
        match self {
            Body::Text(text) if text.is_empty() => Body::Bad(Invalid("empty body")),
            Body::Bytes(bytes) if bytes.is_empty() => Body::Bad(Invalid("empty body")),
            body => body,
        }
    }
}

impl Iterator for Decoder {
    type Item = Result<Packet, Invalid>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if !matches!(step, Ok(Some(_))) {
            self.body = Body::Done;
        }
        step.transpose()
    }
}

fn memchr(byte: u8, bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|b| *b == byte)
}

/// The next packet of a text payload of revision 3, and the bytes that it
/// took. Items of no length are skipped.
fn read_text(text: &str, format: Format) -> Result<(Option<Packet>, usize), Invalid> {
    let mut at = 0;
    while at < text.len() {
        let (length, digits) = length(&text.as_bytes()[at..], b'0', b':')?;
        at += digits;
        let rest = &text[at..];
        let end = take_units(rest, length).ok_or(Invalid("payload shorter than its length"))?;
        at += end;
        if end > 0 {
            return Ok((Some(item(&rest[..end], format)?), at));
        }
    }
    Ok((None, at))
}

fn item(text: &str, format: Format) -> Result<Packet, Invalid> {
    let once = format.double.then(|| undouble(text)).flatten();
    Packet::from_text(once.as_deref().unwrap_or(text), Revision::V3)
}

/// Takes the code points of a text for UTF-8; `None` where that cannot be
/// meant, or changes nothing.
pub(crate) fn undouble(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let bytes: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
    String::from_utf8(bytes.ok()?).ok()
}

/// How many bytes the first `units` UTF-16 code units are.
fn take_units(text: &str, units: usize) -> Option<usize> {
    // Whichever way they are encoded, there are no fewer bytes than units.
    let least = text.as_bytes().get(..units)?;
    if least.is_ascii() {
        return Some(units);
    }
    let (mut left, mut bytes) = (units, 0);
    for c in text.chars() {
        if left == 0 {
            break;
        }
        left = left.checked_sub(c.len_utf16())?;
        bytes += c.len_utf8();
    }
    (left == 0).then_some(bytes)
}

/// The next packet of a binary payload, and the bytes that it took.
fn read_binary(bytes: &[u8]) -> Result<(Option<Packet>, usize), Invalid> {
    let Some((kind, rest)) = bytes.split_first() else { return Ok((None, 0)) };
    let (length, digits) = length(rest, 0, LENGTH_END)?;
    let data = rest[digits..].get(..length).ok_or(Invalid("payload shorter than its length"))?;
    let packet = if *kind == 0 {
        let text = std::str::from_utf8(data).map_err(|_| Invalid("text is not UTF-8"))?;
        Packet::from_text(text, Revision::V3)?
    } else {
        Packet::from_bytes(data)?
    };
    Ok((Some(packet), 1 + digits + length))
}

/// The decimal number before `end`, in digits that count from `zero`, and the
/// bytes that both take.
fn length(bytes: &[u8], zero: u8, end: u8) -> Result<(usize, usize), Invalid> {
    let mut length = 0usize;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == end && at > 0 {
            return Ok((length, at + 1));
        }
        let digit = byte.checked_sub(zero).filter(|digit| *digit < 10);
        let digit = digit.ok_or(Invalid("length is no number"))?;
        length = length.saturating_mul(10).saturating_add(usize::from(digit));
    }
    Err(Invalid("length without an end"))
}

#[cfg(test)]
mod tests;
