//! Messages of a stream that nobody listens to yet.

use std::collections::VecDeque;

use crate::sync::Lock;
use crate::value::Value;

/// Messages that wait at most.
const MESSAGES: usize = 1_000;

/// Bytes of them, about.
const BYTES: usize = 64 << 10;

/// See the module.
#[derive(Default)]
pub(super) struct Early(Lock<(VecDeque<Value>, usize)>);

impl Early {
    /// Keeps a message behind the others, if there is room.
    pub fn keep(&self, value: Value) {
        let bytes = value.weight();
        let mut state = self.0.lock();
        let (messages, sum) = &mut *state;
        if messages.len() < MESSAGES && *sum + bytes <= BYTES {
            messages.push_back(value);
            *sum += bytes;
        } else {
            drop(state);
            log::debug!("a message of a stream is dropped: nobody listens");
        }
    }

    /// Takes the oldest one out.
    pub fn next(&self) -> Option<Value> {
        let mut state = self.0.lock();
        let (messages, sum) = &mut *state;
        let value = messages.pop_front()?;
        *sum = match messages.is_empty() {
            true => 0,
            false => sum.saturating_sub(value.weight()),
        };
        Some(value)
    }

    pub fn is_empty(&self) -> bool {
        self.0.lock().0.is_empty()
    }

    pub fn clear(&self) {
        let old = std::mem::take(&mut *self.0.lock());
        drop(old);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_wait_in_order_and_so_many_bytes() {
        let early = Early::default();
        for n in 0..2 * MESSAGES as i64 {
            early.keep(n.into());
        }
        assert_eq!(early.next(), Some(0.into()));
        let rest = std::iter::from_fn(|| early.next()).count();
        assert!(rest == MESSAGES - 1 && early.is_empty());
        for _ in 0..10 {
            early.keep(Value::Array(vec!["x".repeat(BYTES / 4).into()]));
        }
        assert_eq!(std::iter::from_fn(|| early.next()).count(), 3);
        early.keep("x".repeat(BYTES).into());
        assert!(early.is_empty());
    }
}
