//! Attacks, and what must come of them: the attacker is refused or cut, nobody
//! else notices. (Those that count what is left behind are in `counting`, frames
//! against RFC 6455 in `websocket`.)

#[path = "../common/mod.rs"]
mod common;

mod frames;
mod listeners;
mod panics;
mod places;
mod requests;
mod slow;
mod strangers;
