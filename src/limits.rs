//! Every limit in one place.

use std::time::Duration;

/// The bounds that keep one peer from using more than its share. Begin with the
/// defaults and set what is to differ:
///
/// ```
/// let mut limits = primus::Limits::default();
/// limits.connections = Some(500);
/// let builder = primus::Primus::builder().limits(limits);
/// ```
///
/// Each field says its unit, its default and what happens at the limit.
///
/// # Memory
///
/// The default of [`connections`](Self::connections) is what fits into the
/// process's descriptors, mappings and threads, and into half of the memory that
/// is left when the server is made: by `RLIMIT_AS` and `RLIMIT_DATA` (which count
/// whole stacks, see [`Builder::stack_size`](crate::Builder::stack_size)), by the
/// memory limit of its control group (`memory.max`), and of the machine. At least
/// 16, or 4 if it is memory that is short.
///
/// The other half is for what clients send and do not read. It is not counted:
/// where memory is short, lower `max_length`, `backlog` and `inbox` too, for an
/// allocation that fails ends the process, as in every Rust program, and so does
/// the kernel when the memory of a control group is used up. Under `RLIMIT_AS` set
/// `MALLOC_ARENA_MAX=1` in the environment: glibc reserves 64 MiB of address space
/// for each arena, of which it makes eight a processor.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// Longest request line in bytes. Beyond it: 414. Default 8 KiB.
    pub request_line: usize,
    /// Longest request head in bytes, request line included. Beyond it: 431.
    /// Default 32 KiB.
    pub head: usize,
    /// Most header fields in a request. Beyond it: 431. Default 100.
    pub headers: usize,
    /// Time in which a whole request head must have arrived, counted from the
    /// connection's accept (or from the first byte of a later request).
    /// Beyond it: 408 and close. Default 10 s.
    pub head_timeout: Duration,
    /// Time in which a whole request body must have arrived. Beyond it: the
    /// connection is closed. Default 30 s.
    pub body_timeout: Duration,
    /// Time that a keep-alive connection may be idle between two requests, as it
    /// is announced, in whole seconds. A second beyond it, so that a request which
    /// is on its way then is answered: closed. Zero: every connection is closed
    /// after its first answer. Default 5 s, as Node.
    pub keep_alive: Duration,
    /// Largest request body in bytes that is read for the application's own
    /// pages, and for messages that other servers forward
    /// ([`plugins::omega`](crate::plugins::omega)). Beyond it: 413. Default 1 MiB.
    pub body: usize,
    /// Most connections at a time. Beyond it: 503 and close, which ends the
    /// session of a client that polls: such a client uses two at a time, its
    /// session counts as another, and so does a WebSocket that is to take over.
    ///
    /// `None`, the default, works it out from the descriptors, threads and memory
    /// that the process may have: [more on that below](#memory).
    pub connections: Option<usize>,
    /// Most connections of one address at a time, counted as for `connections`:
    /// with sessions of clients that poll. Beyond it: 503 and close.
    ///
    /// An address is one of IPv4, or a /64 network of IPv6. Which one it is says
    /// the other end of the connection; behind [trusted
    /// proxies](crate::middleware::TrustedProxies), what they forward, for the
    /// proxies themselves are not counted. As long as none are named, only what a
    /// peer on this machine or in a private network forwards is believed for this,
    /// and of that only the last address, which such a proxy itself has written: a
    /// client out there cannot claim to be another one with each connection.
    ///
    /// `None`, the default, is half of `connections`, and no limit for addresses
    /// of this machine and of private networks: they may be proxies that do not
    /// say for whom they ask. A number holds for all.
    pub connections_per_address: Option<usize>,
    /// Most sessions of one address whose clients poll, counted by addresses as for
    /// `connections_per_address`; those that have gone over to a WebSocket are not
    /// among them. Beyond it: 503. `None`, the default, is a quarter of
    /// `connections`, and no limit for addresses of this machine and of private
    /// networks.
    pub sessions_per_address: Option<usize>,
    /// Sessions of a polling protocol whose client has not come back since the
    /// handshake. Beyond it: the oldest of them is ended. So it is, sooner, when a
    /// newcomer finds all `connections` taken, or those of its address. Default
    /// 1,000.
    pub fresh_sessions: usize,
    /// The same of one address, as for `connections_per_address`. Beyond it: the
    /// oldest of that address is ended. `None`, the default, is a quarter of
    /// `fresh_sessions`, and no limit for addresses of this machine and of private
    /// networks.
    pub fresh_sessions_per_address: Option<usize>,
    /// Requests in a minute, from one address as for `connections_per_address`, for
    /// sessions of a polling protocol that do not exist: guesses, or clients that
    /// come back too late. Beyond it: 429 in place of the protocol's own status.
    /// Default 1,000.
    pub unknown_sessions: u32,
    /// Bytes of received messages, and 128 for each, that may wait for a
    /// listener or a reader. Beyond it: a spark that has a reader is read no
    /// further until that has caught up; one that has neither is closed with
    /// 1008. With 0, messages to which nobody listens are thrown away, as for
    /// servers that only send. Default 1 MiB.
    pub inbox: usize,
    /// Values in one received message: the elements of all arrays and the entries
    /// of all objects in it. Beyond it: an error of the parser, as for a message
    /// that can't be decoded, and the message is dropped. It bounds the memory
    /// that a message takes when it is decoded; see [`parsers`](crate::parsers).
    /// (Under `json` a `Buffer` is an array of numbers, and a wrapper of `ejson` an
    /// object.) Parsers of the
    /// application's own have bounds of their own. Default 1,000,000.
    pub values: usize,
    /// Bytes of broadcasts, and 64 for each, that may wait for the broadcaster
    /// thread. Beyond it
    /// `Primus::write` is refused. Default 64 MiB.
    pub broadcast_queue: usize,
    /// Rooms that one connection can be in ([`plugins::rooms`](crate::plugins::rooms)),
    /// and as many again for all of its subscriptions to channels together. Beyond it: to
    /// join is an error. Default 1,000.
    pub rooms: usize,
    /// Those of them whose names have wildcards, with which all that is written to
    /// rooms is compared. Beyond it: to join is an error. Default 100.
    pub room_wildcards: usize,
    /// Bytes of the name of a room. Beyond it: to join is an error, and to write to
    /// it. Default 256.
    pub room_name: usize,
    /// Answers of a client that plugins wait for at a time
    /// ([`plugins`](crate::plugins)): acknowledgements, or responses, each as many, and
    /// on each stream inside a connection. Beyond it: to ask for one more is an error.
    /// Default 1,000.
    pub answers: usize,
    /// WebSocket control frames (ping and pong) accepted from a peer in a
    /// second. Beyond it: closed with 1008. Default 1,000.
    pub control_frames: u32,
    /// Time for the closing handshake after `end`, and for what was written
    /// before it to be read by the peer. Beyond it: the connection is cut.
    /// Default 10 s.
    pub close_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            request_line: 8 << 10,
            head: 32 << 10,
            headers: 100,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(5),
            body: 1 << 20,
            connections: None,
            connections_per_address: None,
            sessions_per_address: None,
            fresh_sessions: 1_000,
            fresh_sessions_per_address: None,
            unknown_sessions: 1_000,
            inbox: 1 << 20,
            values: 1_000_000,
            broadcast_queue: 64 << 20,
            rooms: 1_000,
            room_wildcards: 100,
            room_name: 256,
            answers: 1_000,
            control_frames: 1_000,
            close_timeout: Duration::from_secs(10),
        }
    }
}
