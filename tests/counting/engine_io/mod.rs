//! Sessions of engine.io, and what they leave behind.

pub mod application;
pub mod bodies;
pub mod connections;
pub mod crowd;
pub mod cve;
pub mod ending;
pub mod floods;
pub mod handshake;
pub mod heartbeat;
pub mod parked;
pub mod polling;
pub mod slow;
pub mod soak;
pub mod strangers;
pub mod unread;
pub mod upgrade;
