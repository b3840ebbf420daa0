//! What an application meets at the server's face: what becomes of its
//! failures, of what it asks late, and what holds the moment it is connected.

#[path = "../common/mod.rs"]
mod common;

mod failures;
mod first_hour;
mod late;
mod registered;
mod slow;
