//! The plugins inside of streams and channels, and rooms in channels.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use primus::plugins::multiplex::{ChannelSpark, Multiplex, OpenChannel, PrimusChannels};
use primus::plugins::responder::Request;
use primus::plugins::rooms::{PrimusRooms, Rooms, SparkRooms};
use primus::plugins::substream::{OpenSubstream, Substreams};
use primus::plugins::{
    Args, Emit, EmitExt, EmitServerExt, Emitter, EmitterExt, EmitterServerExt, EventExt, Responder,
    ResponderExt,
};
use primus::testing::Pair;
use primus::{Builder, Channel, Client, Error, Limits, Primus, Result, Value};

use crate::common::{PATIENCE, Peer, Server, wait_for};

fn server(builder: Builder) -> Server {
    let builder = builder.plugin(Rooms::new()).plugin(Emit).plugin(Emitter).plugin(Responder);
    Server::start(builder.plugin(Substreams::new()).plugin(Multiplex::new()))
}

fn pair(server: &Server) -> (Client, Pair) {
    let setup = |client: primus::ClientBuilder| {
        let client = client.plugin(Emit).plugin(Emitter).plugin(Responder);
        client.plugin(Substreams::new()).plugin(Multiplex::new())
    };
    let pair = primus::testing::pair(&server.primus, setup).unwrap();
    (pair.client().clone(), pair)
}

/// What one end says to the other by each plugin, which answers.
fn talk<A: Channel, B: Channel>(near: &A, far: &B) {
    let (tell, told) = channel();
    let next = || told.recv_timeout(PATIENCE).unwrap();
    let back = tell.clone();
    near.on_event("back", move |_: &A, event| back.send(event.args().clone()));
    far.on_event("there", |far: &B, event| far.emit("back", event.args()));
    far.on_event("sent", |far: &B, event| far.send("back", event.args()));
    far.on_event("add", |_: &B, event| {
        let (a, b): (i64, i64) = event.parse()?;
        event.ack(a + b)
    });
    far.on_request(|_: &B, request: &Request<'_>| request.respond(&("got", request.data())));
    for (at, value) in [Value::Null, "text".into(), [Value::from(1)].into()].into_iter().enumerate()
    {
        near.emit("there", (&value, at)).unwrap();
        assert_eq!(next(), Args::from(vec![value.clone(), (at as i64).into()]));
        near.send("sent", (&value,)).unwrap();
        assert_eq!(next(), Args::from(vec![value.clone()]));
        let got = near.write_and_wait(&value, PATIENCE).unwrap();
        assert_eq!(got, Value::from_iter([Value::from("got"), value]));
    }
    let sum = near.send_ack("add", (2, 3), PATIENCE).unwrap();
    assert_eq!(sum.parse::<i64>().unwrap(), 5);
    let late = near.send_ack("nobody", (), Duration::from_millis(5));
    assert!(matches!(late, Err(Error::Timeout(_))), "{late:?}");
    // Nothing of it is an event outside, or of another stream.
    assert!(told.try_recv().is_err());
}

#[test]
fn events_acknowledgements_and_requests_go_both_ways_in_a_stream() {
    let server = server(Primus::builder());
    let (client, pair) = pair(&server);
    let spark = pair.spark().unwrap();
    for name in ["a", "b"] {
        let (near, far) = (client.substream(name).unwrap(), spark.substream(name).unwrap());
        talk(&near, &far);
        let (near, far) = (client.substream("turned").unwrap(), spark.substream("turned").unwrap());
        talk(&far, &near);
        near.end();
    }
    talk(&client, &spark);
}

#[test]
fn events_acknowledgements_and_requests_go_both_ways_in_a_channel() {
    let server = server(Primus::builder());
    let (client, _pair) = pair(&server);
    let (tell, told) = channel();
    let news = server.primus.channel("news").unwrap();
    news.on_connection(move |member| tell.send(member.clone()));
    for turned in [false, true] {
        let near = client.channel("news").unwrap();
        let far = told.recv_timeout(PATIENCE).unwrap();
        match turned {
            false => talk(&near, &far),
            true => talk(&far, &near),
        }
    }
}

/// A subscription of a raw client, and what the server has of it.
struct Members {
    server: Server,
    told: Receiver<ChannelSpark>,
}

impl Members {
    fn of(builder: Builder) -> Self {
        let server = server(builder);
        let (tell, told) = channel();
        server
            .primus
            .channel("news")
            .unwrap()
            .on_connection(move |member| tell.send(member.clone()));
        Members { server, told }
    }

    fn add(&self, peer: &mut Peer, id: &str) -> ChannelSpark {
        peer.text(&format!(r#"[1,"{id}","news"]"#));
        self.told.recv_timeout(PATIENCE).unwrap()
    }
}

fn packet(id: &str, message: &str) -> String {
    format!(r#"[0,"{id}","news",{message}]"#)
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names
}

#[test]
fn a_channel_has_rooms_of_its_own() {
    let members = Members::of(Primus::builder());
    let (mut one, mut two) = (members.server.open(), members.server.open());
    // Two of one connection, and the same id on another.
    let a = members.add(&mut one, "a");
    let b = members.add(&mut one, "b");
    let far = members.add(&mut two, "a");
    let news = members.server.primus.channel("news").unwrap();
    let other = members.server.primus.channel("other").unwrap();
    assert!(a.join("x").unwrap() && !a.join("x").unwrap());
    assert_eq!(b.join_all(["x", "y*"]).unwrap(), 2);
    assert_eq!(news.join([&far, &a], "z"), 2);

    assert_eq!(news.room("x").write("1").unwrap(), 2);
    assert_eq!(news.room(["x", "z"]).except(&b).write("2").unwrap(), 2);
    assert_eq!(a.others_in("x").write("3").unwrap(), 1);
    assert_eq!(news.room("y7").write(&Value::Null).unwrap(), 1);
    assert_eq!(news.any_room().except(&far).emit_all("ev", 4).unwrap(), 2);
    assert_eq!(news.room("z").send_all("ev", 5).unwrap(), 2);
    assert_eq!(news.emit_all("ev", 6).unwrap(), 3);
    assert_eq!(news.room("nobody").write("7").unwrap(), 0);
    let of_one = [
        packet("a", r#""1""#),
        packet("b", r#""1""#),
        packet("a", r#""2""#),
        packet("b", r#""3""#),
        packet("b", "null"),
    ];
    let mut got: Vec<String> = (0..of_one.len()).map(|_| one.expect_text()).collect();
    // Members of a room come in no order.
    got[..2].sort_unstable();
    assert_eq!(got, of_one);
    let event = |id: &str, n: u8| packet(id, &format!(r#"{{"emit":["ev",{n}]}}"#));
    let sent = |id: &str, n: u8| packet(id, &format!(r#"{{"type":0,"data":["ev",{n}]}}"#));
    let mut got = [one.expect_text(), one.expect_text()];
    got.sort_unstable();
    assert_eq!(got, [event("a", 4), event("b", 4)]);
    assert_eq!(one.expect_text(), sent("a", 5));
    assert_eq!([one.expect_text(), one.expect_text()], [event("a", 6), event("b", 6)]);
    assert_eq!(two.expect_text(), packet("a", r#""2""#));
    assert_eq!([two.expect_text(), two.expect_text()], [sent("a", 5), event("a", 6)]);

    // They are neither those of the server nor those of another channel.
    assert_eq!(sorted(news.room_names()), ["x", "y*", "z"]);
    assert!(members.server.primus.room_names().is_empty() && other.room_names().is_empty());
    assert!(a.spark().rooms().is_empty() && other.room("x").is_empty());
    assert_eq!(other.join([&a], "x"), 0);
    assert_eq!(sorted(a.rooms()), ["x", "z"]);
    assert!(a.in_room("z") && !a.in_room("y7") && b.in_room("y*"));
    assert_eq!(news.room("x").members().len(), 2);
    assert_eq!(news.room("x").except(&a).members(), std::slice::from_ref(&b));
    assert_eq!(news.room("y1").recipients(), std::slice::from_ref(&b));
    assert!(a.leave("x") && !a.leave("x") && news.leave([&far], "z") == 1);
    assert_eq!((news.room("z").empty(), news.any_room().empty()), (1, 2));
    assert!(news.any_room().is_empty() && b.leave_all() == 0);
}

#[test]
fn whoever_leaves_a_channel_leaves_its_rooms_and_comes_into_none() {
    let members = Members::of(Primus::builder());
    let news = members.server.primus.channel("news").unwrap();
    let (tell, told) = channel();
    let (came, left, all) = (tell.clone(), tell.clone(), tell.clone());
    let on_join = news.on_join(move |member, room| {
        drop(came.send(format!("+ {} {room}", member.id())));
    });
    news.on_leave(move |member, room| drop(left.send(format!("- {} {room}", member.id()))))
        .unwrap();
    news.on_leave_all(move |member, rooms| {
        drop(all.send(format!("- {} {}", member.id(), rooms.len())));
    })
    .unwrap();
    // Its rooms are left before that is told.
    news.on_disconnection(move |member| {
        drop(tell.send(format!("gone {} {}", member.id(), member.rooms().len())));
    });
    let next = || told.recv_timeout(PATIENCE).unwrap();
    let (mut one, mut two) = (members.server.open(), members.server.open());
    let (a, b) = (members.add(&mut one, "a"), members.add(&mut two, "b"));
    a.join_all(["x", "y"]).unwrap();
    b.join("x").unwrap();
    assert_eq!([next(), next(), next()], ["+ a x", "+ a y", "+ b x"]);
    // By its own end, by that of the connection, and by that of the channel.
    one.text(r#"[2,"a","news"]"#);
    assert_eq!([next(), next(), next(), next()], ["- a x", "- a y", "- a 2", "gone a 0"]);
    assert!(matches!(a.join("x"), Err(Error::Closed)));
    two.close();
    assert_eq!([next(), next(), next()], ["- b x", "- b 1", "gone b 0"]);
    let c = members.add(&mut one, "c");
    c.join("x").unwrap();
    assert!(on_join.unwrap().remove() && next() == "+ c x");
    c.leave("x");
    c.join("z").unwrap();
    news.destroy();
    assert_eq!([next(), next(), next(), next()], ["- c x", "- c z", "- c 1", "gone c 0"]);
    assert!(matches!(c.join("x"), Err(Error::Closed)) && news.any_room().is_empty());
    assert!(told.try_recv().is_err());
}

#[test]
fn rooms_of_channels_are_bounded_for_each_connection() {
    let mut limits = Limits::default();
    limits.rooms = 10;
    limits.room_wildcards = 2;
    let members = Members::of(Primus::builder().limits(limits));
    let (mut one, mut two) = (members.server.open(), members.server.open());
    let (a, b) = (members.add(&mut one, "a"), members.add(&mut one, "b"));
    let far = members.add(&mut two, "a");
    let names = |from: usize, to: usize| (from..to).map(|n| format!("room {n}"));
    let full = |joined: Result<usize>| match joined {
        Err(Error::Misuse(text)) => text.contains("10 rooms"),
        _ => false,
    };
    assert_eq!(a.join_all(names(0, 6)).unwrap(), 6);
    assert_eq!(b.join_all(names(0, 4)).unwrap(), 4);
    // All or none of them, and no more.
    assert!(full(b.join_all(names(3, 7))) && b.rooms().len() == 4);
    assert!(b.join("room 3").is_ok_and(|new| !new) && a.rooms().len() == 6);
    assert!(full(a.join_all(names(0, 7))));
    assert_eq!(far.join_all(names(0, 10)).unwrap(), 10);
    // What is left can be joined again, however it was left.
    let news = members.server.primus.channel("news").unwrap();
    assert!(a.leave("room 0") && b.join("room 9").unwrap());
    assert_eq!(news.room("room 1").empty(), 3);
    assert_eq!(b.join_all(names(10, 12)).unwrap(), 2);
    assert!(full(b.join_all(["more"])));
    one.text(r#"[2,"a","news"]"#);
    wait_for("its rooms are left", 0, || a.rooms().len());
    wait_for("and its places free", true, || b.join_all(names(20, 24)).is_ok());
    assert!(full(b.join_all(["more"])));
    assert!(b.leave_all() > 0 && b.join_all(["a*", "b*"]).unwrap() == 2);
    for name in ["c*", "", &"n".repeat(257)] {
        assert!(matches!(b.join(name), Err(Error::Misuse(_))), "{name}");
    }
    assert!(matches!(news.room("").write(&1), Err(Error::Misuse(_))));
}

#[test]
fn rooms_of_channels_need_the_plugin() {
    let server = Server::start(Primus::builder().plugin(Multiplex::new()));
    let news = server.primus.channel("news").unwrap();
    assert!(matches!(news.room("x").write(&1), Err(Error::Misuse(_))));
    assert!(news.on_join(|_, _| {}).is_err() && news.room("x").is_empty());
    let mut peer = server.open();
    peer.text(r#"[1,"a","news"]"#);
    wait_for("the subscription", 1, || news.connected());
    news.for_each(|member| assert!(matches!(member.join("x"), Err(Error::Misuse(_)))));
    assert!(server.primus.add_plugin(Rooms::new()).is_ok());
    news.for_each(|member| assert!(member.join("x").unwrap()));
    assert!(server.primus.plugout("rooms"));
    assert!(matches!(news.room("x").write(&1), Err(Error::Misuse(_))));
}
