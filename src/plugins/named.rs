//! Listeners by the name of the event.

use std::sync::Arc;

use crate::events::{List, ListenerId, Snapshot};
use crate::sync::Lock;

/// The listeners of events that have names, each list as
/// [`Listeners`](crate::events::Listeners) are. Names are those that somebody
/// listens to, never those that a peer sends.
///
/// No allocation while there are none; few bytes while there are few, for every
/// connection may have its own.
pub(crate) struct Named<F: ?Sized>(Lock<Table<F>>);

/// In the order of the names. No list is empty.
type Table<F> = Vec<(Box<str>, List<F>)>;

impl<F: ?Sized> Default for Named<F> {
    fn default() -> Self {
        Named(Lock::new(Vec::new()))
    }
}

impl<F: ?Sized> Named<F> {
    /// Adds a listener behind those of its event.
    pub fn add(&self, event: &str, call: Arc<F>, once: bool) -> ListenerId {
        let mut table = self.0.lock();
        let at = place(&table, event).unwrap_or_else(|at| {
            table.reserve_exact(1);
            table.insert(at, (event.into(), List::default()));
            at
        });
        table[at].1.add(call, once)
    }

    /// Removes a listener; false when it is not (or no longer) there.
    pub fn remove(&self, id: ListenerId) -> bool {
        let mut table = self.0.lock();
        let found = table.iter_mut().enumerate();
        let found = found.filter_map(|(at, (_, list))| Some((at, list.remove(id)?))).next();
        if let Some((at, _)) = found {
            drop_if_empty(&mut table, at);
        }
        // What a listener holds may come back here when it is dropped.
        drop(table);
        found.is_some()
    }

    /// The present listeners of an event, as
    /// [`Listeners::snapshot`](crate::events::Listeners::snapshot).
    pub fn snapshot(&self, event: &str) -> Snapshot<F> {
        let mut table = self.0.lock();
        match place(&table, event) {
            Ok(at) => {
                let snapshot = table[at].1.snapshot();
                drop_if_empty(&mut table, at);
                snapshot
            }
            Err(_) => Snapshot::default(),
        }
    }

    /// True when there is no listener of any event.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// Removes all of them.
    pub fn clear(&self) {
        let old = std::mem::take(&mut *self.0.lock());
        // As in `remove`.
        drop(old);
    }
}

fn place<F: ?Sized>(table: &Table<F>, event: &str) -> Result<usize, usize> {
    table.binary_search_by(|(name, _)| (**name).cmp(event))
}

/// Lets a name go to which nobody listens any more: there may be one for each
/// answer.
fn drop_if_empty<F: ?Sized>(table: &mut Table<F>, at: usize) {
    if table[at].1.is_empty() {
        table.remove(at);
        if table.len() < table.capacity() / 4 {
            table.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::thread;

    use super::*;

    type Calls = dyn Fn(&mut Vec<u32>) + Send + Sync;

    fn pushes(n: u32) -> Arc<Calls> {
        Arc::new(move |out| out.push(n))
    }

    fn emit(named: &Named<Calls>, event: &str) -> Vec<u32> {
        let mut out = Vec::new();
        named.snapshot(event).iter().for_each(|listener| listener(&mut out));
        out
    }

    #[test]
    fn an_event_runs_its_own_listeners_in_order() {
        let named = Named::default();
        let ids: Vec<_> = ["b", "a", "", "a", "__proto__", "a"]
            .iter()
            .zip(0..)
            .map(|(name, n)| named.add(name, pushes(n), false))
            .collect();
        assert_eq!(emit(&named, "a"), [1, 3, 5]);
        assert_eq!(emit(&named, ""), [2]);
        assert_eq!(emit(&named, "__proto__"), [4]);
        assert!(emit(&named, "c").is_empty());
        assert!(named.remove(ids[3]) && !named.remove(ids[3]));
        assert_eq!(emit(&named, "a"), [1, 5]);
        assert!(ids.iter().filter(|id| named.remove(**id)).count() == 5 && named.is_empty());
    }

    #[test]
    fn once_is_once_and_its_name_is_gone() {
        let named = Named::default();
        for n in 0..1_000 {
            named.add(&format!("answer {n}"), pushes(n), true);
        }
        named.add("answer 7", pushes(1_007), false);
        for n in 0..1_000 {
            let expected = if n == 7 { vec![7, 1_007] } else { vec![n] };
            assert_eq!(emit(&named, &format!("answer {n}")), expected);
        }
        assert_eq!(named.0.lock().len(), 1);
        assert!(named.0.lock().capacity() < 8);
        assert_eq!(emit(&named, "answer 7"), [1_007]);
        named.clear();
        assert!(named.is_empty() && emit(&named, "answer 7").is_empty());
    }

    #[test]
    fn threads_add_remove_and_emit_at_the_same_time() {
        let (named, runs) = (Named::<Calls>::default(), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for thread in 0..4 {
                let (named, runs) = (&named, &runs);
                scope.spawn(move || {
                    for n in 0..500 {
                        let name = format!("{}", n % 7);
                        named.add(&name, pushes(thread * 1_000 + n), true);
                        let gone = named.add(&name, pushes(u32::MAX), false);
                        assert!(named.remove(gone));
                        runs.lock().unwrap().extend(emit(named, &name));
                    }
                });
            }
        });
        // A listener that is to be removed may run before, any number of times.
        let mut once: Vec<u32> = runs.into_inner().unwrap();
        once.extend((0..7).flat_map(|n| emit(&named, &n.to_string())));
        once.retain(|n| *n != u32::MAX);
        once.sort_unstable();
        let expected: Vec<u32> = (0..4).flat_map(|t| t * 1_000..t * 1_000 + 500).collect();
        assert_eq!(once, expected);
        assert!(named.is_empty());
    }

    #[test]
    fn a_listener_may_come_back_when_it_is_dropped() {
        struct Late(std::sync::Weak<Named<Calls>>);
        impl Drop for Late {
            fn drop(&mut self) {
                if let Some(named) = self.0.upgrade() {
                    named.is_empty();
                }
            }
        }
        let named = Arc::new(Named::<Calls>::default());
        let late = || {
            let late = Late(Arc::downgrade(&named));
            Arc::new(move |_: &mut Vec<u32>| drop(late.0.upgrade()))
        };
        let id = named.add("x", late(), false);
        named.add("x", late(), true);
        assert!(named.remove(id));
        named.snapshot("x");
        named.add("y", late(), false);
        named.clear();
        assert!(named.is_empty());
    }
}
