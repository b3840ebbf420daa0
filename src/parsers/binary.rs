//! BinaryPack, as the `binary-pack` package has it: like MessagePack, with other
//! tags for strings and bytes, and no extensions.
//!
//! JavaScript's side has its bounds. It can't read whole numbers that need more
//! than 32 bits; they are sent all the same and read here. (The double 2^63 is
//! sent as it sends it, and read as -2^63; a `u64` is not.) It refuses infinite numbers, whole doubles from 2^64, empty `Buffer`s,
//! typed arrays, regular expressions and errors, and so does this parser when it
//! writes. Dates travel as their English text.

use super::pack::{Head, Reader, Tags};
use crate::value::{Fault, Number, Value, whole};

/// The tags of BinaryPack.
#[derive(Clone, Copy)]
pub(super) struct BinaryPack;

/// Writes a length behind the first tag if it is up to 15 (added to the tag),
/// else in two bytes behind the second or in four behind the tag after that.
fn head(out: &mut Vec<u8>, short: u8, long: u8, len: u32) {
    if len <= 15 {
        out.push(short + len as u8);
    } else if let Ok(len) = u16::try_from(len) {
        out.push(long);
        out.extend_from_slice(&len.to_be_bytes());
    } else {
        out.push(long + 1);
        out.extend_from_slice(&len.to_be_bytes());
    }
}

fn tagged<const N: usize>(out: &mut Vec<u8>, tag: u8, bytes: [u8; N]) {
    out.push(tag);
    out.extend_from_slice(&bytes);
}

impl Tags for BinaryPack {
    const STR: u8 = 0xB0;

    #[inline]
    fn short_str(bytes: &[u8]) -> Option<(usize, &[u8])> {
        match bytes {
            [tag @ 0xB0..=0xBF, rest @ ..] => Some((usize::from(tag - 0xB0), rest)),
            [0xD8, a, b, rest @ ..] => Some((u16::from_be_bytes([*a, *b]).into(), rest)),
            _ => None,
        }
    }

    #[inline]
    fn head(reader: &mut Reader<'_>) -> Result<Head, Fault> {
        let tag = reader.u8()?;
        Ok(match tag {
            0x00..=0x7F => Head::Number(tag.into()),
            0x80..=0x8F => Head::Map(u32::from(tag - 0x80)),
            0x90..=0x9F => Head::Array(u32::from(tag - 0x90)),
            0xA0..=0xAF => Head::Bin(u32::from(tag - 0xA0)),
            0xB0..=0xBF => Head::Str(u32::from(tag - 0xB0)),
            0xC0 => Head::Null,
            0xC2 => Head::Bool(false),
            0xC3 => Head::Bool(true),
            0xCA => Head::Number(f32::from_bits(reader.u32()?).into()),
            0xCB => Head::Number(f64::from_bits(reader.u64()?).into()),
            0xCC => Head::Number(reader.u8()?.into()),
            0xCD => Head::Number(reader.u16()?.into()),
            0xCE => Head::Number(reader.u32()?.into()),
            0xCF => Head::Number(reader.u64()?.into()),
            0xD0 => Head::Number((reader.u8()? as i8).into()),
            0xD1 => Head::Number((reader.u16()? as i16).into()),
            0xD2 => Head::Number((reader.u32()? as i32).into()),
            0xD3 => Head::Number((reader.u64()? as i64).into()),
            0xD8 => Head::Str(u32::from(reader.u16()?)),
            0xD9 => Head::Str(reader.u32()?),
            0xDA => Head::Bin(u32::from(reader.u16()?)),
            0xDB => Head::Bin(reader.u32()?),
            0xDC => Head::Array(u32::from(reader.u16()?)),
            0xDD => Head::Array(reader.u32()?),
            0xDE => Head::Map(u32::from(reader.u16()?)),
            0xDF => Head::Map(reader.u32()?),
            0xE0..=0xFF => Head::Number((tag as i8).into()),
            0xC1 | 0xC4..=0xC9 | 0xD4..=0xD7 => Head::Undefined,
        })
    }

    #[inline]
    fn int(out: &mut Vec<u8>, n: i64) -> Result<(), Fault> {
        match n {
            -32..=127 => out.push(n as u8),
            128..=0xFF => tagged(out, 0xCC, [n as u8]),
            0x100..=0xFFFF => tagged(out, 0xCD, (n as u16).to_be_bytes()),
            0x1_0000..=0xFFFF_FFFF => tagged(out, 0xCE, (n as u32).to_be_bytes()),
            -0x80..=-33 => tagged(out, 0xD0, [n as u8]),
            -0x8000..=-0x81 => tagged(out, 0xD1, (n as i16).to_be_bytes()),
            -0x8000_0000..=-0x8001 => tagged(out, 0xD2, (n as i32).to_be_bytes()),
            _ => tagged(out, 0xD3, n.to_be_bytes()),
        }
        Ok(())
    }

    fn uint(out: &mut Vec<u8>, n: u64) -> Result<(), Fault> {
        tagged(out, 0xCF, n.to_be_bytes());
        Ok(())
    }

    fn float(out: &mut Vec<u8>, n: f64) -> Result<(), Fault> {
        if n == 0.0 {
            return Self::int(out, 0);
        }
        if let Some(int) = whole(n) {
            return Self::int(out, int);
        }
        if n == 2f64.powi(63) {
            // Just so, wrongly: it has no sign that could be told apart.
            tagged(out, 0xD3, i64::MIN.to_be_bytes());
            return Ok(());
        }
        if let Some(int) = Number::from(n).as_u64() {
            return Self::uint(out, int);
        }
        if n.is_infinite() || n.fract() == 0.0 {
            return Err(Fault::new("a whole number that is too large"));
        }
        tagged(out, 0xCB, n.to_be_bytes());
        Ok(())
    }

    #[inline]
    fn str_head(out: &mut Vec<u8>, len: u32) {
        head(out, 0xB0, 0xD8, len);
    }

    fn bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Fault> {
        if bytes.is_empty() {
            return Err(Fault::new("empty bytes can't be sent by this parser"));
        }
        head(out, 0xA0, 0xDA, super::pack::length(bytes.len())?);
        out.extend_from_slice(bytes);
        Ok(())
    }

    #[inline]
    fn array_head(out: &mut Vec<u8>, len: u32) {
        head(out, 0x90, 0xDC, len);
    }

    #[inline]
    fn map_head(out: &mut Vec<u8>, len: u32) {
        head(out, 0x80, 0xDE, len);
    }

    fn special(out: &mut Vec<u8>, value: Value) -> Result<(), Fault> {
        match value {
            Value::Undefined => out.push(0xC0),
            Value::Date(date) => {
                let text = date.to_english();
                Self::str_head(out, super::pack::length(text.len())?);
                out.extend_from_slice(text.as_bytes());
            }
            _ => return Err(Fault::new("a type that this parser does not support")),
        }
        Ok(())
    }

    fn ext(_: u8, _: &[u8], _: usize) -> Result<Value, Fault> {
        Err(Fault::new("extensions are not part of this format"))
    }
}
