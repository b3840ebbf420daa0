//! Several servers, with `--redis`.

use std::thread;
use std::time::{Duration, Instant};

use primus::plugins::Rooms;
use primus::plugins::cluster::Cluster;
use primus::plugins::metroplex::Metroplex;
use primus::plugins::omega::Omega;
use primus::{BoxError, Builder, RedisLink};

/// How long it may take until the servers hear each other.
const PATIENCE: Duration = Duration::from_secs(10);

/// What this server has with others.
#[derive(Default)]
pub struct Fleet {
    pub redis: Option<String>,
    pub rooms: bool,
    /// The name and password of omega-supreme.
    pub omega: Option<(String, String)>,
}

impl Fleet {
    /// Adds the plugins.
    pub fn plugins(self, mut builder: Builder) -> Result<(Builder, Option<Cluster>), BoxError> {
        if let Some((user, password)) = self.omega {
            builder = builder.plugin(Omega::new(user, password));
        }
        let rooms = self.rooms.then(Rooms::new);
        let Some(url) = self.redis else {
            return Ok((rooms.into_iter().fold(builder, Builder::plugin), None));
        };
        let cluster = Cluster::new();
        builder = builder.plugin(Metroplex::new(&RedisLink::open(&url)?));
        if let Some(rooms) = rooms {
            builder = builder.plugin(rooms.store(cluster.rooms()));
        }
        Ok((builder.plugin(cluster.clone()), Some(cluster)))
    }
}

/// Waits until the others hear this server, and it them. Without that it serves
/// nevertheless.
pub fn meet(cluster: &Cluster) {
    let deadline = Instant::now() + PATIENCE;
    while !cluster.is_joined() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5));
    }
}
