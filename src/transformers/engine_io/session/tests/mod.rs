//! The server's session: rule by rule, and against every recording.

mod recorded;
mod replay;
mod server;
mod stand_in;
mod trace;
