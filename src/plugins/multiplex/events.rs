//! Events of [`emit`](crate::plugins::emit) and [`emitter`](crate::plugins::emitter) for
//! all who have subscribed, or are in a room of the channel.

use serde::Serialize;

use super::rooms::ChannelRoom;
use super::server::ServerChannel;
use crate::error::Result;
use crate::plugins::emit::{self, EmitServerExt};
use crate::plugins::emitter::{self, EmitterServerExt};
use crate::plugins::event::check_name;

macro_rules! many {
    ($Many:ty) => {
        impl EmitServerExt for $Many {
            type Written = usize;

            fn emit_all(&self, event: &str, args: impl Serialize) -> Result<usize> {
                check_name(event)?;
                self.write(&emit::wire::Event { name: event, args: &args })
            }
        }

        impl EmitterServerExt for $Many {
            type Written = usize;

            fn send_all(&self, event: &str, args: impl Serialize) -> Result<usize> {
                check_name(event)?;
                self.write(&emitter::wire::Event { name: event, args: &args, id: None })
            }
        }
    };
}

many!(ServerChannel);
many!(ChannelRoom);
