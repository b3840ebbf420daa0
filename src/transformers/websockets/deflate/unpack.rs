//! What is received, decompressed.

use super::Agreed;
use crate::deflate::{Bad, Inflater};

/// The way in of a connection on which messages may be compressed.
pub(crate) struct Unpacking {
    /// Messages may refer to those before.
    keeps: bool,
    /// What knows those, once there was one.
    context: Option<Box<Inflater>>,
}

/// A compressed message that is being received.
pub(crate) struct Message {
    inflater: Box<Inflater>,
    keeps: bool,
    came: usize,
}

impl Unpacking {
    /// For what was agreed on.
    pub fn new(agreed: &Agreed) -> Self {
        Unpacking { keeps: agreed.receive_takeover, context: None }
    }

    /// Begins a message.
    pub fn begin(&mut self) -> Message {
        let inflater = match (self.context.take(), self.keeps) {
            (Some(context), _) => context,
            (None, true) => Box::new(Inflater::new()),
            (None, false) => Box::new(Inflater::take()),
        };
        Message { inflater, keeps: self.keeps, came: 0 }
    }

    /// Ends it: appends what is left of at most so many bytes.
    pub fn end(&mut self, message: Message, most: usize, out: &mut Vec<u8>) -> Result<(), Bad> {
        let Message { mut inflater, keeps, .. } = message;
        let ended = inflater.finish(keeps, most, out);
        if keeps {
            self.context = Some(inflater);
        } else {
            inflater.give();
        }
        ended
    }
}

impl Message {
    /// How many compressed bytes have come.
    pub fn came(&self) -> usize {
        self.came
    }

    /// Appends what the next compressed bytes stand for, of at most so many in all.
    pub fn push(&mut self, bytes: &[u8], most: usize, out: &mut Vec<u8>) -> Result<(), Bad> {
        self.came += bytes.len();
        self.inflater.push(bytes, most, out)
    }
}
