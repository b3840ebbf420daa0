//! What a server hears of the others, on the link's thread of subscriptions, which must not
//! wait.

use super::bus::Bus;
use super::direct::Deed;
use super::live::Live;
use super::peers::Seen;
use super::wire::{self, Body, Not};
use crate::error::{Error, Result};
use crate::plugins::rooms::RoomMessage;
use crate::server::EndOptions;

impl Live {
    /// Something was said to all servers.
    pub fn message(&self, bus: &Bus, payload: &[u8]) {
        let Some(heard) = self.read(&bus.channel, payload) else { return };
        let (from, boot) = (&*heard.from, &*heard.boot);
        if let Body::Alive = heard.body {
            let missed = bus.peers.lock().alive(from, boot, heard.seq);
            return self.has_missed(from, missed);
        }
        let seen = bus.peers.lock().hear(from, boot, heard.seq);
        match seen {
            Seen::Double => return self.counters.doubles.add(1),
            Seen::New(missed) => self.has_missed(from, missed),
        }
        let Some(primus) = self.primus.upgrade() else { return };
        let delivered = match heard.body {
            Body::All(value) => primus.write_here(&value),
            Body::Rooms { rooms, except, value } => match self.here.get() {
                Some(here) => here.write(&RoomMessage::new(rooms, except, value)).map(drop),
                None => Ok(()),
            },
            _ => return self.complain(&bus.channel, "a message for one server is for all"),
        };
        self.was_delivered(&delivered);
    }

    /// Something was said to this one, on a channel of its own.
    pub fn message_to_one(&self, channel: &str, payload: &[u8]) {
        let Some(heard) = self.read(channel, payload) else { return };
        let wire::Heard { from, boot, body, .. } = heard;
        match body {
            Body::Got { ask, got } => self.asks.answer(ask, &from, got),
            Body::Ids { ids, ask, value } => {
                self.do_here((&from, &boot), &ids, ask, &Deed::Write(&value));
            }
            Body::End { ids, ask, reconnect } => {
                let options = EndOptions::default().reconnect(reconnect);
                self.do_here((&from, &boot), &ids, ask, &Deed::End(options));
            }
            _ => self.complain(channel, "a message for all is for one server"),
        }
    }

    fn read(&self, channel: &str, payload: &[u8]) -> Option<wire::Heard> {
        if self.is_own(payload) {
            return None;
        }
        self.counters.received.add(1);
        if payload.len() > self.options.message {
            self.complain(channel, "a message is too large");
            return None;
        }
        match wire::decode(payload, self.values) {
            Ok(heard) => Some(heard).filter(|heard| heard.boot != self.boot),
            Err(Not::Known) => {
                self.counters.unknown.add(1);
                None
            }
            Err(Not::Message) => {
                self.complain(channel, "what comes is no message");
                None
            }
        }
    }

    fn complain(&self, channel: &str, text: &str) {
        self.counters.garbage.add(1);
        self.warn(&format!("{text}: who publishes on `{channel}`?"));
    }

    fn has_missed(&self, from: &str, count: u64) {
        if count > 0 {
            self.counters.missed.add(count as usize);
            self.missed.snapshot().iter().for_each(|listener| listener(from, count));
        }
    }

    pub fn was_delivered(&self, outcome: &Result<()>) {
        // A server that ends has nobody to write to.
        if let Err(error) = outcome
            && !matches!(error, Error::Closed)
        {
            self.counters.undelivered.add(1);
            self.warn(&format!("a message is not delivered here: {error}"));
        }
    }
}
