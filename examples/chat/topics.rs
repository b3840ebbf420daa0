//! Who is where, and what was said.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use primus::Spark;
use serde::Serialize;

/// The longest name of a person or a topic, and the longest message and id, in
/// characters.
const LONGEST_NAME: usize = 32;
const LONGEST_TEXT: usize = 2_000;

/// Messages kept of each topic, and topics at a time.
const KEPT: usize = 100;
const TOPICS: usize = 100;

pub struct Topics {
    /// Tells this run of the server from others, whose messages had other numbers.
    pub run: u64,
    all: Mutex<All>,
}

impl Default for Topics {
    fn default() -> Self {
        Topics { run: now(), all: Mutex::default() }
    }
}

impl Topics {
    pub fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Milliseconds since 1970, as a page counts.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis());
    u64::try_from(now).unwrap_or(u64::MAX)
}

/// The topics by name.
#[derive(Default)]
pub struct All(BTreeMap<String, Topic>);

#[derive(Default)]
pub struct Topic {
    number: u64,
    said: VecDeque<Said>,
    /// The names of those who are here.
    pub people: HashMap<Spark, String>,
}

/// A message; numbered within its topic, from 1.
#[derive(Serialize)]
pub struct Said {
    number: u64,
    id: String,
    from: String,
    text: String,
    /// Milliseconds since 1970.
    at: u64,
}

/// How many people are in a topic.
#[derive(Serialize)]
pub struct Count<'a> {
    name: &'a str,
    people: usize,
}

impl All {
    /// Puts somebody into a topic, or says why not.
    pub fn join(&mut self, spark: &Spark, name: &str, topic: &str) -> Result<&Topic, &'static str> {
        let (name, topic) = (name.trim(), topic.trim());
        let fits = |text: &str| (1..=LONGEST_NAME).contains(&text.chars().count());
        if !fits(name) || !fits(topic) {
            return Err("A name has 1 to 32 characters.");
        }
        if !self.0.contains_key(topic) && self.0.len() >= TOPICS && !self.forget_one() {
            return Err("There are too many topics.");
        }
        let topic = self.0.entry(topic.into()).or_default();
        topic.people.insert(spark.clone(), name.into());
        Ok(topic)
    }

    /// Makes room: a topic in which nobody is.
    fn forget_one(&mut self) -> bool {
        let empty = self.0.iter().find(|(_, topic)| topic.people.is_empty());
        let Some(name) = empty.map(|(name, _)| name.clone()) else { return false };
        self.0.remove(&name).is_some()
    }

    /// Takes somebody out; the topic that was left.
    pub fn leave(&mut self, spark: &Spark) -> Option<&Topic> {
        let topic = self.of(spark)?;
        topic.people.remove(spark);
        Some(topic)
    }

    /// The topic in which somebody is.
    pub fn of(&mut self, spark: &Spark) -> Option<&mut Topic> {
        self.0.values_mut().find(|topic| topic.people.contains_key(spark))
    }

    pub fn counts(&self) -> Vec<Count<'_>> {
        let count = |(name, topic): (_, &Topic)| Count { name, people: topic.people.len() };
        self.0.iter().map(|(name, topic)| count((name.as_str(), topic))).collect()
    }
}

impl Topic {
    /// What was said after message number `seen`, as far as it is kept, and
    /// whether that is all.
    pub fn since(&self, seen: u64) -> (Vec<&Said>, bool) {
        let messages: Vec<_> = self.said.iter().filter(|said| said.number > seen).collect();
        let whole = messages.len() as u64 == self.number.saturating_sub(seen);
        (messages, whole)
    }

    /// Adds a message; false when it is none, or was said before.
    pub fn say(&mut self, spark: &Spark, id: String, text: &str) -> bool {
        let Some(from) = self.people.get(spark).cloned() else { return false };
        let text = text.trim();
        let long = |text: &str| text.chars().count() > LONGEST_TEXT;
        let known = self.said.iter().any(|said| said.id == id && said.from == from);
        if text.is_empty() || long(text) || long(&id) || known {
            return false;
        }
        self.number += 1;
        self.said.push_back(Said { number: self.number, id, from, text: text.into(), at: now() });
        if self.said.len() > KEPT {
            self.said.pop_front();
        }
        true
    }

    pub fn last(&self) -> Option<&Said> {
        self.said.back()
    }
}
