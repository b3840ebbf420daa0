//! A client that can speak several protocols: the first that the server, and what is
//! between, lets it speak.
//!
//! | what happens | then |
//! |---|---|
//! | an attempt begins | tried is the one that was open last, or else the first |
//! | it opens | the attempt has it; the next one begins with it |
//! | it fails, or has had its share of the time | the next is tried, in the same attempt |
//! | the last fails | the attempt has failed |
//! | 401 or 403 | the same at once: that is meant for the client |
//! | nobody is there to connect to | the same at once: nobody would be there for the others |
//! | it is lost soon after it has opened, or given up for its silence, and nothing was heard | the next attempt tries it last |

use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::connect::{Dials, News, Session};
use crate::close::CloseReason;
use crate::deadline::after;
use crate::error::Error;
use crate::http::client::Target;

/// The longest that one is tried which is not the last.
const PATIENCE: Duration = Duration::from_secs(5);

/// One that is lost within this time, and was not heard, is in doubt.
const STANDS: Duration = Duration::from_secs(5);

/// One that may be spoken.
pub(crate) struct Candidate {
    pub name: &'static str,
    pub dials: Arc<dyn Dials>,
}

/// Those that may be spoken, in their order.
pub(crate) struct Several(Arc<Shared>);

struct Shared {
    candidates: Vec<Candidate>,
    known: Mutex<Known>,
}

/// What is known from the attempts before.
#[derive(Clone, Copy, Default)]
struct Known {
    /// It was open last.
    works: Option<usize>,
    /// It was lost without having been heard.
    doubtful: Option<usize>,
}

impl Several {
    pub fn new(candidates: Vec<Candidate>) -> Self {
        Several(Arc::new(Shared { candidates, known: Mutex::default() }))
    }
}

impl Shared {
    fn know(&self, learn: impl FnOnce(&mut Known)) -> Known {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        learn(&mut known);
        *known
    }
}

impl Known {
    /// The places of so many candidates, in the order in which they are tried.
    fn order(self, count: usize) -> Vec<usize> {
        let Known { works, doubtful } = self;
        let rank = |at: &usize| (doubtful == Some(*at), works != Some(*at));
        let mut order: Vec<_> = (0..count).collect();
        // Stable: the others stay in their order.
        order.sort_by_key(rank);
        order
    }

    fn opened(&mut self, at: usize) {
        self.works = Some(at);
        self.doubtful = self.doubtful.filter(|doubtful| *doubtful != at);
    }

    fn doubt(&mut self, at: usize) {
        self.doubtful = Some(at);
        self.works = self.works.filter(|works| *works != at);
    }
}

impl Dials for Several {
    fn dial(&self, target: Target, max_length: usize) -> Box<dyn Session> {
        let shared = self.0.clone();
        let mut left = shared.know(|_| ()).order(shared.candidates.len());
        left.reverse();
        Box::new(Attempt { shared, target, max_length, left, tried: None, failures: Vec::new() })
    }

    fn takes_bytes(&self) -> bool {
        self.0.candidates.iter().all(|candidate| candidate.dials.takes_bytes())
    }
}

/// One attempt, and the session that comes of it.
struct Attempt {
    shared: Arc<Shared>,
    target: Target,
    max_length: usize,
    /// The places of those to be tried still, the next one last.
    left: Vec<usize>,
    tried: Option<Tried>,
    failures: Vec<(&'static str, Error)>,
}

/// The one that is tried, or is open.
struct Tried {
    at: usize,
    session: Box<dyn Session>,
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Stage {
    /// It is to be open by then, if there is such a time.
    Opening(Option<Instant>),
    /// Since when it is, if nothing was heard of it yet.
    Open(Option<Instant>),
    /// The application is no longer interested.
    Closing,
}

impl Session for Attempt {
    fn next(&mut self, until: Option<Instant>, paused: bool) -> News {
        loop {
            let Some(tried) = &mut self.tried else {
                match self.left.pop() {
                    Some(at) => self.try_next(at),
                    None => return News::Failed(self.failure()),
                }
                continue;
            };
            let limit = match tried.stage {
                Stage::Opening(limit) => limit,
                _ => None,
            };
            let soonest = [until, limit].into_iter().flatten().min();
            match (tried.session.next(soonest, paused), tried.stage) {
                (News::Failed(error), Stage::Opening(_)) => self.failed(error),
                (News::Waited, Stage::Opening(Some(limit))) if limit <= Instant::now() => {
                    self.failed(Error::Timeout("it did not open in its share of the time".into()));
                }
                (News::Open(writer), _) => {
                    let at = tried.at;
                    tried.stage = Stage::Open(Some(Instant::now()));
                    self.shared.know(|known| known.opened(at));
                    return News::Open(writer);
                }
                (News::Message(frame), stage) => {
                    if let Stage::Open(Some(_)) = stage {
                        tried.stage = Stage::Open(None);
                    }
                    return News::Message(frame);
                }
                (News::Closed(reason), stage) => return self.closed(reason, stage),
                (news, _) => return news,
            }
        }
    }

    fn close(&mut self) {
        // No other is begun.
        self.left.clear();
        if let Some(tried) = &mut self.tried {
            tried.stage = Stage::Closing;
            tried.session.close();
        }
    }
}

impl Attempt {
    fn try_next(&mut self, at: usize) {
        let Some(candidate) = self.shared.candidates.get(at) else { return };
        let mut target = self.target.clone();
        let limit = self.share();
        target.to.until = limit.or(target.to.until);
        let session = candidate.dials.dial(target, self.max_length);
        self.tried = Some(Tried { at, session, stage: Stage::Opening(limit) });
    }

    /// Until when the one may take that is tried now; the last may take as long as the
    /// attempt may.
    fn share(&self) -> Option<Instant> {
        let others = u32::try_from(self.left.len()).ok().filter(|others| *others > 0)?;
        let now = Instant::now();
        let whole = self.target.to.until.map(|until| until.saturating_duration_since(now));
        let share = whole.map_or(PATIENCE, |whole| whole / (others + 1));
        Some(after(now, share.min(PATIENCE)))
    }

    /// The one that is tried does not open.
    fn failed(&mut self, error: Error) {
        let Some(tried) = self.tried.take() else { return };
        if is_final(&error) {
            self.left.clear();
            self.failures.clear();
        }
        let name = self.shared.candidates.get(tried.at).map_or("", |candidate| candidate.name);
        self.failures.push((name, error));
    }

    fn closed(&mut self, reason: CloseReason, stage: Stage) -> News {
        if let (Stage::Open(Some(since)), Some(tried)) = (stage, &mut self.tried) {
            let at = tried.at;
            if since.elapsed() < STANDS {
                self.shared.know(|known| known.doubt(at));
            }
            tried.stage = Stage::Open(None);
        }
        News::Closed(reason)
    }

    /// What is told of an attempt that has failed.
    fn failure(&mut self) -> Error {
        let mut failures = std::mem::take(&mut self.failures);
        let alike = |two: &[(_, Error)]| match (&two[0].1, &two[1].1) {
            (Error::Refused { status: one, .. }, Error::Refused { status: other, .. }) => {
                one == other
            }
            _ => false,
        };
        if failures.windows(2).all(alike) {
            // The first is the one that was most wanted.
            failures.truncate(1);
            return failures.pop().map_or(Error::Closed, |(_, error)| error);
        }
        let all_are = |kind: fn(&Error) -> bool| failures.iter().all(|(_, error)| kind(error));
        let late = all_are(|error| matches!(error, Error::Timeout(_)));
        let broken = all_are(|error| matches!(error, Error::Io(_)));
        let all: Vec<_> = failures.iter().map(|(name, error)| format!("{name}: {error}")).collect();
        let text = format!("no transformer could be opened: {}", all.join("; "));
        match failures.into_iter().next() {
            Some((_, Error::Io(first))) if broken => io::Error::new(first.kind(), text).into(),
            _ if late => Error::Timeout(text),
            _ => Error::Protocol(text),
        }
    }
}

impl Drop for Attempt {
    /// One that is open is closed before, unless the client has given it up: it has not
    /// heard the heartbeat.
    fn drop(&mut self) {
        if let Some(Tried { at, stage: Stage::Open(Some(_)), .. }) = self.tried {
            self.shared.know(|known| known.doubt(at));
        }
    }
}

/// Whether the other protocols would fare no better.
fn is_final(error: &Error) -> bool {
    match error {
        Error::Refused { status, .. } => matches!(status, 401 | 403),
        Error::Io(error) => matches!(
            error.kind(),
            ErrorKind::ConnectionRefused
                | ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
                | ErrorKind::AddrNotAvailable
                | ErrorKind::NotFound
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
