//! How sessions end, from both sides.

use std::time::Duration;

use crossbeam_channel::unbounded;
use primus::{Destroy, EndOptions, Ended, Primus};
use serde_json::{Value, json};

use crate::client::*;
use crate::common::*;

const GOODBYE: &str = "\"primus::server::close\"";

#[test]
fn the_server_ends_a_session() {
    let server = echo(Primus::builder());
    for reconnect in [false, true] {
        let mut client = Client::open(server.addr);
        let mut back = client.wait();
        client.say(&["1"]);
        assert_eq!(back.next(), json!([1, "1"]));
        server.spark().end_options(EndOptions::default().reconnect(reconnect));
        let expected = match reconnect {
            false => vec![json!([2, GOODBYE]), json!([3, ["stop"]])],
            true => vec![json!([2, ["stop"]])],
        };
        assert_eq!(back.rest(), expected);
        wait_for("sparks", 0, || server.primus.connected());
        // It may not have arrived: it is there for a while, as is what is sent.
        assert!(client.bring("count=1&ofs=1&req0__S=2").body.starts_with("8\n[0,"));
        client.aid = 1;
        for _ in 0..2 {
            assert_eq!(client.wait().rest(), expected);
        }
        client.aid = 2;
        if !reconnect {
            assert_eq!(client.wait_with("CI=1&TYPE=xmlhttp").rest(), expected[1..]);
            let page = client.wait_with("CI=1&TYPE=html").rest;
            assert!(
                page.starts_with("<html><body><script>try {parent.m(\"[[3,[\\\"stop"),
                "{page}"
            );
            assert!(page.ends_with("parent.d(); }catch (e){}</script>\n"), "{page}");
        }
        // It has all.
        client.aid = expected.last().unwrap()[0].as_u64().unwrap();
        let target = client.target(&format!("RID=rpc&TYPE=xmlhttp&AID={}", client.aid));
        let answer = ask(server.addr, get(&target, ""));
        assert_eq!((answer.status, &*answer.body), UNKNOWN);
        assert_eq!(client.terminate().status, 200);
        assert!(!client.is_known());
    }
}

/// Between two back channels.
#[test]
fn the_end_waits_for_a_back_channel() {
    let server = echo(Primus::builder());
    let client = Client::open(server.addr);
    let spark = server.spark();
    spark.write(&"last").unwrap();
    spark.end();
    let rest = client.wait().rest();
    assert_eq!(rest, [json!([1, "\"last\""]), json!([2, GOODBYE]), json!([3, ["stop"]])]);
}

#[test]
fn the_client_ends_a_session() {
    let server = echo(Primus::builder());
    let (saw, seen) = unbounded();
    server.primus.on_disconnection(move |spark| tell(&saw, spark.close_reason().unwrap().by));
    let mut client = Client::open(server.addr);
    let back = client.wait();
    let answer = client.terminate();
    assert_eq!((answer.status, &*answer.body), (200, ""));
    assert_eq!(seen.recv_timeout(PATIENCE), Ok(Ended::Remote));
    assert_eq!(back.rest(), [] as [Value; 0]);
    assert!(!client.is_known());
    assert_eq!(client.terminate().status, 400);
    // In its turn.
    let mut client = Client::open(server.addr);
    client.rid += 1;
    assert_eq!(client.terminate().status, 200);
    assert_eq!(server.primus.connected(), 1);
    client.rid -= 1;
    let answer = client.bring(maps(0, &["\"x\""]));
    assert_eq!((answer.status, answer.body), (403, told("Forbidden")));
    assert_eq!(seen.recv_timeout(PATIENCE), Ok(Ended::Remote));
    assert!(!client.is_known());
    // None that there is.
    let none = ask(server.addr, get("/bind?VER=8&TYPE=terminate", ""));
    assert_eq!((none.status, &*none.body), (200, ""));
    let unknown = ask(server.addr, get("/bind?VER=8&SID=none&RID=1&TYPE=terminate", ""));
    assert_eq!((unknown.status, &*unknown.body), UNKNOWN);
}

#[test]
fn a_client_may_open_another_session_in_the_place_of_one() {
    let server = echo(Primus::builder());
    let first = Client::open(server.addr);
    let back = first.wait();
    let target = format!("/bind?VER=8&RID=1&OSID={}&OAID=0", first.sid);
    assert_eq!(ask(server.addr, post(&target, "", "count=0")).status, 200);
    assert_eq!(back.rest(), [] as [Value; 0]);
    assert!(!first.is_known());
    wait_for("sparks", 1, || server.primus.connected());
    let target = "/bind?VER=8&RID=1&OSID=none&OAID=5";
    assert_eq!(ask(server.addr, post(target, "", "count=0")).status, 200);
    wait_for("sparks", 2, || server.primus.connected());
}

/// Every client is told, those without a back channel when they come for it.
#[test]
fn an_orderly_end_of_the_server() {
    for reconnect in [false, true] {
        let server = echo(Primus::builder());
        let [waits, comes] = [Client::open(server.addr), Client::open(server.addr)];
        let back = waits.wait();
        server.primus.write(&"last").unwrap();
        let options = Destroy::default().reconnect(reconnect).timeout(PATIENCE);
        let primus = server.primus.clone();
        let destroyed = std::thread::spawn(move || primus.destroy(options));
        let last = if reconnect { json!(["stop"]) } else { json!(GOODBYE) };
        let both = [json!([1, "\"last\""]), json!([2, last])];
        assert_eq!(back.rest()[..2], both);
        assert_eq!(comes.wait().rest()[..2], both);
        let destroyed = destroyed.join().unwrap();
        assert_eq!((destroyed.sparks, destroyed.cut, destroyed.stuck), (2, 0, 0));
    }
}

#[test]
fn a_client_that_answers_no_heartbeat_is_cut() {
    let server = echo(Primus::builder().ping_interval(Some(Duration::from_millis(100))));
    let client = Client::open(server.addr);
    let mut back = client.wait();
    assert!(message(&back.next()).starts_with("\"primus::ping::"));
    wait_for("sparks", 0, || server.primus.connected());
    while back.more() {}
}
