//! Events: what defines them, for servers, sparks and clients alike, and lists of
//! listeners, which are added and removed from any thread and run without a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::sync::{Guard, Lock};

/// Defines the events of something, each once: the struct of their listeners, and
/// two methods to listen to each.
///
/// `lists` says where something has that struct, and `then` what follows when a
/// listener of any event was added; behind an event, `then` says what follows
/// for that one, which also gets the listener, its id, and whether it is for once.
macro_rules! define_events {
    (
        $(#[$struct_doc:meta])*
        struct $Events:ident;
        lists |$this:ident| $lists:expr;
        then $always:expr;
        $(#[$impl_doc:meta])*
        impl $Owner:ident {
            $(
                $(#[$doc:meta])*
                $list:ident: $on:ident, $once:ident($($name:ident: $arg:ty),*) $(then $then:expr)?;
            )*
        }
    ) => {
        $(#[$struct_doc])*
        #[derive(Default)]
        pub(crate) struct $Events {
            $(
                pub $list: $crate::events::Listeners<
                    dyn Fn($($arg),*) -> Result<(), $crate::error::BoxError> + Send + Sync,
                >,
            )*
        }

        impl $Events {
            /// Removes whatever has this id; false when it was not there.
            pub fn remove(&self, id: $crate::events::ListenerId) -> bool {
                false $(|| self.$list.remove(id))*
            }

            /// Lets go of all listeners, and of what they hold.
            pub fn clear(&self) {
                $(self.$list.clear();)*
            }

            $(
                #[allow(clippy::redundant_closure_call)]
                fn $list<R: $crate::outcome::Outcome>(
                    &self,
                    owner: &$Owner,
                    listener: impl Fn($($arg),*) -> R + Send + Sync + 'static,
                    once: bool,
                ) -> $crate::events::ListenerId {
                    let listener: std::sync::Arc<
                        dyn Fn($($arg),*) -> Result<(), $crate::error::BoxError> + Send + Sync,
                    > = std::sync::Arc::new(move |$($name: $arg),*| {
                        listener($($name),*).into_result()
                    });
                    let id = self.$list.add(listener.clone(), once);
                    $(($then)(owner, id, &*listener, once);)?
                    ($always)(owner);
                    id
                }
            )*
        }

        $(#[$impl_doc])*
        impl $Owner {
            $(
                $(#[$doc])*
                ///
                /// Returns what [`off`](Self::off) takes to remove the listener.
                pub fn $on<R: $crate::outcome::Outcome>(
                    &self,
                    listener: impl Fn($($arg),*) -> R + Send + Sync + 'static,
                ) -> $crate::events::ListenerId {
                    let $this = self;
                    $lists.$list(self, listener, false)
                }

                #[doc = concat!("[`", stringify!($on), "`](Self::", stringify!($on), ") for the next time only.")]
                pub fn $once<R: $crate::outcome::Outcome>(
                    &self,
                    listener: impl Fn($($arg),*) -> R + Send + Sync + 'static,
                ) -> $crate::events::ListenerId {
                    let $this = self;
                    $lists.$list(self, listener, true)
                }
            )*
        }
    };
}

pub(crate) use define_events;

/// Names one registered listener, for its removal. Unique in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerId(u64);

impl ListenerId {
    /// One that no listener has.
    pub(crate) fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        ListenerId(LAST.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// The listeners of one event. `F` is the listener's unsized type, such as
/// `dyn Fn(&Spark, &Message) + Send + Sync`.
///
/// Two words, and no allocation, while there are none. To emit, take a
/// [`snapshot`](Self::snapshot) and runs that: listeners may add and remove
/// listeners, which counts from the next snapshot on.
pub(crate) struct Listeners<F: ?Sized>(Lock<List<F>>);

impl<F: ?Sized> Default for Listeners<F> {
    fn default() -> Self {
        Listeners(Lock::new(List(None)))
    }
}

impl<F: ?Sized> Listeners<F> {
    /// Adds a listener at the end of the list. One that is for `once` is in one
    /// snapshot and then gone.
    pub fn add(&self, call: Arc<F>, once: bool) -> ListenerId {
        self.lock().add(call, once)
    }

    /// Removes a listener; false when it is not (or no longer) in this list.
    pub fn remove(&self, id: ListenerId) -> bool {
        let old = self.lock().remove(id);
        old.is_some()
    }

    /// The ids of the listeners of which `is` says so.
    pub fn ids_of(&self, is: impl Fn(&F) -> bool) -> Vec<ListenerId> {
        let entries = self.lock().0.clone();
        let entries = entries.iter().flat_map(|entries| entries.iter());
        entries.filter(|entry| is(&entry.call)).map(|entry| entry.id).collect()
    }

    /// Removes all of them.
    pub fn clear(&self) {
        let old = std::mem::take(&mut *self.lock());
        drop(old);
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// The present listeners, in the order in which they were added. Takes the
    /// `once` listeners out of the list: no two snapshots share one.
    pub fn snapshot(&self) -> Snapshot<F> {
        self.lock().snapshot()
    }

    fn lock(&self) -> Guard<'_, List<F>> {
        self.0.lock()
    }
}

/// [`Listeners`] of which there are seldom any, for what happens often: that there are
/// none is known without their lock, which all sparks would share.
pub(crate) struct Seldom<F: ?Sized> {
    list: Listeners<F>,
    any: AtomicBool,
}

impl<F: ?Sized> Default for Seldom<F> {
    fn default() -> Self {
        Seldom { list: Listeners::default(), any: AtomicBool::new(false) }
    }
}

impl<F: ?Sized> Seldom<F> {
    /// [`Listeners::add`], for good.
    pub fn add(&self, call: Arc<F>) -> ListenerId {
        let id = self.list.add(call, false);
        self.any.store(true, Ordering::Release);
        id
    }

    /// [`Listeners::remove`].
    pub fn remove(&self, id: ListenerId) -> bool {
        let removed = self.list.remove(id);
        self.any.store(!self.list.is_empty(), Ordering::Release);
        if !self.list.is_empty() {
            // One was added in between.
            self.any.store(true, Ordering::Release);
        }
        removed
    }

    /// [`Listeners::clear`].
    pub fn clear(&self) {
        self.any.store(false, Ordering::Release);
        self.list.clear();
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        !self.any.load(Ordering::Acquire)
    }

    /// All of them, to be looked at with the lock.
    pub fn list(&self) -> &Listeners<F> {
        &self.list
    }
}

/// [`Listeners`] without their lock, for those who have one around several.
///
/// What is taken out is dropped after the lock is: what a listener holds may come
/// back to it.
pub(crate) struct List<F: ?Sized>(Option<Arc<Vec<Entry<F>>>>);

struct Entry<F: ?Sized> {
    id: ListenerId,
    once: bool,
    call: Arc<F>,
}

impl<F: ?Sized> Clone for Entry<F> {
    fn clone(&self) -> Self {
        Entry { id: self.id, once: self.once, call: Arc::clone(&self.call) }
    }
}

impl<F: ?Sized> Default for List<F> {
    fn default() -> Self {
        List(None)
    }
}

impl<F: ?Sized> List<F> {
    /// [`Listeners::add`].
    pub fn add(&mut self, call: Arc<F>, once: bool) -> ListenerId {
        let id = ListenerId::next();
        let entries = Arc::make_mut(self.0.get_or_insert_default());
        // As a rule there is one, for each of thousands of connections.
        entries.reserve_exact(1);
        entries.push(Entry { id, once, call });
        id
    }

    /// Removes a listener, and gives the list as it was; `None` when it is not in
    /// there.
    pub fn remove(&mut self, id: ListenerId) -> Option<Self> {
        let found = self.0.as_ref().is_some_and(|entries| entries.iter().any(|e| e.id == id));
        found.then(|| self.retain(|entry| entry.id != id))
    }

    /// [`Listeners::is_empty`].
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// [`Listeners::snapshot`].
    pub fn snapshot(&mut self) -> Snapshot<F> {
        let taken = self.0.clone();
        if taken.as_ref().is_some_and(|entries| entries.iter().any(|e| e.once)) {
            self.retain(|entry| !entry.once);
        }
        Snapshot(taken)
    }

    /// Takes out what is not to be kept, and returns the list as it was.
    fn retain(&mut self, keep: impl Fn(&Entry<F>) -> bool) -> Self {
        let kept: Vec<_> =
            self.0.iter().flat_map(|l| l.iter()).filter(|e| keep(e)).cloned().collect();
        let kept = if kept.is_empty() { None } else { Some(Arc::new(kept)) };
        List(std::mem::replace(&mut self.0, kept))
    }
}

/// The listeners that were there at one moment.
pub(crate) struct Snapshot<F: ?Sized>(Option<Arc<Vec<Entry<F>>>>);

impl<F: ?Sized> Default for Snapshot<F> {
    fn default() -> Self {
        Snapshot(None)
    }
}

impl<F: ?Sized> Snapshot<F> {
    /// The listeners in order.
    pub fn iter(&self) -> impl Iterator<Item = &F> {
        self.0.iter().flat_map(|entries| entries.iter()).map(|entry| &*entry.call)
    }

    /// The first listener of which `is` says so.
    pub fn find(&self, is: impl Fn(&F) -> bool) -> Option<Arc<F>> {
        let entry =
            self.0.iter().flat_map(|entries| entries.iter()).find(|entry| is(&entry.call))?;
        Some(Arc::clone(&entry.call))
    }

    /// True when there are no listeners.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    type Calls = dyn Fn(&Mutex<Vec<u8>>) + Send + Sync;

    fn pushes(n: u8) -> Arc<Calls> {
        Arc::new(move |out| out.lock().unwrap().push(n))
    }

    fn emit(listeners: &Listeners<Calls>) -> Vec<u8> {
        let out = Mutex::default();
        for listener in listeners.snapshot().iter() {
            listener(&out);
        }
        out.into_inner().unwrap()
    }

    #[test]
    fn run_in_order_and_are_removed_by_id() {
        let listeners = Listeners::default();
        let _first = listeners.add(pushes(1), false);
        let second = listeners.add(pushes(2), false);
        let _third = listeners.add(pushes(3), false);
        assert_eq!(emit(&listeners), [1, 2, 3]);
        assert!(listeners.remove(second));
        assert!(!listeners.remove(second));
        assert_eq!(emit(&listeners), [1, 3]);
        listeners.clear();
        assert!(listeners.is_empty() && listeners.snapshot().is_empty());
    }

    #[test]
    fn once_is_once_however_many_emit() {
        let listeners = Listeners::default();
        for n in 0..100 {
            listeners.add(pushes(n), true);
        }
        listeners.add(pushes(200), false);
        let runs: Vec<Vec<u8>> = std::thread::scope(|scope| {
            let spawned: Vec<_> = (0..4).map(|_| scope.spawn(|| emit(&listeners))).collect();
            spawned.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(runs.concat().iter().filter(|n| **n < 200).count(), 100);
        assert_eq!(emit(&listeners), [200]);
    }

    #[test]
    fn a_listener_may_change_the_list_it_is_run_from() {
        let listeners = Arc::new(Listeners::<Calls>::default());
        let inner = Arc::downgrade(&listeners);
        let adds = move |_: &_| {
            inner.upgrade().unwrap().add(pushes(9), false);
        };
        listeners.add(Arc::new(adds), true);
        assert!(emit(&listeners).is_empty());
        assert_eq!(emit(&listeners), [9]);
    }

    #[test]
    fn a_removed_listener_may_come_back_when_it_is_dropped() {
        struct Late(std::sync::Weak<Listeners<Calls>>);
        impl Drop for Late {
            fn drop(&mut self) {
                if let Some(listeners) = self.0.upgrade() {
                    listeners.is_empty();
                }
            }
        }
        let listeners = Arc::new(Listeners::<Calls>::default());
        for _ in 0..2 {
            let late = Late(Arc::downgrade(&listeners));
            let id = listeners.add(Arc::new(move |_| drop(late.0.upgrade())), false);
            assert!(listeners.remove(id));
        }
    }

    #[test]
    fn an_empty_list_is_two_words() {
        assert_eq!(size_of::<Listeners<Calls>>(), 16);
    }
}
