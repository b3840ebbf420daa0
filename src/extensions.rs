//! Values of the application's by their type: the state of a connection.

use std::any::Any;
use std::fmt;
use std::sync::OnceLock;

/// Values by their type: at most one of each.
///
/// While only shared, values can be put in ([`set`](Self::set),
/// [`get_or_init`](Self::get_or_init)) and read, from any thread and without a
/// lock, and what is in stays: references live as long as this does. What is to
/// change is put in as a `Mutex` or an atomic. Code that has it alone, as
/// middleware has, can also replace and remove.
///
/// ```
/// use primus::Extensions;
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// struct User(&'static str);
/// struct Count(AtomicU32);
///
/// let mut extensions = Extensions::default();
/// extensions.insert(User("ann"));
///
/// let shared = &extensions;
/// assert_eq!(shared.get::<User>().map(|user| user.0), Some("ann"));
/// shared.get_or_init(|| Count(0.into())).0.fetch_add(1, Ordering::Relaxed);
/// assert_eq!(shared.get::<Count>().map(|count| count.0.load(Ordering::Relaxed)), Some(1));
/// assert!(shared.set(User("bob")).is_err());
/// ```
#[derive(Default)]
pub struct Extensions {
    first: Link,
}

/// A list that only grows while it is shared, which needs no lock to be read.
type Link = OnceLock<Box<Node>>;

struct Node {
    value: Box<dyn Any + Send + Sync>,
    next: Link,
}

impl Extensions {
    fn nodes(&self) -> impl Iterator<Item = &Node> {
        std::iter::successors(self.first.get(), |node| node.next.get()).map(|node| &**node)
    }

    /// The value of this type.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.nodes().find_map(|node| node.value.downcast_ref())
    }

    /// Puts a value in.
    ///
    /// # Errors
    /// The value, when there is one of this type already.
    pub fn set<T: Any + Send + Sync>(&self, value: T) -> Result<(), T> {
        if self.get::<T>().is_some() {
            return Err(value);
        }
        let mut node = Box::new(Node { value: Box::new(value), next: Link::new() });
        let mut link = &self.first;
        // To the end, past what other threads put in meanwhile.
        while let Err(back) = link.set(node) {
            node = back;
            let Some(taken) = link.get() else { continue };
            if taken.value.is::<T>() {
                return match node.value.downcast() {
                    Ok(value) => Err(*value),
                    Err(_) => Ok(()),
                };
            }
            link = &taken.next;
        }
        Ok(())
    }

    /// The value of this type; when there is none, the one that `init` makes.
    /// `init` may use these extensions. It runs without a lock, so two threads
    /// that come at the same time may both run theirs: one value is kept.
    pub fn get_or_init<T: Any + Send + Sync>(&self, init: impl FnOnce() -> T) -> &T {
        let mut init = Some(init);
        loop {
            if let Some(value) = self.get() {
                return value;
            }
            if let Some(init) = init.take() {
                // Whichever value is in now, it is of this type.
                drop(self.set(init()));
            }
        }
    }

    /// Puts a value in; the one of this type that was there comes back.
    pub fn insert<T: Any + Send + Sync>(&mut self, value: T) -> Option<T> {
        let before = self.remove();
        drop(self.set(value));
        before
    }

    /// The value of this type, to change it.
    pub fn get_mut<T: Any + Send + Sync>(&mut self) -> Option<&mut T> {
        self.link_of::<T>()?.get_mut()?.value.downcast_mut()
    }

    /// Takes the value of this type out.
    pub fn remove<T: Any + Send + Sync>(&mut self) -> Option<T> {
        let link = self.link_of::<T>()?;
        let Node { value, next } = *link.take()?;
        *link = next;
        value.downcast().ok().map(|value| *value)
    }

    /// Where the value of this type hangs.
    fn link_of<T: Any + Send + Sync>(&mut self) -> Option<&mut Link> {
        let mut link = &mut self.first;
        while !link.get()?.value.is::<T>() {
            link = &mut link.get_mut()?.next;
        }
        Some(link)
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.first.get().is_none()
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extensions({})", self.nodes().count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn one_of_each_type_is_put_in_read_changed_and_taken_out() {
        let mut extensions = Extensions::default();
        assert!(extensions.is_empty());
        assert_eq!(extensions.insert(1u8), None);
        assert_eq!(extensions.insert(2u16), None);
        assert_eq!(extensions.insert(3u32), None);
        assert_eq!(extensions.insert(4u16), Some(2));
        assert_eq!(extensions.set(5u16), Err(5));
        assert_eq!(extensions.set("text"), Ok(()));
        *extensions.get_mut::<u8>().unwrap() += 10;
        assert_eq!(format!("{extensions:?}"), "Extensions(4)");
        assert_eq!(extensions.remove::<u32>(), Some(3));
        assert_eq!(extensions.remove::<u32>(), None);
        let all = (extensions.get::<u8>(), extensions.get::<u16>(), extensions.get::<&str>());
        assert_eq!(all, (Some(&11), Some(&4), Some(&"text")));
    }

    #[test]
    fn an_init_may_use_the_extensions_itself() {
        let extensions = Extensions::default();
        let outer = extensions.get_or_init(|| {
            let inner = extensions.get_or_init(|| 1u8);
            u16::from(*inner) + 1
        });
        assert_eq!(*outer, 2);
        assert_eq!(*extensions.get_or_init(|| 9u8), 1);
    }

    #[test]
    fn threads_that_come_at_the_same_time_get_one_value_and_the_others_are_dropped() {
        struct Counted(Arc<AtomicUsize>);
        impl Drop for Counted {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        for _ in 0..50 {
            let extensions = Extensions::default();
            let alive = Arc::new(AtomicUsize::new(0));
            let value = || {
                alive.fetch_add(1, Ordering::SeqCst);
                Counted(alive.clone())
            };
            let run = || std::ptr::from_ref(extensions.get_or_init(value)) as usize;
            let at: Vec<usize> = std::thread::scope(|scope| {
                let runs: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
                runs.into_iter().map(|run| run.join().unwrap()).collect()
            });
            assert!(at.iter().all(|address| *address == at[0]));
            assert_eq!(alive.load(Ordering::SeqCst), 1);
        }
    }
}
