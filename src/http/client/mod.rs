//! What a client says to a server in HTTP, and hears.

mod cookies;
mod exchange;
mod response;
mod target;

pub(crate) use cookies::Cookies;
pub(crate) use exchange::{Exchanger, Progress};
pub(crate) use response::{Answer, Reader};
pub(crate) use target::{Target, place};
