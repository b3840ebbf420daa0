//! Joined to servers that have `primus-redis-rooms`.

mod wire;

use std::sync::Arc;

use super::foreign::Foreign;
use super::replies::escaped;
use crate::error::{BoxError, Error};
use crate::frame::Frame;
use crate::id::uuid_of;
use crate::link::{Heard, RedisLink, Subscription};
use crate::parsers::{NoPeer, Parser};
use crate::plugins::rooms::{Change, Here, RoomMessage, RoomStore};
use crate::sync::Lock;

/// A [`RoomStore`]: what is written to rooms reaches the servers that have the npm package
/// `primus-redis-rooms`, and those of this crate that have this; and the other way about. See
/// [the page](super).
///
/// Who is in a room is known to each server alone: [`members`](RoomStore::members) and
/// [`names`](RoomStore::names) of others are errors. What is written to everybody in any
/// room stays on this server, for there is no message that says so.
pub struct NpmRedisRooms {
    link: RedisLink,
    channel: String,
    /// That of this server alone, below the others'.
    id: String,
    subscription: Lock<Option<Subscription>>,
}

impl NpmRedisRooms {
    /// With the name that the npm package has by default.
    pub fn new(link: &RedisLink) -> Self {
        NpmRedisRooms {
            link: link.clone(),
            channel: "primus".to_owned(),
            id: uuid_of(fastrand::u128(..)),
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
        let own = format!("{}.{}", self.channel, self.id);
        let foreign = Arc::new(Foreign::new("primus-redis-rooms"));
        let hear = move |heard: Heard<'_>| {
            let Heard::Message { channel, payload } = heard else { return };
            if channel == own {
                return;
            }
            match hear(&here, payload) {
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
        let channel = format!("{}.{}", self.channel, self.id);
        for packet in wire::encode(message) {
            if let Some(frame) = Parser::JSON.encode(&packet, &NoPeer)? {
                self.link.publish(&channel, frame.as_bytes().to_vec())?;
            }
        }
        Ok(())
    }

    fn members(&self, _: &str) -> Result<Vec<String>, BoxError> {
        Err(UNKNOWN.into())
    }

    fn names(&self) -> Result<Vec<String>, BoxError> {
        Err(UNKNOWN.into())
    }

    fn detach(&self) {
        self.subscription.lock().take();
    }
}

const UNKNOWN: &str = "with `NpmRedisRooms` each server knows its own members alone";

fn hear(here: &Here, payload: &[u8]) -> Result<(), Error> {
    let foreign = |why: &str| Error::Misuse(why.to_owned());
    let text = std::str::from_utf8(payload).map_err(|_| foreign("it is no text"))?;
    let packet = Parser::JSON.decode(&Frame::text(text), &NoPeer)?;
    match wire::decode(packet).map_err(foreign)? {
        Some(message) => here.write(&message).map(drop),
        None => Ok(()),
    }
}
