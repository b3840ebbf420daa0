//! Requests to several servers at the same time, each with its answer, made by the
//! thread that wants them: it waits for all of their sockets at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::exchange::{Exchanger, Progress};
use super::pool::Pool;
use super::response::Answer;
use crate::deadline::after;
use crate::error::{Error, Result};
use crate::net::Waker;
use crate::net::dial::{Destination, Dialler};
use crate::net::wait::{Ready, Wants, on, wait_each};

/// A request that is to be made.
pub(crate) struct Call {
    /// The server, as errors and the pool call it.
    pub server: String,
    /// The same, to be connected to. Its waker is that of [`call_all`].
    pub to: Destination,
    /// The whole request.
    pub bytes: Vec<u8>,
}

/// How long a request may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// To be connected, the TLS handshake included.
    pub connect: Duration,
    /// All in all.
    pub total: Duration,
}

/// Makes requests, at most so many at a time, and gives their answers in the same
/// order. A call is asked for when its turn comes; one that cannot be made is answered
/// with why. Blocks until all are answered or out of time.
pub(crate) fn call_all(
    pool: &Arc<Pool>,
    waker: &Waker,
    calls: impl Iterator<Item = Result<Call>>,
    at_most: usize,
    patience: Patience,
) -> Vec<Result<Answer>> {
    let mut waiting = calls.enumerate();
    let mut answers: Vec<(usize, Result<Answer>)> = Vec::new();
    let mut under_way: Vec<(usize, Running)> = Vec::new();
    loop {
        while under_way.len() < at_most.max(1)
            && let Some((at, call)) = waiting.next()
        {
            match call {
                Ok(call) => under_way.push((at, Running::begin(pool, call, patience))),
                Err(error) => answers.push((at, Err(error))),
            }
        }
        if under_way.is_empty() {
            break;
        }
        let stepped = step_all(&mut under_way, waker);
        let is_stuck = stepped.is_err();
        let mut error = stepped.err();
        let done = under_way.extract_if(.., |(_, running)| is_stuck || running.answer.is_some());
        for (at, running) in done {
            answers.push((at, running.finish(pool, &mut error)));
        }
    }
    answers.sort_unstable_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// Goes on with all of them, and waits if none is done then.
///
/// # Errors
/// They cannot be waited for.
fn step_all(under_way: &mut [(usize, Running)], waker: &Waker) -> Result<()> {
    under_way.iter_mut().for_each(|(_, running)| running.step());
    if under_way.iter().any(|(_, running)| running.answer.is_some()) {
        return Ok(());
    }
    let (wants, until): (Vec<Wants>, Vec<Instant>) =
        under_way.iter().map(|(_, running)| running.wants()).unzip();
    let sockets: Vec<_> = wants.iter().map(on).collect();
    let mut ready = vec![Ready::default(); sockets.len()];
    wait_each(waker, &sockets, &mut ready, until.into_iter().min())?;
    for ((_, running), ready) in under_way.iter_mut().zip(ready) {
        running.ready = ready;
    }
    Ok(())
}

/// A request that is under way.
struct Running {
    call: Call,
    exchanger: Exchanger,
    ready: Ready,
    patience: Patience,
    /// By when it must be connected, once it does that.
    connected_by: Instant,
    until: Instant,
    answer: Option<Result<Answer>>,
}

impl Running {
    fn begin(pool: &Pool, mut call: Call, patience: Patience) -> Self {
        let until = after(Instant::now(), patience.total);
        call.to.until = Some(until);
        let mut exchanger = pool.take(&call.server);
        exchanger.begin(std::mem::take(&mut call.bytes), false);
        let (ready, connected_by) = (Ready::default(), until);
        Running { call, exchanger, ready, patience, connected_by, until, answer: None }
    }

    /// Goes on without waiting.
    fn step(&mut self) {
        self.answer = match self.proceed() {
            Ok(None) => self.is_late().map(Err),
            Ok(Some(answer)) => Some(Ok(answer)),
            Err(error) => Some(Err(error.at(&self.call.server))),
        };
    }

    fn proceed(&mut self) -> Result<Option<Answer>> {
        let mut ready = std::mem::take(&mut self.ready);
        loop {
            // It begins so, or with a connection that turns out to be at its end.
            if self.exchanger.is_stranded() {
                let connected_by = after(Instant::now(), self.patience.connect);
                self.connected_by = connected_by.min(self.until);
                self.call.to.until = Some(self.connected_by);
                self.exchanger.dial(Dialler::new(&self.call.to)?);
            }
            match self.exchanger.proceed(ready)? {
                Progress::Answer(answer) => return Ok(Some(answer)),
                Progress::Body(_) => {}
                Progress::Waiting if self.exchanger.is_stranded() => {}
                Progress::Waiting => return Ok(None),
            }
            ready = Ready::default();
        }
    }

    fn is_late(&self) -> Option<Error> {
        let now = Instant::now();
        let late = |what: &str, time| {
            Some(Error::Timeout(format!("{} has not {what} in {time:?}", self.call.server)))
        };
        match self.exchanger.is_connecting() {
            true if now >= self.connected_by => {
                late("accepted a connection", self.patience.connect)
            }
            _ if now >= self.until => late("answered", self.patience.total),
            _ => None,
        }
    }

    fn wants(&self) -> (Wants, Instant) {
        let (wants, due) = self.exchanger.wants();
        let until = if self.exchanger.is_connecting() { self.connected_by } else { self.until };
        (wants, due.map_or(until, |due| due.min(until)))
    }

    /// Its answer; the connection rests, if it may.
    fn finish(self, pool: &Arc<Pool>, stuck: &mut Option<Error>) -> Result<Answer> {
        match self.answer {
            Some(Ok(answer)) => {
                pool.give(&self.call.server, self.exchanger);
                Ok(answer)
            }
            Some(Err(error)) => Err(error),
            None => Err(stuck.take().unwrap_or_else(|| {
                Error::Io(std::io::Error::other("the answer could not be waited for"))
            })),
        }
    }
}
