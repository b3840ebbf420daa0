//! A client as plugins see it.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use super::Client;
use crate::channel::{Channel, Encode, Handlers};
use crate::deadline::after;
use crate::error::Result;
use crate::events::ListenerId;
use crate::extensions::Extensions;
use crate::message::Written;
use crate::ready_state::ReadyState;
use crate::timer::ManualClock;
use crate::value::Value;

impl Channel for Client {
    fn write_message(&self, message: &dyn Encode) -> Result<Written> {
        let frame = self.shared().codec.encode_dyn(message, self)?;
        frame.map_or(Ok(Written::Sent), |frame| self.write_frame(&frame))
    }

    fn write_past(&self, message: &dyn Encode) -> Result<Written> {
        let frame = self.shared().codec.encode_past(message, self)?;
        frame.map_or(Ok(Written::Sent), |frame| self.write_frame(&frame))
    }

    fn outgoing(&self, message: Value) -> Result<Option<Value>> {
        self.shared().codec.outgoing.apply(self, message)
    }

    fn incoming(&self, message: Value) -> Option<Value> {
        let made = self.shared().codec.incoming.apply(self, message);
        made.unwrap_or_else(|error| {
            self.shared().error(self, &error);
            None
        })
    }

    fn extensions(&self) -> &Extensions {
        &self.shared().extensions
    }

    fn handlers(&self) -> &Handlers {
        &self.shared().codec.handlers
    }

    fn is_open(&self) -> bool {
        self.ready_state() == ReadyState::Open
    }

    fn is_inside(&self) -> bool {
        self.shared().is_inside()
    }

    fn is_reserved(&self, event: &str) -> bool {
        Client::reserved(event) || self.shared().reserved.has(event)
    }

    fn on_over(&self, then: Box<dyn Fn() + Send + Sync>) {
        let then = Arc::new(then);
        let (closed, ended) = (Arc::clone(&then), Arc::clone(&then));
        self.on_close(move |_, _| closed());
        // There may have been no connection.
        self.on_end(move |_, _| ended());
        if self.shared().core().ended {
            then();
        }
    }

    fn after(&self, delay: Duration, then: Box<dyn FnOnce() + Send>) {
        self.shared().after(after(self.shared().now(), delay), then);
    }

    fn end_channel(&self) {
        self.end();
    }

    fn share(&self) -> Arc<dyn Channel> {
        Arc::new(self.clone())
    }

    fn answers(&self) -> usize {
        self.shared().options.given.answers
    }

    fn manual_clock(&self) -> Option<ManualClock> {
        self.shared().options.given.clock.manual()
    }

    fn any(&self) -> &dyn Any {
        self
    }
}

impl Client {
    /// Values of the application's and of plugins, by their type; they live as
    /// long as the client, over all of its connections.
    pub fn extensions(&self) -> &Extensions {
        &self.shared().extensions
    }

    /// Has `messages` called for each connection that is made, on the client's thread:
    /// what it gives is sent before what was written while there was none. For plugins
    /// that have to introduce themselves anew. Outgoing transforms see it.
    ///
    /// Returns what [`off`](Self::off) takes to remove it.
    pub fn first_messages(
        &self,
        messages: impl Fn(&Client) -> Vec<Value> + Send + Sync + 'static,
    ) -> ListenerId {
        self.shared().first.add(Arc::new(messages), false)
    }

    /// Whether `name` is an event that Primus itself emits on clients, which
    /// applications and plugins must not use for their own.
    pub fn reserved(name: &str) -> bool {
        name.starts_with("incoming::")
            || name.starts_with("outgoing::")
            || matches!(
                name,
                "reconnect scheduled"
                    | "reconnect timeout"
                    | "readyStateChange"
                    | "reconnect failed"
                    | "reconnected"
                    | "reconnect"
                    | "offline"
                    | "timeout"
                    | "destroy"
                    | "online"
                    | "error"
                    | "close"
                    | "open"
                    | "data"
                    | "end"
            )
    }
}
