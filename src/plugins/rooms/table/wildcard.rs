//! Names of rooms with a `*` in them, which stands for any text, even for none.
//! Everything else in a name stands for itself.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// Whether a name is one with a wildcard.
pub(super) fn is_wild(name: &str) -> bool {
    name.contains('*')
}

/// Whether `pattern`, a name with wildcards, stands for `name` too. Takes time in
/// proportion to their lengths: each piece between two `*` is looked for where it
/// comes first, which leaves most for those behind it.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let (pieces, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let between = name.strip_prefix(first).and_then(|name| name.strip_suffix(last));
    let Some(mut left) = between else { return false };
    pieces.split('*').all(|piece| {
        let found = left.split_once(piece);
        left = found.map_or("", |(_, behind)| behind);
        found.is_some()
    })
}

/// The names with wildcards that are in use, by what they begin with, so that a
/// name is compared only with those that begin as it does.
#[derive(Default)]
pub(super) struct Wildcards {
    by_start: BTreeMap<Box<[u8]>, BTreeMap<u32, Arc<str>>>,
}

/// What stands before the first `*`.
fn start(pattern: &str) -> &[u8] {
    pattern.split('*').next().unwrap_or_default().as_bytes()
}

impl Wildcards {
    /// Adds the pattern of a room.
    pub fn insert(&mut self, pattern: &Arc<str>, room: u32) {
        self.by_start.entry(start(pattern).into()).or_default().insert(room, pattern.clone());
    }

    /// Takes it out.
    pub fn remove(&mut self, pattern: &str, room: u32) {
        let start = start(pattern);
        if let Some(same) = self.by_start.get_mut(start) {
            same.remove(&room);
            if same.is_empty() {
                self.by_start.remove(start);
            }
        }
    }

    /// Calls `each` with the rooms whose patterns stand for this name.
    pub fn find(&self, name: &str, mut each: impl FnMut(u32)) {
        let mut begin = name.as_bytes();
        // Of the starts in order, the last one up to `begin` begins as every start
        // does that `begin` begins with; so what the two have in common is the
        // longest that comes into question next.
        loop {
            let up_to = (Bound::Unbounded, Bound::Included(begin));
            let last = self.by_start.range::<[u8], _>(up_to).next_back();
            let Some((start, patterns)) = last else { return };
            let common = begin.iter().zip(start).take_while(|(a, b)| a == b).count();
            if common == start.len() {
                let found = patterns.iter().filter(|(_, pattern)| matches(pattern, name));
                found.for_each(|(room, _)| each(*room));
                let Some(shorter) = common.checked_sub(1) else { return };
                begin = &begin[..shorter];
            } else {
                begin = &begin[..common];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_the_rest_is_itself() {
        let yes = [
            ("a", "a"),
            ("*", ""),
            ("*", "any: thing"),
            ("a*", "a"),
            ("a*b", "ab"),
            ("a*b", "a*b"),
            ("a**b", "axb"),
            ("*ab*ab*", "abab"),
            ("a*b*c", "abbcbc"),
            ("user:*:*:123", "user:jb:abc:123"),
            ("user:*", "user:*"),
            ("é*ü", "éöü"),
            ("re.gex*", "re.gex foo"),
            ("a+*", "a+b"),
            ("bad(*", "bad(x"),
        ];
        let no = [
            ("a", "b"),
            ("a*", "ba"),
            ("aa*aa", "aaa"),
            ("*ab*ab*", "aba b"),
            ("a*b", "abc"),
            ("", "a"),
            ("user:*:*", "user:x"),
            ("re.gex*", "reXgexfoo"),
            ("a+*", "aaab"),
        ];
        for (pattern, name) in yes {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in no {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    /// By trying everything.
    fn slowly(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([b'*', rest @ ..], _) => (0..=name.len()).any(|at| slowly(rest, &name[at..])),
            ([a, pattern @ ..], [b, name @ ..]) => a == b && slowly(pattern, name),
            _ => pattern.is_empty() && name.is_empty(),
        }
    }

    fn words(letters: &[&str], longest: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut from = 0;
        for _ in 0..longest {
            let to = all.len();
            for at in from..to {
                all.extend(
                    letters.iter().map(|letter| all[at].clone() + letter).collect::<Vec<_>>(),
                );
            }
            from = to;
        }
        all
    }

    #[test]
    fn all_short_patterns_and_names_are_judged_as_by_trying() {
        let names = words(&["a", "b"], 5);
        for pattern in words(&["a", "b", "*"], 5) {
            for name in &names {
                let expected = slowly(pattern.as_bytes(), name.as_bytes());
                assert_eq!(matches(&pattern, name), expected, "{pattern} {name}");
            }
        }
    }

    #[test]
    fn those_that_are_found_are_those_that_match() {
        let mut wildcards = Wildcards::default();
        let patterns: Vec<Arc<str>> =
            words(&["a", "b", "*"], 4).into_iter().map(Arc::from).collect();
        let (mut wild, names) = (Vec::new(), words(&["a", "b"], 6));
        for (number, pattern) in (0..).zip(&patterns).filter(|(_, pattern)| is_wild(pattern)) {
            wildcards.insert(pattern, number);
            wild.push((number, pattern));
        }
        // All of them, then every other one, then none.
        for left in [1, 2, usize::MAX] {
            let keep: Vec<_> =
                wild.iter().step_by(left).copied().skip((left == usize::MAX).into()).collect();
            for gone in wild.iter().filter(|one| !keep.contains(one)) {
                wildcards.remove(gone.1, gone.0);
            }
            for name in &names {
                let mut found = Vec::new();
                wildcards.find(name, |room| found.push(room));
                found.sort_unstable();
                let expected = keep.iter().filter(|(_, pattern)| matches(pattern, name));
                assert_eq!(
                    found,
                    expected.map(|(number, _)| *number).collect::<Vec<_>>(),
                    "{name}"
                );
            }
        }
        assert!(wildcards.by_start.is_empty());
    }
}
