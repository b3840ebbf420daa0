//! Bytes that wait for the socket, and what is known of the way out.

/// A capacity in bytes up to which buffers are kept for the next message.
pub(super) const KEEP: usize = 64 << 10;

/// See the module.
#[derive(Default)]
pub(super) struct Pending {
    pub bytes: Vec<u8>,
    /// How many of them were sent.
    pub sent: usize,
    /// How many bytes were sent in all, modulo what fits.
    pub gone: usize,
    /// Our close frame is among them or sent: nothing follows it.
    pub closed: bool,
    /// The stream is to end behind them, and has not yet.
    pub ending: bool,
    /// A writer waits for the socket to have room, often in the middle of a frame.
    pub blocked: bool,
    /// Threads that wait until there are none.
    pub waiters: usize,
}

impl Pending {
    pub fn left(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    pub fn advance(&mut self, sent: usize) {
        self.sent += sent;
        self.gone = self.gone.wrapping_add(sent);
        if self.left().is_empty() {
            self.sent = 0;
            self.bytes.clear();
            self.bytes.shrink_to(KEEP);
        } else if self.sent > KEEP && self.sent * 2 > self.bytes.len() {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Nothing that is left will be sent, nor anything that comes.
    pub fn forget(&mut self) {
        let Pending { gone, blocked, waiters, .. } = *self;
        *self = Pending { closed: true, gone, blocked, waiters, ..Pending::default() };
    }
}
