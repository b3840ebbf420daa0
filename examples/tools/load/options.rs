//! The command line.

use std::ffi::OsString;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};

use crate::transport::Transport;
use crate::{Result, socket};

/// What `--help` prints.
pub const HELP: &str = "\
Load generator for Primus servers with the JSON parser, over WebSocket, engine.io
or SockJS.

load MODE SERVER [options]          measures, and prints one line of JSON
load compare --ours CMD --node CMD  prints the table of ours, Node and bare
load bare-server [--port 0]         the bare server itself

MODE
  echo        every connection keeps --in-flight messages on their way and
              checks that each comes back, in order; with --events emit as the
              event `m` (start the server with --emit), with --events emitter as
              the acknowledgement of it (--emitter)
  broadcast   the first connection sends `broadcast:<burst>:<bytes>`, all count
              what arrives; then the next round
  connect     connections are opened, shake hands and close again
  idle        connections do nothing: memory for each, wake-ups of the server
  slow        broadcasts to connections some of which never read, compared
              with the same without those
  bursts      clients leave much in the server's memory, and go: MiB more than
              before that the server has 5 s after each of 8 rounds; --row
              NAME chooses: unfinished, whole or unread messages, with
              engine.io posts of tiny packets and polls without a reader
  rooms       the first connection has the server put every connection into
              --each of --of rooms, and take it out again: a join and a leave
              each, and the memory that they take (start the server with
              --rooms)
  trickle     bursts are echoed to one connection, alone and beside a crowd of
              --slow that read a little at a time and always have something
              waiting (start the server with a send buffer of 16 KiB and
              without heartbeats)
  fleet       the connections of several servers are in one room, to which the
              first has its server write: what each delivery costs all servers,
              and how late the last one is (--servers; start them with --rooms)
  register    connections come and go, --rate changes of the registry a second,
              while others have a message echoed each millisecond: how long do
              they wait? (--servers 1: with a Redis; without: without one)

SERVER
  --url URL           a server that runs already, on this machine
  --unix PATH         one that listens on this Unix socket
  --ca FILE           trust these certificates (PEM) of servers at https://...;
                      they must be for `localhost`
  --pid PID           its process, to measure CPU and memory
  --spawn COMMAND     starts it; it must print `listening on http://...`
  --servers N         with --spawn: starts so many, and a Redis of their own,
                      by `COMMAND --redis redis://...`
  --bare              starts the bare server: one thread per connection and
                      nothing else, the limit of that shape
  --log               with --bare: broadcasts are sent in one piece

OPTIONS (defaults in parentheses)
  --pathname PATH     (/primus)
  --transformer NAME  of the server: websockets, engine.io, sockjs, socket.io,
                      browserchannel, whose clients have two connections each,
                      or all for connections of every kind (websockets)
  --transport NAME    of engine.io: websocket; upgrade, which is polling until
                      all is ready and then a websocket; polling, with two
                      connections for each client, one polls and one posts
                      (websocket); of sockjs: websocket; xhr-streaming or
                      xhr-polling, with two connections for each client, too
                      (websocket); of socket.io: websocket
  --connections N     (echo 64, broadcast 1000, connect 64, idle 5000, slow 50,
                      bursts 100, 30 that post, 50 that poll, fleet 1000 in
                      all, register 16)
  --events PLUGIN     echo: emit or emitter, see there
  --in-flight N       messages on their way per connection (1)
  --bytes N           characters of a message (64; broadcast 128; slow 16384)
  --seconds S         measured time (2)
  --warm-up S         time before that (0.5)
  --messages N        echo, connect: so many in all, instead of --seconds;
                      idle: so many for each connection first (0); trickle:
                      bursts (15)
  --broadcasts N      broadcast: so many in all, instead of --seconds
  --burst N           broadcasts per round (1; slow 8)
  --room              broadcast: to a room that all connections are in (start
                      the server with --rooms)
  --each N            rooms: of each connection (100)
  --of N              rooms: in all (1000)
  --slow N            slow: connections that never read (5); trickle: those of
                      the crowd (4000)
  --megabytes N       slow: broadcast to each connection (24); bursts: what
                      each client sends (10; unread 20, posts 0.1, polls 8);
                      trickle: each burst (8)
  --runs N            bursts: rounds (8)
  --rate N            register: changes of the registry a second; half of
                      them come, half go (20000)
  --resume            connect: resume sessions of TLS
  --compress          offer permessage-deflate, without context takeover

compare
  --ours COMMAND      the server under test (left out: its columns are empty)
  --node COMMAND      the JavaScript Primus server
  --tls-cert FILE     for the rows of TLS: both servers are started with
  --tls-key FILE      `--tls-cert FILE --tls-key FILE`
  --row NAME          only this row, may be given more than once; see --rows
  --rows              lists the rows
  --runs N            interleaved runs per server (7)
  --seconds S         of each run (1.5)

bare-server
  --port N            (0: any)
  --stack KIB         stack of each thread (64)
  --log               broadcasts are sent in one piece

The exit status is 1 when a message was lost or wrong, 2 on any other failure.
";

/// Where the server comes from.
#[derive(Clone, Debug, Default)]
pub enum Server {
    /// None was named.
    #[default]
    Unnamed,
    /// It runs already.
    Url(String),
    /// It is to be started, by this command line.
    Spawn(String),
    /// The bare server is to be started.
    Bare,
}

/// Whose envelopes messages have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Events {
    Emit,
    Emitter,
}

impl Events {
    fn of(name: &str) -> Result<Self> {
        match name {
            "emit" => Ok(Events::Emit),
            "emitter" => Ok(Events::Emitter),
            _ => Err(format!("--events {name}: expected emit or emitter").into()),
        }
    }

    /// The name of the plugin.
    pub fn plugin(self) -> &'static str {
        match self {
            Events::Emit => "emit",
            Events::Emitter => "emitter",
        }
    }
}

/// Everything that the command line may say. What was left out is `None`
/// where the default depends on the mode.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The first word.
    pub mode: String,
    pub server: Server,
    pub pid: Option<u32>,
    pub pathname: Option<String>,
    transformer: Option<String>,
    transport_name: Option<String>,
    pub transport: Transport,
    pub connections: Option<usize>,
    pub in_flight: Option<usize>,
    pub events: Option<Events>,
    pub bytes: Option<usize>,
    pub seconds: Option<f64>,
    pub warm_up: Option<f64>,
    pub messages: Option<u64>,
    pub broadcasts: Option<u64>,
    pub burst: Option<u64>,
    pub room: bool,
    pub each: Option<usize>,
    pub of: Option<usize>,
    pub slow: Option<usize>,
    pub megabytes: Option<u64>,
    pub log: bool,
    pub resume: bool,
    pub compress: bool,
    /// The servers are to speak TLS.
    pub secure: bool,
    /// Ours is to listen on a Unix socket.
    pub on_unix: bool,
    pub tls_cert: Option<String>,
    pub tls_key: Option<String>,
    pub ours: Option<String>,
    pub node: Option<String>,
    pub rows: Vec<String>,
    pub list_rows: bool,
    pub runs: Option<usize>,
    /// So many servers are to be started, and joined by a Redis.
    pub servers: Option<usize>,
    pub rate: Option<usize>,
    pub port: u16,
    pub stack: Option<usize>,
    pub parent: Option<i32>,
    /// What follows `--`.
    pub command: Vec<OsString>,
}

impl Options {
    /// Reads the command line; `None` when help was asked for.
    pub fn from_args() -> Result<Option<Options>> {
        let mut parser = Parser::from_env();
        let mut options = Options::default();
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                Arg::Value(word) if options.mode.is_empty() => options.mode = word.string()?,
                // `keep` hands everything after its own options to a program.
                Arg::Value(word) if options.mode == "keep" => {
                    options.command.push(word);
                    options.command.extend(parser.raw_args()?);
                }
                Arg::Long(name) => {
                    let name = name.to_owned();
                    options.take(&name, &mut parser)?;
                }
                other => return Err(other.unexpected().into()),
            }
        }
        let (transformer, name) =
            (options.transformer.as_deref(), options.transport_name.as_deref());
        options.transport = Transport::of(transformer, name)?;
        options.check()?;
        Ok((!options.mode.is_empty()).then_some(options))
    }

    fn take(&mut self, name: &str, parser: &mut Parser) -> Result<()> {
        match name {
            "bare" => self.server = Server::Bare,
            "log" => self.log = true,
            "resume" => self.resume = true,
            "compress" => self.compress = true,
            "ca" => socket::trust(&parser.value()?.string()?)?,
            "tls-cert" => {
                let file = parser.value()?.string()?;
                socket::trust(&file)?;
                self.tls_cert = Some(file);
            }
            "tls-key" => self.tls_key = Some(parser.value()?.string()?),
            "rows" => self.list_rows = true,
            "room" => self.room = true,
            "unix" => {
                self.server = Server::Url(format!("unix:{}", parser.value()?.string()?));
            }
            "url" => self.server = Server::Url(parser.value()?.string()?),
            "spawn" => self.server = Server::Spawn(parser.value()?.string()?),
            "pathname" => self.pathname = Some(parser.value()?.string()?),
            "transformer" => self.transformer = Some(parser.value()?.string()?),
            "events" => self.events = Some(Events::of(&parser.value()?.string()?)?),
            "transport" => self.transport_name = Some(parser.value()?.string()?),
            "ours" => self.ours = Some(parser.value()?.string()?),
            "node" => self.node = Some(parser.value()?.string()?),
            "row" => self.rows.push(parser.value()?.string()?),
            _ => return self.take_number(name, parser),
        }
        Ok(())
    }

    fn take_number(&mut self, name: &str, parser: &mut Parser) -> Result<()> {
        let value = parser.value()?;
        match name {
            "pid" => self.pid = Some(value.parse()?),
            "connections" => self.connections = Some(value.parse()?),
            "in-flight" => self.in_flight = Some(value.parse()?),
            "bytes" => self.bytes = Some(value.parse()?),
            "seconds" => self.seconds = Some(value.parse()?),
            "warm-up" => self.warm_up = Some(value.parse()?),
            "messages" => self.messages = Some(value.parse()?),
            "broadcasts" => self.broadcasts = Some(value.parse()?),
            "burst" => self.burst = Some(value.parse()?),
            "each" => self.each = Some(value.parse()?),
            "of" => self.of = Some(value.parse()?),
            "slow" => self.slow = Some(value.parse()?),
            "megabytes" => self.megabytes = Some(value.parse()?),
            "runs" => self.runs = Some(value.parse()?),
            "servers" => self.servers = Some(value.parse()?),
            "rate" => self.rate = Some(value.parse()?),
            "port" => self.port = value.parse()?,
            "stack" => self.stack = Some(value.parse()?),
            "parent" => self.parent = Some(value.parse()?),
            _ => return Err(format!("there is no option --{name}; see --help").into()),
        }
        Ok(())
    }

    /// Keeps every run bounded in count and time.
    fn check(&self) -> Result<()> {
        let most = |name: &str, value: Option<usize>, bound: usize| match value {
            Some(value) if value > bound => Err(format!("--{name} is at most {bound}")),
            _ => Ok(()),
        };
        most("connections", self.connections, 60_000)?;
        most("in-flight", self.in_flight, 10_000)?;
        most("bytes", self.bytes, 16 << 20)?;
        most("runs", self.runs, 100)?;
        most("servers", self.servers, 100)?;
        most("rate", self.rate, 1_000_000)?;
        most("burst", self.burst.map(|burst| burst as usize), 100_000)?;
        most("messages", self.messages.map(|count| count as usize), 1_000_000_000)?;
        most("broadcasts", self.broadcasts.map(|count| count as usize), 10_000_000)?;
        most("megabytes", self.megabytes.map(|count| count as usize), 4096)?;
        for (name, seconds) in [("seconds", self.seconds), ("warm-up", self.warm_up)] {
            if seconds.is_some_and(|seconds| !(0.0..=600.0).contains(&seconds)) {
                return Err(format!("--{name} is between 0 and 600").into());
            }
        }
        Ok(())
    }

    /// `--pathname`.
    pub fn path(&self) -> &str {
        self.pathname.as_deref().unwrap_or("/primus")
    }

    /// `--seconds`.
    pub fn measured(&self) -> Duration {
        Duration::from_secs_f64(self.seconds.unwrap_or(2.0))
    }

    /// `--warm-up`.
    pub fn warming(&self) -> Duration {
        Duration::from_secs_f64(self.warm_up.unwrap_or(0.5))
    }
}
