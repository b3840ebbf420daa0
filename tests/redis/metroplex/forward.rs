//! Forwarding to whoever the registry knows.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use super::*;
use primus::plugins::PrimusMetroplex;
use primus::{Destroy, Error};

/// The calls of the recording, with its clients.
#[test]
fn messages_reach_all_one_and_some_wherever_they_are() {
    let Some(redis) = Redis::start() else { return };
    let (first, second) = (Server::start(&redis, "a"), Server::start(&redis, "b"));
    let (ab, c) = (first.clients(2), second.client());
    first.has(&redis, &["a-1", "a-2"]);
    second.has(&redis, &["b-1"]);
    let got = |client: &Client, expected: &str| {
        let message = client.recv_timeout(PATIENCE).unwrap();
        assert_eq!(message.as_str(), Some(expected));
    };

    let done = first.primus.forward_all("hello all").unwrap();
    assert_eq!((done.local, done.remote, done.is_complete()), (2, 1, true));
    [&ab[0], &ab[1], &c].into_iter().for_each(|client| got(client, "hello all"));

    let done = first.primus.forward_spark("b-1", "remote").unwrap();
    assert_eq!((done.local, done.remote), (0, 1));
    got(&c, "remote");
    let done = first.primus.forward_spark("a-1", "local").unwrap();
    assert_eq!((done.local, done.remote), (1, 0));
    got(&ab[0], "local");
    let done = first.primus.forward_spark("zz", "nobody").unwrap();
    assert_eq!((done.total(), done.is_complete()), (0, true));

    let done = first.primus.forward_sparks(["a-1", "b-1", "zz"], "many").unwrap();
    assert_eq!((done.local, done.remote), (1, 1));
    got(&ab[0], "many");
    got(&c, "many");
    assert_eq!(first.primus.forward_sparks([""; 0], "x").unwrap().total(), 0);

    // Of a server that is gone without a word, its own result tells.
    redis.cli(&["SADD", "metroplex:servers", "http://127.0.0.1:1"]);
    redis.cli(&["PSETEX", "metroplex:http://127.0.0.1:1", "60000", "1"]);
    let done = first.primus.forward_all("still").unwrap();
    assert_eq!((done.local, done.remote, done.failed.len()), (2, 1, 1));
    assert_eq!(done.failed[0].0, "http://127.0.0.1:1");
    [&ab[0], &ab[1], &c].into_iter().for_each(|client| got(client, "still"));
    first.end(&redis);
    second.end(&redis);
}

/// Whoever can write to Redis could have the credentials sent there.
#[test]
fn what_stands_in_redis_and_is_no_url_is_sent_nothing() {
    let Some(redis) = Redis::start() else { return };
    let server = Server::start(&redis, "a");
    let _client = server.client();
    server.has(&redis, &["a-1"]);
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let path = std::env::temp_dir().join(format!("primus-odd-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let socket = UnixListener::bind(&path).unwrap();
    port.set_nonblocking(true).unwrap();
    socket.set_nonblocking(true).unwrap();
    let at = port.local_addr().unwrap();
    let odd = [
        format!("unix:{}", path.display()),
        format!("ws://{at}"),
        at.to_string(),
        format!("http://127.0.0.1@{at}"),
    ];
    for (n, address) in odd.iter().enumerate() {
        redis.cli(&["SADD", "metroplex:servers", address]);
        redis.cli(&["PSETEX", &format!("metroplex:{address}"), "60000", "1"]);
        redis.cli(&["HSET", "metroplex:sparks", &format!("odd-{n}"), address]);
    }
    let ids: Vec<_> = (0..odd.len()).map(|n| format!("odd-{n}")).chain(["a-1".into()]).collect();
    for done in [server.primus.forward_all("x"), server.primus.forward_sparks(&ids, "x")] {
        let mut done = done.unwrap();
        assert_eq!((done.local, done.remote), (1, 0));
        done.failed.sort_by_key(|(server, _)| odd.iter().position(|address| address == server));
        for ((server, error), address) in done.failed.iter().zip(&odd) {
            assert_eq!(server, address);
            assert!(error.to_string().contains("no URL of `http`"), "{error}");
        }
        assert_eq!(done.failed.len(), odd.len());
    }
    assert!(port.accept().is_err() && socket.accept().is_err(), "nobody was asked");
    assert_eq!(server.metroplex.servers().unwrap(), [&*server.url]);
    assert_eq!(server.metroplex.spark("odd-0").unwrap(), None);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn without_redis_a_spark_of_this_server_is_still_reached() {
    let Some(mut redis) = Redis::start() else { return };
    let server = Server::start(&redis, "a");
    let client = server.client();
    redis.stop();
    wait_link(&server.link, LinkState::Down);
    assert_eq!(server.primus.forward_spark("a-1", "here").unwrap().local, 1);
    assert_eq!(client.recv_timeout(PATIENCE).unwrap().as_str(), Some("here"));
    for failed in [
        server.primus.forward_all("x"),
        server.primus.forward_spark("b-1", "x"),
        server.primus.forward_sparks(["a-1", "b-1"], "x"),
    ] {
        assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
    }
    server.primus.write("next").unwrap();
    assert_eq!(client.recv_timeout(PATIENCE).unwrap().as_str(), Some("next"));
}

#[test]
fn without_either_plugin_nothing_is_forwarded() {
    let link = RedisLink::open("redis://127.0.0.1:1").unwrap();
    let with_omega = Primus::builder().plugin(Omega::new("a", "b")).build().unwrap();
    let with_metroplex = Primus::builder().plugin(Metroplex::new(&link)).build().unwrap();
    let error = with_omega.forward_all("x").unwrap_err();
    assert!(error.to_string().contains("`metroplex` is not registered"), "{error}");
    let error = with_metroplex.forward_sparks([""; 0], "x").unwrap_err();
    assert!(error.to_string().contains("`omega` is not registered"), "{error}");
    with_omega.destroy(Destroy::default());
    with_metroplex.destroy(Destroy::default());
}
