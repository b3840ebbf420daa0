//! HTTP/1.1, as far as it is needed here. Heads, bodies and queries are read by
//! both roles, without a socket; what each does with its sockets is in
//! [`server`] and [`client`].

mod body;
pub(crate) mod client;
mod fields;
mod head;
mod query;
pub(crate) mod server;

pub(crate) use body::BodyDecoder;
pub(crate) use fields::Fields;
#[cfg(test)]
pub(crate) use head::parse_request;
pub(crate) use head::{Bad, BodyLength, Parsed, ResponseHead, Scan, is_token_byte, parse_response};
pub(crate) use query::{decode, encode, pairs};
pub use server::{Address, Request};
