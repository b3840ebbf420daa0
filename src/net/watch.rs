//! Many sockets watched by one thread: at a cost that grows with those that have
//! something to tell, not with those that wait.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::epoll;
pub(crate) use rustix::event::epoll::EventFlags;
use rustix::io::Errno;

use super::wait::timespec;
use super::{Waitable, Waker};

/// Those that are told at a time. The kernel puts them behind the others then, so
/// all have their turn.
pub(crate) const READY: usize = 64;

/// What the waker is known by among those that are ready.
const WAKER: u64 = u64::MAX;

/// A set of descriptors; to be read when one of them is ready.
#[derive(Debug)]
pub(crate) struct Set(OwnedFd);

impl Set {
    pub fn new() -> io::Result<Self> {
        Ok(Set(epoll::create(epoll::CreateFlags::CLOEXEC)?))
    }

    /// Watches a descriptor for this, under this number; it is to be removed, or
    /// closed, before the number is used again.
    pub fn add(&self, one: impl AsFd, number: u64, flags: EventFlags) -> io::Result<()> {
        Ok(epoll::add(&self.0, one, epoll::EventData::new_u64(number), flags)?)
    }

    /// Watches it no more, if it was watched.
    pub fn remove(&self, one: impl AsFd) {
        let _ = epoll::delete(&self.0, one);
    }
}

impl Waitable for Set {}

impl AsFd for Set {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A set, for a thread that waits until one is ready or it is woken.
#[derive(Debug)]
pub(crate) struct Watch {
    set: Set,
    waker: Waker,
}

/// Who was ready.
pub(crate) struct Ready(Vec<epoll::Event>);

impl Watch {
    pub fn new() -> io::Result<Self> {
        let (set, waker) = (Set::new()?, Waker::new()?);
        set.add(&waker, WAKER, EventFlags::IN)?;
        Ok(Watch { set, waker })
    }

    /// As [`Set::add`]; the highest number of all is not to be had.
    pub fn add(&self, one: impl AsFd, number: u64, flags: EventFlags) -> io::Result<()> {
        self.set.add(one, number, flags)
    }

    /// As [`Set::remove`].
    pub fn remove(&self, one: impl AsFd) {
        self.set.remove(one);
    }

    /// Makes the next or present wait return.
    pub fn wake(&self) {
        self.waker.wake();
    }

    /// Waits until one is ready, the thread is woken or interrupted, or the time is
    /// over.
    pub fn wait(&self, ready: &mut Ready, time: Option<Duration>) -> io::Result<()> {
        ready.0.clear();
        let time = time.and_then(timespec);
        match epoll::wait(&self.set.0, spare_capacity(&mut ready.0), time.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if ready.0.iter().any(|event| event.data.u64() == WAKER) {
            self.waker.clear();
        }
        Ok(())
    }
}

impl Ready {
    /// Nobody yet.
    pub fn new() -> Self {
        Ready(Vec::with_capacity(READY))
    }

    /// Whether none was ready and the thread was not woken.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Their numbers.
    pub fn numbers(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().map(|event| event.data.u64()).filter(|number| *number != WAKER)
    }
}
