//! What an application asks for first.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;
use primus::testing::{Link, pair};
use primus::{
    Client, Destroy, EndOptions, Error, ManualClock, MetricsSnapshot, Parser, Primus, Value,
};

use crate::common::*;

#[test]
fn parameters_headers_and_basic_auth_are_at_hand() {
    let server = Server::start(Primus::builder());
    server.primus.on_connection(|spark| {
        let asked = ["room", "empty", "plus", "absent"].map(|name| {
            spark.query_param(name).map_or(Value::Null, |value| Value::from(value.into_owned()))
        });
        spark.write(&asked)?;
        spark.write(&(spark.header("X-Tag"), spark.header("absent"), spark.request().basic_auth()))
    });
    for (header, expected) in [
        ("Basic YW5uOnNlY3JldA==", r#"["ann","secret"]"#),
        ("bAsIc   YW5uOnNlY3JldA==", r#"["ann","secret"]"#),
        ("Basic YW5uOg==", r#"["ann",""]"#),
        ("Basic OmE6Yjpj", r#"["","a:b:c"]"#),
        // UTF-8, as RFC 7617 has it, and Latin-1, as it was before.
        ("Basic w6k6w6k=", r#"["é","é"]"#),
        ("Basic 6Trp", r#"["é","é"]"#),
        ("Basic YW5u", "null"),
        ("Basic YW5uOgo=", "null"),
        ("Basic *", "null"),
        ("Basic", "null"),
        ("Bearer YW5uOnNlY3JldA==", "null"),
    ] {
        let headers = format!("x-tag: 7\r\nAuthorization: {header}\r\n");
        let target = "/primus?room=a%20b&room=c&empty&plus=1+2";
        let mut peer = Peer::open_with(server.addr, target, &headers);
        assert_eq!(peer.expect_text(), r#"["a b","","1 2",null]"#);
        assert_eq!(peer.expect_text(), format!(r#"["7",null,{expected}]"#), "{header}");
        peer.close();
    }
}

#[test]
fn metrics_are_a_message_like_any_other() {
    for name in ["json", "ejson", "binary", "msgpack"] {
        let server = Server::start(Primus::builder().parser_name(name));
        let url = format!("http://{}", server.addr);
        let client = Client::builder(&url).parser_name(name).connect().unwrap();
        let metrics: MetricsSnapshot = server.primus.metrics();
        server.primus.write(&metrics).unwrap();
        let got = client.recv_timeout(PATIENCE).unwrap();
        let fields: HashMap<String, Value> = got.parse().unwrap();
        assert_eq!(fields["connections"]["websockets"]["now"], Value::from(1), "{name}");
        assert_eq!(fields["messages_in"], Value::from(0), "{name}");
        // Every number of the text form is there.
        for line in metrics.to_string().lines().filter(|line| line.starts_with("# TYPE ")) {
            let family = line.split(' ').nth(2).unwrap().trim_start_matches("primus_");
            assert!(fields.contains_key(family.trim_end_matches("_total")), "{family}: {name}");
        }
        client.end();
    }
}

#[test]
fn some_are_written_to_in_one_order_with_all() {
    for transform in [false, true] {
        let server = Server::start(Primus::builder());
        if transform {
            server.primus.transform_outgoing(|_, value| Ok(Some(value)));
        }
        let mut peers: Vec<_> =
            (0..4).map(|n| Peer::open_with(server.addr, &format!("/primus?n={n}"), "")).collect();
        wait_for("sparks", 4, || server.primus.connected());
        let even = |spark: &primus::Spark| {
            // Everything may be called here: no lock is held.
            assert_eq!(spark.primus().connected(), 4);
            spark.query_param("n").is_some_and(|n| n == "0" || n == "2")
        };
        for n in 0..50 {
            server.primus.write(&n).unwrap();
            assert_eq!(server.primus.write_to(&(n + 100), even).unwrap(), 2);
        }
        for (at, peer) in peers.iter_mut().enumerate() {
            for n in 0..50 {
                assert_eq!(peer.expect_text(), n.to_string());
                if at % 2 == 0 {
                    assert_eq!(peer.expect_text(), (n + 100).to_string());
                }
            }
        }
        assert_eq!(server.primus.write_to("nobody", |_| false).unwrap(), 0);
        // Direct writes come behind it.
        server.primus.write_to("before", |_| true).unwrap();
        server.primus.for_each(|spark| drop(spark.write("behind")));
        for peer in &mut peers {
            assert_eq!(peer.expect_text(), "\"before\"");
            assert_eq!(peer.expect_text(), "\"behind\"");
        }
        server.primus.destroy(Destroy::default());
        assert!(matches!(server.primus.write_to("x", |_| true), Err(Error::Closed)));
    }
}

#[test]
fn the_list_of_those_who_are_written_to_counts_against_the_bound() {
    let server = Server::start(limited(|limits| limits.broadcast_queue = 0));
    let _peer = server.open();
    // One is always taken; the broadcaster may have sent it before the next.
    let refused = (0..100_000).any(|_| server.primus.write_to("x", |_| true).is_err());
    assert!(refused);
}

#[test]
fn the_parser_can_be_asked_for() {
    let primus = Primus::builder().parser(Parser::EJSON).build().unwrap();
    assert_eq!(primus.parser().name(), "ejson");
    primus.destroy(Destroy::default());
}

#[test]
#[allow(clippy::mutable_key_type)]
fn a_spark_is_a_key() {
    let server = Server::echo(Primus::builder());
    let _peer = server.open();
    let spark = server.spark();
    let mut known = HashSet::from([spark.clone()]);
    assert!(!known.insert(server.spark()));
    let _second = server.open();
    server.primus.for_each(|spark| {
        known.insert(spark.clone());
    });
    assert_eq!(known.len(), 2);
}

#[test]
fn listeners_keep_state_with_the_spark() {
    #[derive(Default)]
    struct Seen(Mutex<Vec<u32>>);
    struct User(&'static str);
    let server = Server::start(Primus::builder());
    server.primus.authorize(|exchange| {
        exchange.extensions_mut().insert(User("ann"));
        Ok(())
    });
    server.primus.on_connection(|spark| {
        assert!(spark.extensions().set(User("bob")).is_err());
        spark.on_data(|spark, message| -> primus::Result<()> {
            let seen = spark.extensions().get_or_init(Seen::default);
            seen.0.lock().unwrap().push(message.parse()?);
            spark
                .write(&(spark.extension::<User>().map(|user| user.0), &*seen.0.lock().unwrap()))?;
            Ok(())
        });
    });
    for _ in 0..2 {
        let mut peer = server.open();
        peer.text("1");
        assert_eq!(peer.expect_text(), r#"["ann",[1]]"#);
        peer.text("2");
        assert_eq!(peer.expect_text(), r#"["ann",[1,2]]"#);
        peer.close();
    }
}

#[test]
fn who_waits_for_the_server_returns_when_it_is_destroyed_and_not_before() {
    let server = Server::echo(Primus::builder());
    let (done, waited) = unbounded();
    let closed = std::sync::Arc::new(AtomicBool::new(false));
    let at_close = closed.clone();
    server.primus.on_close(move |_| at_close.store(true, SeqCst));
    for _ in 0..3 {
        let (primus, done, closed) = (server.primus.clone(), done.clone(), closed.clone());
        thread::spawn(move || {
            primus.wait();
            done.send(closed.load(SeqCst)).unwrap();
        });
    }
    let _ = server.primus.destroy(Destroy::default().close(false));
    server.still_refuses();
    assert!(waited.is_empty());
    server.primus.destroy(Destroy::default());
    (0..3).for_each(|_| assert!(waited.recv_timeout(PATIENCE).unwrap()));
    server.primus.wait();
}

impl Server {
    /// It listens, and lets nobody in any more.
    fn still_refuses(&self) {
        assert_eq!(self.connect().ask("GET /primus HTTP/1.1\r\nHost: x\r\n\r\n").status, 503);
    }
}

#[test]
fn options_are_set_by_their_names() {
    assert!(EndOptions::default().reconnect(true).reconnect);
    assert!(!EndOptions::default().reconnect);
}

#[test]
fn options_that_let_nothing_in_are_refused() {
    let error = Primus::builder().max_length(0).build().unwrap_err();
    assert!(matches!(&error, Error::Option(text) if text.contains("max_length")), "{error}");
    let server = Server::echo(Primus::builder().max_length(1));
    let mut peer = server.open();
    peer.text("1");
    assert_eq!(peer.expect_text(), "1");
}

/// 300 KiB of variables, all of which are used.
#[inline(never)]
fn deep(seed: u8) -> usize {
    let mut block = [seed; 300 << 10];
    std::hint::black_box(&mut block);
    block.iter().map(|byte| usize::from(*byte)).sum()
}

#[test]
fn listeners_have_room_for_large_variables() {
    for transformer in ["websockets", "engine.io"] {
        let server = Server::start(Primus::builder().transformer(transformer));
        server.primus.on_connection(|spark| {
            spark.write(&deep(1))?;
            spark.on_data(|spark, _| spark.write(&deep(2)));
            spark.on_end(|_, _| assert!(deep(3) > 0));
            Ok::<(), Error>(())
        });
        let client = pair(&server.primus, |client| client).unwrap();
        client.client().write("go").unwrap();
        for seed in 1..=2 {
            let sum: usize = client.client().recv_timeout(PATIENCE).unwrap().parse().unwrap();
            assert_eq!(sum, seed * (300 << 10));
        }
    }
}

#[test]
fn the_kit_tells_at_once_why_it_was_refused() {
    for transformer in ["websockets", "engine.io"] {
        for status in [400, 401, 403, 404, 429, 500, 503] {
            for clock in [None, Some(ManualClock::new())] {
                let builder = Primus::builder().transformer(transformer);
                let builder = match &clock {
                    Some(clock) => builder.clock(clock),
                    None => builder,
                };
                let primus = builder.origins(["*"]).build().unwrap();
                primus.authorize(move |_| Err(primus::middleware::HttpError::new(status, "no")));
                let begun = Instant::now();
                let error = pair(&primus, |client| client).unwrap_err();
                assert!(
                    matches!(&error, Error::Refused { status: told, .. } if *told == status),
                    "{transformer} {status}: {error}"
                );
                assert!(begun.elapsed() < Duration::from_secs(10));
                primus.destroy(Destroy::default());
            }
        }
    }
    let primus = Primus::builder().build().unwrap();
    let error = pair(&primus, |client| client.pathname("/elsewhere")).unwrap_err();
    assert!(matches!(error, Error::Refused { status: 404, .. }), "{error}");
    primus.destroy(Destroy::default());
    let error = pair(&primus, |client| client).unwrap_err();
    assert!(matches!(error, Error::Io(_)), "{error}");
    assert!(Link::new(&primus).connect().is_err());
}
