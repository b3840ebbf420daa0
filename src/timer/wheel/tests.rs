use std::collections::BTreeMap;

use super::*;

/// Advances and takes the values of what is due, and forgets the entries.
fn fired(wheel: &mut Wheel<u32>, now: u64) -> Vec<u32> {
    let mut due = Vec::new();
    wheel.advance(now, &mut due);
    let fire = |key| {
        let value = wheel.take(key);
        wheel.cancel(key);
        value
    };
    due.into_iter().filter_map(fire).collect()
}

#[test]
fn entries_fire_in_order_of_deadline_and_insertion() {
    let mut wheel = Wheel::new();
    for (at, value) in [(70, 1), (5, 2), (100_000, 3), (5, 4), (70, 5)] {
        wheel.insert(at, value);
    }
    assert_eq!(wheel.next_deadline(), Some(5));
    assert!(fired(&mut wheel, 4).is_empty());
    assert_eq!(fired(&mut wheel, 5), [2, 4]);
    assert_eq!(wheel.next_deadline(), Some(70));
    assert_eq!(fired(&mut wheel, 1_000_000), [1, 5, 3]);
    assert_eq!(wheel.next_deadline(), None);
}

#[test]
fn a_passed_deadline_is_due_now() {
    let mut wheel = Wheel::new();
    assert!(fired(&mut wheel, 1_000).is_empty());
    wheel.insert(3, 1);
    assert_eq!(wheel.next_deadline(), Some(1_000));
    assert_eq!(fired(&mut wheel, 1_000), [1]);
}

#[test]
fn an_old_key_does_not_reach_the_next_entry_in_its_place() {
    let mut wheel = Wheel::new();
    let old = wheel.insert(10, 1);
    assert_eq!(wheel.cancel(old), Some(1));
    let new = wheel.insert(10, 2);
    assert_eq!(old.index, new.index);
    assert_eq!(wheel.cancel(old), None);
    assert!(!wheel.reschedule(old, 5));
    assert_eq!(wheel.rearm(old, 5, 3), Some(3));
    assert_eq!(wheel.cancel(Key::NONE), None);
    assert_eq!(fired(&mut wheel, 10), [2]);
}

#[test]
fn what_is_cancelled_between_due_and_taken_does_not_fire() {
    let mut wheel = Wheel::new();
    let (first, second) = (wheel.insert(1, 1), wheel.insert(1, 2));
    let mut due = Vec::new();
    wheel.advance(1, &mut due);
    assert_eq!(due, [first, second]);
    assert_eq!(wheel.take(first), Some(1));
    assert_eq!(wheel.cancel(second), Some(2));
    assert_eq!(wheel.take(second), None);
    // Taken: it is firing, so there is nothing to prevent but the next time.
    assert_eq!(wheel.cancel(first), None);
    assert_eq!(wheel.rearm(first, 9, 1), Some(1));
    assert_eq!(wheel.next_deadline(), None);
}

#[test]
fn a_rearmed_entry_keeps_its_key() {
    let mut wheel = Wheel::new();
    let key = wheel.insert(1, 1);
    let mut due = Vec::new();
    wheel.advance(1, &mut due);
    assert_eq!(wheel.take(key), Some(1));
    assert_eq!(wheel.rearm(key, 64, 7), None);
    assert_eq!(wheel.next_deadline(), Some(64));
    assert_eq!(wheel.cancel(key), Some(7));
}

#[test]
fn the_earlier_deadline_counts_for_an_entry_moved_while_it_fires() {
    let mut wheel = Wheel::new();
    let key = wheel.insert(1, 1);
    let mut due = Vec::new();
    wheel.advance(1, &mut due);
    assert_eq!(wheel.take(key), Some(1));
    assert!(wheel.reschedule(key, 50));
    assert_eq!(wheel.rearm(key, 100, 1), None);
    assert_eq!(wheel.next_deadline(), Some(50));
}

#[test]
fn the_ends_of_time() {
    let mut wheel = Wheel::new();
    wheel.insert(u64::MAX, 1);
    wheel.insert(u64::MAX - 1, 2);
    wheel.insert(0, 3);
    assert_eq!(fired(&mut wheel, 0), [3]);
    assert_eq!(wheel.next_deadline(), Some(u64::MAX - 1));
    assert_eq!(fired(&mut wheel, u64::MAX), [2, 1]);
    wheel.insert(7, 4);
    assert_eq!(fired(&mut wheel, u64::MAX), [4]);
}

#[test]
fn clear_gives_back_all_values() {
    let mut wheel = Wheel::new();
    fired(&mut wheel, 100);
    let key = wheel.insert(150, 1);
    wheel.insert(1_000_000, 2);
    let mut due = Vec::new();
    wheel.advance(200, &mut due);
    assert_eq!(wheel.clear(), [1, 2]);
    assert_eq!(wheel.take(key), None);
    assert_eq!(wheel.next_deadline(), None);
}

/// The plain way to do the same.
#[derive(Default)]
struct Model {
    /// (deadline, order of linking) -> value
    due: BTreeMap<(u64, u64), u32>,
    /// value -> (deadline, order)
    of: BTreeMap<u32, (u64, u64)>,
    now: u64,
    order: u64,
}

impl Model {
    fn insert(&mut self, at: u64, value: u32) {
        let place = (at.max(self.now), self.order);
        self.order += 1;
        self.due.insert(place, value);
        self.of.insert(value, place);
    }

    fn cancel(&mut self, value: u32) -> Option<u32> {
        self.due.remove(&self.of.remove(&value)?)
    }

    fn advance(&mut self, now: u64) -> Vec<u32> {
        let later = self.due.split_off(&(now + 1, 0));
        let due = std::mem::replace(&mut self.due, later);
        self.now = now;
        let due: Vec<u32> = due.into_values().collect();
        due.iter().for_each(|value| {
            self.of.remove(value);
        });
        due
    }
}

/// A span of every order of magnitude, near and far.
fn span(random: &mut fastrand::Rng) -> u64 {
    random.u64(..) >> random.u32(24..64)
}

#[test]
fn it_does_what_the_model_does() {
    for seed in 0..60 {
        let random = &mut fastrand::Rng::with_seed(seed);
        let (mut wheel, mut model) = (Wheel::new(), Model::default());
        let mut keys: Vec<Key> = Vec::new();
        for _ in 0..2_000 {
            match random.u32(0..10) {
                0..=4 => {
                    let at = (model.now + span(random)).saturating_sub(random.u64(0..3));
                    let value = keys.len() as u32;
                    keys.push(wheel.insert(at, value));
                    model.insert(at, value);
                }
                5 | 6 if !keys.is_empty() => {
                    let value = random.usize(0..keys.len());
                    assert_eq!(wheel.cancel(keys[value]), model.cancel(value as u32));
                }
                7 if !keys.is_empty() => {
                    let value = random.usize(0..keys.len());
                    let at = model.now + span(random);
                    let moved = model.cancel(value as u32).is_some();
                    assert_eq!(wheel.reschedule(keys[value], at), moved);
                    if moved {
                        model.insert(at, value as u32);
                    }
                }
                _ => {
                    let next = model.due.first_key_value().map(|((at, _), _)| *at);
                    let now = match next {
                        Some(next) if random.bool() => next,
                        _ => model.now + span(random),
                    };
                    assert_eq!(fired(&mut wheel, now), model.advance(now));
                }
            }
            let next = model.due.first_key_value().map(|((at, _), _)| *at);
            assert_eq!(wheel.next_deadline(), next, "seed {seed}");
        }
    }
}
