//! The registry: servers of this process in one namespace of a real Redis.

mod address;
mod blips;
mod faults;
mod forward;
mod killed;
mod node;
mod recorded;
mod rush;
mod twins;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use primus::link::LinkState;
use primus::plugins::{Metroplex, Omega};
use primus::{Client, Primus, RedisLink};

use crate::common::{PATIENCE, wait_for, wait_until};
use crate::server::Redis;

/// Short, and long enough for a machine that is busy.
const INTERVAL: Duration = Duration::from_millis(1_500);
const LATENCY: Duration = Duration::from_millis(500);

/// A server with the plugin, and what it tells.
struct Server {
    primus: Primus,
    metroplex: Arc<Metroplex>,
    link: RedisLink,
    url: String,
    registered: Receiver<String>,
    unregistered: Receiver<String>,
    errors: Receiver<String>,
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

impl Server {
    /// One whose sparks are called `name-1` and so on. It is registered when this returns.
    fn start(redis: &Redis, name: &str) -> Server {
        let server = Self::begin(&redis.url(), name, |plugin| plugin);
        server.registers();
        server
    }

    /// One with other options, which need not be registered yet.
    fn begin(url: &str, name: &str, options: impl FnOnce(Metroplex) -> Metroplex) -> Server {
        let link = link(url);
        let plugin = Metroplex::new(&link).interval(INTERVAL).latency(LATENCY);
        let plugin = options(plugin);
        let ((tell, registered), (gone, unregistered), (fail, errors)) =
            (unbounded(), unbounded(), unbounded());
        plugin.on_register(move |address| drop(tell.send(address.to_owned())));
        plugin.on_unregister(move |address| drop(gone.send(address.to_owned())));
        plugin.on_error(move |error| drop(fail.send(error.to_string())));
        let (name, count) = (name.to_owned(), AtomicUsize::new(0));
        let primus = Primus::builder()
            .id_generator(move |_| format!("{name}-{}", count.fetch_add(1, Ordering::Relaxed) + 1))
            .plugin(Omega::new("omega", "a secret"))
            .plugin(plugin)
            .build()
            .unwrap();
        let url = format!("http://{}", primus.listen("127.0.0.1:0").unwrap());
        let metroplex = primus.plugin::<Metroplex>().unwrap();
        Server { primus, metroplex, link, url, registered, unregistered, errors }
    }

    /// Waits until it has told once more that it is registered.
    #[track_caller]
    fn registers(&self) {
        let address = self.registered.recv_timeout(PATIENCE).expect("it registers");
        assert_eq!(Some(&*address), self.metroplex.own_address());
    }

    fn client(&self) -> Client {
        let client = Client::connect(&self.url).unwrap();
        client.id(PATIENCE).unwrap();
        client
    }

    fn clients(&self, count: usize) -> Vec<Client> {
        (0..count).map(|_| self.client()).collect()
    }

    /// Waits until Redis has exactly these sparks of it.
    #[track_caller]
    fn has(&self, redis: &Redis, sparks: &[&str]) {
        let mut expected: Vec<_> = sparks.iter().map(|spark| (*spark).to_owned()).collect();
        expected.sort();
        let key = format!("metroplex:{}:sparks", self.url);
        wait_for(&key, expected.clone(), || redis.lines(&["SMEMBERS", &key]));
        wait_for("the hash", expected, || sparks_at(redis, &self.url));
    }

    /// The end, and that nothing is left of it.
    fn end(self, redis: &Redis) {
        let destroyed = self.primus.destroy(Default::default());
        assert_eq!(destroyed.stuck, 0);
        wait_for("keys", Vec::<String>::new(), || keys_of(redis, &self.url));
        assert!(!servers(redis).contains(&self.url));
        assert!(sparks_at(redis, &self.url).is_empty());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.primus.destroy(Default::default());
        self.link.close(Duration::from_secs(1));
    }
}

fn servers(redis: &Redis) -> Vec<String> {
    redis.lines(&["SMEMBERS", "metroplex:servers"])
}

/// The sparks that the hash has of a server.
fn sparks_at(redis: &Redis, url: &str) -> Vec<String> {
    let text = redis.cli(&["HGETALL", "metroplex:sparks"]);
    let lines: Vec<_> = text.lines().collect();
    let pairs = lines.chunks_exact(2).filter(|pair| pair[1] == url);
    let mut sparks: Vec<_> = pairs.map(|pair| pair[0].to_owned()).collect();
    sparks.sort();
    sparks
}

/// The keys that are of one server alone.
fn keys_of(redis: &Redis, url: &str) -> Vec<String> {
    redis.lines(&["KEYS", &format!("metroplex:{url}*")])
}

#[track_caller]
fn wait_servers(redis: &Redis, expected: &[&Server]) {
    let mut urls: Vec<_> = expected.iter().map(|server| server.url.clone()).collect();
    urls.sort();
    wait_for("servers", urls, || servers(redis));
}

/// Waits until a link is down, or up.
fn wait_link(link: &RedisLink, state: LinkState) {
    wait_until("the link's state", || link.is_connected() == (state == LinkState::Up));
}
