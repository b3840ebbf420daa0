//! A client for the terminal: lines of standard input are written, received
//! messages are printed, each as one line of JSON; events go to standard error.
//!
//! ```text
//! client <url> [--transformer X] [--transport KEY=VALUE]... [--parser Y] [--pathname P]
//!        [--idle MS] [--retries N] [--ca FILE]
//! ```
//!
//! Transformers are `websockets` (the default), `engine.io`, `sockjs`, `browserchannel` and
//! `socket.io`, whose `--transport` options are those of `ClientBuilder::transport`.
//!
//! Parsers are `json` (the default), `ejson`, `binary`, `msgpack` and `raw`.
//!
//! A line is written as JSON if it parses as such, else as a string. With
//! `--parser raw` it is written as it is. What JSON has no place for is printed
//! so: a date as its ISO text, bytes as a list of numbers, NaN and infinities as
//! null, a regular expression as `"/source/flags"`. (Under the `json` parser
//! bytes arrive as the object that JavaScript makes of a `Buffer`, under `binary`
//! dates as their English text; they are printed as they arrive.)
//!
//! A first connection that cannot be made ends it, with status 1. One that is
//! lost is tried again, `--retries` times in a row (10 by default, which takes
//! about a quarter of an hour; 0: never), and so is the first if `--retries` is
//! given; every attempt is told. What is read meanwhile waits.
//!
//! At the end of the input everything written is sent; then the client waits for
//! answers until none has come for `--idle` milliseconds (300 by default) since
//! the end of the input, or the server ends the connection, and ends.
//!
//! | status | |
//! |---|---|
//! | 0 | all of the input was sent, and read by the server as far as can be told |
//! | 1 | no connection was made |
//! | 2 | an argument cannot be used |
//! | 3 | some of the input was not sent, or may not have arrived: each such case is told |
//! | 4 | messages could not be printed |

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use primus::{Client, Error, ReadyState};

use crate::arguments::{Args, HELP, args};
use crate::input::Input;

mod arguments;
mod input;
#[path = "../../shared/raw.rs"]
mod raw;
#[path = "../../shared/tls.rs"]
mod tls;

/// How long the server has at the end to read what was written.
const LAST: Duration = Duration::from_secs(30);

/// How often it is looked whether the input has ended.
const LOOK: Duration = Duration::from_millis(50);

/// How it went; the program's status.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Status {
    Done = 0,
    Unconnected = 1,
    Unusable = 2,
    Unsent = 3,
    Unprinted = 4,
}

/// Tells something; whether anybody reads it matters not.
fn say(what: impl Display) {
    let _ = writeln!(io::stderr(), "{what}");
}

/// What may help against an error.
fn hint(error: &Error) -> &'static str {
    match error {
        Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            " (is a server listening there?)"
        }
        Error::Refused { status: 401, .. } => " (try http://USER:PASSWORD@HOST)",
        Error::Refused { status: 404, .. } => " (try another --pathname)",
        Error::Refused { status: 426, .. } => " (try another --transformer)",
        Error::Refused { .. } | Error::Protocol(_) => {
            " (does the server use this --transformer and --pathname?)"
        }
        Error::Timeout(_) => " (does anything answer at this address?)",
        _ => "",
    }
}

/// Tells the events; every one is one line.
fn listen(client: &Client, url: &str, input: &Arc<Input>) {
    let (place, told) = (url.to_owned(), Arc::clone(input));
    client.on_open(move |_| {
        told.opened();
        say(format_args!("open {place}"));
    });
    client.on_reconnect_scheduled(|_, attempt| {
        let ms = attempt.delay.as_millis();
        let of = attempt.retries.map(|retries| format!(" of {retries}")).unwrap_or_default();
        say(format_args!("reconnect scheduled (attempt {}{of}, in {ms} ms)", attempt.attempt));
    });
    client.on_reconnected(|_, done| say(format_args!("reconnected (attempt {})", done.attempt)));
    client.on_reconnect_failed(|client| {
        let why = client.close_reason().map(|reason| reason.text).unwrap_or_default();
        say(format_args!("reconnect failed: {why}"));
    });
    let place = url.to_owned();
    client.on_timeout(move |_| {
        let error = Error::Timeout(String::new());
        say(format_args!("timeout {place}{}", hint(&error)));
    });
    client.on_offline(|_| say("offline"));
    client.on_online(|_| say("online"));
    let told = Arc::clone(input);
    client.on_close(move |_, reason| {
        say(format_args!("close {reason}"));
        told.closed(reason);
    });
    client.on_end(|_, _| say("end"));
    client.on_error(move |_, error| say(format_args!("error {error}{}", hint(error))));
}

/// Prints the messages until the client has ended, or until none has come for
/// a while since the end of the input.
fn print_messages(client: &Client, input: &Input, idle: Duration) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut quiet: Option<Instant> = None;
    loop {
        let done =
            input.is_over() && client.queued().0 == 0 && client.ready_state() == ReadyState::Open;
        quiet = done.then(|| quiet.unwrap_or_else(Instant::now));
        let left = quiet.map_or(LOOK, |since| idle.saturating_sub(since.elapsed()));
        match client.recv_timeout(left) {
            Ok(message) => {
                let line = serde_json::to_string(&message).map_err(io::Error::other)?;
                writeln!(out, "{line}")?;
                out.flush()?;
                quiet = None;
            }
            Err(Error::Timeout(_)) if quiet.is_some_and(|since| since.elapsed() >= idle) => {
                return Ok(());
            }
            Err(Error::Timeout(_)) => {}
            Err(_) => return Ok(()),
        }
    }
}

/// How it went, after the messages were printed.
fn finish(client: &Client, input: &Input, printed: io::Result<()>) -> Status {
    let ended = client.error();
    // Once nothing is left to be sent, the server need only say that it has
    // read it.
    client.end();
    if !client.wait_end(LAST) {
        input.lost(format_args!("the server has not read everything within {LAST:?}"));
    }
    if !input.has_opened() {
        let why = ended.map(|error| format!(": {error}")).unwrap_or_default();
        say(format_args!("error no connection was made{why}"));
        return Status::Unconnected;
    }
    if let Err(error) = printed {
        // A reader that has enough, like `head`, need not be told.
        if error.kind() != io::ErrorKind::BrokenPipe {
            say(format_args!("error standard output: {error}"));
        }
        return Status::Unprinted;
    }
    input.check_end(client);
    if input.has_lost() { Status::Unsent } else { Status::Done }
}

fn run(args: Args) -> Status {
    let Args { client, url, raw, idle } = args;
    let input = Arc::new(Input::default());
    let built = client.close_timeout(LAST).build_with(|client| listen(client, &url, &input));
    let client = match built {
        Ok(client) => client,
        Err(error) => {
            say(format_args!("error {error}"));
            return Status::Unusable;
        }
    };
    // A blocking read of standard input cannot be broken off; the process ends
    // without it when the server has ended the connection.
    let (writer, from) = (client.clone(), Arc::clone(&input));
    let spawned = std::thread::Builder::new().spawn(move || from.write_lines(&writer, raw));
    if let Err(error) = spawned {
        say(format_args!("error no thread to read the input: {error}"));
        return Status::Unsent;
    }
    let printed = print_messages(&client, &input, idle);
    finish(&client, &input, printed)
}

fn main() -> ExitCode {
    let status = match args() {
        Ok(Some(args)) => run(args),
        Ok(None) => {
            // Whoever has read enough of it has what they wanted.
            let _ = writeln!(io::stdout(), "{HELP}");
            Status::Done
        }
        Err(error) => {
            say(format_args!("error {error}"));
            Status::Unusable
        }
    };
    ExitCode::from(status as u8)
}
