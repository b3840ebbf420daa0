//! Rooms that several servers share: their messages are counted and kept in Redis.
//!
//! A script gives a message its place in each of its rooms and publishes it with these, so
//! all servers write it in the order of the offsets. What a server hears it also keeps as
//! one that is alone does; from there its clients are brought to where their rooms are, and
//! Redis is asked where that does not reach back far enough: for what was said before this
//! server listened, or while it was cut off.
//!
//! A message that Redis has not published in good time, because it is away, is written to
//! the members here without a place. It waits in the link, gets its place later, and those
//! who have had it are told of that alone.

mod early;
mod packet;
mod pending;
mod refused;
mod shared;
mod state;
mod watch;

pub(super) use state::{Remote, Streams};
