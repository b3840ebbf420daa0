//! Servers on one bus, through a real Redis.

mod faults;
mod forged;
mod killed;
mod node;
mod order;
mod presence;
mod refused;
mod restart;
mod rooms;
mod several;
mod single;
mod strangers;

use std::time::Duration;

use primus::plugins::rooms::{PrimusRooms, SparkRooms};
use primus::plugins::{Cluster, Metroplex, Omega, PrimusCluster, Rooms};
use primus::{Primus, RedisLink, Spark};

use crate::common::{Peer, Server, wait_for, wait_until};
use crate::server::Redis;

/// Short, and long enough for a machine that is busy.
const INTERVAL: Duration = Duration::from_millis(1_500);
const LATENCY: Duration = Duration::from_millis(500);

/// A server on the bus.
struct Member {
    server: Server,
    cluster: Cluster,
    link: RedisLink,
}

/// A link that notices soon when Redis hangs.
fn link(url: &str) -> RedisLink {
    RedisLink::builder(url)
        .pauses(Duration::from_millis(10), Duration::from_millis(200))
        .connect_timeout(Duration::from_secs(1))
        .response_timeout(Duration::from_secs(1))
        .open()
        .unwrap()
}

impl Member {
    /// One that has joined.
    fn start(redis: &Redis) -> Member {
        Self::with(redis, |cluster| cluster)
    }

    fn with(redis: &Redis, options: impl FnOnce(Cluster) -> Cluster) -> Member {
        let member = Self::begin(&redis.url(), options);
        wait_until("it joins", || member.cluster.is_joined());
        member
    }

    /// One that need not have joined yet.
    fn begin(url: &str, options: impl FnOnce(Cluster) -> Cluster) -> Member {
        let timed = |metroplex: Metroplex| metroplex.interval(INTERVAL).latency(LATENCY);
        Self::of(url, timed, options(Cluster::new()))
    }

    fn of(url: &str, metroplex: impl FnOnce(Metroplex) -> Metroplex, cluster: Cluster) -> Member {
        let link = link(url);
        let metroplex = metroplex(Metroplex::new(&link));
        // Sparks have the ids that their clients ask for.
        let builder = Primus::builder()
            .id_generator(|request| {
                request.url().split_once("?id=").map_or("nobody", |(_, id)| id).to_owned()
            })
            .plugin(metroplex)
            .plugin(Rooms::new().store(cluster.rooms()))
            .plugin(cluster.clone());
        Member { server: Server::start(builder), cluster, link }
    }

    fn primus(&self) -> &Primus {
        &self.server.primus
    }

    fn address(&self) -> String {
        format!("http://{}", self.server.addr)
    }

    /// A client of that id in these rooms.
    fn come(&self, id: &str, rooms: &[&str]) -> (Peer, Spark) {
        let peer = Peer::open_with(self.server.addr, &format!("/primus?id={id}"), "");
        let spark = self.primus().spark(id).expect("it is known before the client is");
        // It may join once its listeners run.
        wait_until("it can join", || spark.join_all(rooms).is_ok());
        (peer, spark)
    }
}

fn texts(peer: &mut Peer, count: usize) -> Vec<String> {
    (0..count).map(|_| peer.expect_text()).collect()
}

/// Both hear each other.
fn joined(members: &[&Member]) {
    for member in members {
        wait_until("it joins", || member.cluster.is_joined());
    }
}
