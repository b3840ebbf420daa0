//! Several packets in one text: before each a U+FFFD, its length in UTF-16 units, and
//! another U+FFFD. One that is alone stands as it is.
//!
//! Socket.IO reads such a text as far as it goes, and where a length is wrong it cuts the
//! text into other packets than were sent. Here one with a fault is none at all: either all
//! of its packets are heard, in order, or the sender is told that it is wrong.

use crate::frame::room;
use crate::transformers::polled::cast::units;

/// What stands around a length.
const MARK: char = '\u{fffd}';

/// Most digits of a length.
const DIGITS_MAX: usize = 10;

/// What is no payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invalid(pub &'static str);

/// Appends packets, each in two parts.
pub(crate) fn encode<'a, I>(packets: I, out: &mut Vec<u8>)
where
    I: Iterator<Item = (&'a str, &'a str)> + Clone,
{
    let length = packets.clone().map(|(head, data)| head.len() + data.len() + 12).sum();
    room::reserve(out, length);
    let mut more = packets.clone();
    if let (Some((head, data)), None) = (more.next(), more.next()) {
        out.extend_from_slice(head.as_bytes());
        return room::append(out, data.as_bytes());
    }
    for (head, data) in packets {
        let length = units(head.as_bytes()) + units(data.as_bytes());
        room::append(out, format!("{MARK}{length}{MARK}{head}").as_bytes());
        room::append(out, data.as_bytes());
    }
}

/// The packets of a text, of which each is whole.
pub(crate) fn decode(text: &str) -> Result<Packets<'_>, Invalid> {
    let packets = Packets { rest: text, framed: text.starts_with(MARK) };
    let mut checked = packets;
    while checked.framed && !checked.rest.is_empty() {
        checked.rest = first(checked.rest)?.1;
    }
    Ok(packets)
}

/// See [`decode`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packets<'a> {
    rest: &'a str,
    framed: bool,
}

impl<'a> Iterator for Packets<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if !self.framed {
            let alone = std::mem::take(&mut self.rest);
            return (!alone.is_empty()).then_some(alone);
        }
        let (packet, rest) = first(self.rest).ok()?;
        self.rest = rest;
        Some(packet)
    }
}

/// The first of packets that are framed, and what follows it.
fn first(text: &str) -> Result<(&str, &str), Invalid> {
    let framed = text.strip_prefix(MARK).ok_or(Invalid("a length expected"))?;
    let (length, rest) = framed.split_once(MARK).ok_or(Invalid("a length without an end"))?;
    let is_number = (1..=DIGITS_MAX).contains(&length.len())
        && length.bytes().all(|byte| byte.is_ascii_digit());
    let length = length.parse().ok().filter(|_| is_number).ok_or(Invalid("no length"))?;
    let end = end_of(rest, length).ok_or(Invalid("a packet shorter than its length"))?;
    rest.split_at_checked(end).ok_or(Invalid("a packet that ends amid a character"))
}

/// Where the first so many UTF-16 units of a text end.
fn end_of(text: &str, length: usize) -> Option<usize> {
    let (mut at, mut left) = (0_usize, length);
    while left > 0 {
        // No text has more units than bytes.
        let to = text.floor_char_boundary(at.saturating_add(left));
        let (bytes, units) = if to > at {
            (to - at, units(text.get(at..to)?.as_bytes()))
        } else {
            let next = text.get(at..)?.chars().next()?;
            (next.len_utf8(), next.len_utf16())
        };
        left = left.checked_sub(units)?;
        at += bytes;
    }
    Some(at)
}

#[cfg(test)]
mod tests;
