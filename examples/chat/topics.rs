//! What was said in which topic, and how those are called who say it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use primus::plugins::rooms::PrimusRooms;
use primus::{Primus, Spark};
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

/// How somebody is called, from one topic to the next.
#[derive(Default)]
struct Name(Mutex<String>);

pub fn name_of(spark: &Spark) -> String {
    let name = &spark.extensions().get_or_init(Name::default).0;
    name.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn set_name(spark: &Spark, name: &str) {
    let own = &spark.extensions().get_or_init(Name::default).0;
    *own.lock().unwrap_or_else(PoisonError::into_inner) = name.to_owned();
}

impl All {
    /// The topic for somebody to join, or why not.
    pub fn enter(
        &mut self,
        spark: &Spark,
        name: &str,
        topic: &str,
    ) -> Result<&Topic, &'static str> {
        let fits = |text: &str| (1..=LONGEST_NAME).contains(&text.chars().count());
        if !fits(name) || !fits(topic) {
            return Err("A name has 1 to 32 characters.");
        }
        let full = !self.0.contains_key(topic) && self.0.len() >= TOPICS;
        if full && !self.forget_one(&spark.primus()) {
            return Err("There are too many topics.");
        }
        set_name(spark, name);
        Ok(self.0.entry(topic.into()).or_default())
    }

    /// Makes room: a topic in which nobody is.
    fn forget_one(&mut self, primus: &Primus) -> bool {
        let empty = self.0.keys().find(|name| primus.room(*name).is_empty()).cloned();
        empty.is_some_and(|name| self.0.remove(&name).is_some())
    }

    pub fn topic(&mut self, name: &str) -> Option<&mut Topic> {
        self.0.get_mut(name)
    }

    pub fn counts(&self, primus: &Primus) -> Vec<Count<'_>> {
        let people = |name| primus.room(name).members().len();
        self.0.keys().map(|name| Count { name, people: people(name) }).collect()
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
    pub fn say(&mut self, from: String, id: String, text: &str) -> bool {
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
