#![doc = include_str!("mod.md")]

mod client;
mod server;
pub(crate) mod wire;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::{Plugin, Script, Side};
use crate::client::Client;
use crate::error::{BoxError, Result};
use crate::events::ListenerId;
use crate::server::{Primus, Spark};

pub use client::{ClientMirage, MirageListener};
use server::Rules;
pub use server::SparkMirage;

/// The plugin `mirage`: see [its page](self). For servers and clients.
#[derive(Clone)]
pub struct Mirage {
    rules: Rules,
    id: Option<String>,
    /// What it has at the server that it is registered with.
    listener: OnceLock<ListenerId>,
}

impl Default for Mirage {
    fn default() -> Self {
        Mirage::new()
    }
}

impl Mirage {
    /// Random ids, and every id that is presented is kept.
    pub fn new() -> Self {
        let rules = Rules { timeout: Duration::from_secs(5), generator: None, validator: None };
        Mirage { rules, id: None, listener: OnceLock::new() }
    }

    /// How long generator and validator may take; a client for which they take longer
    /// is refused. They are not interrupted. Defaults to 5 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.rules.timeout = timeout;
        self
    }

    /// Makes the ids of clients that have none, on the thread of the spark, where it
    /// may block. An error refuses the client. By default they are 16 random
    /// hexadecimal digits.
    pub fn generator<E: Into<BoxError>>(
        mut self,
        generate: impl Fn(&Spark) -> Result<String, E> + Send + Sync + 'static,
    ) -> Self {
        self.rules.generator = Some(Arc::new(move |spark| generate(spark).map_err(Into::into)));
        self
    }

    /// Judges the id that a client presents, on the thread of the spark, where it may
    /// block: `Ok(None)` keeps it, `Ok(Some)` gives the client another one, an error
    /// refuses the client. By default every id is kept, whoever presents it: ids are
    /// no proof of who somebody is unless they are checked here.
    pub fn validator<E: Into<BoxError>>(
        mut self,
        validate: impl Fn(&Spark, &str) -> Result<Option<String>, E> + Send + Sync + 'static,
    ) -> Self {
        self.rules.validator =
            Some(Arc::new(move |spark, id| validate(spark, id).map_err(Into::into)));
        self
    }

    /// The id that a client presents from the beginning, such as one that was kept
    /// from the last run.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }
}

impl Plugin for Mirage {
    fn name(&self) -> &str {
        "mirage"
    }

    fn reserved(&self, side: Side) -> &[&'static str] {
        match side {
            Side::Server => &[wire::EVENT],
            Side::Client => &[],
        }
    }

    fn server(&self, primus: &Primus) -> Result<(), BoxError> {
        let listener = server::install(self.rules.clone(), primus)?;
        let _ = self.listener.set(listener);
        Ok(())
    }

    fn client(&self, client: &Client) -> Result<(), BoxError> {
        client::install(self.id.clone(), client);
        Ok(())
    }

    fn plugout(&self, primus: &Primus) {
        if let Some(listener) = self.listener.get() {
            primus.off(*listener);
        }
    }

    fn script(&self) -> Option<Script<'_>> {
        let (client, types) = (include_str!("client.js"), include_str!("types.d.ts"));
        Some(Script { client, types, ..Script::default() })
    }
}

impl fmt::Debug for Mirage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirage").field("timeout", &self.rules.timeout).finish_non_exhaustive()
    }
}
