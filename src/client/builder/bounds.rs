//! How much a client keeps, and takes in.

use super::ClientBuilder;

/// # How much it keeps
impl ClientBuilder {
    /// `queueSize`: how many messages written while there is no connection are
    /// kept for the next one; the oldest make room. Default 10,000 (in Primus:
    /// unlimited).
    pub fn queue_size(mut self, messages: usize) -> Self {
        self.given.queue_size = messages;
        self
    }

    /// Longest message in bytes that is accepted; a longer one loses the
    /// connection (1009). `usize::MAX` for no bound; 0, with which nothing could
    /// be received, is refused when the client is built. Default 10 MiB.
    pub fn max_length(mut self, bytes: usize) -> Self {
        self.given.max_length = bytes;
        self
    }

    /// Bytes of received messages that wait for [`Client::recv`](crate::Client::recv) while there
    /// is no `data` listener; beyond it the socket is not read, which in time
    /// also keeps the heartbeat from being answered: the server ends the
    /// connection, which the client sees when it reads on, or writes. With 0,
    /// messages that nobody listens for are thrown away, as in Primus: right for
    /// a client that only writes. Default 1 MiB.
    pub fn inbox(mut self, bytes: usize) -> Self {
        self.given.inbox = bytes;
        self
    }

    /// Most values in a received message: the elements of all arrays and the
    /// entries of all objects in it. One with more is dropped, with an error of the
    /// parser. As [`Limits::values`](crate::Limits::values) of a server. Default
    /// 1,000,000.
    pub fn values(mut self, values: usize) -> Self {
        self.given.values = values;
        self
    }

    /// Answers of the server that plugins wait for at a time: acknowledgements, or
    /// responses, each as many, and on each stream inside the connection. Beyond it: to
    /// ask for one more is an error. As [`Limits::answers`](crate::Limits::answers) of a
    /// server. Default 1,000.
    pub fn answers(mut self, answers: usize) -> Self {
        self.given.answers = answers;
        self
    }
}
