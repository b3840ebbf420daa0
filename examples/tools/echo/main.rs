//! An echo server: every message goes back to whoever sent it.
//!
//! ```text
//! cargo run --release --example echo -- --port 8080
//! ```
//!
//! Some strings are commands, see [`command`]. In a browser `/` is a playground:
//! pick a transformer and a parser, write, watch the frames.

use std::fmt::Display;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use primus::middleware::HttpError;
use primus::plugins::{Emit, EmitExt, Emitter, ServerEventExt};
use primus::{
    BoxError, Builder, Destroy, EndOptions, Error, Limits, Message, Parser, Primus, ReadyState,
    SocketPath, Spark, Value,
};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::raw::Raw;

mod fleet;
#[path = "../../shared/page.rs"]
mod page;
mod playground;
#[path = "../../shared/raw.rs"]
mod raw;
mod rooms;
#[path = "../../shared/tls.rs"]
mod tls;

const HELP: &str = "\
Usage: echo [options]
  --host HOST                 address to listen on (127.0.0.1)
  --port PORT                 port, 0 for any (8080)
  --unix PATH                 a Unix socket instead; @NAME for an abstract one
  --unix-mode MODE            who may connect to it, as for chmod: 660
  --inherited                 the sockets it was started with (LISTEN_FDS) instead
  --tls-cert FILE             speak https, with this certificate (PEM; needs the
  --tls-key FILE              feature `tls`) and its key
  --tls-ca FILE               let in clients with a certificate from these alone
  --transformer NAMES         wire protocol: websockets, engine.io, sockjs,
                              browserchannel, socket.io, a list of them, or all
                              (websockets)
  --parser NAME               json, ejson, binary, msgpack or raw (json)
  --pathname PATH             path of the server (/primus)
  --authorization USER:PASS   ask for basic authentication
  --ping-interval MS          heartbeat, 0 for off (30000)
  --send-buffer BYTES         cap of the kernel's buffer for what is sent (the
                              kernel's own choice)
  --max-length BYTES          longest message accepted (10485760)
  --rooms                     the plugin rooms, and commands for it
  --redis URL                 join the other servers with this Redis (metroplex and
                              cluster): broadcasts and rooms reach all
  --omega USER:PASS           omega-supreme, for messages over HTTP
  --emit, --emitter           the plugin of this name: the event `m` comes back, or
                              is acknowledged with its arguments if that is wanted
  --compression               permessage-deflate (needs the feature `compression`)
  --transport KEY=VALUE       option of the transformer, may be repeated; those of
                              engine.io: pingInterval, pingTimeout,
                              upgradeTimeout, maxHttpBufferSize, transports,
                              allowUpgrades, allowEIO3, cookie, doubleEncoding;
                              of sockjs: response_limit, heartbeat_delay,
                              disconnect_delay, websocket, jsessionid, sockjs_url,
                              base_url; of browserchannel: keepAliveInterval,
                              sessionTimeoutInterval, hostPrefixes, cors,
                              corsAllowCredentials; of socket.io: transports,
                              heartbeats, heartbeat-interval, heartbeat-timeout,
                              close-timeout, polling-duration";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Whether anybody reads it matters not.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), BoxError> {
    let mut place = Place { host: "127.0.0.1".to_owned(), port: 8080, ..Place::default() };
    let mut files = tls::Files::default();
    let mut fleet = fleet::Fleet::default();
    let mut limits = Limits::default();
    limits.broadcast_queue = PACE;
    let mut builder = Primus::builder().limits(limits);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        use lexopt::prelude::*;
        match argument {
            Long("host") => place.host = text("host", &mut arguments)?,
            Long("port") => place.port = number("port", &text("port", &mut arguments)?, "a port")?,
            Long("unix") => place.unix = Some(text("unix", &mut arguments)?),
            Long("unix-mode") => place.mode = Some(mode(&text("unix-mode", &mut arguments)?)?),
            Long("inherited") => place.inherited = true,
            Long("tls-cert") => files.cert = Some(text("tls-cert", &mut arguments)?),
            Long("tls-key") => files.key = Some(text("tls-key", &mut arguments)?),
            Long("rooms") => fleet.rooms = true,
            Long("redis") => fleet.redis = Some(text("redis", &mut arguments)?),
            Long("omega") => fleet.omega = Some(pair("omega", &text("omega", &mut arguments)?)?),
            Long("tls-ca") => files.ca = Some(text("tls-ca", &mut arguments)?),
            Short('h') | Long("help") => {
                // Whoever has read enough of it has what they wanted.
                let _ = writeln!(io::stdout(), "{HELP}");
                return Ok(());
            }
            Long(name) => {
                let name = name.to_owned();
                builder = option(builder, &name, &mut arguments)?;
            }
            other => return Err(other.unexpected().into()),
        }
    }
    // Signals are taken before the port is announced: whoever has read it may
    // send one at once.
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let (builder, scheme) = tls::server(builder, files)?;
    place.scheme = scheme;
    let (builder, cluster) = fleet.plugins(builder)?;
    let primus = builder.build()?;
    primus.on_connection(|spark| {
        spark.on_data(echo);
    });
    // One listener for all: one for each would be memory.
    primus.on_event("m", |spark, event| match event.wants_ack() {
        true => event.ack(event.args()),
        false => spark.emit("m", event.args()).map(drop),
    });
    let listening = place.listen(&primus)?;
    cluster.iter().for_each(fleet::meet);
    // It serves whether or not anybody wants to know where.
    let _ = writeln!(io::stdout(), "listening on {listening}");
    signals.forever().next();
    primus.destroy(Destroy::default().timeout(Duration::from_millis(500)));
    Ok(())
}

/// Where it listens.
#[derive(Default)]
struct Place {
    scheme: &'static str,
    host: String,
    port: u16,
    unix: Option<String>,
    mode: Option<u32>,
    inherited: bool,
}

impl Place {
    /// Listens there, and tells where.
    fn listen(&self, primus: &Primus) -> Result<String, BoxError> {
        let mut ip = Ipv4Addr::LOCALHOST.into();
        let listening = if self.inherited {
            match primus.listen_inherited()? {
                0 => return Err("--inherited: it was started without a socket".into()),
                count => format!("inherited sockets: {count}"),
            }
        } else if let Some(path) = &self.unix {
            let mut socket = SocketPath::new(path);
            if let Some(mode) = self.mode {
                socket = socket.mode(mode);
            }
            primus.listen_path(socket)?;
            let scheme = if self.scheme == "https" { "wss+unix" } else { "unix" };
            format!("{scheme}:{path}")
        } else {
            let address = primus
                .listen((self.host.as_str(), self.port))
                .map_err(|error| format!("{error} (try another --host or --port, 0 for any)"))?;
            ip = address.ip();
            format!("{}://{address}", self.scheme)
        };
        playground::serve(primus, ip);
        Ok(listening)
    }
}

fn mode(text: &str) -> Result<u32, BoxError> {
    let wrong = |error| format!("--unix-mode {text}: expected a mode, such as 660 ({error})");
    Ok(u32::from_str_radix(text, 8).map_err(wrong)?)
}

fn option(
    builder: Builder,
    name: &str,
    arguments: &mut lexopt::Parser,
) -> Result<Builder, BoxError> {
    match name {
        "compression" => return Ok(builder.compression(true)),
        "emit" => return Ok(builder.plugin(Emit)),
        "emitter" => return Ok(builder.plugin(Emitter)),
        _ => {}
    }
    let value = text(name, arguments)?;
    Ok(match name {
        "transformer" => builder.transformer(value),
        "parser" if value.eq_ignore_ascii_case("raw") => builder.parser(Parser::custom(Raw)),
        "parser" => {
            builder.parser(value.parse().map_err(|error| format!("--parser {value}: {error}"))?)
        }
        "pathname" => builder.pathname(value),
        "authorization" => {
            let wanted = pair(name, &value)?;
            builder.authorization(move |exchange| match exchange.request().basic_auth() {
                Some(given) if given == wanted => Ok(()),
                _ => Err(HttpError::from("Authentication required")
                    .with_authenticate("Basic realm=\"primus\"")),
            })
        }
        "ping-interval" => {
            builder.ping_interval(Duration::from_millis(number(name, &value, "milliseconds")?))
        }
        "send-buffer" => builder.send_buffer(number(name, &value, "bytes")?),
        "max-length" => builder.max_length(number(name, &value, "bytes")?),
        "transport" => {
            let pair = value.split_once('=');
            let (key, value) =
                pair.ok_or_else(|| format!("--transport {value}: expected KEY=VALUE"))?;
            builder.transport(key, value)
        }
        _ => return Err(format!("unknown option --{name}; see --help").into()),
    })
}

/// The value of an option.
fn text(name: &str, arguments: &mut lexopt::Parser) -> Result<String, BoxError> {
    Ok(arguments.value()?.into_string().map_err(|_| format!("--{name}: not UTF-8"))?)
}

/// The name and password in it.
fn pair(option: &str, value: &str) -> Result<(String, String), BoxError> {
    let pair = value.split_once(':').map(|(user, password)| (user.into(), password.into()));
    Ok(pair.ok_or_else(|| format!("--{option} {value}: expected USER:PASS"))?)
}

/// The number in it.
fn number<T: FromStr<Err: Display>>(name: &str, value: &str, what: &str) -> Result<T, BoxError> {
    let expected = |error| format!("--{name} {value}: expected {what}, a whole number ({error})");
    Ok(value.parse().map_err(expected)?)
}

fn echo(spark: &Spark, message: &Message) -> primus::Result<()> {
    // Most messages are no command and go back as they came, undecoded.
    let may_be_command = message.frame().len() < 48;
    match may_be_command.then(|| message.as_str()).flatten() {
        Some(text) if command(spark, text)? => {}
        _ => {
            spark.write_frame(message.frame())?;
        }
    }
    Ok(())
}

/// Obeys the strings that are commands:
///
/// | command | does |
/// |---|---|
/// | `close` | ends the connection |
/// | `reconnect` | ends it and lets the client reconnect |
/// | `id`, `query`, `headers`, `address`, `transformer` | writes that of the connection |
/// | `broadcast:<n>:<bytes>` | n broadcasts of a string of so many bytes (64 MiB at most) |
///
/// and those of [`rooms::command`].
#[inline(never)] // its stack would be touched, and kept, by every connection
fn command(spark: &Spark, text: &str) -> primus::Result<bool> {
    match text {
        "close" => spark.end(),
        "reconnect" => spark.end_options(EndOptions::default().reconnect(true)),
        "id" => drop(spark.write(spark.id())?),
        "transformer" => drop(spark.write(spark.transformer())?),
        "query" => drop(spark.write(&object(spark.query()))?),
        "headers" => {
            let value = |name| (name, spark.request().header(name).unwrap_or_default());
            spark.write(&object(spark.headers().map(|(name, _)| value(name))))?;
        }
        "address" => {
            let address = spark.address();
            let fields = [
                ("ip".to_owned(), Value::from(address.ip.to_string())),
                ("port".to_owned(), Value::from(u32::from(address.port))),
            ];
            spark.write(&Value::from_iter(fields))?;
        }
        _ => return Ok(broadcast(spark, text)? || rooms::command(spark, text)?),
    }
    Ok(true)
}

fn object<K: Into<String>, V: Into<String>>(pairs: impl Iterator<Item = (K, V)>) -> Value {
    pairs.map(|(name, value)| (name.into(), Value::from(value.into()))).collect()
}

/// The longest message that `broadcast` makes.
const LONGEST: usize = 64 << 20;

/// Bytes of broadcasts that may wait to be sent, and for the client that asks
/// for them.
const PACE: usize = 4 << 20;

fn broadcast(spark: &Spark, text: &str) -> primus::Result<bool> {
    let parts = text.strip_prefix("broadcast:").and_then(|rest| rest.split_once(':'));
    let Some((Ok(times), Ok(bytes))) =
        parts.map(|(times, bytes)| (times.parse::<u32>(), bytes.parse::<usize>()))
    else {
        return Ok(false);
    };
    let message = "x".repeat(bytes.min(LONGEST));
    let primus = spark.primus();
    let mut left = times;
    while left > 0 && spark.ready_state() == ReadyState::Open {
        // A burst may be larger than what can wait for a client, even one that
        // reads as fast as it can; the pace is that of whoever asked for it.
        if spark.buffered() > PACE {
            spark.wait_drain(Duration::from_secs(1));
            continue;
        }
        match primus.write(&message) {
            Ok(()) => left -= 1,
            Err(Error::Full { .. }) => thread::sleep(Duration::from_millis(1)),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
