//! The plugin `rooms`, over sockets.

mod hostile;
mod order;
mod store;
mod vectors;

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use primus::plugins::rooms::{PrimusRooms, Rooms, SparkRooms};
use primus::{Builder, Error, Primus, Spark, Value};

use crate::common::{Peer, Server, limited, wait_for, wait_until};

/// A server whose sparks have the ids that their clients ask for.
fn server(builder: Builder) -> Server {
    let named = builder.id_generator(|request| {
        let (_, query) = request.url().split_once("?id=").unwrap_or_default();
        query.to_owned()
    });
    Server::start(named)
}

fn with_rooms() -> Server {
    server(Primus::builder().plugin(Rooms::new()))
}

/// A client of that id, and its spark.
fn come(server: &Server, id: &str) -> (Peer, Spark) {
    let peer = Peer::open_with(server.addr, &format!("/primus?id={id}"), "");
    let spark = server.primus.spark(id).expect("it is known before the client is");
    // It may join once its listeners run.
    wait_until("it can join", || spark.join("here").is_ok());
    spark.leave("here");
    (peer, spark)
}

fn texts(peer: &mut Peer, count: usize) -> Vec<String> {
    (0..count).map(|_| peer.expect_text()).collect()
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names
}

fn is_misuse<T: std::fmt::Debug>(result: Result<T, Error>, about: &str) {
    match result {
        Err(Error::Misuse(text)) => assert!(text.contains(about), "{text}"),
        other => panic!("{other:?} is not about {about}"),
    }
}

#[test]
fn members_get_what_is_written_to_their_rooms_once() {
    let server = with_rooms();
    let primus = &server.primus;
    let ((mut a, spark_a), (mut b, spark_b), (mut c, spark_c)) =
        (come(&server, "a"), come(&server, "b"), come(&server, "c"));
    assert!(spark_a.join("news").unwrap() && !spark_a.join("news").unwrap());
    assert_eq!(spark_b.join_all(["news", "sport", "news"]).unwrap(), 2);
    assert_eq!(spark_c.join_all(vec!["sport".to_owned()]).unwrap(), 1);

    assert_eq!(primus.room("news").write("1").unwrap(), 2);
    assert_eq!(primus.room(["news", "sport"]).write("2").unwrap(), 3);
    assert_eq!(primus.room(["news", "sport"]).except(["b", "nobody"]).write("3").unwrap(), 2);
    assert_eq!(primus.room("sport").except(&spark_b).except("a").write("4").unwrap(), 1);
    assert_eq!(spark_b.others_in("news").write("5").unwrap(), 1);
    assert_eq!(primus.any_room().except(&spark_a).write("6").unwrap(), 2);
    assert_eq!(primus.room("nobody is here").write("7").unwrap(), 0);
    assert_eq!(primus.room(Vec::<String>::new()).write("8").unwrap(), 0);
    primus.write("end").unwrap();
    assert_eq!(texts(&mut a, 5), [r#""1""#, r#""2""#, r#""3""#, r#""5""#, r#""end""#]);
    assert_eq!(texts(&mut b, 4), [r#""1""#, r#""2""#, r#""6""#, r#""end""#]);
    assert_eq!(texts(&mut c, 5), [r#""2""#, r#""3""#, r#""4""#, r#""6""#, r#""end""#]);
}

#[test]
fn rooms_can_be_asked_about() {
    let server = with_rooms();
    let primus = &server.primus;
    let ((_a, spark_a), (_b, spark_b)) = (come(&server, "a"), come(&server, "b"));
    assert!(primus.room_names().is_empty() && primus.any_room().is_empty());
    spark_a.join_all(["x", "y*"]).unwrap();
    assert_eq!(primus.join([&spark_a, &spark_b], "x"), 1);
    let ids = |room: primus::plugins::rooms::Room| {
        let members = room.members();
        sorted(members.iter().map(|spark| spark.id().to_owned()).collect())
    };
    assert_eq!(sorted(primus.room_names()), ["x", "y*"]);
    assert_eq!(sorted(spark_a.rooms()), ["x", "y*"]);
    assert!(spark_a.in_room("y*") && !spark_a.in_room("y1") && !spark_b.in_room("y*"));
    assert_eq!(ids(primus.room(["x", "y*"])), ["a", "b"]);
    assert_eq!(ids(primus.room("x").except(&spark_b)), ["a"]);
    assert_eq!(ids(primus.any_room()), ["a", "b"]);
    assert_eq!(primus.room("x").ids().unwrap(), ["a", "b"]);
    // The very name, and who would hear.
    assert!(primus.room("y1").is_empty() && primus.room("y1").members().is_empty());
    assert_eq!(primus.room("y1").recipients(), std::slice::from_ref(&spark_a));

    assert_eq!(primus.leave([&spark_a, &spark_b, &spark_a], "x"), 2);
    assert!(primus.room("x").is_empty() && !spark_b.leave("x"));
    spark_b.join("y1").unwrap();
    assert_eq!(primus.room("y*").empty(), 1);
    assert_eq!(spark_b.rooms(), ["y1"]);
    assert_eq!(primus.any_room().empty(), 1);
    assert!(primus.room_names().is_empty());
}

#[test]
fn what_one_thread_writes_to_all_to_a_room_and_to_one_comes_in_that_order() {
    let server = with_rooms();
    let primus = &server.primus;
    let (mut a, spark) = come(&server, "a");
    let (mut b, other) = come(&server, "b");
    primus.join([&spark, &other], "r");
    spark.join("r2").unwrap();
    for n in 0..200 {
        primus.write(&(5 * n)).unwrap();
        primus.room("r").write(&(5 * n + 1)).unwrap();
        spark.write(&(5 * n + 2)).unwrap();
        primus.room(["r", "r2"]).except("b").write(&(5 * n + 3)).unwrap();
        primus.room("r").with(|_, value| Some(value)).write(&(5 * n + 4)).unwrap();
    }
    assert_eq!(texts(&mut a, 1000), (0..1000).map(|n| n.to_string()).collect::<Vec<_>>());
    let seen_by_b = (0..1000).filter(|n| [0, 1, 4].contains(&(n % 5))).map(|n| n.to_string());
    assert_eq!(texts(&mut b, 600), seen_by_b.collect::<Vec<_>>());
}

#[test]
fn a_message_can_be_changed_for_each_or_kept_from_some() {
    let server = with_rooms();
    let primus = &server.primus;
    let (mut a, spark_a) = come(&server, "a");
    let (mut b, spark_b) = come(&server, "b");
    let (mut c, spark_c) = come(&server, "c");
    primus.join([&spark_a, &spark_b, &spark_c], "r");
    let named = primus.room("r").except("c").with(|spark, value| {
        (spark.id() != "b").then(|| Value::from(format!("{} for {}", value, spark.id())))
    });
    assert_eq!(named.write(&7).unwrap(), 1);
    // What all others write is still for all.
    primus.room("r").write("end").unwrap();
    assert_eq!(texts(&mut a, 2), [r#""7 for a""#, r#""end""#]);
    assert_eq!(
        (texts(&mut b, 1), texts(&mut c, 1)),
        (vec![r#""end""#.to_owned()], vec![r#""end""#.to_owned()])
    );
}

#[test]
fn outgoing_transforms_see_each_member() {
    let server = with_rooms();
    let primus = &server.primus;
    primus.transform_outgoing(|spark, value| {
        Ok(Some(Value::from(format!("{value} {}", spark.id()))))
    });
    let (mut a, spark_a) = come(&server, "a");
    let (mut b, spark_b) = come(&server, "b");
    primus.join([&spark_a, &spark_b], "r");
    primus.room("r").write(&1).unwrap();
    assert_eq!((a.expect_text(), b.expect_text()), (r#""1 a""#.into(), r#""1 b""#.into()));
}

#[test]
fn a_connection_leaves_its_rooms_behind_its_end_listeners_and_cannot_join_any_more() {
    let server = with_rooms();
    let primus = &server.primus;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = |what: String| seen.lock().unwrap().push(what);
    let notes = seen.clone();
    let told = move |what: String| notes.lock().unwrap().push(what);
    let (on_join, on_leave, on_all) = (told.clone(), told.clone(), told.clone());
    primus.on_join(move |spark, room| on_join(format!("{} joins {room}", spark.id()))).unwrap();
    primus.on_leave(move |spark, room| on_leave(format!("{} leaves {room}", spark.id()))).unwrap();
    let all = primus.on_leave_all(move |spark, rooms| {
        on_all(format!("{} leaves all {}", spark.id(), rooms.len()))
    });
    let (a, spark) = come(&server, "a");
    wait_for("listeners", 2, || seen.lock().unwrap().len());
    seen.lock().unwrap().clear();
    spark.on_end(move |spark, _| {
        told(format!("in {:?}", spark.rooms()));
        assert!(matches!(spark.join("late"), Err(Error::Closed)));
        assert!(matches!(spark.join_all(["late"]), Err(Error::Closed)));
    });
    spark.join("x").unwrap();
    spark.join("x").unwrap();
    assert!(!spark.leave("not joined"));
    assert_eq!(spark.leave_all(), 1);
    assert_eq!(spark.leave_all(), 0);
    spark.join("y").unwrap();
    note("its end".into());
    a.close();
    server.wait_empty();
    wait_until("it has left", || primus.room_names().is_empty());
    let expected = [
        "a joins x",
        "a leaves x",
        "a leaves all 1",
        "a joins y",
        "its end",
        r#"in ["y"]"#,
        "a leaves y",
        "a leaves all 1",
    ];
    wait_for("what happened", expected.map(str::to_owned).to_vec(), || {
        seen.lock().unwrap().clone()
    });
    assert!(matches!(spark.join("z"), Err(Error::Closed)));
    assert!(spark.rooms().is_empty() && primus.room_names().is_empty());
    assert!(all.unwrap().remove());
}

#[test]
fn nobody_joins_before_the_server_has_told_of_the_connection() {
    let server = with_rooms();
    server.primus.on_spark(|spark| {
        assert!(matches!(spark.join("early"), Err(Error::Closed)));
    });
    server.primus.on_connection(|spark| spark.join("in time").map(drop));
    let mut peer = Peer::open_with(server.addr, "/primus?id=a", "");
    wait_until("it has joined", || !server.primus.room("in time").is_empty());
    server.primus.room("in time").write("hello").unwrap();
    assert_eq!(peer.expect_text(), r#""hello""#);
    assert_eq!(server.primus.room_names(), ["in time"]);
}

#[test]
fn those_who_end_while_others_put_them_into_rooms_are_in_none() {
    let server = Server::start(Primus::builder().plugin(Rooms::new()));
    let primus = server.primus.clone();
    let balance = Arc::new(Mutex::new((0u64, 0u64)));
    let (joins, leaves) = (balance.clone(), balance.clone());
    primus.on_join(move |_, _| joins.lock().unwrap().0 += 1).unwrap();
    primus.on_leave(move |_, _| leaves.lock().unwrap().1 += 1).unwrap();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    for round in 0..50 {
                        let peer = server.open();
                        if round % 2 == 0 { peer.reset() } else { peer.close() }
                    }
                })
            })
            .collect();
        while clients.iter().any(|client| !client.is_finished()) {
            primus.for_each(|spark| drop(spark.join_all(["all", spark.id()])));
            primus.room("all").write("hello").unwrap();
        }
    });
    server.wait_empty();
    wait_until("the rooms are gone", || primus.room_names().is_empty());
    let (joined, left) = *balance.lock().unwrap();
    assert_eq!(joined, left);
}

#[test]
fn a_server_without_the_plugin_says_so_and_one_that_had_it_has_no_rooms() {
    let server = server(Primus::builder());
    let primus = &server.primus;
    let mut peer = Peer::open_with(server.addr, "/primus?id=a", "");
    let spark = primus.spark("a").unwrap();
    is_misuse(spark.join("x"), "`rooms` is not registered");
    is_misuse(primus.room("x").write("x"), "`rooms` is not registered");
    is_misuse(primus.room("x").with(|_, value| Some(value)).write("x"), "`rooms`");
    is_misuse(primus.on_join(|_, _| ()), "`rooms`");
    assert!(!spark.leave("x") && spark.rooms().is_empty() && primus.room("x").is_empty());

    // A spark that was there before it may join.
    for round in 0..2 {
        primus.add_plugin(Rooms::new()).unwrap();
        assert!(spark.join("x").unwrap());
        assert_eq!(primus.room("x").write(&round).unwrap(), 1);
        assert!(primus.plugin::<Rooms>().is_some() && primus.plugout("rooms"));
        is_misuse(primus.room("x").write("x"), "`rooms` is not registered");
        assert!(spark.rooms().is_empty());
    }
    assert_eq!(texts(&mut peer, 2), ["0", "1"]);
}

#[test]
fn to_leave_a_name_with_a_star_may_be_to_leave_all_like_it() {
    let names = ["user:1", "user:2", "user:*", "other"];
    for (wild_delete, left) in [(false, vec!["other", "user:1", "user:2"]), (true, vec!["other"])] {
        let server = server(Primus::builder().plugin(Rooms::new().wild_delete(wild_delete)));
        let (_peer, spark) = come(&server, "a");
        spark.join_all(names).unwrap();
        assert!(spark.leave("user:*") && !spark.leave("user:*"));
        assert_eq!(sorted(spark.rooms()), left);
    }
    let server = server(Primus::builder().plugin(Rooms::new().wildcard(false).wild_delete(true)));
    let (mut peer, spark) = come(&server, "a");
    spark.join_all(names).unwrap();
    server.primus.room("user:3").write("not for a").unwrap();
    server.primus.room("user:*").write("for a").unwrap();
    assert_eq!(peer.expect_text(), r#""for a""#);
    assert!(spark.leave("user:*"));
    assert_eq!(sorted(spark.rooms()), ["other", "user:1", "user:2"]);
}

#[test]
fn what_is_too_much_is_refused_with_the_limit_that_says_so() {
    let server = server(
        limited(|limits| {
            limits.rooms = 3;
            limits.room_wildcards = 1;
            limits.room_name = 8;
        })
        .plugin(Rooms::new()),
    );
    let (mut peer, spark) = come(&server, "a");
    is_misuse(spark.join(""), "empty");
    is_misuse(spark.join("123456789"), "Limits::room_name");
    is_misuse(spark.join_all(["1", "2", "3", "4"]), "Limits::rooms");
    is_misuse(spark.join_all(["1*", "2*"]), "Limits::room_wildcards");
    assert!(spark.rooms().is_empty());
    spark.join_all(["1", "2", "3*"]).unwrap();
    is_misuse(spark.join("4"), "Limits::rooms");
    is_misuse(server.primus.room("123456789").write("x"), "Limits::room_name");
    is_misuse(server.primus.room(["1", ""]).write("x"), "empty");
    assert_eq!(server.primus.join([&spark], "4"), 0);
    // It goes on.
    server.primus.room("1").write("x").unwrap();
    assert_eq!(peer.expect_text(), r#""x""#);
    assert!(peer.is_silent(Duration::ZERO));
}
