//! What a server has: its options, its sessions and those that may begin, and what it
//! owes to those that are over.

use std::sync::Arc;
use std::time::Duration;

use super::handshakes::Handshakes;
use crate::transformers::polled;
use crate::transformers::polled::farewells::Farewells;
use crate::transformers::polled::guesses::Guesses;
use crate::transformers::polled::sessions::Sessions;
use crate::transformers::serve::Host;
use crate::transformers::socket_io::options::Options;
use crate::transformers::socket_io::route::Kind;
use crate::transformers::socket_io::session::{Fixed, Session, Shared};
use crate::transformers::socket_io::shapes::Say;

/// How long a client that comes after the end of its session is told of it.
const OWED: Duration = Duration::from_secs(5);

/// Sessions that have ended and whose clients are told so, at the most.
const FAREWELLS: usize = 1 << 16;

/// A session between its connections and its spark.
pub(super) type Live = polled::Live<Session>;

/// Serves `socket.io` clients.
pub(crate) struct SocketIo {
    pub(super) shared: Arc<Shared>,
    pub(super) sessions: Arc<Sessions<Live>>,
    pub(super) handshakes: Handshakes,
    pub(super) guesses: Guesses,
}

impl SocketIo {
    /// A server with these options, and no sessions yet.
    pub(crate) fn new(options: Options) -> Self {
        let farewells = Farewells::new(OWED, FAREWELLS);
        SocketIo {
            shared: Arc::new(Shared { options, farewells }),
            sessions: Arc::default(),
            handshakes: Handshakes::default(),
            guesses: Guesses::default(),
        }
    }

    pub(super) fn options(&self) -> &Options {
        &self.shared.options
    }

    /// What goes with each session.
    pub(super) fn fixed(&self, host: &dyn Host) -> Fixed {
        Fixed { shared: self.shared.clone(), max_length: host.max_length() }
    }

    /// Whether there is this transport.
    pub(super) fn offers(&self, kind: Kind) -> bool {
        self.options().transports.contains(&kind)
    }

    /// What a session of this name that is over is told.
    pub(super) fn farewell(&self, host: &dyn Host, session: &str) -> Option<Say> {
        self.shared.farewells.owed(session, host.timer().now())
    }
}
