//! Strings and arrays of JSON as they come in what clients and servers say, taken apart
//! one by one and without a copy of the whole.
//!
//! The wire protocols that have messages as JSON in their frames read them with this:
//! `sockjs` arrays of them, `browserchannel` arrays and single ones, `socket.io` strings
//! in forms. What a message means is left to the parser.

mod messages;
mod strings;

pub(crate) use messages::{Invalid, Messages, one_at};
pub(crate) use strings::json_string;
pub(super) use strings::{run, string};
