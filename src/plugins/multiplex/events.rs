//! Events of [`emitter`](crate::plugins::emitter) for all who have subscribed.

use serde::Serialize;

use super::server::ServerChannel;
use crate::error::Result;
use crate::plugins::emitter::{EmitterServerExt, wire};
use crate::plugins::event::check_name;

impl EmitterServerExt for ServerChannel {
    type Written = usize;

    fn send_all(&self, event: &str, args: impl Serialize) -> Result<usize> {
        check_name(event)?;
        self.write(&wire::Event { name: event, args: &args, id: None })
    }
}
