//! Where what the client's thread has goes: messages to plugins, listeners or the
//! inbox, and what is due to itself.

use super::Client;
use super::shared::Shared;
use crate::error::caught;
use crate::message::Message;
use crate::transformers::connect::Writer;
use crate::value::Value;

impl Client {
    /// Takes a message that was inside of another one as if it had come by itself. For
    /// plugins, on the client's thread.
    pub(crate) fn receive(&self, value: Value) {
        let shared = self.shared();
        match caught(|| Message::made(value, shared.codec.parser(), self)).and_then(|made| made) {
            Ok(message) => shared.offer(self, message),
            Err(error) => shared.error(self, &error),
        }
    }
}

impl Shared {
    /// Gives a message to the plugin that claims it, and else to the application.
    pub fn offer(&self, client: &Client, message: Message) {
        if self.codec.takes_nothing() {
            return self.deliver(client, message);
        }
        match caught(|| self.codec.take(message, client)).and_then(|left| left) {
            Ok(Some(message)) => self.deliver(client, message),
            Ok(None) => {}
            Err(error) => self.error(client, &error),
        }
    }

    fn deliver(&self, client: &Client, message: Message) {
        self.deliver_inbox();
        let listeners = self.events.data.snapshot();
        if listeners.is_empty() {
            return self.inbox.push(message);
        }
        self.tell(client, &listeners, |listener| listener(client, &message));
    }

    /// Gives what waited to a listener that has come since.
    pub fn deliver_inbox(&self) {
        let data = &self.events.data;
        while !data.is_empty()
            && let Some(message) = self.inbox.pop()
            && let Some(client) = self.client()
        {
            let listeners = data.snapshot();
            if listeners.is_empty() {
                return self.inbox.unpop(message);
            }
            self.tell(&client, &listeners, |listener| listener(&client, &message));
        }
    }

    /// Tells a new connection what is to come before the queue.
    pub fn greet(&self, writer: &dyn Writer) {
        let Some(client) = self.client() else { return };
        for first in self.first.snapshot().iter() {
            let frames = caught(|| {
                let values = first(&client);
                values.iter().map(|value| self.codec.encode(value, &client)).collect::<Vec<_>>()
            });
            match frames {
                Ok(frames) => frames.into_iter().for_each(|frame| match frame {
                    // Without a connection the reader will know it.
                    Ok(frame) => drop(frame.map(|frame| writer.queue(&frame))),
                    Err(error) => self.error(&client, &error),
                }),
                Err(error) => self.error(&client, &error),
            }
        }
    }

    /// Does what its time has come for.
    pub fn run_due(&self) {
        while let Some(job) = self.alarms.due(self.now()) {
            let done = caught(job);
            if let Err(error) = done
                && let Some(client) = self.client()
            {
                self.error(&client, &error);
            }
            // The thread that moves a manual clock waits for this.
            self.changed();
        }
    }
}
