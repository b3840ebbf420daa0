//! Where Redis may be, and who may come in.

use std::net::TcpListener;

use primus::{Error, RedisLink};

use super::*;
use crate::common::*;
use crate::server::{Redis, free_port};

#[test]
fn a_url_that_cannot_be_used_is_refused_at_once() {
    for url in ["localhost", "http://localhost", "redis-sentinel://localhost", "redis://a,b"] {
        assert!(matches!(RedisLink::open(url), Err(Error::Option(_))), "{url}");
    }
    let long = format!("unix:///{}", "x".repeat(200));
    assert!(matches!(RedisLink::open(&long), Err(Error::Option(_))));
    let bad = RedisLink::builder("redis://127.0.0.1").name("two words").open();
    assert!(matches!(bad, Err(Error::Option(_))));
}

#[test]
fn nobody_there_is_told_and_tried_again() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    drop(taken);
    let link = quick(&format!("redis://127.0.0.1:{port}")).open().unwrap();
    let complaints = Complaints::of(&link);
    let error = complaints.expect("refused");
    assert!(
        error.starts_with(&format!("Redis at 127.0.0.1:{port}: Connection refused")),
        "{error}"
    );
    complaints.expect("refused");
    assert!(!link.is_connected());
    assert!(matches!(one(&link, &["PING"]), Err(Error::Unavailable(_))));
    link.close(PATIENCE);
}

#[test]
fn a_unix_socket_does_as_well() {
    let Some(redis) = Redis::start() else { return };
    let link = connected(&format!("redis+unix://{}?db=3", redis.socket().display()));
    one(&link, &["SET", "k", "v"]).unwrap();
    assert_eq!(redis.cli(&["-n", "3", "GET", "k"]), "v");
    let ear = Ear::new(&link, "a");
    link.publish("a", b"x".to_vec()).unwrap();
    ear.expect("a: x");
}

#[test]
fn a_database_is_chosen() {
    let Some(redis) = Redis::start() else { return };
    let link = connected(&format!("{}/5", redis.url()));
    one(&link, &["SET", "k", "v"]).unwrap();
    assert_eq!(redis.cli(&["-n", "5", "GET", "k"]), "v");
    let link = quick(&format!("{}/500", redis.url())).open().unwrap();
    Complaints::of(&link).expect("does not have the database");
}

#[test]
fn a_wrong_password_is_told_until_it_is_right() {
    let Some(redis) = Redis::with(&["--requirepass", "right"]) else { return };
    let none = quick(&format!("redis://127.0.0.1:{}", redis.port())).open().unwrap();
    Complaints::of(&none).expect("Redis wants one");
    let link = quick(&redis.url_as(":other")).open().unwrap();
    let complaints = Complaints::of(&link);
    let error = complaints.expect("does not take the password: WRONGPASS");
    assert!(!error.contains("other"), "{error}");
    assert!(!link.is_connected());
    redis.cli(&["CONFIG", "SET", "requirepass", "other"]);
    assert!(link.wait_connected(PATIENCE));
    assert_eq!(one(&link, &["ECHO", "x"]).unwrap(), text("x"));
}

#[test]
fn a_password_that_changes_shuts_out_who_comes_again() {
    let Some(redis) = Redis::with(&["--requirepass", "first"]) else { return };
    let link = connected(&redis.url());
    let complaints = Complaints::of(&link);
    redis.cli(&["CONFIG", "SET", "requirepass", "second"]);
    // Who is in stays in.
    assert_eq!(one(&link, &["ECHO", "x"]).unwrap(), text("x"));
    one(&link, &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"]).ok();
    complaints.expect("does not take the password");
    assert!(!link.is_connected());
    let admin = connected(&redis.url_as(":second"));
    one(&admin, &["CONFIG", "SET", "requirepass", "first"]).unwrap();
    assert!(link.wait_connected(PATIENCE));
}

#[test]
fn a_user_needs_only_the_rights_that_are_used() {
    let Some(redis) = Redis::start() else { return };
    let user = ["ACL", "SETUSER", "ann", "on", ">secret", "~app:*", "&app:*", "+@read", "+@write"];
    redis.cli(&[&user[..], &["+publish", "+subscribe", "+unsubscribe", "+ping"]].concat());
    let link = connected(&redis.url_as("ann:secret"));
    let ear = Ear::new(&link, "app:a");
    link.publish("app:a", b"x".to_vec()).unwrap();
    ear.expect("app:a: x");
    let complaints = Complaints::of(&link);
    link.publish("other", b"x".to_vec()).unwrap();
    complaints.expect("NOPERM");
    // A channel that it may not hear is named, and takes none of the others along.
    let bad = link.subscribe("other", |_| ());
    complaints.expect("subscriptions: \"other\": Redis: NOPERM");
    assert!(link.is_connected() && bad.is_refused() && ear.subscription.stands());
    let pattern = link.psubscribe("*", |_| ());
    complaints.expect("subscriptions: \"other\", pattern \"*\": Redis: NOPERM");
    link.publish("app:a", b"y".to_vec()).unwrap();
    ear.expect("app:a: y");
    let late = Ear::new(&link, "app:b");
    assert_eq!(link.metrics().subscriptions_refused, 2);
    drop(bad);
    link.publish("app:b", b"z".to_vec()).unwrap();
    late.expect("app:b: z");
    assert!(link.is_connected());
    drop(pattern);
    wait_for("refused", 0, || link.metrics().subscriptions_refused);
}

#[test]
fn replicas_and_clusters_are_refused() {
    let Some(replica) = Redis::with(&["--replicaof", "127.0.0.1 1"]) else { return };
    let link = quick(&replica.url()).open().unwrap();
    Complaints::of(&link).expect("this is a replica");
    let cluster = Redis::with(&["--cluster-enabled", "yes"]).unwrap();
    let link = quick(&cluster.url()).open().unwrap();
    Complaints::of(&link).expect("a node of a cluster, which is not supported");
}

#[test]
fn tls_keeps_strangers_out() {
    let port = free_port();
    let folder = format!("{}/tests/tls/certificates", env!("CARGO_MANIFEST_DIR"));
    let file = |name: &str| format!("{folder}/{name}");
    let (number, cert, key, ca) =
        (port.to_string(), file("server.pem"), file("server.key"), file("ca.pem"));
    let options = ["--tls-port", &number, "--tls-auth-clients", "no"];
    let files = ["--tls-cert-file", &cert, "--tls-key-file", &key, "--tls-ca-cert-file", &ca];
    let Some(_redis) = Redis::with(&[&options[..], &files[..]].concat()) else { return };
    let url = format!("rediss://localhost:{port}");
    let stranger = quick(&url).open().unwrap();
    Complaints::of(&stranger).expect("certificate");
    let link = quick(&url).tls(primus::ClientTls::new().roots_file(&ca)).open().unwrap();
    let complaints = Complaints::of(&link);
    assert!(link.wait_connected(PATIENCE), "{:?}", complaints.0.try_iter().collect::<Vec<_>>());
    let large = "x".repeat(3_000_000);
    one(&link, &["SET", "k", &large]).unwrap();
    assert_eq!(one(&link, &["GET", "k"]).unwrap(), text(&large));
    let ear = Ear::new(&link, "a");
    link.publish("a", b"x".to_vec()).unwrap();
    ear.expect("a: x");
}
