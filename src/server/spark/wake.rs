//! What wakes a spark's thread while it waits for its client.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Inner;
use crate::server::outbox::Drains;
use crate::server::wakers::Lent;

impl Drains for Inner {
    fn drained(&self) {
        self.drained.store(true, Ordering::Release);
        self.wake();
    }
}

impl Inner {
    /// Wakes the spark's thread if it waits on the waker.
    pub fn wake(&self) {
        if let Some(waker) = &*self.waker.lock() {
            waker.wake();
        }
        match self.by_ping.swap(false, Ordering::AcqRel) {
            true => self.outbox.nudge(),
            false => self.outbox.wake_session(),
        }
    }

    /// The waker to wait on, if anything but the socket may wake the thread.
    pub fn wanted_waker(&self) -> Option<Arc<Lent>> {
        let wanted = self.wake_wanted.load(Ordering::Acquire) || self.inbox.has_kept();
        // A session that is polled wakes its thread without a descriptor.
        if !wanted || self.outbox.is_poll() {
            return None;
        }
        let mut waker = self.waker.lock();
        if waker.is_none() {
            *waker = self.server.wakers.lend().map(Arc::new);
            self.by_ping.store(waker.is_none(), Ordering::Release);
        }
        waker.clone()
    }

    /// The thread will not be woken any more.
    pub fn give_up_waker(&self) {
        drop(self.waker.lock().take());
    }
}
