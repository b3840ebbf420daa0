//! Commands that wait to be sent, within a bound that those in flight count for.

use std::collections::VecDeque;
use std::ops::{AddAssign, SubAssign};

use crate::error::{Error, Result};
use crate::link::batch::Batch;
use crate::link::reply::Reply;

/// Whether a [`post`](crate::RedisLink::post) outlives the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It waits for a connection, and is sent again, in order, when one broke before
    /// Redis had answered: then it may be carried out twice.
    Yes,
    /// It is dropped when there is no connection, or when that breaks: for what is
    /// written again from the whole when the link is [up](crate::link::LinkState::Up).
    No,
}

/// What a command counts beside its bytes.
const OVERHEAD: usize = 64;

/// How often a batch may be the next one when a connection ends for something that
/// Redis said; then it is the batch that has to go.
const STRIKES_MAX: u32 = 3;

/// How often it may be the first one, on connections that end without an answer to
/// anything. A Redis that is started again, or a proxy in between, may well do that a
/// few times, but hardly so often while it lets the link in each time.
const CUTS_MAX: u32 = 12;

/// Answers that may wait to be told; beyond these the callers tell them.
const ANSWERS_MAX: usize = 10_000;

pub(in crate::link) type Then = Box<dyn FnOnce(Result<Vec<Reply>>) + Send>;

/// An answer that is to be told.
pub(in crate::link) type Answer = (Then, Result<Vec<Reply>>);

/// A batch on its way.
pub(in crate::link) struct Entry {
    pub batch: Batch,
    pub purpose: Purpose,
    /// Of a batch that was sent: the commands that are to be sent again, alone, and
    /// the replies so far.
    pub again: Option<(Vec<usize>, Vec<Reply>)>,
    strikes: u32,
    cuts: u32,
}

/// Whether the end of a connection is due to the batch whose answer was the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::link) enum Blame {
    /// Nothing says so: others were answered before.
    None,
    /// Perhaps: nothing was answered at all.
    Perhaps,
    /// Most likely: Redis said something that was no answer.
    Likely,
}

/// What waits, in commands and in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::link) struct Cost {
    pub commands: usize,
    pub bytes: usize,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, more: Cost) {
        self.commands += more.commands;
        self.bytes += more.bytes;
    }
}

impl SubAssign for Cost {
    fn sub_assign(&mut self, less: Cost) {
        self.commands = self.commands.saturating_sub(less.commands);
        self.bytes = self.bytes.saturating_sub(less.bytes);
    }
}

/// What it is sent for.
pub(in crate::link) enum Purpose {
    Post(Keep),
    Question(Then),
    /// A sign of life.
    Ping,
}

impl Purpose {
    pub fn is_question(&self) -> bool {
        matches!(self, Purpose::Question(_))
    }
}

impl Entry {
    pub fn new(batch: Batch, purpose: Purpose) -> Self {
        Entry { batch, purpose, again: None, strikes: 0, cuts: 0 }
    }

    pub fn ping() -> Self {
        Self::new(Batch::new().cmd(&["PING"]), Purpose::Ping)
    }

    /// Whether a connection has ended for it, perhaps.
    pub fn is_suspect(&self) -> bool {
        self.strikes > 0 || self.cuts > 0
    }

    /// One more connection has ended with this as the next to be answered. Whether it
    /// has to go.
    fn blame(&mut self, blame: Blame) -> bool {
        match blame {
            Blame::None => {}
            Blame::Perhaps => self.cuts += 1,
            Blame::Likely => self.strikes += 1,
        }
        self.is_kept() && (self.strikes >= STRIKES_MAX || self.cuts >= CUTS_MAX)
    }

    fn is_kept(&self) -> bool {
        matches!(self.purpose, Purpose::Post(Keep::Yes))
    }

    /// What it counts for the bound.
    pub fn cost(&self) -> Cost {
        let commands = self.batch.len();
        match self.purpose {
            Purpose::Ping => Cost::default(),
            _ => Cost { commands, bytes: self.batch.bytes() + OVERHEAD * commands },
        }
    }
}

/// What came to nothing, for the link's thread to tell.
#[derive(Default)]
pub(in crate::link) struct Lost {
    pub answers: Vec<Answer>,
    /// Commands of posts.
    pub commands: u64,
    /// Those of them that a connection has ended for too often.
    pub struck: u64,
}

/// The queue.
pub(in crate::link) struct Queue {
    waiting: VecDeque<Entry>,
    /// Answers that are known already, above all to questions that were refused.
    answers: Vec<Answer>,
    size: Cost,
    bound: usize,
    connected: bool,
    closed: bool,
    /// Commands that were not carried out, or may not have been.
    pub dropped: u64,
}

/// What an entry was taken for.
pub(in crate::link) enum Taken {
    /// It waits for the thread, which is to be woken if this is the first: it takes all
    /// there is then.
    Waits { first: bool },
    /// This is to be told by the caller.
    Answer(Then, Result<Vec<Reply>>),
}

impl Queue {
    pub fn new(bound: usize) -> Self {
        Queue {
            waiting: VecDeque::new(),
            answers: Vec::new(),
            size: Cost::default(),
            bound,
            connected: false,
            closed: false,
            dropped: 0,
        }
    }

    /// What waits, or is in flight.
    pub fn size(&self) -> Cost {
        self.size
    }

    /// Takes a batch at its end, or says why not.
    pub fn push(&mut self, entry: Entry) -> Result<Taken> {
        let cost = entry.cost();
        let error = if self.closed {
            Error::Closed
        } else if cost.commands == 0 {
            return Ok(self.answer(entry.purpose, Ok(Vec::new())));
        } else if !self.connected && !entry.is_kept() {
            Error::Unavailable("there is no connection to Redis".into())
        } else if self.size.bytes.saturating_add(cost.bytes) > self.bound {
            self.dropped += cost.commands as u64;
            Error::Full { waiting: self.size.bytes, bound: self.bound, cut: false }
        } else {
            let first = self.waiting.is_empty();
            self.size += cost;
            self.waiting.push_back(entry);
            return Ok(Taken::Waits { first });
        };
        match entry.purpose {
            purpose @ Purpose::Question(_) => Ok(self.answer(purpose, Err(error))),
            _ => Err(error),
        }
    }

    /// It is told by the thread of the link, as every answer is, while there is one.
    fn answer(&mut self, purpose: Purpose, answer: Result<Vec<Reply>>) -> Taken {
        let Purpose::Question(then) = purpose else { return Taken::Waits { first: false } };
        if self.closed || self.answers.len() >= ANSWERS_MAX {
            return Taken::Answer(then, answer);
        }
        // What waits to be sent may do so for long: an answer has no part in that.
        let first = self.answers.is_empty();
        self.answers.push((then, answer));
        Taken::Waits { first }
    }

    /// Puts one in before all others; it counts already.
    pub fn push_front(&mut self, entry: Entry) {
        self.waiting.push_front(entry);
    }

    /// The next to be sent.
    pub fn pop(&mut self) -> Option<Entry> {
        self.waiting.pop_front()
    }

    /// One of those taken out is done.
    pub fn done(&mut self, cost: Cost) {
        self.size -= cost;
    }

    /// Answers that are to be told.
    pub fn take_answers(&mut self) -> Vec<Answer> {
        std::mem::take(&mut self.answers)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.answers.is_empty()
    }

    /// There is a connection.
    pub fn connect(&mut self) {
        self.connected = true;
    }

    /// There is none any more. What was in flight comes back before what waits, but for
    /// what is not kept; and but for the first of those that is to blame too often.
    pub fn disconnect(&mut self, flights: Vec<Entry>, blame: Blame, why: &str) -> Lost {
        self.connected = false;
        let mut lost = Lost::default();
        let mut flights = VecDeque::from(flights);
        if let Some(first) = flights.front_mut()
            && first.blame(blame)
        {
            lost.struck = first.batch.len() as u64;
        }
        flights.append(&mut self.waiting);
        let mut first = true;
        for entry in flights {
            let struck = std::mem::take(&mut first) && lost.struck > 0;
            if entry.is_kept() && !struck {
                self.waiting.push_back(entry);
            } else {
                self.lose(entry, &mut lost, || Error::Unavailable(why.into()));
            }
        }
        lost
    }

    /// From now on nothing is taken.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Nothing will be sent any more.
    pub fn clear(&mut self, flights: Vec<Entry>) -> Lost {
        self.closed = true;
        let mut lost = Lost::default();
        let all: Vec<_> = flights.into_iter().chain(self.waiting.drain(..)).collect();
        for entry in all {
            self.lose(entry, &mut lost, || Error::Closed);
        }
        lost.answers.append(&mut self.answers);
        lost
    }

    fn lose(&mut self, entry: Entry, lost: &mut Lost, error: impl Fn() -> Error) {
        let cost = entry.cost();
        self.size -= cost;
        self.dropped += cost.commands as u64;
        match entry.purpose {
            Purpose::Question(then) => lost.answers.push((then, Err(error()))),
            Purpose::Post(_) => lost.commands += cost.commands as u64,
            Purpose::Ping => {}
        }
    }
}

#[cfg(test)]
mod tests;
