//! Running listeners: nothing they do ends the client's thread.

use std::sync::atomic::Ordering;

use super::Client;
use super::machine::Event;
use super::shared::{Shared, lock};
use crate::error::{BoxError, Error, Result, caught};
use crate::events::Snapshot;
use crate::ready_state::ReadyState;
use crate::unheard::{self, escaped, is_of_connection};

impl Shared {
    /// Runs the listeners of an event.
    pub fn emit(&self, client: &Client, event: &Event) {
        let events = &self.events;
        match event {
            Event::ReadyState(state) => {
                self.tell(client, &events.ready_state_change.snapshot(), |l| l(client, *state));
            }
            Event::Open => {
                self.told.store(false, Ordering::Relaxed);
                self.tell(client, &events.open.snapshot(), |l| l(client));
            }
            Event::Error(error) => self.error(client, error),
            Event::Timeout => self.tell(client, &events.timeout.snapshot(), |l| l(client)),
            Event::ReconnectScheduled(attempt) => {
                self.tell(client, &events.reconnect_scheduled.snapshot(), |l| l(client, *attempt));
            }
            Event::Reconnect(attempt) => {
                self.tell(client, &events.reconnect.snapshot(), |l| l(client, *attempt));
            }
            Event::Reconnected(done) => {
                self.tell(client, &events.reconnected.snapshot(), |l| l(client, *done));
            }
            Event::ReconnectTimeout(attempt) => {
                self.tell(client, &events.reconnect_timeout.snapshot(), |l| l(client, *attempt));
            }
            Event::ReconnectFailed => {
                self.tell(client, &events.reconnect_failed.snapshot(), |l| l(client))
            }
            Event::Online => self.tell(client, &events.online.snapshot(), |l| l(client)),
            Event::Offline => self.tell(client, &events.offline.snapshot(), |l| l(client)),
            Event::Id(id) => self.id(client, id),
            Event::Close(reason) => {
                self.tell(client, &events.close.snapshot(), |l| l(client, reason))
            }
            Event::End(reason) => self.tell(client, &events.end.snapshot(), |l| l(client, reason)),
            Event::Destroy => self.destroyed(client),
        }
    }

    fn id(&self, client: &Client, id: &str) {
        let waiters = std::mem::take(&mut *lock(&self.ids));
        for waiter in waiters {
            if let Err(error) = caught(|| waiter(id)) {
                self.error(client, &error);
            }
        }
    }

    fn destroyed(&self, client: &Client) {
        let events = &self.events;
        self.tell(client, &events.destroy.snapshot(), |l| l(client));
        events.clear();
        self.codec.clear();
        self.first.clear();
        self.outbox.clear();
        let failure = self.core().failure.take();
        drop(failure);
    }

    /// Runs listeners; each panic and error becomes an error event.
    pub fn tell<F: ?Sized>(
        &self,
        client: &Client,
        listeners: &Snapshot<F>,
        call: impl Fn(&F) -> Result<(), BoxError>,
    ) {
        for listener in listeners.iter() {
            let done = caught(|| call(listener));
            if let Err(error) = done.and_then(|done| done.map_err(Error::Listener)) {
                self.error(client, &error);
            }
        }
    }

    /// Runs the `error` listeners; without any, the error is logged.
    pub fn error(&self, client: &Client, error: &Error) {
        let listeners = self.events.error.snapshot();
        if listeners.is_empty() {
            let hint = " (nobody listens for `error`; told once for each connection)";
            self.unheard(log::Level::Warn, "", error, hint);
        }
        for listener in listeners.iter() {
            let done = caught(|| listener(client, error));
            if let Err(error) = done.and_then(|done| done.map_err(Error::Listener)) {
                self.unheard(log::Level::Error, "error listener: ", &error, "");
            }
        }
    }

    /// Tells of an error that is no event: by the log, and of one of the
    /// application's, where there is none, on stderr.
    fn unheard(&self, level: log::Level, place: &str, error: &Error, hint: &str) {
        // The error's `Display` is the application's too.
        let Ok(text) = caught(|| format!("client: {place}{error}")) else { return };
        log::log!(level, "primus {}", escaped(&text));
        // The panic hook has told of a panic.
        if !matches!(error, Error::Listener(_) | Error::Transform(_)) {
            return;
        }
        // A listener that fails because the server is gone is not at fault.
        let gone = is_of_connection(error) && self.core().machine.state() != ReadyState::Open;
        if !gone && !self.told.swap(true, Ordering::Relaxed) {
            unheard::tell(&format!("{text}{hint}"));
        }
    }
}
