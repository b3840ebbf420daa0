//! What a server has: its options, its sessions, and what it owes to those that are
//! over.

use std::sync::Arc;

use tiny_http::ResponseBox;

use super::pages::{self, Iframe};
use crate::http::server::Request;
use crate::transformers::polled;
use crate::transformers::polled::farewells::Farewells;
use crate::transformers::polled::guesses::Guesses;
use crate::transformers::polled::sessions::Sessions;
use crate::transformers::serve::Host;
use crate::transformers::sockjs::frame::Close;
use crate::transformers::sockjs::options::Options;
use crate::transformers::sockjs::route::Ask;
use crate::transformers::sockjs::session::{Session, Shared};

/// A session between its connections and its spark.
pub(super) type Live = polled::Live<Session>;

/// So many sessions that are over are remembered. Whoever comes back to one that is
/// not gets a new one, to which the application has nothing to say; so there is room
/// for a server that ends very many at a time.
const FAREWELLS: usize = 1 << 16;

/// Serves `sockjs` clients.
pub(crate) struct SockJs {
    pub(super) shared: Arc<Shared>,
    pub(super) sessions: Arc<Sessions<Live>>,
    pub(super) guesses: Guesses,
    iframe: Iframe,
}

impl SockJs {
    /// A server with these options, and no sessions yet.
    pub(crate) fn new(options: Options) -> Self {
        let iframe = Iframe::new(&options.sockjs_url);
        let farewells = Farewells::new(options.disconnect_delay, FAREWELLS);
        SockJs {
            shared: Arc::new(Shared { options, farewells }),
            sessions: Arc::default(),
            guesses: Guesses::default(),
            iframe,
        }
    }

    pub(super) fn options(&self) -> &Options {
        &self.shared.options
    }

    /// What a session of this name that is over is told.
    pub(super) fn farewell(&self, host: &dyn Host, session: &str) -> Option<Close> {
        self.shared.farewells.owed(session, host.timer().now())
    }

    /// The answer to a request for something that is always the same.
    #[inline(never)]
    pub(super) fn page(&self, ask: Ask, request: &Request) -> Option<ResponseBox> {
        Some(match ask {
            Ask::Greeting => pages::greeting(),
            Ask::Iframe => self.iframe.answer(request),
            Ask::Info => pages::info(self.options()),
            Ask::Websocket | Ask::RawWebsocket if !self.options().websocket => pages::disabled(),
            Ask::Websocket | Ask::RawWebsocket => pages::text(400, pages::NO_WEBSOCKET),
            _ => return None,
        })
    }
}
