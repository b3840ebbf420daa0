//! A client for the terminal: lines of standard input are written, received
//! messages are printed, each as one line of JSON; events go to standard error.
//!
//! ```text
//! client <url> [--transformer X] [--transport KEY=VALUE]... [--parser Y] [--pathname P]
//!        [--idle MS]
//! ```
//!
//! Transformers are `websockets` (the default) and `engine.io`, whose `--transport`
//! options are those of `ClientBuilder::transport`.
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
//! At the end of the input everything written is sent; then the client waits for
//! answers until none has come for `--idle` milliseconds (300 by default), or
//! the server ends the connection, and ends. The exit status is 1 when no
//! connection was made or something could not be sent.

use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lexopt::Arg::{Long, Short, Value};
use primus::{BoxError, Client, ClientBuilder, Error, Parser};

use crate::raw::Raw;

#[path = "shared/raw.rs"]
mod raw;

struct Args {
    client: ClientBuilder,
    /// Lines are not looked at.
    raw: bool,
    idle: Duration,
}

const HELP: &str = "\
Usage: client URL [options]
  --transformer NAME          websockets or engine.io (websockets)
  --transport KEY=VALUE       option of the transformer, may be repeated; those of
                              engine.io: transports, upgrade, protocol,
                              doubleEncoding, forceBase64
  --parser NAME               json, ejson, binary, msgpack or raw (json)
  --pathname PATH             path of the server (/primus)
  --idle MS                   how long to wait for answers at the end (300)";

/// `None` when only help was asked for.
fn args() -> Result<Option<Args>, BoxError> {
    let mut url = None;
    let mut options = Vec::new();
    let mut idle = Duration::from_millis(300);
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Short('h') | Long("help") => return Ok(None),
            Value(value) if url.is_none() => {
                url = Some(value.into_string().map_err(|_| "bad url")?)
            }
            Long("idle") => {
                idle = Duration::from_millis(parser.value()?.to_string_lossy().parse()?);
            }
            Long(name @ ("transformer" | "transport" | "parser" | "pathname")) => {
                let name = name.to_owned();
                let value = parser.value()?.into_string().map_err(|_| "not UTF-8")?;
                options.push((name, value));
            }
            _ => return Err(arg.unexpected().into()),
        }
    }
    let url = url.ok_or("no URL; see --help")?;
    let mut client = Client::builder(&url);
    let mut raw = false;
    for (name, value) in options {
        client = match name.as_str() {
            "transformer" => client.transformer(&value),
            "transport" => {
                let (name, value) = value.split_once('=').ok_or("--transport KEY=VALUE")?;
                client.transport(name, value)
            }
            "parser" => {
                raw = value.eq_ignore_ascii_case("raw");
                client.parser(if raw { Parser::custom(Raw) } else { value.parse()? })
            }
            _ => client.pathname(&value),
        };
    }
    Ok(Some(Args { client, raw, idle }))
}

/// Prints the events; every message and event is one line.
fn listen(client: &Client, opened: &Arc<AtomicBool>) {
    let opened = Arc::clone(opened);
    client.on_open(move |_| {
        opened.store(true, Ordering::Release);
        eprintln!("open");
    });
    client.on_reconnect_scheduled(|_, attempt| {
        let ms = attempt.delay.as_millis();
        eprintln!("reconnect scheduled (attempt {}, in {ms} ms)", attempt.attempt);
    });
    client.on_reconnected(|_, done| eprintln!("reconnected (attempt {})", done.attempt));
    client.on_reconnect_failed(|_| eprintln!("reconnect failed"));
    client.on_timeout(|_| eprintln!("timeout"));
    client.on_offline(|_| eprintln!("offline"));
    client.on_online(|_| eprintln!("online"));
    client.on_close(|_, reason| eprintln!("close {reason}"));
    client.on_end(|_, _| eprintln!("end"));
    client.on_error(|_, error| eprintln!("error {error}"));
}

/// Writes the lines; false when the client ended before the input did.
fn write_lines(client: &Client, raw: bool) -> Result<bool, BoxError> {
    for line in io::stdin().lock().lines() {
        let line = line?;
        let written = match serde_json::from_str::<primus::Value>(&line) {
            Ok(json) if !raw => client.write(&json),
            _ => client.write(&line),
        };
        match written {
            Ok(_) => {}
            Err(Error::Closed) => return Ok(false),
            Err(error) => eprintln!("error {error}"),
        }
    }
    Ok(true)
}

/// Prints the messages until the client has ended, or until none comes any
/// more after the end of the input.
fn print_messages(client: &Client, input_over: &AtomicBool, idle: Duration) -> io::Result<()> {
    let mut out = io::stdout().lock();
    loop {
        match client.recv_timeout(idle) {
            Ok(message) => {
                let line = serde_json::to_string(&message).map_err(io::Error::other)?;
                writeln!(out, "{line}")?;
                out.flush()?;
            }
            Err(Error::Timeout(_)) => {
                // Else what was written still waits for a connection.
                let flushed = client.queued().0 == 0;
                if input_over.load(Ordering::Acquire) && flushed {
                    return Ok(());
                }
            }
            Err(_) => return Ok(()),
        }
    }
}

fn run() -> Result<(), BoxError> {
    let Some(Args { client, raw, idle }) = args()? else {
        println!("{HELP}");
        return Ok(());
    };
    let opened = Arc::new(AtomicBool::new(false));
    let client = client.build_with(|client| listen(client, &opened))?;
    let input_over = Arc::new(AtomicBool::new(false));
    let (reader, over) = (client.clone(), Arc::clone(&input_over));
    // A blocking read of standard input cannot be broken off; the process ends
    // without it when the server has ended the connection.
    std::thread::Builder::new().spawn(move || {
        if let Err(error) = write_lines(&reader, raw) {
            eprintln!("error {error}");
        }
        over.store(true, Ordering::Release);
    })?;
    print_messages(&client, &input_over, idle)?;
    client.end();
    client.wait_end(Duration::from_secs(5));
    match client.queued().0 {
        0 if opened.load(Ordering::Acquire) => Ok(()),
        0 => Err("no connection was made".into()),
        left => Err(format!("{left} messages could not be sent").into()),
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error {error}");
            ExitCode::FAILURE
        }
    }
}
