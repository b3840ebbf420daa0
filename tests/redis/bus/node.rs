//! Servers that are registered and hear nothing on the bus, as those of Node.js with
//! metroplex and omega-supreme.

use primus::plugins::PrimusCluster;

use super::*;

fn by_id(builder: primus::Builder) -> primus::Builder {
    builder
        .id_generator(|request| request.url().split_once("?id=").unwrap_or_default().1.to_owned())
        .plugin(Omega::new("omega", "a secret"))
}

/// One of them, with a connection of the id `far`: as it stands in Redis.
fn node(redis: &Redis) -> (Server, Peer) {
    let server = Server::start(by_id(Primus::builder()));
    let address = format!("http://{}", server.addr);
    redis.cli(&["SADD", "metroplex:servers", &address]);
    redis.cli(&["SET", &format!("metroplex:{address}"), "1"]);
    redis.cli(&["HSET", "metroplex:sparks", "far", &address]);
    let peer = Peer::open_with(server.addr, "/primus?id=far", "");
    (server, peer)
}

/// A server that could be forwarded to, and is one of ours, though it hears nothing.
fn deaf(redis: &Redis) -> (Server, RedisLink) {
    let link = link(&redis.url());
    let metroplex = Metroplex::new(&link).interval(INTERVAL).latency(LATENCY);
    (Server::start(by_id(Primus::builder()).plugin(metroplex)), link)
}

/// A server that can forward.
fn forwards(redis: &Redis, node_servers: bool) -> (Server, Cluster) {
    let link = link(&redis.url());
    let cluster = Cluster::new().node_servers(node_servers);
    let builder = Primus::builder()
        .plugin(Omega::new("omega", "a secret"))
        .plugin(Metroplex::new(&link).interval(INTERVAL).latency(LATENCY))
        .plugin(cluster.clone());
    let server = Server::start(builder);
    wait_until("it joins", || cluster.is_joined());
    (server, cluster)
}

#[test]
fn they_are_reached_by_omega() {
    let Some(redis) = Redis::start() else { return };
    let (_there, mut peer) = node(&redis);
    let other = Member::start(&redis);
    let (here, cluster) = forwards(&redis, true);
    let (mut heard, _) = other.come("near", &[]);
    let primus = &here.primus;
    assert!(primus.write_spark("far", "one").unwrap());
    assert_eq!(peer.expect_text(), r#""one""#);
    // Once it is known who hears nothing, each message goes there once, and to nobody else
    // by this way.
    wait_until("it is found", || {
        primus.write("try").unwrap();
        cluster.status().forwarded > 0
    });
    primus.write("last").unwrap();
    for peer in [&mut peer, &mut heard] {
        let mut texts = Vec::new();
        while texts.last().is_none_or(|text| text != r#""last""#) {
            texts.push(peer.expect_text());
        }
    }
    wait_for("all are forwarded", 0, || cluster.status().unforwarded);
    assert!(
        peer.is_silent(Duration::from_millis(100)) && heard.is_silent(Duration::from_millis(1))
    );
    // Nobody there can be ended so.
    let ended = primus.end_spark("far", primus::EndOptions::default());
    assert!(matches!(ended, Err(primus::Error::Unavailable(_))), "{ended:?}");
    // Without omega it is an error that says so.
    let error = other.primus().write_spark("far", "x").unwrap_err().to_string();
    assert!(error.contains("omega"), "{error}");
    // And where its credentials are not to go to whoever stands in Redis.
    let (careful, _cluster) = forwards(&redis, false);
    let error = careful.primus.write_spark("far", "x").unwrap_err().to_string();
    assert!(error.contains("node_servers"), "{error}");
    assert!(peer.is_silent(Duration::from_millis(100)));
}

#[test]
fn one_of_ours_that_hears_nothing_is_none_of_them() {
    let Some(redis) = Redis::start() else { return };
    let (ours, _link) = deaf(&redis);
    let mut silent = Peer::open_with(ours.addr, "/primus?id=near", "");
    let (_there, mut peer) = node(&redis);
    let (here, cluster) = forwards(&redis, true);
    let alive = format!("metroplex:http://{}", ours.addr);
    wait_for("it is registered", "1".to_owned(), || redis.cli(&["EXISTS", &alive]));
    here.primus.on_log(|_, line| println!("{line}"));
    // It has looked with both of them in the registry, at the latest when it has looked twice.
    for n in 0..200 {
        here.primus.write(&format!("message {n}")).unwrap();
        crate::common::pause(Duration::from_millis(10));
    }
    wait_until("it is forwarded", || cluster.status().forwarded > 50);
    assert!(!peer.expect_text().is_empty());
    assert!(silent.is_silent(Duration::from_millis(100)));
    assert_eq!(cluster.status().unforwarded, 0);
}
