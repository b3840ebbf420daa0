//! What only a JavaScript peer has: regular expressions, errors, typed arrays
//! and extension types.

use std::fmt;

use super::Number;

/// A JavaScript regular expression: carried, not interpreted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegExp {
    /// The pattern, without slashes.
    pub source: String,
    /// The flags, such as `gi`.
    pub flags: String,
}

impl fmt::Display for RegExp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/{}", self.source, self.flags)
    }
}

/// A JavaScript error, as `msgpack` carries it. The other parsers send an
/// empty object (`json`, `ejson`) or refuse it (`binary`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JsError {
    /// `Error`, `EvalError`, `RangeError`, `ReferenceError`, `SyntaxError`,
    /// `TypeError` or `URIError`; any other name travels as an `Error` of that
    /// name.
    pub name: String,
    /// The message.
    pub message: String,
    /// The stack trace; empty if there is none.
    pub stack: String,
}

impl fmt::Display for JsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}

/// The kind of a [`TypedArray`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypedKind {
    /// Signed bytes.
    Int8,
    /// Bytes.
    Uint8,
    /// Bytes that JavaScript clamps to 0 to 255.
    Uint8Clamped,
    /// Signed numbers of 16 bits.
    Int16,
    /// Unsigned numbers of 16 bits.
    Uint16,
    /// Signed numbers of 32 bits.
    Int32,
    /// Unsigned numbers of 32 bits.
    Uint32,
    /// Floats of 32 bits.
    Float32,
    /// Floats of 64 bits.
    Float64,
    /// Memory without elements.
    ArrayBuffer,
    /// A view of memory without elements.
    DataView,
}

/// The kinds by the number that stands for them between our own halves.
pub(super) const KINDS: [TypedKind; 11] = [
    TypedKind::Int8,
    TypedKind::Uint8,
    TypedKind::Uint8Clamped,
    TypedKind::Int16,
    TypedKind::Uint16,
    TypedKind::Int32,
    TypedKind::Uint32,
    TypedKind::Float32,
    TypedKind::Float64,
    TypedKind::ArrayBuffer,
    TypedKind::DataView,
];

impl TypedKind {
    /// Bytes of one element; 1 for `ArrayBuffer` and `DataView`.
    pub fn width(self) -> usize {
        match self {
            TypedKind::Int16 | TypedKind::Uint16 => 2,
            TypedKind::Int32 | TypedKind::Uint32 | TypedKind::Float32 => 4,
            TypedKind::Float64 => 8,
            _ => 1,
        }
    }

    /// True for the kinds whose elements JavaScript shows under index keys.
    pub(crate) fn has_elements(self) -> bool {
        !matches!(self, TypedKind::ArrayBuffer | TypedKind::DataView)
    }
}

/// A typed array, `ArrayBuffer` or `DataView`, as `msgpack` carries it: the raw
/// memory, little-endian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedArray {
    /// What the bytes are.
    pub kind: TypedKind,
    /// The memory. Bytes after the last whole element are not elements.
    pub bytes: Vec<u8>,
}

impl TypedArray {
    /// The elements as numbers, in order.
    pub fn numbers(&self) -> impl Iterator<Item = Number> + '_ {
        let kind = self.kind;
        self.bytes.chunks_exact(kind.width()).map(move |chunk| element(kind, chunk))
    }
}

fn element(kind: TypedKind, chunk: &[u8]) -> Number {
    let mut wide = [0; 8];
    wide[..chunk.len()].copy_from_slice(chunk);
    let bits = u64::from_le_bytes(wide);
    match kind {
        TypedKind::Int8 => (bits as i8).into(),
        TypedKind::Int16 => (bits as i16).into(),
        TypedKind::Int32 => (bits as i32).into(),
        TypedKind::Float32 => f32::from_bits(bits as u32).into(),
        TypedKind::Float64 => f64::from_bits(bits).into(),
        _ => bits.into(),
    }
}

/// A `msgpack` extension type that Primus has no meaning for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ext {
    /// The type number.
    pub kind: u8,
    /// The payload.
    pub data: Vec<u8>,
}
