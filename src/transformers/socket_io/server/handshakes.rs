//! Ids that were given out in handshakes, and have not begun a session yet.
//!
//! Each costs a stranger a single request, and us the head of that, so there are bounds
//! on them: those on sessions whose clients have not come back.

use std::io;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use crate::deadline::after;
use crate::http::server::Request;
use crate::id;
use crate::sync::Lock;
use crate::timer::{Key, Task, Timer};
use crate::transformers::polled::sessions::{Listed, Sessions};
use crate::transformers::serve::Host;

/// How long an id is good for.
const CLAIM: Duration = Duration::from_secs(30);

/// All of them.
#[derive(Default)]
pub(super) struct Handshakes {
    table: Arc<Sessions<Handshake>>,
}

/// One that was answered.
struct Handshake {
    id: String,
    /// It is that which the application sees of the client.
    request: Lock<Option<Box<Request>>>,
    table: Weak<Sessions<Handshake>>,
    key: OnceLock<Key>,
}

impl Listed for Handshake {
    fn id(&self) -> &str {
        &self.id
    }

    fn is_fresh(&self) -> bool {
        true
    }
}

impl Task for Handshake {
    /// Nobody has come.
    fn fire(self: Arc<Self>, _: Instant) -> Option<Instant> {
        if let Some(table) = self.table.upgrade() {
            table.remove(&self);
        }
        None
    }
}

impl Handshakes {
    /// Gives out an id.
    ///
    /// # Errors
    /// There is no randomness to be had.
    pub(super) fn begin(&self, host: &dyn Host, request: Box<Request>) -> io::Result<String> {
        let (id, owner) = (id::session_id()?, host.owner(&request));
        let handshake = Arc::new(Handshake {
            id: id.clone(),
            request: Lock::new(Some(request)),
            table: Arc::downgrade(&self.table),
            key: OnceLock::new(),
        });
        if self.table.insert(&handshake).is_some() {
            return Err(io::Error::other("an id came twice"));
        }
        let at = host.timer().coarse(after(host.timer().now(), CLAIM));
        let _ = handshake.key.set(host.timer().schedule(at, Arc::downgrade(&handshake)));
        if let Some(oldest) = self.table.count_fresh(&handshake, owner, host.limits()) {
            self.forget(&oldest, host.timer());
        }
        Ok(id)
    }

    /// Whether this id can begin a session.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.table.find(id).is_some()
    }

    /// The request of the handshake, whose id cannot begin another session then.
    pub(super) fn take(&self, id: &str, timer: &Timer) -> Option<Box<Request>> {
        let handshake = self.table.find(id)?;
        let request = handshake.request.lock().take();
        self.forget(&handshake, timer);
        request
    }

    fn forget(&self, handshake: &Handshake, timer: &Timer) {
        self.table.remove(handshake);
        if let Some(key) = handshake.key.get() {
            timer.cancel(*key);
        }
    }
}
