//! What a client says to a server in HTTP, and hears.

mod calls;
mod cookies;
mod exchange;
mod pool;
mod response;
mod target;

pub(crate) use calls::{Call, Patience, call_all};
pub(crate) use cookies::Cookies;
pub(crate) use exchange::{Exchanger, Progress};
pub(crate) use pool::Pool;
pub(crate) use response::{Answer, Reader};
pub(crate) use target::{Target, authority, place};
