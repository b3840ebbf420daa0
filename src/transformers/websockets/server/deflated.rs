//! Messages of any wire that makes WebSocket frames, compressed.

use std::any::TypeId;
use std::sync::{Mutex, PoisonError};

use crate::close::CloseReason;
use crate::frame::{Frame, room};
use crate::sync::Lock;
use crate::transformers::serve::Wire;
use crate::transformers::websockets::deflate::{Agreed, Packer, pack};

/// A wire whose long messages are compressed.
struct Deflated {
    format: &'static str,
    wire: &'static dyn Wire,
    /// The type of that: two may have one format, and close in different ways.
    kind: TypeId,
    agreed: Agreed,
}

/// All there are. There is one for each way that a server of the process compresses:
/// few, as what clients can choose is the window.
static ALL: Mutex<Vec<&Deflated>> = Mutex::new(Vec::new());

/// The wire, with this compression.
pub(super) fn wire<W: Wire + 'static>(wire: &'static W, agreed: &Agreed) -> &'static dyn Wire {
    let (wire, kind): (&dyn Wire, _) = (wire, TypeId::of::<W>());
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    // Whether the client keeps a context is of no matter here.
    let agreed = Agreed { receive_takeover: false, ..agreed.clone() };
    let same = |one: &&&Deflated| {
        one.kind == kind && one.wire.format() == wire.format() && one.agreed == agreed
    };
    if let Some(one) = all.iter().find(same) {
        return *one;
    }
    // Tells windows apart: the rest is the same for all clients of a server.
    let format = match agreed.send_bits {
        15 => format!("{} deflate", wire.format()),
        bits => format!("{} deflate {bits}", wire.format()),
    };
    let one = Box::leak(Box::new(Deflated { format: format.leak(), wire, kind, agreed }));
    all.push(one);
    one
}

impl Deflated {
    /// Appends what the plain wire makes of a frame, by way of `pack`.
    fn encode_by(
        &self,
        frame: &Frame,
        out: &mut Vec<u8>,
        pack: impl FnOnce(&mut [u8], &mut Vec<u8>),
    ) {
        // On the wire a message may be longer than it is: bytes as base64, quotes.
        if frame.len() < self.agreed.threshold / 2 {
            return self.wire.encode(frame, out);
        }
        let mut plain = room::take(frame.len() + 64);
        self.wire.encode(frame, &mut plain);
        pack(&mut plain, out);
        room::give(plain);
    }
}

impl Wire for Deflated {
    fn format(&self) -> &'static str {
        self.format
    }

    fn encode(&self, frame: &Frame, out: &mut Vec<u8>) {
        self.encode_by(frame, out, |plain, out| pack(&self.agreed, plain, out));
    }

    fn prefix(&self, frame: &Frame, out: &mut Vec<u8>) -> bool {
        frame.len() < self.agreed.threshold / 2 && self.wire.prefix(frame, out)
    }

    fn packet(&self, packet: &str, out: &mut Vec<u8>) {
        self.wire.packet(packet, out);
    }

    fn close(&self, reason: &CloseReason, out: &mut Vec<u8>) {
        self.wire.close(reason, out);
    }

    fn hangs_up(&self) -> bool {
        self.wire.hangs_up()
    }

    fn has_heartbeat(&self) -> bool {
        self.wire.has_heartbeat()
    }

    fn nudge(&self, out: &mut Vec<u8>) {
        self.wire.nudge(out);
    }

    fn is_costly(&self, frame: &Frame) -> bool {
        frame.len() >= self.agreed.threshold / 2
    }

    fn own(&self) -> Option<Box<dyn Wire>> {
        let packer = Packer::new(&self.agreed)?;
        let Deflated { format, wire, kind, agreed } = self;
        let plain = Deflated { format, wire: *wire, kind: *kind, agreed: agreed.clone() };
        Some(Box::new(Own { plain, packer: Lock::new(packer) }))
    }
}

/// The same for one connection, whose messages refer to those before.
struct Own {
    plain: Deflated,
    packer: Lock<Packer>,
}

impl Wire for Own {
    fn format(&self) -> &'static str {
        self.plain.format
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn encode(&self, frame: &Frame, out: &mut Vec<u8>) {
        self.plain.encode_by(frame, out, |plain, out| self.packer.lock().pack(plain, out));
    }

    fn prefix(&self, frame: &Frame, out: &mut Vec<u8>) -> bool {
        self.plain.prefix(frame, out)
    }

    fn packet(&self, packet: &str, out: &mut Vec<u8>) {
        self.plain.packet(packet, out);
    }

    fn close(&self, reason: &CloseReason, out: &mut Vec<u8>) {
        self.plain.close(reason, out);
    }

    fn hangs_up(&self) -> bool {
        self.plain.hangs_up()
    }

    fn has_heartbeat(&self) -> bool {
        self.plain.has_heartbeat()
    }

    fn nudge(&self, out: &mut Vec<u8>) {
        self.plain.nudge(out);
    }
}
