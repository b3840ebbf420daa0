//! Clients that say what none should.

use primus::plugins::history::History;
use primus::plugins::rooms::{PrimusRooms, Rooms, SparkRooms};
use primus::{Primus, Spark};
use serde_json::json;

use crate::common::{Peer, Server, limited, wait_until};

fn server() -> Server {
    let builder = limited(|limits| limits.rooms = 50).plugin(Rooms::new());
    let server = Server::start(builder.plugin(History::new()));
    server.primus.on_connection(|spark| {
        let rooms = spark.query_param("rooms").unwrap_or_default().into_owned();
        spark.join_all(rooms.split(',').filter(|room| !room.is_empty())).map(drop)
    });
    server
}

fn come(server: &Server, query: &str) -> Peer {
    Peer::open_with(server.addr, &format!("/primus?{query}"), "")
}

fn next(peer: &mut Peer) -> serde_json::Value {
    serde_json::from_str(&peer.expect_text()).unwrap()
}

/// What is said to a client in an envelope.
fn said(peer: &mut Peer) -> serde_json::Value {
    next(peer)["primus-history"].take()
}

fn hello(at: serde_json::Value) -> String {
    json!({ "primus-history": ["hello", [], at, false] }).to_string()
}

fn one(primus: &Primus) -> Spark {
    let mut found = None;
    primus.for_each(|spark| found = Some(spark.clone()));
    found.unwrap()
}

#[test]
fn nobody_reads_a_room_by_asking_for_it() {
    let server = server();
    server.primus.room("secret").write("nobody else is to read it").unwrap();
    let mut reader = come(&server, "_history=a&rooms=secret");
    reader.text(&hello(json!([])));
    let epoch = said(&mut reader)[2][0][1].as_str().unwrap().to_owned();
    let mut peer = come(&server, "_history=b&rooms=open");
    peer.text(&hello(json!([["secret", epoch, 0], ["open", epoch, 0]])));
    let answer = said(&mut peer);
    assert_eq!(answer[0], "hello");
    // Of the room in which it is, and that its claim is none of that room's.
    let rooms = answer[2].as_array().unwrap();
    assert_eq!(rooms.len(), 1);
    assert_eq!((&rooms[0][0], &rooms[0][3]), (&json!("open"), &json!(2)));
    server.primus.write("end").unwrap();
    assert_eq!(next(&mut peer), "end");
}

/// Whoever is in a room reads nothing of it from before it came, whatever it says of where it
/// was and shows for that; and clients that know of no tickets go on with what is new.
#[test]
fn a_member_reads_nothing_from_before_it_came() {
    let server = server();
    let primus = &server.primus;
    let mut first = come(&server, "_history=first&rooms=r");
    first.text(&hello(json!([])));
    let of_first = said(&mut first)[2][0][5].clone();
    (1..=3).for_each(|n| assert!(primus.room("r").write(&n).is_ok()));
    let mut late = come(&server, "_history=late&rooms=r");
    late.text(&hello(json!([])));
    let place = said(&mut late)[2][0].take();
    let (epoch, ticket) = (&place[1], place[5].as_str().unwrap());
    assert_eq!((&place[2], &place[3]), (&json!(3), &json!(0)));
    late.close();
    let hash = ticket.split_once('.').unwrap().1;
    let forged = [
        json!([["r", epoch, 0]]),
        json!([["r", epoch, 3]]),
        json!([["r", epoch, 0, ticket]]),
        json!([["r", epoch, 0, of_first]]),
        json!([["r", epoch, 0, format!("0.{hash}")]]),
        json!([["r", epoch, 0, ""], ["r", epoch, 0, "x".repeat(100_000)]]),
        json!([["r", epoch, 3, [ticket]]]),
    ];
    for (at, n) in forged.iter().zip(4..) {
        let mut peer = come(&server, "_history=late&rooms=r");
        peer.text(&hello(at.clone()));
        let answer = said(&mut peer);
        assert_eq!(answer[0], "hello", "{at}");
        assert_eq!((&answer[2][0][3], &answer[2][0][4]), (&json!(2), &json!(0)), "{at}");
        primus.room("r").write(&n).unwrap();
        assert_eq!(said(&mut peer)[3], n, "{at}");
        peer.close();
    }
    // What it has a right to.
    let mut peer = come(&server, "_history=late&rooms=r");
    peer.text(&hello(json!([["r", epoch, 3, ticket]])));
    (4..11).for_each(|n| assert_eq!(said(&mut peer)[3], n));
    let answer = said(&mut peer);
    assert_eq!((&answer[2][0][3], &answer[2][0][4]), (&json!(1), &json!(7)));
    first.close();
}

#[test]
fn a_first_word_is_answered_once_and_whatever_is_in_it_does_no_harm() {
    let server = server();
    server.primus.room("r").write("kept").unwrap();
    let strange = [
        json!([["r", "e", -1], ["r", "e", 1.5], ["r", "e", 1e300], ["r", "e", "1"], ["r", 1, 1]]),
        json!([["r", "x".repeat(1_000), 1], [1, 2, 3], ["r"], [], null, "r", { "r": 1 }]),
        json!([["r", "e", 9_007_199_254_740_991u64], ["r", "e", 0]]),
        json!("r"),
        json!(null),
    ];
    for at in strange {
        let mut peer = come(&server, "_history=a&rooms=r");
        let known = at.is_array();
        for _ in 0..3 {
            peer.text(&hello(at.clone()));
        }
        for odd in [json!(["hello"]), json!(["hello", 1, 2, 3]), json!([1]), json!("hello")] {
            peer.text(&json!({ "primus-history": odd }).to_string());
        }
        server.still_serves_nobody(&mut peer);
        if known {
            assert_eq!(said(&mut peer)[0], "hello");
        }
        server.primus.write("end").unwrap();
        assert_eq!(next(&mut peer), "end");
        peer.close();
        server.wait_empty();
    }
}

impl Server {
    /// Waits until what a peer has said is handled: a message of the application's is.
    fn still_serves_nobody(&self, peer: &mut Peer) {
        let spark = self.spark();
        let (told, heard) = std::sync::mpsc::channel();
        spark.on_data(move |_, message| {
            if message.as_str() == Some("done") {
                let _ = told.send(());
            }
        });
        peer.text("\"done\"");
        heard.recv_timeout(crate::common::PATIENCE).unwrap();
    }
}

#[test]
fn a_million_rooms_are_cut_down_to_as_many_as_one_may_be_in() {
    let server = server();
    let mut peer = come(&server, "_history=a&rooms=r");
    let rooms: Vec<_> = (0..20_000).map(|n| json!([format!("room {n}"), "e", n])).collect();
    peer.text(&hello(json!(rooms)));
    // It may have been in the room without saying so.
    let answer = said(&mut peer);
    assert_eq!((&answer[2][0][0], &answer[2][0][3]), (&json!("r"), &json!(2)));
    let spark = one(&server.primus);
    for n in [0, 49, 50, 19_999] {
        spark.join(format!("room {n}")).unwrap();
        let answer = said(&mut peer);
        assert_eq!((&answer[0], &answer[1][0][3]), (&json!("rooms"), &json!(2)));
    }
}

/// Whoever claims to be somebody else misses what is not for that one, and no more.
#[test]
fn to_be_somebody_else_gives_nothing() {
    let server = server();
    let mut victim = come(&server, "_history=victim&rooms=r");
    victim.text(&hello(json!([])));
    let place = said(&mut victim)[2][0].take();
    assert_eq!(place[3], 0);
    let ticket_of_victim = place[5].clone();
    let spark = one(&server.primus);
    let mut other = come(&server, "_history=other&rooms=r");
    other.text(&hello(json!([])));
    let ticket_of_other = said(&mut other)[2][0][5].clone();
    other.close();
    server.primus.room("r").except(&spark).write("not for the victim").unwrap();
    server.primus.room("r").write("for all").unwrap();
    let at = said(&mut victim);
    assert_eq!((at.as_array().unwrap().len(), &at[2][0][2]), (3, &json!(1)));
    assert_eq!(said(&mut victim)[3], "for all");
    let epoch = at[2][0][1].clone();
    let somebody =
        [("victim", json!([]), ticket_of_victim), ("other", json!([spark.id()]), ticket_of_other)];
    for (name, ids, ticket) in somebody {
        let mut peer = come(&server, &format!("_history={name}&rooms=r"));
        let at = json!([["r", epoch, 0, ticket]]);
        peer.text(&json!({ "primus-history": ["hello", ids, at, false] }).to_string());
        assert_eq!(said(&mut peer).as_array().unwrap().len(), 3);
        assert_eq!(said(&mut peer)[3], "for all");
        assert_eq!(said(&mut peer)[2][0][4], 1);
    }
    victim.close();
}

#[test]
fn what_waits_for_a_first_word_that_never_comes_is_no_more_than_what_is_kept() {
    let builder = Primus::builder().plugin(Rooms::new());
    let server = Server::start(builder.plugin(History::new().messages(10)));
    server.primus.on_connection(|spark| spark.join("r").map(drop));
    let mut peer = come(&server, "_history=a");
    wait_until("it is in", || !server.primus.room("r").is_empty());
    for n in 0..1_000 {
        server.primus.room("r").write(&n).unwrap();
    }
    server.primus.write("end").unwrap();
    assert_eq!(next(&mut peer), "end");
    assert_eq!(one(&server.primus).buffered(), 0);
    // It comes too late for these.
    peer.text(&hello(json!([])));
    assert_eq!(said(&mut peer)[2][0][3], 2);
    server.primus.room("r").write("live").unwrap();
    assert_eq!(said(&mut peer)[3], "live");
}
