//! Panics in the application, wherever it is called.

use std::sync::{Arc, Mutex};

use crossbeam_channel::unbounded;
use primus::middleware::{HttpError, On};
use primus::parsers::{CustomParser, Peer as ParserPeer};
use primus::{BoxError, Destroy, Ended, Error, Frame, Parser, Primus, Value};

use crate::common::*;

#[test]
fn panics_in_spark_listeners_end_that_spark_alone() {
    let server = Server::start(Primus::builder());
    let (ended, end) = unbounded();
    server.primus.on_connection(move |spark| {
        let ended = ended.clone();
        spark.on_end(move |_, reason| drop(ended.send(reason.clone())));
        match &spark.query().next().map(|(key, _)| key.into_owned()).unwrap_or_default()[..] {
            "connection" => panic!("in connection"),
            "data" => drop(spark.on_data(|_, _| {
                if true {
                    panic!("in data")
                }
            })),
            "heartbeat" => drop(spark.on_heartbeat(|_| {
                if true {
                    panic!("in heartbeat")
                }
            })),
            "error" => {
                spark.on_error(|_, _| {
                    if true {
                        panic!("in error")
                    }
                });
                spark.on_data(|_, _| Err::<(), _>("an error"));
            }
            "end" => drop(spark.on_end(|_, _| {
                if true {
                    panic!("in end")
                }
            })),
            "state" => drop(spark.on_ready_state_change(|_, _| {
                if true {
                    panic!("in state")
                }
            })),
            "display" => drop(spark.on_data(|_, _| Err::<(), _>(PanicsOnDisplay))),
            "drop" => {
                let held = PanicsOnDrop;
                spark.on_data(move |_, _| assert!(size_of_val(&held) == 0));
            }
            _ => drop(spark.on_data(|spark, message| spark.write(message.value()).map(drop))),
        }
    });
    let mut witness = Peer::open_with(server.addr, "/primus?echo", "");
    for place in ["connection", "data", "heartbeat", "display"] {
        let mut peer = Peer::open_with(server.addr, &format!("/primus?{place}"), "");
        peer.try_send(&[masked(FIN | PING, b""), masked(FIN | TEXT, b"1")].concat());
        peer.expect_ended(Some(1011));
        let reason = end.recv_timeout(PATIENCE).unwrap();
        assert_eq!((reason.by, reason.code), (Ended::Application, 1011), "{place}");
    }
    // The connection goes on after an error that an `error` listener fails at.
    for place in ["error", "end", "state", "drop"] {
        let mut peer = Peer::open_with(server.addr, &format!("/primus?{place}"), "");
        peer.text("1");
        peer.close();
        assert_eq!(end.recv_timeout(PATIENCE).unwrap().by, Ended::Remote, "{place}");
    }
    wait_for("sparks", 1, || server.primus.connected());
    wait_for("connections", 1, || server.primus.metrics().connections["websockets"].now);
    witness.text("1");
    assert_eq!(witness.expect_text(), "1");
    wait_until("all are counted", || server.primus.metrics().panics_caught >= 8);
}

#[derive(Debug)]
struct PanicsOnDisplay;

impl std::fmt::Display for PanicsOnDisplay {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("in Display")
    }
}

impl std::error::Error for PanicsOnDisplay {}

struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        panic!("in drop");
    }
}

#[test]
fn panics_in_server_listeners_are_survived() {
    let primus = Primus::builder().build().unwrap();
    primus.on_initialised(|_| {
        if true {
            panic!("in initialised")
        }
    });
    primus.on_disconnection(|_| {
        if true {
            panic!("in disconnection")
        }
    });
    primus.on_close(|_| {
        if true {
            panic!("in close")
        }
    });
    primus.on_log(|_, _| {
        if true {
            panic!("in log")
        }
    });
    primus.on_request(|request, _| panic!("in request {request:?}"));
    let addr = primus.listen("127.0.0.1:0").unwrap();
    for _ in 0..3 {
        Peer::open(addr).close();
        let response = Peer::connect(addr).ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!((response.status, &response.body[..]), (500, "Internal Server Error"));
    }
    assert_eq!(in_time("destroy", move || primus.destroy(Destroy::default())).stuck, 0);
}

#[test]
fn panics_in_middleware_and_authorization_are_500() {
    let get = "GET /primus HTTP/1.1\r\nHost: x\r\n\r\n";
    let server = Server::echo(Primus::builder());
    server.primus.middleware().use_layer("bad", On::Both, |_| panic!("in a layer"));
    let check = || {
        assert_eq!(server.connect().ask(get).status, 500);
        let mut peer = server.connect();
        peer.send(&upgrade("/primus", ""));
        assert_eq!(peer.read_response().status, 500);
        peer.expect_end();
    };
    check();
    server.primus.middleware().remove("bad");
    server.primus.authorize(|_| panic!("in authorize"));
    check();
    server.primus.authorize(|_| Err(HttpError::new(403, "no")));
    assert_eq!(server.connect().ask(get).status, 403);
    server.primus.authorize(|_| Ok(()));
    assert_eq!(server.primus.metrics().panics_caught, 4);
    server.still_serves();
}

#[test]
fn panics_in_the_id_generator_end_that_connection_alone() {
    let count = Arc::new(Mutex::new(0));
    let builder = Primus::builder().id_generator(move |request| {
        assert!(request.query() != "panic", "in the id generator");
        let mut count = count.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *count += 1;
        format!("id {count}")
    });
    let server = Server::echo(builder);
    Peer::open_with(server.addr, "/primus?panic", "").expect_ended(Some(1011));
    assert_eq!(server.primus.metrics().panics_caught, 1);
    assert_eq!(server.primus.connected(), 0);
    server.still_serves();
}

/// A parser of the application's that fails on demand.
struct Moody;

impl CustomParser for Moody {
    fn encode(&self, value: &Value, _: &dyn ParserPeer) -> Result<Option<Frame>, BoxError> {
        let text = value.as_str().unwrap_or_default();
        assert!(!text.contains("panic"), "in encode");
        assert!(text != "primus::server::close", "in encode of the goodbye");
        Ok(Some(Frame::text(text)))
    }

    fn decode(&self, frame: &Frame, _: &dyn ParserPeer) -> Result<Value, BoxError> {
        match frame.as_text() {
            Some("decode panic") => panic!("in decode"),
            Some("decode error") => Err("in decode".into()),
            text => Ok(Value::from(text.unwrap_or_default().to_owned())),
        }
    }
}

#[test]
fn panics_in_a_custom_parser_end_that_spark_alone() {
    let server = Server::start(Primus::builder().parser(Parser::custom(Moody)));
    server.primus.on_connection(|spark| {
        spark.on_data(|spark, message| match message.as_str() {
            // The broadcast puts the goodbye behind it, on a thread that all
            // share.
            Some("end") => {
                spark.primus().write("to all")?;
                spark.end();
                Ok::<(), Error>(())
            }
            _ => spark.write(message.value()).map(drop),
        });
    });
    for cause in ["decode panic", "encode panic"] {
        let mut peer = server.open();
        peer.text(cause);
        peer.expect_ended(Some(1011));
    }
    let mut peer = server.open();
    peer.text("decode error");
    peer.text("fine");
    assert_eq!(peer.expect_text(), "fine");
    for _ in 0..3 {
        let mut peer = server.open();
        peer.text("end");
        assert_eq!(peer.expect_text(), "to all");
        peer.expect_ended(None);
    }
    // The broadcaster lives.
    server.primus.write("again").unwrap();
    (0..3).for_each(|_| assert_eq!(peer.expect_text(), "to all"));
    assert_eq!(peer.expect_text(), "again");
}
