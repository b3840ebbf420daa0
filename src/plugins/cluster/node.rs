//! Servers of Node.js beside this one: they hear nothing on the bus, and are forwarded to
//! by way of omega-supreme.

use std::sync::Weak;

use super::forwards::Next;
use super::keys::CHUNK;
use super::live::Live;
use crate::error::{Result, catch};
use crate::link::{Batch, Reply, refusal};
use crate::plugins::omega::forward_elsewhere;

/// Forwards what there is, until it is ended.
pub(super) fn run(live: &Weak<Live>) {
    while let Some(live) = live.upgrade() {
        let next = live.forwards.next();
        if let Next::End = next {
            return;
        }
        if let Err(text) = catch(|| live.forward(next)) {
            log::error!("cluster: forwarding panicked: {}", text.escape_debug());
        }
    }
}

impl Live {
    fn forward(&self, next: Next) {
        match next {
            Next::Look => match self.deaf() {
                Ok(servers) => self.forwards.found(servers),
                Err(error) => self.warn(&format!("which servers hear nothing is unknown: {error}")),
            },
            Next::Forward(value, servers) => {
                let Some(primus) = self.primus.upgrade() else { return };
                let count = servers.len();
                match forward_elsewhere(&primus, servers, &*value) {
                    Ok(forwarded) => {
                        self.counters.forwarded.add(forwarded.taken.len());
                        self.counters.unforwarded.add(forwarded.failed.len());
                        if let Some((server, error)) = forwarded.failed.first() {
                            self.warn(&format!("a message is not forwarded to {server}: {error}"));
                        }
                    }
                    Err(error) => {
                        self.counters.unforwarded.add(count);
                        self.warn(&format!("a message is not forwarded: {error}"));
                    }
                }
            }
            Next::End => {}
        }
    }

    /// The servers that are registered, live, and are none of ours: only ours say which
    /// process they are. That one of ours hears nothing at the moment makes it none of
    /// theirs, or it would have messages twice.
    fn deaf(&self) -> Result<Vec<String>> {
        let mut deaf = Vec::new();
        for others in self.metroplex.others()?.chunks(CHUNK) {
            let mut batch = Batch::new().atomic();
            for keys in others.iter().map(|address| self.keys_of(address)) {
                // In this order: one that dies in between loses both, the sign of life first.
                batch.add(&["EXISTS", &keys.boot()]);
                batch.add(&["EXISTS", keys.alive()]);
            }
            let replies = self.link().fetch(batch, self.options.timeout)?;
            if let Some(refused) = replies.iter().find_map(refusal) {
                return Err(refused);
            }
            let is_deaf = |pair: &[Reply]| matches!(pair, [Reply::Int(0), Reply::Int(1)]);
            let known = others.iter().zip(replies.chunks(2));
            deaf.extend(known.filter(|(_, pair)| is_deaf(pair)).map(|(other, _)| other.clone()));
        }
        Ok(deaf)
    }
}
