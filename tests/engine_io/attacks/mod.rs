//! Attacks on sessions, and what must come of them: the attacker is refused or
//! cut, nobody else notices.
//!
//! Some are elsewhere: two polls or two POSTs at a time and JSONP in `polling`,
//! clients that do not read in `slow`, and those after which is counted what is
//! left in `counting`.

mod application;
mod bodies;
mod strangers;
