//! What was sent on a connection, and which replies belong to it.
//!
//! | a batch | Redis replies |
//! |---|---|
//! | plain | once to each command |
//! | atomic | `OK` to MULTI, `QUEUED` or an error to each command, an array or an error to EXEC |
//!
//! A script that Redis has forgotten (`NOSCRIPT`) has not run: it is
//! [sent again](Done::Again), whole. An error that says that Redis does not serve at
//! present ([`is_away`]) ends the exchange, as the end of the connection does: what is
//! then [left](Exchange::give_up) is what was not answered.

use std::collections::{HashSet, VecDeque};

use crate::error::{Error, Result};
use crate::link::batch::{Batch, Script, Step};
use crate::link::queue::{Cost, Entry, Purpose, Then};
use crate::link::reply::{Reply, refusal};

/// Whether an error says that Redis does not serve at present: it loads, runs a script
/// that does not end, or has become a replica.
pub(in crate::link) fn is_away(code: &str) -> bool {
    matches!(code, "LOADING" | "BUSY" | "MASTERDOWN" | "READONLY")
}

/// The replies that are to come.
#[derive(Default)]
pub(in crate::link) struct Exchange {
    flights: VecDeque<Flight>,
    /// Scripts that this connection has sent whole.
    known: HashSet<&'static str>,
    /// Commands sent.
    pub sent: u64,
    /// Errors received.
    pub refused: u64,
    /// Batches that were answered, in whole.
    pub answered: u64,
}

/// A batch that was sent.
struct Flight {
    entry: Entry,
    /// Those of its commands that were sent, if not all.
    again: Option<Vec<usize>>,
    /// How many replies have come.
    heard: usize,
    /// For a question.
    replies: Vec<Reply>,
    /// Commands whose script Redis does not know.
    forgotten: Vec<usize>,
    /// The first error, where nobody asked.
    refusal: Option<Error>,
    /// EXEC, or a command before it, was refused.
    failed: Option<Error>,
}

/// What a reply has brought about.
pub(in crate::link) enum Done {
    /// All replies to a question are there.
    Answer(Then, Result<Vec<Reply>>, Cost),
    /// All replies to a post are there; with the first error among them.
    Posted(Option<Error>, Cost),
    /// This is to be sent again, before anything else.
    Again(Entry),
}

impl Exchange {
    /// Whether nothing is to come.
    pub fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }

    /// Whether the next reply belongs to a batch that a connection has ended for,
    /// perhaps.
    pub fn is_suspect(&self) -> bool {
        self.flights.front().is_some_and(|flight| flight.entry.is_suspect())
    }

    /// Appends a batch as it is to be sent, and expects its replies.
    pub fn send(&mut self, mut entry: Entry, out: &mut Vec<u8>) {
        let batch = &entry.batch;
        let again = entry.again.take();
        let is_again = again.is_some();
        let (indices, replies) = again.map_or_else(Default::default, |again| (again.0, again.1));
        if batch.is_atomic() {
            let frame = Batch::new().cmd(&["MULTI"]).cmd(&["EXEC"]);
            frame.steps()[0].write(true, out);
            batch.steps().iter().for_each(|step| step.write(true, out));
            frame.steps()[1].write(true, out);
            self.sent += 2;
        } else {
            let steps = batch.steps().iter().enumerate();
            for (_, step) in steps.filter(|(at, _)| !is_again || indices.contains(at)) {
                let whole = match step {
                    Step::Script { script, .. } => self.known.insert(script.hash()) || is_again,
                    Step::Command(_) => true,
                };
                step.write(whole, out);
            }
        }
        let again = is_again.then_some(indices);
        self.sent += again.as_ref().map_or(batch.len(), Vec::len) as u64;
        let forgotten = Vec::new();
        let flight =
            Flight { entry, again, heard: 0, replies, forgotten, refusal: None, failed: None };
        self.flights.push_back(flight);
    }

    /// The next reply. The error says that Redis does not serve, or that it said what
    /// nobody asked for.
    pub fn receive(&mut self, reply: Reply) -> Result<Option<Done>> {
        let Some(flight) = self.flights.front_mut() else {
            return Err(Error::Protocol("a reply that nobody asked for".into()));
        };
        if let Reply::ServerError(error) = &reply {
            if is_away(error.code()) {
                let text = refusal(&reply).map_or_else(String::new, |error| error.to_string());
                return Err(Error::Unavailable(format!("Redis does not serve now: {text}")));
            }
            self.refused += u64::from(error.code() != "NOSCRIPT");
        }
        if flight.entry.batch.is_atomic() {
            flight.hear_atomic(reply)?;
        } else {
            flight.hear(reply, &mut self.known);
        }
        if flight.heard < flight.expected() {
            return Ok(None);
        }
        self.answered += 1;
        Ok(self.flights.pop_front().map(Flight::done))
    }

    /// The connection is over: what was not answered, in order.
    pub fn give_up(self) -> impl Iterator<Item = Entry> {
        self.flights.into_iter().map(|flight| {
            let Flight { mut entry, again, replies, .. } = flight;
            entry.again = again.map(|again| (again, replies));
            entry
        })
    }
}

impl Flight {
    fn expected(&self) -> usize {
        let all = self.entry.batch.len();
        match &self.again {
            Some(again) => again.len(),
            None if self.entry.batch.is_atomic() => all + 2,
            None => all,
        }
    }

    fn hear(&mut self, reply: Reply, known: &mut HashSet<&'static str>) {
        let at = self.again.as_ref().map_or(Some(self.heard), |all| all.get(self.heard).copied());
        let at = at.unwrap_or(self.heard);
        self.heard += 1;
        if let (Reply::ServerError(error), Some(Step::Script { script, .. }), None) =
            (&reply, self.entry.batch.steps().get(at), &self.again)
            && error.code() == "NOSCRIPT"
        {
            known.remove(Script::hash(script));
            self.forgotten.push(at);
        } else {
            self.note(at, &reply);
        }
        if self.entry.purpose.is_question() {
            match self.replies.get_mut(at) {
                Some(place) => *place = reply,
                None => self.replies.push(reply),
            }
        }
    }

    fn hear_atomic(&mut self, reply: Reply) -> Result<()> {
        let at = self.heard;
        self.heard += 1;
        let is_exec = at == self.entry.batch.len() + 1;
        match reply {
            Reply::Array(all) if is_exec => {
                all.iter().enumerate().for_each(|(at, reply)| self.note(at, reply));
                self.replies = all;
            }
            reply @ Reply::ServerError(_) => {
                // The first says why, EXEC only that it was not carried out.
                let at = at.saturating_sub(1);
                self.failed = self.failed.take().or_else(|| self.named(at, &reply));
            }
            Reply::Nil if is_exec => {
                self.failed = Some(Error::Unavailable("Redis: the transaction was dropped".into()));
            }
            _ if is_exec => {
                return Err(Error::Protocol("the answer to EXEC is no array".into()));
            }
            _ => {}
        }
        Ok(())
    }

    /// Keeps the first error of a post.
    fn note(&mut self, at: usize, reply: &Reply) {
        if self.refusal.is_none() && !self.entry.purpose.is_question() {
            self.refusal = self.named(at, reply);
        }
    }

    /// The error that a reply is, with the command.
    fn named(&self, at: usize, reply: &Reply) -> Option<Error> {
        let Error::Unavailable(text) = refusal(reply)? else { return None };
        let name = self.entry.batch.steps().get(at).map_or_else(String::new, Step::name);
        Some(Error::Unavailable(format!("{text} ({name})")))
    }

    fn done(self) -> Done {
        let Flight { mut entry, replies, forgotten, refusal, failed, .. } = self;
        if !forgotten.is_empty() {
            entry.again = Some((forgotten, replies));
            return Done::Again(entry);
        }
        let cost = entry.cost();
        match entry.purpose {
            Purpose::Question(then) => Done::Answer(then, failed.map_or(Ok(replies), Err), cost),
            Purpose::Post(_) | Purpose::Ping => Done::Posted(failed.or(refusal), cost),
        }
    }
}

#[cfg(test)]
mod tests;
