//! The client's half.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::tracker::{Recovered, Tracker};
use super::wire::{self, Heard, PARAMETER};
use crate::channel::{Channel, Handler};
use crate::client::Client;
use crate::error::BoxError;
use crate::events::{ListenerId, Listeners};
use crate::id;
use crate::outcome::Outcome;
use crate::plugins::calls::call_all;
use crate::sync::Lock;
use crate::value::Value;

/// What is called when a client is back in a room.
pub type RecoveredListener = dyn Fn(&Client, &Recovered) -> Result<(), BoxError> + Send + Sync;

/// Rooms of a client that has the plugin [`History`](super::History).
pub trait ClientHistory {
    /// The client is back in a room, and has got what it had missed, or
    /// [not all of it](Recovered::whole); or it has found that it has missed something.
    /// Called on the client's thread, behind the messages that it had missed. Without the
    /// plugin nothing comes.
    fn on_recovered<R: Outcome>(
        &self,
        listener: impl Fn(&Client, &Recovered) -> R + Send + Sync + 'static,
    ) -> ListenerId;

    /// Removes a listener; false when it is not there.
    fn off_recovered(&self, id: ListenerId) -> bool;
}

impl ClientHistory for Client {
    fn on_recovered<R: Outcome>(
        &self,
        listener: impl Fn(&Client, &Recovered) -> R + Send + Sync + 'static,
    ) -> ListenerId {
        let listener: Arc<RecoveredListener> =
            Arc::new(move |client, recovered| listener(client, recovered).into_result());
        self.extensions().get_or_init(Told::default).0.add(listener, false)
    }

    fn off_recovered(&self, id: ListenerId) -> bool {
        self.extensions().get::<Told>().is_some_and(|told| told.0.remove(id))
    }
}

#[derive(Default)]
struct Told(Listeners<RecoveredListener>);

struct State {
    tracker: Lock<Tracker>,
    /// What is inside of a message is being handled.
    is_inside: AtomicBool,
}

/// What is inside of a message is being handled, until this is dropped, by a panic too.
struct Inside<'a>(&'a AtomicBool);

impl<'a> Inside<'a> {
    fn enter(is_inside: &'a AtomicBool) -> Self {
        is_inside.store(true, Ordering::Relaxed);
        Inside(is_inside)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

pub(super) fn install(client: &Client, most_rooms: usize) -> Result<(), BoxError> {
    let name = id::session_id()?;
    let tracker = Lock::new(Tracker::new(most_rooms));
    client.extensions().get_or_init(|| State { tracker, is_inside: AtomicBool::new(false) });
    client.on_outgoing_url(move |_, url| {
        url.query.push((PARAMETER.to_owned(), name.clone()));
    });
    client.on_open(|client| {
        if let Some(state) = client.extensions().get::<State>() {
            let hello = state.tracker.lock().hello();
            // Without a connection the next one is told.
            let _ = client.write_past(&hello);
        }
    });
    client.handlers().add_first(FromServer);
    Ok(())
}

/// Takes what servers say, before any transform.
struct FromServer;

impl Handler for FromServer {
    fn claims(&self, channel: &dyn Channel, message: &Value) -> bool {
        // One inside of another is no more than data.
        let is_inside = |state: &State| state.is_inside.load(Ordering::Relaxed);
        wire::is_of_server(message)
            && channel.any().is::<Client>()
            && channel.extensions().get::<State>().is_some_and(|state| !is_inside(state))
    }

    fn handle(&self, channel: &dyn Channel, message: Value) -> Result<(), BoxError> {
        let Some(client) = channel.any().downcast_ref::<Client>() else { return Ok(()) };
        let Some(state) = client.extensions().get::<State>() else { return Ok(()) };
        match wire::heard(message) {
            Some(Heard::Message { id, at, data }) => {
                let judged = state.tracker.lock().judge(id, &at);
                let told = tell(client, &judged.torn);
                if let Some(data) = data.filter(|_| judged.is_new) {
                    let _inside = Inside::enter(&state.is_inside);
                    client.receive(data);
                }
                told
            }
            Some(Heard::Hello { spark, reports }) => {
                let mut tracker = state.tracker.lock();
                tracker.is_spark(spark);
                let recovered = tracker.report(reports);
                drop(tracker);
                tell(client, &recovered)
            }
            Some(Heard::Rooms { reports }) => {
                let recovered = state.tracker.lock().report(reports);
                tell(client, &recovered)
            }
            Some(Heard::Left { rooms }) => {
                let mut tracker = state.tracker.lock();
                rooms.iter().for_each(|room| tracker.left(room));
                Ok(())
            }
            None => Ok(()),
        }
    }
}

fn tell(client: &Client, recovered: &[Recovered]) -> Result<(), BoxError> {
    let Some(told) = client.extensions().get::<Told>().filter(|_| !recovered.is_empty()) else {
        return Ok(());
    };
    let listeners = told.0.snapshot();
    let mut result = Ok(());
    for one in recovered {
        result = result.and(call_all(listeners.iter(), |listener| listener(client, one)));
    }
    result
}
