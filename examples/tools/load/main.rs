//! A load generator for Primus servers, in a process of its own: it speaks
//! WebSocket, engine.io, SockJS, BrowserChannel and Primus's JSON messages by itself and takes nothing
//! from the crate, so that it measures any server alike. `--help` tells how to use it.
//!
//! ```text
//! cargo run --release --example load -- echo --bare --in-flight 16
//! cargo run --release --example load -- broadcast --url http://127.0.0.1:8080 --pid 4711
//! ```
//!
//! - [`echo`], [`broadcast`], [`connect`], [`idle`], [`slow`], [`bursts`], [`rooms`],
//!   [`trickle`], [`fleet`], [`register`]: the modes; each takes a [`target::Target`]
//!   and makes a [`report::Report`].
//! - [`compare`]: runs them by turns against three servers, as a table of [`rows`],
//!   [`plugin_rows`], [`old_rows`], [`fleet_rows`] and those of [`network`].
//! - [`pool`]: the connections, on one thread: each a [`line`] on a [`socket`], with the frames of
//!   [`wire`], or a [`poller`], [`xhr`] or [`channel`] with the requests of [`http`] and the
//!   answers of [`pieces`]; [`engine`] has the packets of engine.io and its
//!   handshakes, [`sockjs`] the frames of SockJS, [`socket_io`] the packets of Socket.IO,
//!   [`deflate`] compressed messages.
//! - [`bare`]: the least that a server with a thread per connection can do.

#![forbid(unsafe_code)]

mod bare;
mod broadcast;
mod bursts;
mod channel;
mod compare;
mod connect;
mod deflate;
mod echo;
mod engine;
mod fleet;
mod fleet_rows;
mod http;
mod idle;
mod line;
mod network;
mod old_rows;
mod options;
mod pieces;
mod plugin_rows;
mod poller;
mod pool;
mod posts;
mod process;
#[path = "../../shared/redis.rs"]
mod redis;
mod register;
mod report;
mod rooms;
mod rows;
mod slow;
mod socket;
mod socket_io;
mod sockjs;
mod target;
mod traffic;
mod transport;
mod trickle;
mod wire;
mod xhr;

use std::process::ExitCode;

use options::Options;
use report::Report;
use target::Target;

/// Any failure, to be printed.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<ExitCode> {
    let Some(options) = Options::from_args()? else {
        print!("{}", options::HELP);
        return Ok(ExitCode::SUCCESS);
    };
    match options.mode.as_str() {
        "keep" => target::keep(&options)?,
        "bare-server" => bare::serve(&options)?,
        "compare" => {
            raise_descriptor_limit();
            compare::run(&options)?;
        }
        mode => return measure(mode_of(mode)?, &options),
    }
    Ok(ExitCode::SUCCESS)
}

/// Measures a server in one of the modes.
type Mode = fn(&Options, &Target) -> Result<Report>;

fn mode_of(name: &str) -> Result<Mode> {
    Ok(match name {
        "echo" => echo::run,
        "broadcast" => broadcast::run,
        "connect" => connect::run,
        "idle" => idle::run,
        "slow" => slow::run,
        "bursts" => bursts::run,
        "rooms" => rooms::run,
        "trickle" => trickle::run,
        "fleet" => fleet::run,
        "register" => register::run,
        _ => return Err(format!("there is no mode {name}; see --help").into()),
    })
}

fn measure(mode: Mode, options: &Options) -> Result<ExitCode> {
    raise_descriptor_limit();
    let target = Target::from_options(options)?;
    deflate::offer(options.compress);
    let report = mode(options, &target)?;
    let clean = report.is_clean();
    println!("{}", report.json());
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Thousands of connections need as many descriptors; children inherit them.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}
