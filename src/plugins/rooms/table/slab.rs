//! Things that keep their number until they are taken out.

use std::ops::{Index, IndexMut};

/// Each thing is in a box of its own, so that what is taken out leaves no more
/// than a word behind, however many there were.
pub(super) struct Slab<T> {
    slots: Vec<Option<Box<T>>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab { slots: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// Puts something in, and gives its number; `None` when there are no more
    /// numbers.
    pub fn insert(&mut self, thing: T) -> Option<u32> {
        if let Some(number) = self.free.pop() {
            self.slots[number as usize] = Some(Box::new(thing));
            return Some(number);
        }
        let number = u32::try_from(self.slots.len()).ok()?;
        self.slots.push(Some(Box::new(thing)));
        Some(number)
    }

    /// Takes something out.
    pub fn remove(&mut self, number: u32) -> Option<T> {
        let thing = self.slots.get_mut(number as usize)?.take()?;
        self.free.push(number);
        if self.free.len() == self.slots.len() {
            *self = Slab::default();
        }
        Some(*thing)
    }

    /// All that there are.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().flatten().map(|thing| &**thing)
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;

    fn index(&self, number: u32) -> &T {
        self.slots[number as usize].as_deref().expect("numbers are those of things that are in")
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, number: u32) -> &mut T {
        self.slots[number as usize].as_deref_mut().expect("numbers are those of things that are in")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_kept_and_used_again() {
        let mut slab = Slab::default();
        let numbers: Vec<_> = "abc".chars().map(|c| slab.insert(c).unwrap()).collect();
        assert_eq!(slab.remove(numbers[1]), Some('b'));
        assert_eq!(slab.remove(numbers[1]), None);
        assert_eq!(slab.insert('d'), Some(numbers[1]));
        slab[numbers[2]] = 'e';
        assert_eq!(slab.iter().collect::<String>(), "ade");
    }

    #[test]
    fn an_empty_one_keeps_nothing() {
        let mut slab = Slab::default();
        let numbers: Vec<_> = (0..1000).map(|n| slab.insert(n).unwrap()).collect();
        for number in numbers {
            slab.remove(number);
        }
        assert_eq!((slab.slots.capacity(), slab.free.capacity()), (0, 0));
    }
}
