//! Clients that choose the rooms, and mean no good.

use std::thread;

use primus::plugins::rooms::{PrimusRooms, Rooms, SparkRooms};
use primus::{Primus, Spark, Value};

use super::sorted;
use crate::common::{Server, limited, wait_until};

/// A server whose clients join and leave what they say, as `["join", name]`, and get
/// whether they could.
fn obeying(builder: primus::Builder) -> Server {
    let server = Server::start(builder.plugin(Rooms::new()));
    server.primus.on_connection(|spark| {
        spark.on_data(|spark, message| spark.write(&obey(spark, message.value())).map(drop));
    });
    server
}

fn obey(spark: &Spark, asked: &Value) -> bool {
    let (Some(what), Some(name)) = (asked[0].as_str(), asked[1].as_str()) else { return false };
    match what {
        "join" => spark.join(name).unwrap_or(false),
        "leave" => spark.leave(name),
        _ => spark.primus().room(name).write("to a room").is_ok(),
    }
}

fn ask(what: &str, name: &str) -> String {
    serde_json::json!([what, name]).to_string()
}

#[test]
fn any_text_is_the_name_of_one_room() {
    let server = obeying(Primus::builder());
    let mut peer = server.open();
    let long = "a".repeat(64 << 10);
    let names = [
        "__proto__",
        "constructor",
        "hasOwnProperty",
        "toString",
        "joinroom",
        "data",
        "end",
        " ",
        "a b",
        "a,b",
        "\u{0}",
        "\u{2028}",
        "\u{1F600}",
        "(((",
        "[a-",
        "(a+)+$",
        "\\",
        "?",
        ".",
        "^",
        "$",
        "..%2f",
        "undefined",
        "null",
        "NaN",
        "0",
        "-1",
        "primus::ping::1",
    ];
    for name in names {
        peer.text(&ask("join", name));
        assert_eq!(peer.expect_text(), "true", "{name:?}");
        // Nobody else's.
        assert_eq!(server.primus.room(name).members().len(), 1);
    }
    let mut expected = names.map(str::to_owned);
    expected.sort_unstable();
    assert_eq!(sorted(server.primus.room_names()), expected);
    for name in ["", &*long, &*"*".repeat(64 << 10)] {
        for what in ["join", "leave", "write"] {
            peer.text(&ask(what, name));
            assert_eq!(peer.expect_text(), "false", "{what}");
        }
    }
    for name in names {
        peer.text(&ask("leave", name));
        assert_eq!(peer.expect_text(), "true", "{name:?}");
        peer.text(&ask("leave", name));
        assert_eq!(peer.expect_text(), "false", "{name:?}");
    }
    assert!(server.primus.room_names().is_empty());
}

/// What was a regular expression with catastrophic cost takes no time worth noting,
/// and what was none breaks nothing.
#[test]
fn patterns_cost_little_and_break_nothing() {
    let server = obeying(Primus::builder());
    let mut peer = server.open();
    let patterns = [
        "*a".repeat(64),
        "a*".repeat(128),
        "*".repeat(256),
        "bad(*".into(),
        "*[".into(),
        format!("{}*", "*a".repeat(120)),
    ];
    for pattern in &patterns {
        peer.text(&ask("join", pattern));
        assert_eq!(peer.expect_text(), "true");
    }
    let target = format!("{}b", "a".repeat(255));
    for _ in 0..1000 {
        assert_eq!(server.primus.room(&target).write("x").unwrap(), 1);
    }
    for _ in 0..1000 {
        assert_eq!(peer.expect_text(), r#""x""#);
    }
}

#[test]
fn a_million_rooms_are_as_many_as_a_connection_may_have() {
    let server = obeying(limited(|limits| limits.rooms = 100));
    let primus = &server.primus;
    thread::scope(|scope| {
        for client in 0..2 {
            let server = &server;
            scope.spawn(move || {
                let mut peer = server.open();
                for batch in 0..100 {
                    for n in 0..200 {
                        peer.text(&ask("join", &format!("{client}:{batch}:{n}")));
                    }
                    for n in 0..200 {
                        let expected = if batch == 0 && n < 100 { "true" } else { "false" };
                        assert_eq!(peer.expect_text(), expected);
                    }
                    assert!(server.primus.room_names().len() <= 201);
                }
                peer.close();
            });
        }
        // Nobody else is disturbed.
        let mut peer = server.open();
        peer.text(&ask("join", "mine"));
        assert_eq!(peer.expect_text(), "true");
        primus.room("mine").write("hello").unwrap();
        assert_eq!(peer.expect_text(), r#""hello""#);
        peer.close();
    });
    server.wait_empty();
    wait_until("all rooms are gone", || primus.room_names().is_empty());
}

#[test]
fn storms_of_joining_and_leaving_leave_nothing() {
    let server = obeying(Primus::builder());
    let primus = &server.primus;
    thread::scope(|scope| {
        for client in 0..4 {
            let server = &server;
            scope.spawn(move || {
                let mut peer = server.open();
                for n in 0..1000 {
                    peer.text(&ask("join", "common"));
                    peer.text(&ask("join", &format!("{client}*{n}")));
                    peer.text(&ask("leave", "common"));
                    peer.text(&ask("leave", &format!("{client}*{n}")));
                    for _ in 0..4 {
                        assert_eq!(peer.expect_text(), "true");
                    }
                }
            });
        }
        while primus.connected() == 0 {
            thread::yield_now();
        }
        while primus.connected() > 0 {
            // Nobody hears of it who has left; those who are there must not be cut.
            primus.room("nobody:1").write("x").unwrap();
            assert!(primus.room("common").members().len() <= 4);
        }
    });
    wait_until("all rooms are gone", || primus.room_names().is_empty());
}
