//! Attacks on every route, and what must come of them: the attacker is refused or
//! cut, nobody else notices.

mod bodies;
mod callbacks;
mod names;
mod requests;
mod routes;
mod strangers;
mod websockets;
