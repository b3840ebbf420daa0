//! Reading the body of a request.

use std::io::{self, Read, Write};
use std::time::Instant;

use super::{Connection, READ};
use crate::deadline::after;
use crate::frame::room;
use crate::http::Bad;
use crate::http::body::Step;
use crate::http::server::sink::Sink;

/// The refusal of a body over its limit.
const TOO_LARGE: Bad = Bad { status: 413, text: "request body too large" };
const BROKEN: Bad = Bad::new("request body broke off");

impl Connection {
    /// The body of the present request, of which `limit` bytes are read at
    /// most. A declared length beyond it is refused at once with 413.
    pub(crate) fn body(&mut self, limit: u64) -> Result<Body<'_>, Bad> {
        if self.exchange.body.known_rest().is_some_and(|length| length > limit) {
            return Err(TOO_LARGE);
        }
        let deadline = after(Instant::now(), self.limits.body_timeout);
        Ok(Body { connection: self, left: limit, deadline, fault: None })
    }

    /// Reads the whole body. A failure tells the status to answer with.
    pub(crate) fn read_body(&mut self, limit: u64) -> Result<Vec<u8>, Bad> {
        let mut body = self.body(limit)?;
        let mut bytes = Vec::new();
        match body.read_all(&mut bytes) {
            Ok(()) => Ok(bytes),
            Err(_) => Err(body.fault().unwrap_or(BROKEN)),
        }
    }
}

/// The body of a request, read under its limits from the connection.
///
/// Ends at the end of the body. An error means that the body will never be
/// whole; the connection does not serve another request then.
pub(crate) struct Body<'a> {
    connection: &'a mut Connection,
    left: u64,
    deadline: Instant,
    fault: Option<Bad>,
}

impl Body<'_> {
    /// What was wrong with the body, once reading has failed.
    pub(crate) fn fault(&self) -> Option<Bad> {
        self.fault
    }

    /// Reads it to its end.
    fn read_all(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        while !self.connection.exchange.body.is_done() {
            // As much at once as has come, and no more than there is.
            let connection = &*self.connection;
            let rest = connection.exchange.body.known_rest().unwrap_or(u64::MAX);
            let rest = usize::try_from(rest).unwrap_or(usize::MAX);
            let come = connection.unread().len().max(READ).min(rest);
            room::reserve(bytes, come);
            let at = bytes.len();
            bytes.resize(at + come, 0);
            let read = self.read(&mut bytes[at..]);
            bytes.truncate(at + *read.as_ref().unwrap_or(&0));
            read?;
        }
        Ok(())
    }

    fn failed(&mut self, bad: Bad) -> io::Error {
        self.fault = Some(bad);
        self.connection.exchange.keep_alive = false;
        io::Error::new(io::ErrorKind::InvalidData, bad.text)
    }

    /// Gets more of the body from the socket.
    fn arrive(&mut self) -> io::Result<()> {
        let connection = &mut *self.connection;
        if std::mem::take(&mut connection.exchange.expects) {
            Sink::new(&connection.accepted.stream, &connection.limits)
                .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        match connection.fill(self.deadline) {
            Ok(0) => Err(self.failed(BROKEN)),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                Err(self.failed(Bad { status: 408, text: "request body too slow" }))
            }
            Err(_) => Err(self.failed(BROKEN)),
        }
    }
}

impl Read for Body<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Some(bad) = self.fault {
            return Err(self.failed(bad));
        }
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            let connection = &mut *self.connection;
            let input = connection.buf.get(connection.used..).unwrap_or_default();
            let step = connection.exchange.body.step(input);
            let Step { skip, data } = step.map_err(|bad| self.failed(bad))?;
            let connection = &mut *self.connection;
            connection.used += skip;
            if connection.exchange.body.is_done() {
                return Ok(0);
            }
            if connection.exchange.body.announced() > self.left {
                return Err(self.failed(TOO_LARGE));
            }
            if data > 0 {
                let taken = data.min(out.len());
                let from = connection.used..connection.used + taken;
                let (Some(to), Some(from)) = (out.get_mut(..taken), connection.buf.get(from))
                else {
                    return Err(self.failed(BROKEN));
                };
                to.copy_from_slice(from);
                connection.used += taken;
                connection.exchange.body.took(taken);
                // The client did not wait for the `100 Continue`.
                connection.exchange.expects = false;
                self.left -= taken as u64;
                return Ok(taken);
            }
            self.arrive()?;
        }
    }
}
