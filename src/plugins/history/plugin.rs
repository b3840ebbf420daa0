//! The plugin, and where it is used.

use super::client;
use super::options::History;
use super::server::Recorder;
use crate::client::Client;
use crate::error::BoxError;
use crate::library::Script;
use crate::plugins::{Plugin, Side, half};
use crate::server::Primus;

impl Plugin for History {
    fn name(&self) -> &str {
        "history"
    }

    fn reserved(&self, side: Side) -> &[&'static str] {
        match side {
            Side::Server => &[],
            Side::Client => &["recovered"],
        }
    }

    fn server(&self, primus: &Primus) -> Result<(), BoxError> {
        #[cfg(feature = "redis")]
        let streams = self.streams.lock().take();
        let installed = Recorder::install(
            primus,
            self.which.clone(),
            self.bounds,
            #[cfg(feature = "redis")]
            streams,
        )?;
        let _ = self.installed.set(installed);
        Ok(())
    }

    fn client(&self, client: &Client) -> Result<(), BoxError> {
        client::install(client, self.known)
    }

    fn script(&self) -> Option<Script<'_>> {
        Some(half(include_str!("client.js"), include_str!("types.d.ts")))
    }

    fn plugout(&self, primus: &Primus) {
        if let Some(installed) = self.installed.get() {
            primus.off(installed.handler);
            installed.recorder.end();
        }
    }
}
