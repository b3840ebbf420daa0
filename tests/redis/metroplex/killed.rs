//! Servers that end without a word, and what they leave behind.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::*;
use primus::link::Batch;

/// A server in a process of its own, with its address and two clients.
pub struct Elsewhere {
    process: Child,
    pub url: String,
}

impl Elsewhere {
    pub fn start(redis: &Redis, port: u16) -> Elsewhere {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "metroplex::killed::elsewhere"])
            .envs([("METROPLEX_REDIS", redis.url()), ("METROPLEX_PORT", port.to_string())])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let url = lines.into_iter().find_map(|line| line.strip_prefix("at ").map(str::to_owned));
        Elsewhere { process, url: url.expect("it tells where it is") }
    }

    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn port(&self) -> u16 {
        self.url.rsplit(':').next().unwrap().parse().unwrap()
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
#[ignore = "what other tests start in a process of its own"]
fn elsewhere() {
    let Ok(redis) = std::env::var("METROPLEX_REDIS") else { return };
    let port = std::env::var("METROPLEX_PORT").unwrap();
    let link = link(&redis);
    let plugin = Metroplex::new(&link).interval(INTERVAL).latency(LATENCY);
    let primus = Primus::builder().plugin(plugin).build().unwrap();
    let address = format!("127.0.0.1:{port}");
    wait_until("the port is free", || primus.listen(&*address).is_ok());
    let url = format!("http://{}", primus.local_addr().unwrap());
    let clients = [Client::connect(&url).unwrap(), Client::connect(&url).unwrap()];
    let metroplex = primus.plugin::<Metroplex>().unwrap();
    let ids = clients.iter().map(|client| client.id(PATIENCE).unwrap());
    let ids: Vec<_> = ids.collect();
    wait_until("its sparks are known", || {
        metroplex.sparks(&ids).is_ok_and(|places| places.iter().all(Option::is_some))
    });
    println!("\nat {url}");
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
fn a_server_that_was_killed_is_gone_within_the_interval() {
    let Some(redis) = Redis::start() else { return };
    let survivors = [Server::start(&redis, "a"), Server::start(&redis, "b")];
    let mut killed = Elsewhere::start(&redis, 0);
    assert_eq!(servers(&redis).len(), 3);
    assert_eq!(sparks_at(&redis, &killed.url).len(), 2);
    killed.kill();
    wait_servers(&redis, &[&survivors[0], &survivors[1]]);
    assert!(keys_of(&redis, &killed.url).is_empty() && sparks_at(&redis, &killed.url).is_empty());
    // Both find it missing, and one has taken it out. (Until its next tick the other still
    // has it on its list.)
    crate::common::pause(INTERVAL);
    let told: Vec<_> = survivors.iter().flat_map(|server| server.unregistered.try_iter()).collect();
    assert_eq!(told, [&*killed.url]);
}

#[test]
fn of_a_server_that_has_left_no_other_tells() {
    let Some(redis) = Redis::start() else { return };
    let (stays, leaves) = (Server::start(&redis, "a"), Server::start(&redis, "b"));
    for _ in 0..3 {
        // It is on the list of the one that stays.
        stays.registered.try_iter().for_each(drop);
        redis.cli(&["SREM", "metroplex:servers", &stays.url]);
        stays.registers();
    }
    leaves.primus.destroy(Default::default());
    assert_eq!(leaves.unregistered.recv_timeout(PATIENCE).unwrap(), leaves.url);
    let told = stays.unregistered.recv_timeout(2 * INTERVAL);
    assert!(told.is_err(), "{told:?}");
    stays.end(&redis);
}

#[test]
fn a_server_that_comes_back_at_its_address_leaves_no_ghosts() {
    let Some(redis) = Redis::start() else { return };
    let mut first = Elsewhere::start(&redis, 0);
    let ghosts = sparks_at(&redis, &first.url);
    let (url, port) = (first.url.clone(), first.port());
    first.kill();
    let second = Elsewhere::start(&redis, port);
    assert_eq!(second.url, url);
    let now = sparks_at(&redis, &url);
    assert!(now.len() == 2 && now.iter().all(|spark| !ghosts.contains(spark)), "{now:?}");
    assert_eq!(redis.lines(&["SMEMBERS", &format!("metroplex:{url}:sparks")]), now);
}

/// Writes a server with so many sparks.
fn leave_behind(link: &RedisLink, address: &str, count: usize) {
    assert!(link.wait_connected(PATIENCE));
    let mut batch = Batch::new().cmd(&["SADD", "metroplex:servers", address]);
    for n in 0..count {
        let id = format!("ghost-{n}");
        batch.add(&["HSET", "metroplex:sparks", &id, address]);
        batch.add(&["SADD", &format!("metroplex:{address}:sparks"), &id]);
    }
    link.fetch(batch, PATIENCE).unwrap();
}

#[test]
fn ten_thousand_sparks_that_were_left_behind_are_taken_out() {
    let Some(redis) = Redis::start() else { return };
    let link = link(&redis.url());
    // Of another who is gone; one of them has come back elsewhere.
    leave_behind(&link, "http://127.0.0.1:1", 10_000);
    redis.cli(&["HSET", "metroplex:sparks", "ghost-7", "http://127.0.0.1:2"]);
    let server = Server::start(&redis, "a");
    assert_eq!(server.unregistered.recv_timeout(PATIENCE).unwrap(), "http://127.0.0.1:1");
    assert_eq!(redis.cli(&["HGETALL", "metroplex:sparks"]), "ghost-7\nhttp://127.0.0.1:2");
    assert!(keys_of(&redis, "http://127.0.0.1:1").is_empty());
    assert!(server.errors.is_empty());

    // Of this very address.
    let ours = "http://127.0.0.1:3";
    leave_behind(&link, ours, 10_000);
    let again = Server::begin(&redis.url(), "b", |plugin| plugin.address(ours));
    again.registers();
    assert!(sparks_at(&redis, ours).is_empty());
    assert_eq!(redis.cli(&["HLEN", "metroplex:sparks"]), "0");
    assert!(again.errors.is_empty());
}
