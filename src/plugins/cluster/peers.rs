//! What has come from which server: by that doubles are told, and gaps.
//!
//! Numbers can be forged by whoever can publish. They are believed in so far that neither
//! a forged one nor a broken one makes a server deaf to another for good:
//!
//! | what comes | what becomes of the numbers |
//! |---|---|
//! | a message whose number is not beyond the last one | it is a double |
//! | a message that follows, with a plausible gap | they go on with it |
//! | one that is further ahead than [`MOST_MISSING`] | it is heard, and they stay where they are, until a second one follows it |
//! | `alive` with more than was heard | so many are missing; what has a lower number and comes late is heard all the same |
//! | `alive` with even more than [`MOST_MISSING`] beyond that | nothing |
//! | `alive` with less than was heard | the sender has not come so far: they go back to it |
//!
//! So a server that is made to skip numbers of another hears that one again at its next
//! sign of life.

use std::collections::{HashMap, HashSet};

/// A server that nothing has been heard of for so many others is forgotten.
const MOST_RUNS: usize = 4_096;

/// So many messages may be missing between two that come.
const MOST_MISSING: u64 = 1 << 24;

/// The servers that were heard, by the name of their run.
#[derive(Default)]
pub(super) struct Peers {
    runs: HashMap<String, Run>,
    /// Counts what is heard.
    now: u64,
}

struct Run {
    from: String,
    /// The number of the last message.
    last: u64,
    /// Up to here it is known what is missing.
    told: u64,
    /// A number that is too far ahead, which nothing has followed yet.
    beyond: Option<u64>,
    /// The server was found dead. Its link may still send what was kept, so its numbers
    /// are.
    gone: bool,
    heard: u64,
}

/// What a message is by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// New, and so many before it are missing.
    New(u64),
    /// It was here before.
    Double,
}

impl Peers {
    /// A message with this number.
    pub fn hear(&mut self, from: &str, boot: &str, seq: u64) -> Seen {
        let Some(run) = self.run(from, boot, seq) else { return Seen::New(0) };
        if seq <= run.last || run.beyond == Some(seq) {
            return Seen::Double;
        }
        if !run.reaches(seq) {
            return Seen::New(0);
        }
        let missing = run.missing(seq - 1);
        (run.last, run.told) = (seq, seq);
        Seen::New(missing)
    }

    /// A server says what its last number is. Gives how many have not come, this one
    /// included.
    pub fn alive(&mut self, from: &str, boot: &str, last: u64) -> u64 {
        let Some(run) = self.run(from, boot, last) else { return 0 };
        if last < run.last {
            (run.last, run.beyond) = (last, None);
        } else if last.saturating_sub(run.told) > MOST_MISSING {
            return 0;
        }
        let missing = run.missing(last);
        run.told = last;
        missing
    }

    /// A server is gone, with all its runs: it does not count any more, unless it is heard.
    pub fn gone(&mut self, from: &str) {
        let runs = self.runs.values_mut().filter(|run| run.from == from);
        runs.for_each(|run| run.gone = true);
    }

    /// How many servers, whose addresses are known.
    pub fn len(&self) -> usize {
        let counts = |run: &&Run| !run.gone && !run.from.is_empty();
        let servers: HashSet<_> = self.runs.values().filter(counts).map(|run| &run.from).collect();
        servers.len()
    }

    /// What is known of a run; `None` when it is the first time that it is heard, and
    /// from now on its numbers follow this one.
    fn run(&mut self, from: &str, boot: &str, seq: u64) -> Option<&mut Run> {
        self.now += 1;
        let heard = self.now;
        if !self.runs.contains_key(boot) {
            self.make_room();
            let from = from.to_owned();
            let run = Run { from, last: seq, told: seq, beyond: None, gone: false, heard };
            self.runs.insert(boot.to_owned(), run);
            return None;
        }
        let run = self.runs.get_mut(boot)?;
        (run.heard, run.gone) = (heard, false);
        if run.from.is_empty() {
            // It had no address before.
            from.clone_into(&mut run.from);
        }
        Some(run)
    }

    fn make_room(&mut self) {
        if self.runs.len() < MOST_RUNS {
            return;
        }
        let oldest = self.runs.iter().min_by_key(|(_, run)| run.heard);
        if let Some(boot) = oldest.map(|(boot, _)| boot.clone()) {
            self.runs.remove(&boot);
        }
    }
}

impl Run {
    /// Whether the numbers may go on with this one, which is higher than the last.
    fn reaches(&mut self, seq: u64) -> bool {
        let is_near = |from: u64| seq.checked_sub(from).is_some_and(|gap| gap <= MOST_MISSING);
        let is_known = [Some(self.last), Some(self.told), self.beyond];
        let is_known = is_known.into_iter().flatten().any(is_near);
        self.beyond = if is_known { None } else { Some(seq) };
        is_known
    }

    /// How many are missing up to this number that were not told of.
    fn missing(&self, seq: u64) -> u64 {
        seq.saturating_sub(self.told).min(MOST_MISSING)
    }
}
