//! A server of Engine.IO that does what a test tells it, request by request.

use primus::{Client, ClientBuilder};

pub use crate::script::Request;
use crate::script::{Of, Script};
use crate::server::SOON;

/// What opens a session without an upgrade.
pub const OPEN: &str = r#"0{"sid":"s/1","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;

/// The same with the offer of one.
pub const OFFER: &str =
    r#"0{"sid":"s/1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}"#;

pub enum EngineIo {}

pub type Server = Of<EngineIo>;

impl Server {
    pub fn client(&self) -> ClientBuilder {
        Script::client(self, "engine.io")
    }

    /// A client that only polls and does not reconnect, with its session open;
    /// its first poll is held.
    pub fn polled(&self) -> (Client, Request) {
        self.open(self.client().strategy("off").transport("transports", "polling"))
    }

    /// A client's session, opened.
    pub fn open(&self, client: ClientBuilder) -> (Client, Request) {
        let client = client.build().unwrap();
        self.get().answer(OPEN);
        let poll = self.get();
        client.wait_open(SOON).unwrap();
        (client, poll)
    }
}
