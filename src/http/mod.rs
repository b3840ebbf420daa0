//! HTTP/1.1, as far as it is needed here. Heads, bodies and queries are read by
//! both roles, without a socket; what each does with its sockets is in
//! [`server`] and [`client`].

mod body;
pub(crate) mod client;
mod coding;
mod fields;
mod head;
mod query;
pub(crate) mod server;

pub(crate) use body::BodyDecoder;
pub(crate) use coding::{Coder, Coding};
pub(crate) use fields::{Fields, is_text_byte, is_token};
#[cfg(test)]
pub(crate) use head::parse_request;
pub(crate) use head::{BodyLength, Parsed, ResponseHead, Scan, parse_response};
pub(crate) use query::{decode, encode, pairs};
pub use server::{Address, Request};

/// Why a head or a body is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bad {
    /// The status to answer with.
    pub(crate) status: u16,
    /// The text to answer with.
    pub(crate) text: &'static str,
}

impl Bad {
    pub(crate) const LARGE: Bad = Bad { status: 431, text: "request head too large" };

    pub(crate) const fn new(text: &'static str) -> Self {
        Bad { status: 400, text }
    }
}
