//! The input, and what has become of it.

use std::fmt::Display;
use std::io::{self, BufRead};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use primus::{Client, CloseReason, Ended, Error};

use crate::say;

/// Messages that may wait for a connection.
const AHEAD: usize = 1_000;

/// See the module.
#[derive(Default)]
pub struct Input {
    /// A connection was made once.
    connected: AtomicBool,
    /// All of it was read, and written or given up.
    over: AtomicBool,
    /// Some of it was not sent, or may not have arrived.
    lost: AtomicBool,
    /// Lines written since a connection was last closed.
    unsure: AtomicU64,
}

impl Input {
    /// The connection is open.
    pub fn opened(&self) {
        self.connected.store(true, Ordering::Release);
    }

    /// Whether it ever was.
    pub fn has_opened(&self) -> bool {
        self.connected.load(Ordering::Acquire)
    }

    /// The connection has ended. In an orderly end the server has read what
    /// came before.
    pub fn closed(&self, reason: &CloseReason) {
        let orderly = matches!(reason.by, Ended::Local | Ended::Remote) && reason.code != 1009;
        let lines = self.unsure.swap(0, Ordering::AcqRel);
        if !orderly && lines > 0 {
            let which = if lines == 1 { "the line" } else { "some of the lines" };
            self.lost(format_args!("{which} written last may not have arrived ({reason})"));
        }
    }

    /// Some of the input is lost: says so.
    pub fn lost(&self, what: impl Display) {
        self.lost.store(true, Ordering::Release);
        say(format_args!("error {what}"));
    }

    pub fn has_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// Whether it has come to its end.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Writes the lines of standard input.
    pub fn write_lines(&self, client: &Client, raw: bool) {
        let mut input = io::stdin().lock();
        for number in 1.. {
            let mut line = Vec::new();
            match input.read_until(b'\n', &mut line) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    self.lost(format_args!("standard input, line {number}: {error}"));
                    break;
                }
            }
            let line = line.strip_suffix(b"\n").unwrap_or(&line);
            match std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line)) {
                Ok(line) if !self.write(client, raw, number, line) => break,
                Ok(_) => {}
                Err(_) => self.lost(format_args!("line {number} is not UTF-8, and was not sent")),
            }
        }
        self.over.store(true, Ordering::Release);
    }

    /// Writes a line; false when nothing more can be written.
    fn write(&self, client: &Client, raw: bool, number: u64, line: &str) -> bool {
        // Beyond its bound, the queue for the next connection drops the oldest.
        while client.queued().0 >= AHEAD {
            match client.wait_open(Duration::from_millis(100)) {
                Ok(()) | Err(Error::Timeout(_)) => std::thread::yield_now(),
                Err(_) => break,
            }
        }
        // Before it is written: the connection may be lost the moment after.
        self.unsure.fetch_add(1, Ordering::AcqRel);
        let written = match serde_json::from_str::<primus::Value>(line) {
            Ok(json) if !raw => client.write(&json),
            _ => client.write(line),
        };
        match written {
            Ok(_) => {}
            Err(Error::Closed) => {
                self.lost(format_args!("the connection has ended: line {number} was not sent"));
                return false;
            }
            Err(error) => self.lost(format_args!("line {number}: {error}")),
        }
        true
    }

    /// Looks whether anything was left when the client ended.
    pub fn check_end(&self, client: &Client) {
        let (queued, dropped) = (client.queued().0, client.dropped());
        if queued > 0 || dropped > 0 {
            let lines = queued as u64 + dropped;
            self.lost(format_args!("{lines} lines could not be sent"));
        }
        if !self.is_over() {
            self.lost("the connection has ended before the input");
        }
    }
}
