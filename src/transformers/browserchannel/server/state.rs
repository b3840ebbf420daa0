//! What a server has: its options, its sessions, and what it owes to those that are
//! over.

use std::sync::Arc;

use super::owed::Owed;
use super::pages;
use crate::transformers::browserchannel::options::Options;
use crate::transformers::browserchannel::route::Refusal;
use crate::transformers::browserchannel::session::{Session, Shared};
use crate::transformers::polled;
use crate::transformers::polled::guesses::Guesses;
use crate::transformers::polled::sessions::Sessions;
use crate::transformers::serve::{After, Host, Passed};

/// A session between its connections and its spark.
pub(super) type Live = polled::Live<Session>;

/// Serves `browserchannel` clients.
pub(crate) struct BrowserChannel {
    pub(super) shared: Arc<Shared>,
    pub(super) sessions: Arc<Sessions<Live>>,
    guesses: Guesses,
}

impl BrowserChannel {
    /// A server with these options, and no sessions yet.
    pub(crate) fn new(options: Options) -> Self {
        let owed = Owed::new(options.session_timeout);
        BrowserChannel {
            shared: Arc::new(Shared { options, owed }),
            sessions: Arc::default(),
            guesses: Guesses::default(),
        }
    }

    pub(super) fn options(&self) -> &Options {
        &self.shared.options
    }

    /// Refuses a request; one for a session that is unknown counts as a guess.
    #[cold]
    #[inline(never)]
    pub(super) fn refuse(
        &self,
        host: &dyn Host,
        passed: Box<Passed>,
        mut refusal: Refusal,
    ) -> After {
        let is_unknown = refusal == Refusal::UnknownSid;
        if is_unknown && self.guesses.is_one_too_many(host, &passed.request) {
            refusal = Refusal::Guesses;
        }
        passed.respond(host, pages::refusal(refusal))
    }
}
