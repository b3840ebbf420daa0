//! Each message once, to whom it is for, in the order of its server.

use std::thread;

use primus::Value;
use primus::value::Date;

use super::*;

const THREADS: usize = 8;
const EACH: usize = 120;

#[test]
fn what_many_threads_write_comes_once_and_in_one_order() {
    let Some(redis) = Redis::start() else { return };
    let servers = [Member::start(&redis), Member::start(&redis), Member::start(&redis)];
    let mut peers: Vec<_> = servers
        .iter()
        .enumerate()
        .map(|(at, server)| server.come(&format!("in-{at}"), &["a", "b"]).0)
        .collect();
    thread::scope(|scope| {
        for by in 0..THREADS {
            let primus = servers[0].primus();
            scope.spawn(move || {
                for n in 0..EACH {
                    match n % 3 {
                        0 => primus.write(&(by, n)).map(|()| 1),
                        1 => primus.room("a").write(&(by, n)),
                        // In both, and once.
                        _ => primus.room(["a", "b"]).write(&(by, n)),
                    }
                    .unwrap();
                }
            });
        }
    });
    let own = texts(&mut peers[0], THREADS * EACH);
    for peer in &mut peers[1..] {
        assert_eq!(texts(peer, THREADS * EACH), own);
    }
    for server in &servers[1..] {
        let status = server.cluster.status();
        assert_eq!((status.doubles, status.missed, status.garbage), (0, 0, 0), "{status}");
        assert_eq!((status.undelivered, status.published), (0, 0));
    }
    assert_eq!(servers[0].cluster.status().published, (THREADS * EACH) as u64);
}

#[test]
fn rooms_are_for_their_members_but_for_those_left_out() {
    let Some(redis) = Redis::start() else { return };
    let (one, two) = (Member::start(&redis), Member::start(&redis));
    let (mut a, _) = one.come("a", &["news"]);
    let (mut b, _) = two.come("b", &["news", "sport"]);
    let (mut c, _) = two.come("c", &["sport"]);
    let (mut d, _) = two.come("d", &[]);
    let (mut wild, _) = two.come("wild", &["n*"]);
    let primus = one.primus();
    assert_eq!(primus.room(["news", "sport"]).write("both").unwrap(), 1);
    primus.room(["news", "sport"]).except(["b", "a"]).write("not a, not b").unwrap();
    primus.room("news").write("news").unwrap();
    primus.any_room().write("any").unwrap();
    primus.write_here("only one").unwrap();
    primus.write("all").unwrap();
    let quoted =
        |texts: &[&str]| -> Vec<String> { texts.iter().map(|text| format!("{text:?}")).collect() };
    assert_eq!(texts(&mut a, 5), quoted(&["both", "news", "any", "only one", "all"]));
    assert_eq!(texts(&mut b, 4), quoted(&["both", "news", "any", "all"]));
    assert_eq!(texts(&mut c, 4), quoted(&["both", "not a, not b", "any", "all"]));
    assert_eq!(texts(&mut d, 1), quoted(&["all"]));
    let heard = ["both", "not a, not b", "news", "any", "all"];
    assert_eq!(texts(&mut wild, 5), quoted(&heard));
}

#[test]
fn values_are_elsewhere_what_they_are_here() {
    let Some(redis) = Redis::start() else { return };
    let (one, two) = (Member::start(&redis), Member::start(&redis));
    let (mut here, _) = one.come("here", &[]);
    let (mut there, _) = two.come("there", &[]);
    let values = [
        Value::Binary(vec![0, 255, 7]),
        Value::Date(Date::from_ms(1_700_000_000_123.0)),
        Value::from([("a", Value::Undefined), ("$b", f64::NAN.into()), ("c", u64::MAX.into())]),
        Value::Array(vec![Value::Undefined, (-0.0).into(), "\u{2028}\0".into()]),
        Value::from([("$", Value::from([("$b", Value::from("AA=="))]))]),
    ];
    for value in &values {
        one.primus().write(value).unwrap();
    }
    assert_eq!(texts(&mut here, values.len()), texts(&mut there, values.len()));
}

#[test]
fn a_message_that_is_too_large_for_the_others_is_an_error() {
    let Some(redis) = Redis::start() else { return };
    let one = Member::with(&redis, |cluster| cluster.message(10_000));
    let two = Member::start(&redis);
    let (mut here, _) = one.come("here", &["r"]);
    let (mut there, _) = two.come("there", &["r"]);
    let large = "x".repeat(10_000);
    let error = one.primus().write(&large).unwrap_err().to_string();
    assert!(error.contains("Cluster::message"), "{error}");
    assert!(one.primus().room("r").write(&large).is_err());
    // Of another server it is not accepted.
    two.primus().write(&large).unwrap();
    one.primus().write("next").unwrap();
    assert_eq!(texts(&mut here, 3)[2], r#""next""#);
    assert_eq!(texts(&mut there, 2)[1], r#""next""#);
    wait_for("refused", 1, || one.cluster.status().garbage);
    assert_eq!(one.cluster.status().refused, 2);
}
