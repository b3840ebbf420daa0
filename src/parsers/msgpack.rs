//! MessagePack, as the `primus-msgpack` package (msgpack-lite) has it, with its
//! extension types. The tags and plain heads are those of the crate `rmp`.
//!
//! Whole numbers beyond 32 bits are sent as doubles, as JavaScript does, unless
//! a double could not hold them; then all of their 64 bits are sent.

use rmp::{Marker, encode};

use super::pack::{self, Head, Reader, Tags};
use crate::value::{Date, Ext, Fault, JsError, MAX_DEPTH, RegExp, TypedArray, TypedKind, Value};

/// The tags of MessagePack.
#[derive(Clone, Copy)]
pub(super) struct MsgPack;

const REGEXP: u8 = 0x0A;
const BOOLEAN: u8 = 0x0B;
const STRING: u8 = 0x0C;
const DATE: u8 = 0x0D;
const ERROR: u8 = 0x0E;
const NUMBER: u8 = 0x0F;
const BUFFER: u8 = 0x1B;

/// The extension types of the built-in errors.
const ERRORS: [(u8, &str); 7] = [
    (ERROR, "Error"),
    (0x01, "EvalError"),
    (0x02, "RangeError"),
    (0x03, "ReferenceError"),
    (0x04, "SyntaxError"),
    (0x05, "TypeError"),
    (0x06, "URIError"),
];

/// The extension types of raw memory.
const ARRAYS: [(u8, TypedKind); 11] = [
    (0x11, TypedKind::Int8),
    (0x12, TypedKind::Uint8),
    (0x13, TypedKind::Int16),
    (0x14, TypedKind::Uint16),
    (0x15, TypedKind::Int32),
    (0x16, TypedKind::Uint32),
    (0x17, TypedKind::Float32),
    (0x18, TypedKind::Float64),
    (0x19, TypedKind::Uint8Clamped),
    (0x1A, TypedKind::ArrayBuffer),
    (0x1D, TypedKind::DataView),
];

/// Writing to memory does not fail, whatever rmp's signature says.
fn written<T, E: std::fmt::Display>(result: Result<T, E>) -> Result<(), Fault> {
    result.map(drop).map_err(|error| Fault::new(error.to_string()))
}

/// A length in one byte (below 255: msgpack-lite never writes 255 so), two or
/// four, behind one of three tags that follow each other.
fn sized(out: &mut Vec<u8>, first: u8, len: u32) {
    if len < 0xFF {
        out.extend_from_slice(&[first, len as u8]);
    } else if let Ok(len) = u16::try_from(len) {
        out.push(first + 1);
        out.extend_from_slice(&len.to_be_bytes());
    } else {
        out.push(first + 2);
        out.extend_from_slice(&len.to_be_bytes());
    }
}

fn write_ext(out: &mut Vec<u8>, kind: u8, data: &[u8]) -> Result<(), Fault> {
    let len = pack::length(data.len())?;
    match len {
        1 => out.push(Marker::FixExt1.to_u8()),
        2 => out.push(Marker::FixExt2.to_u8()),
        4 => out.push(Marker::FixExt4.to_u8()),
        8 => out.push(Marker::FixExt8.to_u8()),
        16 => out.push(Marker::FixExt16.to_u8()),
        _ => sized(out, Marker::Ext8.to_u8(), len),
    }
    out.push(kind);
    out.extend_from_slice(data);
    Ok(())
}

/// Writes an extension whose payload is a message of its own.
fn write_nested(out: &mut Vec<u8>, kind: u8, inside: &Value) -> Result<(), Fault> {
    let mut data = Vec::new();
    pack::write::<_, MsgPack>(inside, &mut data)?;
    write_ext(out, kind, &data)
}

fn write_error(out: &mut Vec<u8>, error: JsError) -> Result<(), Fault> {
    let kind = ERRORS.iter().find(|(_, name)| *name == error.name).map_or(ERROR, |(kind, _)| *kind);
    let stack = if error.stack.is_empty() { Value::Null } else { error.stack.into() };
    // The last three are fields of one browser; the others send nothing in them.
    let fields = [
        ("name", error.name.into()),
        ("message", error.message.into()),
        ("stack", stack),
        ("columnNumber", Value::Null),
        ("fileName", Value::Null),
        ("lineNumber", Value::Null),
    ];
    write_nested(out, kind, &Value::from(fields))
}

impl Tags for MsgPack {
    const STR: u8 = 0xA0;

    #[inline]
    fn short_str(bytes: &[u8]) -> Option<(usize, &[u8])> {
        match bytes {
            [tag @ 0xA0..=0xBF, rest @ ..] => Some((usize::from(tag - 0xA0), rest)),
            [0xD9, len, rest @ ..] => Some((usize::from(*len), rest)),
            _ => None,
        }
    }

    #[inline]
    fn head(reader: &mut Reader<'_>) -> Result<Head, Fault> {
        Ok(match Marker::from_u8(reader.u8()?) {
            Marker::FixPos(n) => Head::Number(n.into()),
            Marker::FixNeg(n) => Head::Number(n.into()),
            Marker::Null => Head::Null,
            Marker::True => Head::Bool(true),
            Marker::False => Head::Bool(false),
            Marker::U8 => Head::Number(reader.u8()?.into()),
            Marker::U16 => Head::Number(reader.u16()?.into()),
            Marker::U32 => Head::Number(reader.u32()?.into()),
            Marker::U64 => Head::Number(reader.u64()?.into()),
            Marker::I8 => Head::Number((reader.u8()? as i8).into()),
            Marker::I16 => Head::Number((reader.u16()? as i16).into()),
            Marker::I32 => Head::Number((reader.u32()? as i32).into()),
            Marker::I64 => Head::Number((reader.u64()? as i64).into()),
            Marker::F32 => Head::Number(f32::from_bits(reader.u32()?).into()),
            Marker::F64 => Head::Number(f64::from_bits(reader.u64()?).into()),
            Marker::FixStr(len) => Head::Str(len.into()),
            Marker::Str8 => Head::Str(reader.u8()?.into()),
            Marker::Str16 => Head::Str(reader.u16()?.into()),
            Marker::Str32 => Head::Str(reader.u32()?),
            Marker::Bin8 => Head::Bin(reader.u8()?.into()),
            Marker::Bin16 => Head::Bin(reader.u16()?.into()),
            Marker::Bin32 => Head::Bin(reader.u32()?),
            Marker::FixArray(len) => Head::Array(len.into()),
            Marker::Array16 => Head::Array(reader.u16()?.into()),
            Marker::Array32 => Head::Array(reader.u32()?),
            Marker::FixMap(len) => Head::Map(len.into()),
            Marker::Map16 => Head::Map(reader.u16()?.into()),
            Marker::Map32 => Head::Map(reader.u32()?),
            Marker::FixExt1 => Head::Ext(reader.u8()?, 1),
            Marker::FixExt2 => Head::Ext(reader.u8()?, 2),
            Marker::FixExt4 => Head::Ext(reader.u8()?, 4),
            Marker::FixExt8 => Head::Ext(reader.u8()?, 8),
            Marker::FixExt16 => Head::Ext(reader.u8()?, 16),
            Marker::Ext8 => ext_head(reader.u8()?.into(), reader)?,
            Marker::Ext16 => ext_head(reader.u16()?.into(), reader)?,
            Marker::Ext32 => ext_head(reader.u32()?, reader)?,
            Marker::Reserved => return reader.fault("an invalid tag"),
        })
    }

    #[inline]
    fn int(out: &mut Vec<u8>, n: i64) -> Result<(), Fault> {
        let exact = || (n as f64) as i128 == i128::from(n);
        if i32::try_from(n).is_err() && exact() {
            return written(encode::write_f64(out, n as f64));
        }
        match n {
            -0x20..0x80 => out.push(n as u8),
            0x80..0x100 => out.extend_from_slice(&[Marker::U8.to_u8(), n as u8]),
            _ => return written(encode::write_sint(out, n)),
        }
        Ok(())
    }

    fn uint(out: &mut Vec<u8>, n: u64) -> Result<(), Fault> {
        match (n as f64) as u128 == u128::from(n) {
            true => written(encode::write_f64(out, n as f64)),
            false => written(encode::write_u64(out, n)),
        }
    }

    fn float(out: &mut Vec<u8>, n: f64) -> Result<(), Fault> {
        match n as i32 {
            int if f64::from(int) == n => Self::int(out, int.into()),
            _ => written(encode::write_f64(out, n)),
        }
    }

    #[inline]
    fn str_head(out: &mut Vec<u8>, len: u32) {
        if len < 0x20 {
            return out.push(Self::STR + len as u8);
        }
        let _ = written(encode::write_str_len(out, len));
    }

    fn bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Fault> {
        sized(out, Marker::Bin8.to_u8(), pack::length(bytes.len())?);
        out.extend_from_slice(bytes);
        Ok(())
    }

    #[inline]
    fn array_head(out: &mut Vec<u8>, len: u32) {
        let _ = written(encode::write_array_len(out, len));
    }

    #[inline]
    fn map_head(out: &mut Vec<u8>, len: u32) {
        let _ = written(encode::write_map_len(out, len));
    }

    fn special(out: &mut Vec<u8>, value: Value) -> Result<(), Fault> {
        match value {
            Value::Date(date) => write_nested(out, DATE, &date.ms().into()),
            Value::RegExp(regexp) => {
                let parts = [Value::from(regexp.source), Value::from(regexp.flags)];
                write_nested(out, REGEXP, &Value::from(parts))
            }
            Value::Error(error) => write_error(out, *error),
            Value::Typed(array) => {
                let kind = ARRAYS.iter().find(|(_, kind)| *kind == array.kind);
                write_ext(out, kind.map_or(BUFFER, |(kind, _)| *kind), &array.bytes)
            }
            Value::Ext(ext) => write_ext(out, ext.kind, &ext.data),
            _ => {
                out.push(Marker::Null.to_u8());
                Ok(())
            }
        }
    }

    fn ext(kind: u8, data: &[u8], depth: usize) -> Result<Value, Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::new("nested too deeply"));
        }
        let inside = || pack::decode_inside::<MsgPack>(data, depth);
        match kind {
            DATE => Ok(Value::Date(date(&inside()?))),
            REGEXP => regexp(inside()?),
            BOOLEAN | STRING | NUMBER => boxed(kind, inside()?),
            BUFFER => Ok(Value::from(data)),
            _ => {
                if let Some((_, name)) = ERRORS.iter().find(|(error, _)| *error == kind) {
                    return Ok(error(name, &inside()?));
                }
                match ARRAYS.iter().find(|(array, _)| *array == kind) {
                    Some((_, array)) => typed(*array, data),
                    None => Ok(Value::from(Ext { kind, data: data.into() })),
                }
            }
        }
    }
}

fn ext_head(len: u32, reader: &mut Reader<'_>) -> Result<Head, Fault> {
    Ok(Head::Ext(reader.u8()?, len))
}

/// The date that `new Date(..)` makes of the payload.
fn date(inside: &Value) -> Date {
    match inside {
        Value::Number(ms) => Date::from_ms(ms.as_f64()),
        Value::String(text) => Date::parse(text),
        Value::Date(date) => *date,
        Value::Bool(bool) => Date::from_ms(f64::from(u8::from(*bool))),
        Value::Null => Date::from_ms(0.0),
        _ => Date::INVALID,
    }
}

fn regexp(inside: Value) -> Result<Value, Fault> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match (text(&inside[0]), text(&inside[1])) {
        (Some(source), Some(flags)) => Ok(Value::from(RegExp { source, flags })),
        _ => Err(Fault::new("a regular expression without its text")),
    }
}

/// `new Boolean(..)` and the like: to Rust the same as what is in them.
fn boxed(kind: u8, inside: Value) -> Result<Value, Fault> {
    match (kind, &inside) {
        (BOOLEAN, Value::Bool(_)) | (STRING, Value::String(_)) | (NUMBER, Value::Number(_)) => {
            Ok(inside)
        }
        _ => Err(Fault::new("a boxed value of another type")),
    }
}

fn error(kind: &str, inside: &Value) -> Value {
    let text = |name: &str| inside[name].as_str().unwrap_or_default().to_owned();
    let name = Some(text("name")).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| kind.to_owned());
    Value::from(JsError { name, message: text("message"), stack: text("stack") })
}

fn typed(kind: TypedKind, data: &[u8]) -> Result<Value, Fault> {
    match data.len() % kind.width() {
        0 => Ok(Value::from(TypedArray { kind, bytes: data.into() })),
        _ => Err(Fault::new("a typed array with a broken element")),
    }
}
