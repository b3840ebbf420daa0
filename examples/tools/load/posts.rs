//! What a session posts: one request at a time, on a connection that is kept beside the
//! one it waits with.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use crate::line::{self, Line};
use crate::pieces::{Came, Pieces};
use crate::poller::{Lane, Over, key};
use crate::pool::PATIENCE;
use crate::wire;

/// See the module.
#[derive(Debug)]
pub struct Posts {
    /// That of the session.
    index: usize,
    host: SocketAddr,
    line: Option<Line>,
    /// Where its answers are.
    answers: Pieces,
    /// What was posted last is not answered yet.
    waits: bool,
}

impl Posts {
    /// Nothing is connected before something is to be posted.
    pub fn new(index: usize, host: SocketAddr) -> Self {
        Posts { index, host, line: None, answers: Pieces::default(), waits: false }
    }

    /// Whether something may be posted now.
    pub fn is_free(&self) -> bool {
        !self.waits
    }

    /// Posts a request.
    pub fn send(&mut self, epoll: &OwnedFd, request: &[u8]) -> io::Result<()> {
        let line = match &mut self.line {
            Some(line) => line,
            none => {
                let stream = wire::connect(self.host, PATIENCE)?;
                none.insert(Line::new(epoll, key(self.index, Lane::Post), stream, Vec::new())?)
            }
        };
        self.waits = true;
        line.send(epoll, request);
        Ok(())
    }

    /// The kernel has room again.
    pub fn flush(&mut self, epoll: &OwnedFd) {
        self.line.iter_mut().for_each(|line| line.flush(epoll));
    }

    /// Something has come; whether that is the end of an answer.
    pub fn read(&mut self, scratch: &mut Vec<u8>) -> Result<bool, Over> {
        let Some(line) = &mut self.line else { return Ok(false) };
        let bytes = match line.read(scratch) {
            line::Came::Bytes(count) => &scratch[..count],
            line::Came::Nothing => return Ok(false),
            // Servers keep an idle connection only so long.
            line::Came::End if !self.waits => {
                self.line = None;
                return Ok(false);
            }
            line::Came::End => return Err(Over),
        };
        let (used, came) = self.answers.take(bytes, &mut Vec::new())?;
        line.keep(&bytes[used..]);
        self.waits &= came != Came::Answer;
        Ok(came == Came::Answer)
    }

    /// Waits for it no longer.
    pub fn forget(&self, epoll: &OwnedFd) {
        self.line.iter().for_each(|line| line.forget(epoll));
    }
}
