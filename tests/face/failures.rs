//! Listeners that return errors, and who is told.

use std::io::ErrorKind;
use std::process::Command;
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use primus::{Builder, Client, Error, ListenerErrors, Primus, Spark};

use crate::common::*;

/// Every place where the application may fail on a spark that is open.
const PLACES: [&str; 4] = ["data", "heartbeat", "drain", "transform"];

/// Enough that the kernel does not take it whole.
const LARGE: usize = 4 << 20;

/// A server whose sparks fail where their query says, and what they heard.
fn failing(builder: Builder) -> (Server, Receiver<String>) {
    let server = Server::start(builder.send_buffer(64 << 10));
    let (heard, hears) = unbounded();
    server.primus.on_connection(move |spark| {
        let (error, end) = (heard.clone(), heard.clone());
        spark.on_error(move |_, failure| drop(error.send(failure.to_string())));
        spark.on_end(move |_, reason| drop(end.send(format!("{:?} {}", reason.by, reason.code))));
        fail_at(spark);
        spark.on_data(|spark, message| spark.write(message.value()));
    });
    server.primus.transform_incoming(|spark, value| {
        if spark.request().query() == "transform" && value.as_str() == Some("fail") {
            return Err("in transform".into());
        }
        Ok(Some(value))
    });
    (server, hears)
}

fn fail_at(spark: &Spark) {
    match spark.request().query() {
        "data" => drop(spark.on_data(|_, message| match message.as_str() {
            Some("fail") => Err("in data"),
            _ => Ok(()),
        })),
        "heartbeat" => drop(spark.on_heartbeat(|_| Err::<(), _>("in heartbeat"))),
        "drain" => {
            spark.on_drain(|_| Err::<(), _>("in drain"));
            spark.write(&"x".repeat(LARGE)).unwrap();
        }
        _ => {}
    }
}

fn provoke(peer: &mut Peer, place: &str) {
    match place {
        "heartbeat" => peer.frame(FIN | PING, b""),
        "drain" => assert_eq!(peer.expect_text().len(), LARGE + 2),
        _ => peer.text("\"fail\""),
    }
}

#[test]
fn the_error_of_a_listener_is_an_error_event_and_the_connection_goes_on() {
    let (server, hears) = failing(Primus::builder());
    for place in PLACES {
        let mut peer = Peer::open_with(server.addr, &format!("/primus?{place}"), "");
        provoke(&mut peer, place);
        let heard = hears.recv_timeout(PATIENCE).unwrap();
        assert!(heard.contains(&format!("failed: in {place}")), "{heard}");
        peer.text("1");
        if place == "data" {
            // The listeners behind the one that failed run all the same.
            assert_eq!(peer.expect_text(), "\"fail\"");
        }
        let answer = std::iter::repeat_with(|| peer.expect_frame()).find(|f| f.opcode() == TEXT);
        assert_eq!(answer.unwrap().text(), "1", "{place}");
        peer.close();
        assert_eq!(hears.recv_timeout(PATIENCE).unwrap(), "Remote 1005", "{place}");
    }
}

#[test]
fn where_errors_end_the_spark_the_next_listener_does_not_run_and_the_client_may_come_back() {
    let (server, hears) = failing(Primus::builder().listener_errors(ListenerErrors::End));
    for place in ["data", "heartbeat", "drain"] {
        let mut peer = Peer::open_with(server.addr, &format!("/primus?{place}"), "");
        provoke(&mut peer, place);
        // No echo of the second listener, and no order to stay away.
        let before = peer.expect_ended(Some(1011));
        assert!(before.iter().all(|frame| frame.opcode() != TEXT), "{place}");
        let heard: Vec<_> = (0..2).map(|_| hears.recv_timeout(PATIENCE).unwrap()).collect();
        assert_eq!(heard, [format!("listener failed: in {place}"), "Application 1011".into()]);
    }
}

#[test]
fn the_error_of_a_connection_listener_refuses_the_client_which_may_come_back() {
    for errors in [ListenerErrors::Report, ListenerErrors::End] {
        let server = Server::start(Primus::builder().listener_errors(errors));
        let (seen, saw) = unbounded();
        server.primus.on_connection(move |_| {
            let _ = seen.send(());
            Err::<(), _>("not you")
        });
        server.primus.on_connection(|spark| spark.write("the next listener"));
        assert!(server.open().expect_ended(Some(1011)).is_empty());
        saw.recv_timeout(PATIENCE).unwrap();
        let url = format!("http://{}", server.addr);
        let quick = Duration::from_millis(1);
        let client =
            Client::builder(&url).reconnect_min(quick).reconnect_max(quick).build().unwrap();
        (0..3).for_each(|_| saw.recv_timeout(PATIENCE).unwrap());
        client.end();
    }
}

/// The part of a child process, whose stderr is looked at: one failure of each
/// kind, two of some, while nobody listens for errors.
#[test]
#[ignore = "run by another test, in a process of its own"]
fn failures_that_nobody_hears() {
    let (heard, hears) = unbounded();
    let primus = Primus::builder().build().unwrap();
    primus.on_initialised(|_| Err::<(), _>("in initialised"));
    primus.on_connection(move |spark| {
        spark.on_end(|_, _| Err::<(), _>("in end"));
        let heard = heard.clone();
        spark.on_data(move |_, message| {
            let _ = heard.send(());
            Err::<(), _>(format!("in data\n{}", message.value()))
        });
        if spark.request().query() == "connection" { Err("in connection") } else { Ok(()) }
    });
    let addr = primus.listen("127.0.0.1:0").unwrap();
    Peer::open_with(addr, "/primus?connection", "").expect_ended(Some(1011));
    let mut peer = Peer::open(addr);
    (1..=2).for_each(|n| peer.text(&n.to_string()));
    (1..=2).for_each(|_| hears.recv_timeout(PATIENCE).unwrap());
    peer.close();
    wait_for("sparks", 0, || primus.connected());
    Peer::open(addr).close();
    wait_for("sparks", 0, || primus.connected());
    primus.destroy(Default::default());
    let again = Primus::builder().build().unwrap();
    again.on_initialised(|_| Err::<(), _>("told to a log listener"));
    again.on_log(|_, _| ());
    again.listen("127.0.0.1:0").unwrap();
    again.destroy(Default::default());
}

#[test]
fn failures_that_nobody_hears_are_told_on_stderr_once_for_each_connection() {
    let expected = ["in initialised", "in connection", r"in data\n1", "in end"];
    check_told("failures::failures_that_nobody_hears", &expected);
}

/// Runs a test of these in a process of its own, and looks at its stderr.
fn check_told(test: &str, expected: &[&str]) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", test, "--ignored", "--nocapture"]);
    let output = child.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    let told: Vec<_> = text.lines().filter(|line| line.starts_with("primus: ")).collect();
    assert_eq!(told.len(), expected.len(), "{told:?}");
    for (line, failure) in told.iter().zip(expected) {
        assert!(line.contains(&format!("failed: {failure}")), "{line}");
    }
}

/// The part of a child process: options that mean nothing to their transformer.
#[test]
#[ignore = "run by another test, in a process of its own"]
fn options_that_mean_nothing() {
    Primus::builder().pathname("").build().unwrap().destroy(Default::default());
    for transformer in TRANSFORMERS {
        let primus = Primus::builder().transformer(transformer).transport("pingIntervall", "5");
        primus.build().unwrap().destroy(Default::default());
        let client = Client::builder("http://h").transformer(transformer).manual(true);
        client.transport("x\ny", "5").build().unwrap().end();
    }
}

const TRANSFORMERS: [&str; 2] = ["websockets", "engine.io"];

#[test]
fn options_that_mean_nothing_or_too_much_are_told_on_stderr_without_a_logger() {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "failures::options_that_mean_nothing", "--ignored", "--nocapture"]);
    let output = child.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    let told: Vec<_> = text.lines().filter(|line| line.starts_with("primus: ")).collect();
    let expected: Vec<_> = TRANSFORMERS
        .iter()
        .flat_map(|name| {
            [r"pingIntervall", r"x\ny"]
                .map(|option| format!("primus: `{name}` has no transport option `{option}`"))
        })
        .collect();
    assert!(told[0].starts_with("primus: `pathname` is `/`: "), "{told:?}");
    assert_eq!(told[1..], expected);
}

#[test]
fn addresses_that_cannot_be_listened_on_are_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    let primus = Primus::builder().build().unwrap();
    let fails = |result: primus::Result<std::net::SocketAddr>| match result.unwrap_err() {
        Error::Io(error) => (error.kind(), error.to_string()),
        other => panic!("{other}"),
    };
    let (kind, text) = fails(primus.listen(taken));
    assert_eq!(kind, ErrorKind::AddrInUse);
    assert!(text.starts_with(&format!("cannot listen on {taken}: Address already")), "{text}");
    let (kind, text) = fails(primus.listen("127.0.0.1:x"));
    assert_eq!(kind, ErrorKind::InvalidInput);
    assert!(text.starts_with(r#""127.0.0.1:x" is no address: "#), "{text}");
    let (kind, text) = fails(primus.listen(&[][..]));
    assert_eq!((kind, &*text), (ErrorKind::InvalidInput, "[] stands for no address to listen on"));
    // The first of several that can be had.
    let free = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    assert_ne!(primus.listen(&[taken, free][..]).unwrap(), taken);
    let created = Primus::create_server(taken, |_| ()).unwrap_err();
    assert!(created.to_string().contains(&taken.to_string()), "{created}");
    primus.destroy(Default::default());
    let ended = primus.listen(free).unwrap_err();
    assert_eq!(ended.to_string(), "the server or connection is closed");
}

/// The part of a child process: a client's failures, with and without somebody
/// who listens for errors, over two connections.
#[test]
#[ignore = "run by another test, in a process of its own"]
fn failures_of_a_client_that_nobody_hears() {
    let primus = Primus::builder().build().unwrap();
    primus.on_connection(|spark| {
        spark.on_data(|spark, message| spark.write(message.value()));
    });
    let addr = primus.listen("127.0.0.1:0").unwrap();
    let url = format!("http://{addr}");
    for place in ["data", "transform", "open"] {
        let client = Client::builder(&url).manual(true).build().unwrap();
        let fails = move |at| if at == place { Err(format!("in {at}\n")) } else { Ok(()) };
        client.on_data(move |_, _| fails("data"));
        client.on_open(move |_| fails("open"));
        client.transform_incoming(move |_, value| {
            fails("transform").map(|()| Some(value)).map_err(Into::into)
        });
        for _ in 0..2 {
            client.open().unwrap();
            client.write(&1).unwrap();
            client.write(&2).unwrap();
            client.wait_open(PATIENCE).unwrap();
            // The answer comes behind those.
            client.id(PATIENCE).unwrap();
            client.end();
            assert!(client.wait_end(PATIENCE));
        }
    }
    let (heard, hears) = unbounded();
    let client = Client::builder(&url).connect_with(|client| {
        client.on_error(move |_, error| drop(heard.send(error.to_string())));
        client.on_open(|_| Err::<(), _>("told to a listener"));
    });
    hears.recv_timeout(PATIENCE).unwrap();
    client.unwrap().end();
    primus.destroy(Default::default());
}

#[test]
fn a_clients_failures_that_nobody_hears_are_told_on_stderr_once_for_each_connection() {
    let expected = ["in data", "in transform", "in open"].map(|place| [place; 2]).concat();
    check_told("failures::failures_of_a_client_that_nobody_hears", &expected);
}
