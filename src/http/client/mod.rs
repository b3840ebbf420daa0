//! What a client says to a server in HTTP, and hears.

mod response;

pub(crate) use response::{Answer, BODY_MAX, Pieces, Reader};
