//! The server side: requests to sessions and back.
//!
//! - `state`: what a server has;
//! - `pages`: what is answered without a session;
//! - `forward`: what clients send, the opening of sessions among it, and their end;
//! - `back`: the requests that wait for what there is to tell;
//! - `owed`: what clients may still come for when their sparks have ended.

mod back;
mod forward;
pub(super) mod owed;
mod pages;
mod state;

use std::sync::Arc;

pub(crate) use self::state::BrowserChannel;
use super::route::{self, Ask, Refusal};
use crate::http::server::{Owner, Request};
use crate::transformers::polled::serve::make_room;
use crate::transformers::serve::{After, Host, Passed, Transformer, Upgraded};

/// What a request asks for.
fn ask(host: &dyn Host, request: &Request) -> Result<Ask, Refusal> {
    let paths = (request.path(), host.pathname());
    route::ask(paths, request.method().as_str(), request.query_pairs())
}

impl Transformer for BrowserChannel {
    fn request(&self, host: &Arc<dyn Host>, mut passed: Box<Passed>) -> After {
        let asked = ask(&**host, &passed.request);
        if asked != Err(Refusal::Outside) {
            let Passed { request, headers, .. } = &mut *passed;
            pages::decorate(self.options(), request, headers);
        }
        match asked {
            Err(refusal) => self.refuse(&**host, passed, refusal),
            Ok(Ask::Init) => pages::init(self.options(), passed),
            Ok(Ask::Probe(shape)) => pages::probe(host, passed, &shape),
            Ok(Ask::Open { rid, old }) => forward::open(self, host, passed, rid, old.as_deref()),
            Ok(Ask::Send { sid, rid, aid }) => {
                forward::send(self, &**host, passed, &sid, (rid, aid))
            }
            Ok(Ask::Wait { sid, aid, stays, shape }) => {
                back::wait(self, &**host, passed, (&sid, shape), (aid, stays))
            }
            Ok(Ask::Terminate(None)) => passed.reply(pages::TEXT, Vec::new()),
            Ok(Ask::Terminate(Some((sid, rid)))) => {
                forward::terminate(self, &**host, passed, &sid, rid)
            }
        }
    }

    /// There are no WebSockets. To the original an upgrade is a request like another,
    /// which is what no client sends.
    fn upgrade(&self, host: &Arc<dyn Host>, passed: Box<Passed>) -> Upgraded {
        passed.refuse(&**host, pages::refusal(Refusal::Outside));
        Upgraded::Over
    }

    fn make_room(&self, of: Option<Owner>) -> bool {
        make_room(&self.sessions, of)
    }

    fn carries(&self, host: &dyn Host, request: &Request) -> bool {
        route::session(request.query_pairs()).is_some_and(|sid| {
            self.sessions.find(&sid).is_some() || self.shared.owed.has(&sid, host.timer().now())
        })
    }
}
