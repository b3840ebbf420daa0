//! Joined to servers that have `primus-redis-rooms`.

mod wire;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::doubles::Doubles;
use super::foreign::Foreign;
use super::replies::escaped;
use crate::error::{BoxError, Error};
use crate::frame::Frame;
use crate::id::uuid_of;
use crate::link::{Batch, Heard, Keep, RedisLink, Subscription};
use crate::parsers::{NoPeer, Parser};
use crate::plugins::rooms::{Change, Here, RoomMessage, RoomStore};
use crate::server::HandOn;
use crate::sync::Lock;

/// A [`RoomStore`]: what is written to rooms reaches the servers that have the npm package
/// `primus-redis-rooms`, and those of this crate that have this; and the other way about. See
/// [the page](super).
///
/// Who is in a room is known to each server alone, and those in JavaScript answer no
/// questions: [`members`](RoomStore::members), [`members_of`](RoomStore::members_of) and
/// [`names`](RoomStore::names) of others are errors.
///
/// What is written to everybody in any room
/// ([`any_room`](crate::plugins::rooms::PrimusRooms::any_room)) reaches all of them on servers
/// of this crate, once each. For those in JavaScript there is no message that says so: it
/// goes to each of the rooms that have members on this server, so that there somebody in two
/// of these gets it twice, and somebody who is in none of them does not get it. It is one
/// message for each of these rooms, all of which the link takes, or none.
pub struct NpmRedisRooms {
    link: RedisLink,
    channel: String,
    /// That of this server alone, below the others'.
    id: String,
    /// The number of the last message that it has published.
    said: AtomicU64,
    here: Lock<Option<Here>>,
    subscription: Lock<Option<Subscription>>,
}

impl fmt::Debug for NpmRedisRooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NpmRedisRooms")
            .field("link", &self.link)
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}

impl NpmRedisRooms {
    /// With the name that the npm package has by default.
    pub fn new(link: &RedisLink) -> Self {
        NpmRedisRooms {
            link: link.clone(),
            channel: "primus".to_owned(),
            id: uuid_of(fastrand::u128(..)),
            said: AtomicU64::new(0),
            here: Lock::default(),
            subscription: Lock::default(),
        }
    }

    /// What the channels' names begin with, before a dot. Defaults to `primus`.
    pub fn channel(mut self, channel: &str) -> Self {
        channel.clone_into(&mut self.channel);
        self
    }
}

impl RoomStore for NpmRedisRooms {
    fn attach(&self, here: Here) -> Result<(), BoxError> {
        *self.here.lock() = Some(here.clone());
        let own = format!("{}.{}", self.channel, self.id);
        let foreign = Foreign::new("primus-redis-rooms");
        let doubles = Lock::<Doubles<u128>>::default();
        let hear = move |heard: Heard<'_>| {
            let Heard::Message { channel, payload } = heard else { return };
            if channel == own {
                return;
            }
            match hear(&here, &doubles, channel, payload) {
                Ok(()) | Err(Error::Closed) => {}
                Err(error) => foreign.note(channel, &error.to_string()),
            }
        };
        let pattern = format!("{}.*", escaped(&self.channel));
        *self.subscription.lock() = Some(self.link.psubscribe(&pattern, hear));
        Ok(())
    }

    /// Nobody else is told.
    fn changed(&self, _: &[Change]) -> Result<(), BoxError> {
        Ok(())
    }

    fn write(&self, message: &RoomMessage) -> Result<(), BoxError> {
        self.prepare(message)?()
    }

    fn prepare<'a>(&'a self, message: &'a RoomMessage) -> Result<HandOn<'a>, BoxError> {
        let channel = format!("{}.{}", self.channel, self.id);
        let number = self.said.fetch_add(1, Ordering::Relaxed) + 1;
        let mut batch = Batch::new();
        for packet in wire::encode(message, number, &self.rooms_for(message)) {
            if let Some(frame) = Parser::JSON.encode(&packet, &NoPeer)? {
                batch = batch.publish(&channel, frame.as_bytes());
            }
        }
        Ok(Box::new(move || Ok(self.link.post(batch, Keep::Yes)?)))
    }

    fn members(&self, _: &str) -> Result<Vec<String>, BoxError> {
        Err(UNKNOWN.into())
    }

    fn names(&self) -> Result<Vec<String>, BoxError> {
        Err(UNKNOWN.into())
    }

    fn detach(&self) {
        self.here.lock().take();
        self.subscription.lock().take();
    }
}

impl NpmRedisRooms {
    /// The rooms that a message to any room names to servers in JavaScript.
    fn rooms_for(&self, message: &RoomMessage) -> Vec<String> {
        if !message.rooms.is_empty() {
            return Vec::new();
        }
        let here = self.here.lock().clone();
        let names = here.map_or(Vec::new(), |here| here.names());
        // The others here are to hear it all the same: nobody has a room of this name.
        if names.is_empty() { vec![self.id.clone()] } else { names }
    }
}

const UNKNOWN: &str = "with `NpmRedisRooms` each server knows its own members alone";

fn hear(
    here: &Here,
    doubles: &Lock<Doubles<u128>>,
    channel: &str,
    payload: &[u8],
) -> Result<(), Error> {
    let foreign = |why: &str| Error::Misuse(why.to_owned());
    let text = std::str::from_utf8(payload).map_err(|_| foreign("it is no text"))?;
    let packet = Parser::JSON.decode(&Frame::text(text), &NoPeer)?;
    let Some((message, number)) = wire::decode(packet).map_err(foreign)? else { return Ok(()) };
    let server = channel.rsplit_once('.').and_then(|(_, id)| uuid(id));
    match server.zip(number) {
        Some((server, number)) if doubles.lock().is_double(&server, number) => Ok(()),
        _ => here.write(&message).map(drop),
    }
}

/// The number that a UUID is.
fn uuid(text: &str) -> Option<u128> {
    u128::from_str_radix(&text.replace('-', ""), 16).ok()
}
