//! Many servers in this process, each with its own link to Redis.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use primus::plugins::History;
use primus::plugins::cluster::Cluster;
use primus::plugins::metroplex::Metroplex;
use primus::plugins::rooms::Rooms;
use primus::{BoxError, Destroy, Limits, Primus, RedisLink};

/// The room whose messages are kept for those who come back.
pub const KEPT: &str = "kept";

/// How much earlier than it must be a sign of life is renewed.
pub const LATENCY: Duration = Duration::from_secs(1);

/// How long something may take that has only to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// The answer to it is not looked at.
const HANDSHAKE: &[u8] =
    b"GET /primus HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A server, and the other ends of its connections.
pub struct Server {
    pub primus: Primus,
    cluster: Cluster,
    clients: Vec<UnixStream>,
}

impl Server {
    /// One of this number, whose sign of life lasts so long and is renewed a second
    /// earlier.
    fn start(redis: &str, number: usize, interval: Duration) -> Result<Server, BoxError> {
        let link = RedisLink::open(redis)?;
        let cluster = Cluster::new();
        let metroplex =
            Metroplex::new(&link).address(&address(number)).interval(interval).latency(LATENCY);
        let mut limits = Limits::default();
        limits.rooms = 100_000;
        let primus = Primus::builder()
            .limits(limits)
            .ping_interval(Duration::ZERO)
            .plugin(metroplex)
            .plugin(Rooms::new().wildcard(false).store(cluster.rooms()))
            .plugin(cluster.clone())
            .plugin(History::redis(&link).rooms([KEPT]))
            .build()?;
        Ok(Server { primus, cluster, clients: Vec::new() })
    }

    /// So many connections come.
    pub fn come(&mut self, count: usize) -> Result<(), BoxError> {
        let wanted = self.primus.connected() + count;
        for _ in 0..count {
            let (here, there) = UnixStream::pair()?;
            self.primus.serve(there)?;
            (&here).write_all(HANDSHAKE)?;
            self.clients.push(here);
        }
        wait("connections", || self.primus.connected() >= wanted)
    }

    /// They all go.
    pub fn go(&mut self) -> Result<(), BoxError> {
        self.clients.clear();
        wait("the end of connections", || self.primus.connected() == 0)
    }

    /// Takes what has been written to its connections, lest they be cut.
    pub fn drain(&mut self) {
        let mut buffer = [0; 64 << 10];
        for client in &mut self.clients {
            if client.set_nonblocking(true).is_ok() {
                while client.read(&mut buffer).is_ok_and(|read| read > 0) {}
            }
        }
    }
}

/// Where the others find the server of this number; nobody looks.
pub fn address(number: usize) -> String {
    format!("http://10.0.{}.{}:8080", number / 250, number % 250 + 1)
}

/// So many servers, which hear each other.
pub fn start(redis: &str, count: usize, interval: Duration) -> Result<Vec<Server>, BoxError> {
    let servers = (0..count).map(|number| Server::start(redis, number, interval));
    let servers = servers.collect::<Result<Vec<_>, _>>()?;
    wait("all servers", || servers.iter().all(|server| server.cluster.is_joined()))?;
    Ok(servers)
}

/// Ends them.
pub fn end(servers: Vec<Server>) {
    for server in servers {
        server.primus.destroy(Destroy::default());
    }
}

/// Waits for something here.
pub fn wait(what: &str, done: impl Fn() -> bool) -> Result<(), BoxError> {
    look(what, Duration::from_millis(2), done)
}

/// Waits for something that Redis is asked for, which is not to be much of what it does.
pub fn wait_for_redis(what: &str, done: impl Fn() -> bool) -> Result<(), BoxError> {
    look(what, Duration::from_millis(100), done)
}

fn look(what: &str, pause: Duration, done: impl Fn() -> bool) -> Result<(), BoxError> {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        if Instant::now() > deadline {
            return Err(format!("{what}: not within {PATIENCE:?}").into());
        }
        thread::sleep(pause);
    }
    Ok(())
}
