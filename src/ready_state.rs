//! Whether a connection is open.

/// The state of a connection, with the numbers of Primus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ReadyState {
    /// Being opened (clients only).
    Opening = 1,
    /// Ended, or not opened. A client may be waiting to reconnect.
    Closed = 2,
    /// Open: messages flow.
    Open = 3,
}
