//! Who wants to hear what. The thread of subscriptions sees to it that Redis says it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use super::hear::{Hear, Heard};
use super::standing::{Standing, Stands};

/// A channel, or a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub pattern: bool,
    pub name: Arc<str>,
}

impl Key {
    pub fn new(name: &str, pattern: bool) -> Self {
        Key { pattern, name: name.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", if self.pattern { "pattern " } else { "" }, self.name)
    }
}

/// One who hears.
#[derive(Clone)]
pub(super) struct Hearer {
    id: u64,
    hear: Hear,
    /// Whether the subscription stands, as far as this one knows.
    standing: Arc<Standing>,
}

impl Hearer {
    /// What it is to hear when the subscription stands, or does not any more; `None`
    /// when it knows.
    pub fn news(&self, stands: Stands) -> Option<Heard<'static>> {
        match (self.standing.set(stands), stands) {
            (known, stands) if (known == Stands::Yes) == (stands == Stands::Yes) => None,
            (_, Stands::Yes) => Some(Heard::Back),
            _ => Some(Heard::Cut),
        }
    }

    /// Whether it is to hear messages.
    pub fn hears(&self) -> bool {
        self.standing.get() == Stands::Yes
    }

    pub fn hear(&self, heard: Heard<'_>) {
        (self.hear)(heard);
    }
}

/// All who hear the same.
pub(super) type Hearers = Arc<Vec<Hearer>>;

/// See the [module](self).
#[derive(Default)]
pub(super) struct Topics {
    last: u64,
    hearers: HashMap<Key, Hearers>,
    keys: HashMap<u64, Key>,
    /// Those for whom somebody has come or gone since there is a connection; without one
    /// nobody would ever look.
    changed: Option<HashSet<Key>>,
}

impl Topics {
    /// One more hears; the number is for its removal.
    pub fn add(&mut self, key: Key, hear: Hear) -> (u64, Arc<Standing>) {
        self.last += 1;
        let standing = Arc::<Standing>::default();
        let hearer = Hearer { id: self.last, hear, standing: standing.clone() };
        Arc::make_mut(self.hearers.entry(key.clone()).or_default()).push(hearer);
        self.keys.insert(self.last, key.clone());
        self.change(key);
        (self.last, standing)
    }

    /// It hears no more, and is given back to be dropped.
    pub fn remove(&mut self, id: u64) -> Option<Hearers> {
        let key = self.keys.remove(&id)?;
        let all = self.hearers.get_mut(&key)?;
        let before = Arc::clone(all);
        let rest: Vec<_> = all.iter().filter(|hearer| hearer.id != id).cloned().collect();
        if rest.is_empty() {
            self.hearers.remove(&key);
        } else {
            *all = Arc::new(rest);
        }
        self.change(key);
        Some(before)
    }

    fn change(&mut self, key: Key) {
        if let Some(changed) = &mut self.changed {
            changed.insert(key);
        }
    }

    /// How many hear.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// How many channels and patterns are refused.
    pub fn refused(&self) -> usize {
        let is_refused = |one: &Hearer| one.standing.get() == Stands::Refused;
        self.hearers.values().filter(|all| all.iter().any(is_refused)).count()
    }

    /// Whether anybody hears this.
    pub fn has(&self, key: &Key) -> bool {
        self.hearers.contains_key(key)
    }

    /// Those who hear this.
    pub fn hearers(&self, key: &Key) -> Option<Hearers> {
        self.hearers.get(key).cloned()
    }

    /// All that is wanted.
    pub fn all(&self) -> Vec<(Key, Hearers)> {
        self.hearers.iter().map(|(key, hearers)| (key.clone(), Arc::clone(hearers))).collect()
    }

    /// There is a connection now, or none any more: from now on it is noted what changes,
    /// or not.
    pub fn connected(&mut self, connected: bool) {
        self.changed = connected.then(HashSet::new);
    }

    /// What has changed since the last time.
    pub fn take_changed(&mut self) -> HashSet<Key> {
        self.changed.as_mut().map_or_else(HashSet::new, std::mem::take)
    }
}

/// What is said on one connection, and what Redis has confirmed of it, or refused. It
/// answers in the order in which it was told.
#[derive(Default)]
pub(super) struct Wire {
    keys: HashMap<Key, Said>,
    /// What is to be answered.
    open: VecDeque<Asked>,
    /// What is wanted, and was refused.
    refused: HashSet<Key>,
}

/// What Redis was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Subscribe(Key),
    Unsubscribe(Key),
    /// To give a sign of life.
    Ping,
}

#[derive(Clone, Copy, Default)]
struct Said {
    /// Whether it was asked to say it, the last time that it was asked anything.
    wanted: bool,
    open: usize,
}

impl Wire {
    /// Whether Redis is to be told something, now that this is wanted or not: `true`
    /// to subscribe, `false` to unsubscribe.
    pub fn want(&mut self, key: &Key, wanted: bool) -> Option<bool> {
        self.refused.remove(key);
        let said = self.keys.entry(key.clone()).or_default();
        if said.wanted == wanted {
            if !wanted && said.open == 0 {
                self.keys.remove(key);
            }
            return None;
        }
        said.wanted = wanted;
        said.open += 1;
        let asked = if wanted { Asked::Subscribe } else { Asked::Unsubscribe };
        self.open.push_back(asked(key.clone()));
        Some(wanted)
    }

    /// Redis has confirmed something. False when it was not told to.
    pub fn confirmed(&mut self, key: &Key) -> bool {
        let next = self.open.iter().position(|asked| match asked {
            Asked::Subscribe(of) | Asked::Unsubscribe(of) => of == key,
            Asked::Ping => false,
        });
        let Some(next) = next else { return false };
        self.open.remove(next);
        self.answered(key);
        true
    }

    /// Redis has refused something: what that was, if it was told to do anything. If it
    /// was to subscribe, that does not stand.
    pub fn refuse(&mut self) -> Option<Asked> {
        let asked = self.open.pop_front()?;
        if let Asked::Subscribe(key) = &asked {
            if let Some(said) = self.keys.get_mut(key).filter(|said| said.open == 1 && said.wanted)
            {
                said.wanted = false;
                self.refused.insert(key.clone());
            }
            self.answered(key);
        }
        Some(asked)
    }

    /// What is wanted, and was refused.
    pub fn refused(&self) -> &HashSet<Key> {
        &self.refused
    }

    /// Redis is asked for a sign of life.
    pub fn ping(&mut self) {
        self.open.push_back(Asked::Ping);
    }

    /// It has given one.
    pub fn pong(&mut self) {
        if let Some(ping) = self.open.iter().position(|asked| *asked == Asked::Ping) {
            self.open.remove(ping);
        }
    }

    fn answered(&mut self, key: &Key) {
        let Some(said) = self.keys.get_mut(key) else { return };
        said.open -= 1;
        if said.open == 0 && !said.wanted {
            self.keys.remove(key);
        }
    }

    /// Whether it is said.
    pub fn stands(&self, key: &Key) -> bool {
        self.keys.get(key).is_some_and(|said| said.wanted && said.open == 0)
    }

    /// Whether all is answered.
    pub fn is_settled(&self) -> bool {
        self.open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::new(name, false)
    }

    #[test]
    fn several_hear_the_same() {
        let mut topics = Topics::default();
        topics.connected(true);
        let (one, _) = topics.add(key("a"), Arc::new(|_| ()));
        let (two, _) = topics.add(key("a"), Arc::new(|_| ()));
        let (three, _) = topics.add(Key::new("a", true), Arc::new(|_| ()));
        assert_eq!((topics.len(), topics.all().len(), topics.take_changed().len()), (3, 2, 2));
        assert_eq!(topics.hearers(&key("a")).unwrap().len(), 2);
        assert!(topics.remove(one).is_some() && topics.remove(one).is_none());
        assert_eq!(topics.hearers(&key("a")).unwrap().len(), 1);
        topics.remove(two);
        assert!(topics.hearers(&key("a")).is_none());
        topics.remove(three);
        assert_eq!((topics.len(), topics.all().len(), topics.take_changed().len()), (0, 0, 2));
        assert_eq!(topics.keys.len(), 0);
    }

    #[test]
    fn what_changes_is_noted_once_and_only_for_a_connection() {
        let mut topics = Topics::default();
        let some = |topics: &mut Topics, names: u32| {
            for number in 0..1000 {
                let (id, _) = topics.add(key(&(number % names).to_string()), Arc::new(|_| ()));
                topics.remove(id);
            }
        };
        some(&mut topics, 1000);
        assert_eq!(topics.take_changed().len(), 0);
        topics.connected(true);
        assert_eq!(topics.take_changed().len(), 0);
        some(&mut topics, 3);
        assert_eq!(topics.take_changed().len(), 3);
        some(&mut topics, 1000);
        topics.connected(false);
        assert_eq!(topics.take_changed().len(), 0);
    }

    #[test]
    fn what_is_refused_is_known_by_its_turn() {
        let mut wire = Wire::default();
        for name in ["a", "b", "c"] {
            wire.want(&key(name), true);
        }
        wire.ping();
        assert!(wire.confirmed(&key("a")));
        assert_eq!(wire.refuse(), Some(Asked::Subscribe(key("b"))));
        assert!(wire.confirmed(&key("c")) && !wire.is_settled());
        wire.pong();
        assert!(wire.is_settled() && wire.stands(&key("c")) && !wire.stands(&key("b")));
        assert_eq!(wire.refused(), &HashSet::from([key("b")]));
        // Asked for again, and no longer wanted.
        assert_eq!(wire.want(&key("b"), true), Some(true));
        assert!(wire.refused().is_empty());
        wire.refuse();
        assert_eq!(wire.want(&key("b"), false), None);
        assert!(wire.refused().is_empty() && wire.keys.len() == 2);
        // Out and in again meanwhile: the last word counts.
        for wanted in [true, false, true] {
            wire.want(&key("d"), wanted);
        }
        assert_eq!(wire.refuse(), Some(Asked::Subscribe(key("d"))));
        assert!(wire.confirmed(&key("d")) && wire.refused().is_empty());
        wire.refuse();
        assert_eq!(wire.refused(), &HashSet::from([key("d")]));
        wire.want(&key("a"), false);
        assert_eq!(wire.refuse(), Some(Asked::Unsubscribe(key("a"))));
        wire.ping();
        assert_eq!((wire.refuse(), wire.refuse()), (Some(Asked::Ping), None));
    }

    #[test]
    fn one_is_told_what_it_does_not_know() {
        let mut topics = Topics::default();
        let (_, standing) = topics.add(key("a"), Arc::new(|_| ()));
        let hearers = topics.hearers(&key("a")).unwrap();
        assert!(!hearers[0].hears());
        assert_eq!(hearers[0].news(Stands::NotYet), None);
        assert_eq!(hearers[0].news(Stands::Yes), Some(Heard::Back));
        assert_eq!((hearers[0].news(Stands::Yes), hearers[0].hears()), (None, true));
        assert_eq!(hearers[0].news(Stands::NotYet), Some(Heard::Cut));
        // Refused, which is nothing to hear of, and granted.
        assert_eq!((hearers[0].news(Stands::Refused), topics.refused()), (None, 1));
        assert_eq!((standing.get(), hearers[0].hears()), (Stands::Refused, false));
        assert_eq!(hearers[0].news(Stands::Yes), Some(Heard::Back));
        assert_eq!((hearers[0].news(Stands::Refused), topics.refused()), (Some(Heard::Cut), 1));
        assert_eq!((hearers[0].news(Stands::NotYet), topics.refused()), (None, 0));
    }

    #[test]
    fn redis_is_told_what_has_changed() {
        let mut wire = Wire::default();
        assert_eq!(wire.want(&key("a"), true), Some(true));
        assert_eq!(wire.want(&key("a"), true), None);
        assert!(!wire.stands(&key("a")) && !wire.is_settled());
        assert!(wire.confirmed(&key("a")));
        assert!(wire.stands(&key("a")) && wire.is_settled());
        assert!(!wire.confirmed(&key("a")) && !wire.confirmed(&key("b")));
        // Out and in again, before anything is confirmed.
        assert_eq!(wire.want(&key("a"), false), Some(false));
        assert_eq!(wire.want(&key("a"), true), Some(true));
        assert!(wire.confirmed(&key("a")) && !wire.stands(&key("a")));
        assert!(wire.confirmed(&key("a")) && wire.stands(&key("a")));
        assert_eq!(wire.want(&key("a"), false), Some(false));
        assert!(wire.confirmed(&key("a")) && wire.keys.is_empty());
        // What was never wanted leaves nothing behind.
        assert_eq!(wire.want(&key("b"), false), None);
        assert!(wire.keys.is_empty() && wire.is_settled());
    }
}
