//! The back channel's arrays: what a client is told, numbered through the whole
//! session, and kept until it has acknowledged it.
//!
//! An array is `[number,data]`, where the data is a message as a string of JSON, or
//! something that the protocol itself says, as an array. They come in chunks: a
//! length, a line break, and an array of arrays with a line break behind it. The length
//! counts UTF-16 units, not bytes, and that line break too.

use std::collections::VecDeque;

use crate::frame::room;
use crate::transformers::polled::cast::units;

/// Bytes that an array counts besides its own: an empty one takes room too.
const COST: usize = 64;

/// Characters of a chunk around its arrays, and of an array around its data with a
/// number of one digit.
const AROUND: usize = "]\n".len();
const EACH: usize = ",[0,]".len();

/// Most digits of a number.
const DIGITS: usize = 20;

/// What a session has told its client, as far as it is not acknowledged.
#[derive(Debug, Default)]
pub(super) struct Arrays {
    kept: VecDeque<Data>,
    /// The number of the first that is kept.
    first: u64,
    /// So many of them were sent by the present back channel.
    sent: usize,
    bytes: usize,
    units: usize,
}

/// What is in an array, as JSON.
#[derive(Debug)]
struct Data {
    json: Vec<u8>,
    units: usize,
}

/// An acknowledgement of what was never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ahead;

impl Arrays {
    /// Adds a message.
    pub fn message(&mut self, text: &str) {
        let mut json = room::take(text.len() + text.len() / 8 + 2);
        quote(text, &mut json);
        self.push(json);
    }

    /// Adds what the protocol itself says.
    pub fn own(&mut self, json: &str) {
        self.push(json.into());
    }

    fn push(&mut self, json: Vec<u8>) {
        let units = units(&json);
        self.bytes += json.len() + COST;
        self.units += units;
        self.kept.push_back(Data { json, units });
    }

    /// The number of the next one.
    pub fn next(&self) -> u64 {
        self.first + self.kept.len() as u64
    }

    /// The client has got all up to this one.
    pub fn acknowledge(&mut self, number: u64) -> Result<(), Ahead> {
        if number >= self.next() {
            return Err(Ahead);
        }
        while self.first <= number {
            let Some(Data { json, units }) = self.kept.pop_front() else { break };
            self.first += 1;
            self.sent = self.sent.saturating_sub(1);
            self.bytes -= json.len() + COST;
            self.units -= units;
            room::give(json);
        }
        if self.kept.is_empty() && self.kept.capacity() > 16 {
            self.kept = VecDeque::new();
        }
        Ok(())
    }

    /// A back channel begins: all that is kept is still to be sent by it.
    pub fn begin(&mut self) {
        self.sent = 0;
    }

    /// Whether there is more to be sent by the back channel.
    pub fn has_unsent(&self) -> bool {
        self.sent < self.kept.len()
    }

    /// What the back channel has not sent, with the numbers.
    fn unsent(&self) -> impl Iterator<Item = (u64, &Data)> {
        (self.first..).zip(&self.kept).skip(self.sent)
    }

    /// Appends what the back channel has not sent, as the array in a chunk with its
    /// line break; nothing where there is nothing.
    pub fn put_unsent(&mut self, out: &mut Vec<u8>) {
        if !self.has_unsent() {
            return;
        }
        let mut before = b"[[";
        for (number, data) in self.unsent() {
            room::append(out, before);
            put_number(number, out);
            room::append(out, b",");
            room::append(out, &data.json);
            room::append(out, b"]");
            before = b",[";
        }
        room::append(out, b"]\n");
        self.sent = self.kept.len();
    }

    /// Appends a chunk of what the back channel has not sent; nothing where there is
    /// nothing.
    pub fn chunk(&mut self, out: &mut Vec<u8>) {
        if !self.has_unsent() {
            return;
        }
        let (mut length, mut bytes) = (AROUND, AROUND + DIGITS);
        for (number, data) in self.unsent() {
            let around = EACH + number.checked_ilog10().unwrap_or(0) as usize;
            length += around + data.units;
            bytes += around + data.json.len();
        }
        room::reserve(out, bytes);
        put_number(length as u64, out);
        out.push(b'\n');
        self.put_unsent(out);
    }

    /// Bytes that are kept.
    pub fn kept(&self) -> usize {
        self.bytes
    }

    /// What a request is answered that has sent something: whether there is a back
    /// channel, what was told last, and how long that is in an array which is not
    /// acknowledged.
    pub fn status(&self, attached: bool) -> String {
        let last = self.next().wrapping_sub(1).cast_signed();
        let outstanding = match self.kept.len() {
            0 => 0,
            count => self.units + count + 1,
        };
        let text = format!("[{},{last},{outstanding}]", u8::from(attached));
        format!("{}\n{text}", text.len())
    }
}

fn put_number(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [b'0'; DIGITS];
    let mut at = DIGITS;
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return room::append(out, &digits[at..]);
        }
    }
}

/// Appends a text as a string of JSON. Of what JSON lets stand all stands, but for two
/// that JavaScript once did not.
pub(super) fn quote(text: &str, out: &mut Vec<u8>) {
    const LINE: char = '\u{2028}';
    const PARAGRAPH: char = '\u{2029}';
    let spoilt = [LINE, PARAGRAPH];
    let start = out.len();
    room::reserve(out, text.len() + text.len() / 8 + 2);
    // A vector takes whatever is written to it.
    let _ = serde_json::to_writer(&mut *out, text);
    // Both begin with the same byte, which is soon looked for.
    if text.as_bytes().contains(&0xE2) && text.contains(spoilt) {
        let plain = room::text(out.split_off(start));
        for part in plain.split_inclusive(spoilt) {
            let (text, escape) = match part.chars().next_back() {
                Some(LINE) => (part.trim_end_matches(LINE), "\\u2028"),
                Some(PARAGRAPH) => (part.trim_end_matches(PARAGRAPH), "\\u2029"),
                _ => (part, ""),
            };
            room::append(out, text.as_bytes());
            room::append(out, escape.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests;
