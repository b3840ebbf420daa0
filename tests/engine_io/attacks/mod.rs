//! Attacks on sessions, and what must come of them: the attacker is refused or
//! cut, nobody else notices, and afterwards nothing is left.
//!
//! Some are elsewhere: two polls or two POSTs at a time and JSONP in `polling`,
//! clients that do not read in `slow`.

mod application;
mod bodies;
mod connections;
mod floods;
mod strangers;
