//! The names by which this crate's own types show themselves through serde.
//!
//! A date, for one, has no place in serde's data model. It is serialised as a
//! newtype struct of a name that nothing else has; the parsers of this crate
//! know the names, any other format sees only what is inside. A peer can't
//! forge them: they never come from a message.

pub(crate) const VALUE: &str = "$primus::Value";
pub(crate) const BYTES: &str = "$primus::Bytes";
pub(crate) const DATE: &str = "$primus::Date";
pub(crate) const UNDEFINED: &str = "$primus::Undefined";
pub(crate) const REGEXP: &str = "$primus::RegExp";
pub(crate) const ERROR: &str = "$primus::Error";
pub(crate) const TYPED: &str = "$primus::TypedArray";
pub(crate) const EXT: &str = "$primus::Ext";

/// The special values by the number that stands for them on the way in.
pub(crate) const SPECIAL: [&str; 6] = [UNDEFINED, DATE, REGEXP, ERROR, TYPED, EXT];

/// True for the name of a special value. (What is under the name of bytes is
/// bytes to every serialiser.)
#[inline]
pub(crate) fn is_token(name: &str) -> bool {
    name.starts_with("$primus::") && name != BYTES
}

/// How all names begin under which serde_json hides something.
const PRIVATE: &str = "$serde_json::private::";

/// The name of a number.
pub(crate) const NUMBER: &str = "$serde_json::private::Number";

/// The name of a raw text.
pub(crate) const RAW: &str = "$serde_json::private::RawValue";

/// True for the name of a field under which serde_json hides something. The
/// compiler knows it of the names of fields, where it has them before it.
#[inline(always)]
pub(crate) fn is_private(name: &str) -> bool {
    name.len() > PRIVATE.len() && name.as_bytes().starts_with(PRIVATE.as_bytes())
}
