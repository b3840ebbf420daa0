//! The server as an application sees it, over real sockets.

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use common::*;
use crossbeam_channel::{Sender, unbounded};
use primus::middleware::{Flow, HttpError, On};
use primus::{
    BoxError, Destroy, EndOptions, Ended, Error, ManualClock, Plugin, Primus, ReadyState,
    SlowConsumer, Spark, Value, Written,
};

const CLOSE_MESSAGE: &str = "\"primus::server::close\"";

/// Sends to a test that may be over.
fn tell<T>(to: &Sender<T>, what: T) {
    let _ = to.send(what);
}

/// A place where listeners write down what happens.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn add(&self, note: impl Into<String>) {
        self.0.lock().unwrap().push(note.into());
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn wait(&self, expected: &[&str]) {
        wait_for("notes", expected.iter().map(|s| s.to_string()).collect(), || self.all());
    }
}

#[test]
fn events_come_in_order() {
    let _turn = shared();
    let notes = Notes::default();
    let primus = Primus::builder().build().unwrap();
    let note = notes.clone();
    primus.on_initialised(move |_| note.add("initialised"));
    for n in 1..=2 {
        let note = notes.clone();
        primus.on_connection(move |spark| {
            note.add(format!("connection {n}"));
            let data = note.clone();
            spark.on_data(move |_, message| data.add(format!("data {n} {}", message.value())));
            let once = note.clone();
            spark.once_data(move |_, _| once.add(format!("once {n}")));
            let state = note.clone();
            spark.on_ready_state_change(move |_, to| state.add(format!("state {n} {to:?}")));
            let end = note.clone();
            spark.on_end(move |_, reason| end.add(format!("end {n} {:?}", reason.by)));
        });
        let note = notes.clone();
        primus.on_disconnection(move |spark| {
            assert_eq!(spark.ready_state(), ReadyState::Closed);
            note.add(format!("disconnection {n} {}", spark.primus().connected()));
        });
        let note = notes.clone();
        primus.on_close(move |_| note.add(format!("close {n}")));
    }
    let addr = primus.listen("127.0.0.1:0").unwrap();
    primus.listen("127.0.0.1:0").unwrap();
    assert_eq!(primus.local_addr(), Some(addr));
    let mut peer = Peer::open(addr);
    peer.text("1");
    peer.text("2");
    peer.close();
    wait_until("the spark is gone", || notes.all().iter().any(|n| n == "disconnection 2 0"));
    primus.destroy(Destroy::default());
    primus.destroy(Destroy::default());
    notes.wait(&[
        "initialised",
        "connection 1",
        "connection 2",
        "data 1 1",
        "once 1",
        "data 2 1",
        "once 2",
        "data 1 2",
        "data 2 2",
        "state 1 Closed",
        "state 2 Closed",
        "end 1 Remote",
        "end 2 Remote",
        "disconnection 1 0",
        "disconnection 2 0",
        "close 1",
        "close 2",
    ]);
    assert!(matches!(primus.listen("127.0.0.1:0"), Err(Error::Closed)));
    assert!(matches!(primus.write("x"), Err(Error::Closed)));
}

#[test]
fn listeners_can_be_removed_also_by_themselves() {
    let _turn = shared();
    let server = Server::start(Primus::builder());
    let (seen, saw) = unbounded();
    server.primus.on_connection(move |spark| {
        let own: Arc<Mutex<Option<primus::ListenerId>>> = Arc::default();
        let (id, first) = (own.clone(), seen.clone());
        *own.lock().unwrap() = Some(spark.on_data(move |spark, _| {
            assert!(spark.off(id.lock().unwrap().take().unwrap()));
            first.send("removes itself").unwrap();
        }));
        let second = seen.clone();
        spark.on_data(move |_, _| second.send("stays").unwrap());
        let never = spark.on_data(|_, message| assert!(message.frame().is_empty(), "was removed"));
        assert!(spark.off(never));
        assert!(!spark.off(never));
    });
    let mut peer = server.open();
    peer.text("1");
    peer.text("2");
    let three: Vec<_> = (0..3).map(|_| saw.recv_timeout(PATIENCE).unwrap()).collect();
    assert_eq!(three, ["removes itself", "stays", "stays"]);
}

#[test]
fn a_listener_dropped_by_off_may_use_the_spark() {
    struct AtDrop(Spark);
    impl Drop for AtDrop {
        fn drop(&mut self) {
            self.0.on_data(|_, _| ());
        }
    }
    let _turn = shared();
    let server = Server::echo(Primus::builder());
    let mut peer = server.open();
    let spark = server.spark();
    in_time("off", move || {
        let held = AtDrop(spark.clone());
        let id = spark.on_data(move |_, _| assert!(!held.0.id().is_empty()));
        assert!(spark.off(id));
    });
    peer.text("1");
    assert_eq!(peer.expect_text(), "1");
}

#[test]
fn data_before_there_is_a_listener_is_kept_in_order() {
    let _turn = shared();
    let server = Server::start(Primus::builder());
    for burst in [1, 2, 3, 50] {
        let mut peer = server.open();
        let texts: Vec<_> = (0..burst).map(|n: u32| n.to_string()).collect();
        peer.send(&texts.iter().flat_map(|t| masked(FIN | TEXT, t.as_bytes())).collect::<Vec<_>>());
        let spark = server.spark();
        let seen = Notes::default();
        if burst > 2 {
            // Else the listener may come before, between or behind them.
            wait_until("they have arrived", || server.primus.metrics().messages_in > 0);
        }
        let note = seen.clone();
        spark.on_data(move |_, message| note.add(message.value().to_string()));
        wait_for("messages", texts, || seen.all());
        // What comes later comes behind them.
        peer.text("\"last\"");
        wait_until("the last one", || seen.all().last().is_some_and(|last| last.contains("last")));
        peer.close();
        server.wait_empty();
    }
}

#[test]
fn a_listener_from_another_thread_gets_the_kept_messages_before_new_ones() {
    let _turn = shared();
    let server = Server::start(Primus::builder());
    for round in 0..40 {
        let mut peer = server.open();
        let spark = server.spark();
        let sending = std::thread::spawn(move || {
            for n in 0..60 {
                peer.text(&n.to_string());
            }
            peer
        });
        if round % 2 == 0 {
            std::thread::yield_now();
        }
        let seen = Arc::new(Mutex::new(Vec::new()));
        let note = seen.clone();
        spark.on_data(move |_, message| note.lock().unwrap().push(message.parse::<u32>().unwrap()));
        wait_for("messages", (0..60).collect::<Vec<u32>>(), || seen.lock().unwrap().clone());
        sending.join().unwrap().close();
        server.wait_empty();
    }
}

#[test]
fn data_waits_while_a_connection_listener_blocks() {
    let _turn = shared();
    let server = Server::start(Primus::builder());
    let (go, may_go) = unbounded::<()>();
    server.primus.on_connection(move |spark| {
        may_go.recv().unwrap();
        spark.on_data(|spark, message| spark.write(message.value()).map(drop));
    });
    let mut peer = server.open();
    (0..100).for_each(|n| peer.text(&n.to_string()));
    assert!(peer.is_silent(Duration::from_millis(20)));
    go.send(()).unwrap();
    (0..100).for_each(|n| assert_eq!(peer.expect_text(), n.to_string()));
}

#[test]
fn more_than_the_inbox_holds_without_a_listener_ends_the_spark() {
    let _turn = shared();
    let server = Server::start(limited(|l| l.inbox = 10_000));
    let mut peer = server.open();
    for _ in 0..30 {
        if !peer.try_send(&masked(FIN | TEXT, format!("\"{}\"", "x".repeat(1000)).as_bytes())) {
            break;
        }
    }
    peer.expect_ended(Some(1008));
}

#[test]
fn messages_on_the_sparks_own_thread() {
    let _turn = shared();
    let server = Server::start(Primus::builder());
    server.primus.on_connection(|spark| {
        for message in spark.messages() {
            spark.write(&message)?;
            if message.as_str() == Some("enough") {
                break;
            }
        }
        // What is left goes to a listener, in order.
        spark.on_data(|spark, message| spark.write(&("listener", message.value())).map(drop));
        Ok::<(), Error>(())
    });
    let mut peer = server.open();
    let texts = ["1", "\"enough\"", "2", "3"];
    peer.send(&texts.map(|text| masked(FIN | TEXT, text.as_bytes())).concat());
    for expected in ["1", "\"enough\"", "[\"listener\",2]", "[\"listener\",3]"] {
        assert_eq!(peer.expect_text(), expected);
    }
    // The iterator ends with the connection.
    let (ended, end) = unbounded();
    server.primus.on_connection(move |spark| {
        let count = spark.messages().count();
        tell(&ended, count);
    });
    peer.close();
    let server2 = Server::start(Primus::builder());
    let (ended, end2) = unbounded();
    server2.primus.on_connection(move |spark| tell(&ended, spark.messages().count()));
    let mut peer = server2.open();
    peer.text("1");
    peer.text("2");
    peer.close();
    assert_eq!(end2.recv_timeout(PATIENCE), Ok(2));
    drop(end);
}

#[test]
fn messages_on_another_thread() {
    let _turn = shared();
    let server = Server::start(Primus::builder());
    let mut peer = server.open();
    let spark = server.spark();
    let reading = std::thread::spawn(move || {
        spark.messages().map(|message| message.parse::<u32>().unwrap()).collect::<Vec<_>>()
    });
    (0..1000).for_each(|n| peer.text(&n.to_string()));
    peer.close();
    let read = in_time("reading", move || reading.join().unwrap());
    assert_eq!(read, (0..1000).collect::<Vec<_>>());
}

#[test]
fn a_reader_that_is_behind_holds_the_socket_up_and_loses_nothing() {
    let _turn = shared();
    let server = Server::start(limited(|l| l.inbox = 10_000));
    let mut peer = server.open();
    let spark = server.spark();
    let mut messages = spark.messages();
    let sending = std::thread::spawn(move || {
        let text = format!("\"{}\"", "x".repeat(998));
        (0..500).for_each(|_| peer.text(&text));
        peer.close();
    });
    wait_until("the inbox is full", || server.primus.metrics().messages_in >= 10);
    assert_eq!(in_time("reading", move || messages.by_ref().count()), 500);
    sending.join().unwrap();
}

#[test]
fn sparks_are_streams_of_bytes() {
    let _turn = shared();
    let server = Server::start(Primus::builder());
    let mut peer = server.open();
    let spark = server.spark();
    let mut text = spark.writer();
    // A character cut between two writes comes whole.
    text.write_all("gr\u{fc}".as_bytes().split_at(3).0).unwrap();
    text.write_all(&"\u{fc}".as_bytes()[1..]).unwrap();
    text.flush().unwrap();
    assert_eq!(peer.expect_text() + &peer.expect_text(), "\"gr\"\"\u{fc}\"");
    assert!(text.write_all(b"\xff").is_err());
    spark.pipe_from(&mut &b"piped"[..]).unwrap();
    assert_eq!(peer.expect_text(), "\"piped\"");

    let piping = std::thread::spawn(move || {
        let mut all = Vec::new();
        let count = spark.pipe_to(&mut all).unwrap();
        (count, all)
    });
    peer.text("\"text, \"");
    peer.frame(FIN | BINARY, b"and bytes");
    peer.close();
    let (count, all) = in_time("piping", move || piping.join().unwrap());
    assert_eq!((count, &all[..]), (15, &b"text, and bytes"[..]));

    let mut peer = server.open();
    let mut reader = server.spark().reader();
    peer.text("{}");
    assert_eq!(reader.read(&mut [0; 4]).unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    peer.close();
}

#[test]
fn transforms_change_drop_and_fail_messages_in_order() {
    let _turn = shared();
    let server = Server::echo(Primus::builder());
    let (failed, failures) = unbounded();
    server.primus.on_connection(move |spark| {
        let failed = failed.clone();
        spark.on_error(move |_, error| tell(&failed, error.to_string()));
        spark.on_data(|spark, message| drop(spark.write(message.value())));
    });
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    server.primus.transform_incoming(move |_, value| match &text(&value)[..] {
        "drop" => Ok(None),
        "fail" => Err("refused".into()),
        "panic" => panic!("in a transform"),
        other => Ok(Some(Value::from(format!("{other}1")))),
    });
    let second = server
        .primus
        .transform_incoming(move |_, value| Ok(Some(Value::from(format!("{}2", text(&value))))));
    server.primus.transform_outgoing(move |_, value| match &text(&value)[..] {
        "quiet12" => Ok(None),
        "loud12" => Err("too loud".into()),
        _ => Ok(Some(value)),
    });
    let mut peer = server.open();
    // The echo writes the frame as it came; the second listener the value.
    for (sent, answered) in
        [("a", Some("a12")), ("drop", None), ("fail", None), ("quiet", None), ("loud", None)]
    {
        peer.text(&format!("\"{sent}\""));
        if let Some(answered) = answered {
            assert_eq!(peer.expect_text(), format!("\"{sent}\""));
            assert_eq!(peer.expect_text(), format!("\"{answered}\""));
        } else if ["quiet", "loud"].contains(&sent) {
            assert_eq!(peer.expect_text(), format!("\"{sent}\""));
        }
    }
    assert!(server.primus.off(second));
    peer.text("\"b\"");
    assert_eq!(peer.expect_text(), "\"b\"");
    assert_eq!(peer.expect_text(), "\"b1\"");
    let failures: Vec<_> = failures.try_iter().collect();
    assert_eq!(failures.len(), 2, "{failures:?}");
    assert!(failures[0].contains("refused") && failures[1].contains("too loud"), "{failures:?}");
    // Broadcasts pass the outgoing transforms as well.
    server.primus.write("loud12").unwrap();
    server.primus.write("all").unwrap();
    assert_eq!(peer.expect_text(), "\"all\"");
    peer.text("\"panic\"");
    peer.expect_ended(Some(1011));
    server.still_serves_any();
}

impl Server {
    fn still_serves_any(&self) {
        self.open().close();
    }
}

#[test]
fn middleware_layers_are_inserted_switched_and_removed() {
    let _turn = shared();
    let server = Server::start(Primus::builder());
    let layers = server.primus.middleware().clone();
    let defaults = ["forwarded", "cors", "primus.js", "spec", "x-xss", "no-cache", "authorization"];
    assert_eq!(layers.names(), defaults);
    let names = Notes::default();
    let note = names.clone();
    layers.use_layer_at(0, "first", On::Both, move |exchange| {
        note.add(format!("first {}", exchange.is_upgrade()));
        exchange.set_header("x-layer", "yes")?;
        Ok(Flow::Next)
    });
    layers.use_layer("teapot", On::Requests, |_| Err(HttpError::new(418, "short and stout")));
    assert_eq!((layers.index_of("first"), layers.index_of("teapot")), (Some(0), Some(8)));
    let get = "GET /primus HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut peer = server.connect();
    let response = peer.ask(get);
    assert_eq!((response.status, &response.body[..]), (418, r#"{"error":"short and stout"}"#));
    assert_eq!(response.header("x-layer"), Some("yes"));
    assert!(layers.disable("teapot"));
    assert_eq!(peer.ask(get).status, 426);
    assert!(layers.enable("teapot"));
    assert_eq!(peer.ask(get).status, 418);
    // Upgrades are not its business.
    server.open().close();
    assert!(layers.remove("teapot") && !layers.remove("teapot"));
    assert_eq!(peer.ask(get).status, 426);
    assert!(!layers.enable("teapot"));
    assert_eq!(names.all().iter().filter(|n| *n == "first true").count(), 1);
    // A default layer is replaced in its place.
    layers.use_layer("spec", On::Requests, |_| {
        Ok(Flow::Respond(tiny_http::Response::from_string("mine").boxed()))
    });
    assert_eq!(layers.index_of("spec"), Some(4));
    assert_eq!(peer.ask(get).body, "mine");
}

#[test]
fn the_spec_and_the_library_are_served() {
    let _turn = shared();
    let server = Server::start(Primus::builder().pathname("live").ping_interval(None));
    let mut peer = server.connect();
    let spec = peer.ask("GET /live/spec HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(spec.status, 200);
    assert_eq!(spec.header("Content-Type"), Some("application/json"));
    assert_eq!(
        spec.body,
        r#"{"pingInterval":false,"pathname":"/live","version":"8.0.9","parser":"json","transformer":"websockets"}"#
    );
    assert_eq!(spec.body, server.primus.spec());
    let library = peer.ask("GET /live/primus.js HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!((library.status, &*library.body), (200, &*server.primus.library()));
}

#[test]
fn authorization_lets_in_or_refuses_and_attaches() {
    struct User(String);
    let _turn = shared();
    let server = Server::start(Primus::builder().origins(["https://example.com"]));
    server.primus.authorize(|exchange| match exchange.request().header("authorization") {
        Some(user) => {
            let user = User(user.to_owned());
            exchange.extensions_mut().insert(user);
            Ok(())
        }
        None => Err(HttpError::from("who?").with_authenticate("Basic realm=\"x\"")),
    });
    server.primus.on_connection(|spark| {
        spark.write(&spark.extension::<User>().map(|user| user.0.clone())).map(drop)
    });
    let mut peer = Peer::open_with(server.addr, "/primus", "Authorization: ada\r\n");
    assert_eq!(peer.expect_text(), "\"ada\"");
    let mut peer = server.connect();
    peer.send(&upgrade("/primus", ""));
    let expected = "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\
        Content-Type: application/json\r\nContent-Length: 16\r\n\
        WWW-Authenticate: Basic realm=\"x\"\r\n\r\n";
    assert_eq!(peer.read_head(), expected);
    let mut peer = server.connect();
    let response = peer.ask("GET /primus HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!((response.status, &response.body[..]), (401, r#"{"error":"who?"}"#));
    assert_eq!(response.header("WWW-Authenticate"), Some("Basic realm=\"x\""));
    // Origins bind upgrades too.
    for (origin, status) in [("https://evil.com", 403), ("https://example.com", 101)] {
        let mut peer = server.connect();
        peer.send(&upgrade("/primus", &format!("Authorization: a\r\nOrigin: {origin}\r\n")));
        assert!(peer.read_head().starts_with(&format!("HTTP/1.1 {status} ")), "{origin}");
    }
    assert_eq!(server.primus.metrics().refusals.get(&401), Some(&2));
}

struct Counting(Arc<Mutex<Vec<&'static str>>>);

impl Plugin for Counting {
    fn name(&self) -> &str {
        "counting"
    }

    fn server(&self, primus: &Primus) -> Result<(), BoxError> {
        self.0.lock().unwrap().push("server");
        primus.on_connection(|spark| spark.write("from the plugin").map(drop));
        Ok(())
    }

    fn plugout(&self, _: &Primus) {
        self.0.lock().unwrap().push("plugout");
    }
}

#[test]
fn plugins_come_and_go() {
    let _turn = shared();
    let calls: Arc<Mutex<Vec<&str>>> = Arc::default();
    let server = Server::start(Primus::builder());
    let events = calls.clone();
    server.primus.on_plugin(move |name| {
        assert_eq!(name, "counting");
        events.lock().unwrap().push("plugin event");
    });
    let events = calls.clone();
    server.primus.on_plugout(move |_| events.lock().unwrap().push("plugout event"));
    server.primus.plugin(Counting(calls.clone())).unwrap();
    assert!(matches!(server.primus.plugin(Counting(calls.clone())), Err(Error::Option(_))));
    assert_eq!(server.primus.plugins(), ["counting"]);
    assert_eq!(server.open().expect_text(), "\"from the plugin\"");
    assert!(server.primus.plugout("counting") && !server.primus.plugout("counting"));
    assert_eq!(*calls.lock().unwrap(), ["server", "plugin event", "plugout", "plugout event"]);
}

#[test]
fn the_applications_pages_share_the_port() {
    let _turn = shared();
    let server = Server::echo(limited(|l| l.body = 1000));
    let mut peer = server.connect();
    assert_eq!(peer.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n").status, 404);
    server.primus.on_request(|request, body| {
        let mut text = String::new();
        match body.read_to_string(&mut text) {
            Ok(_) => tiny_http::Response::from_string(format!("{request:?}: {text}")).boxed(),
            Err(error) => {
                tiny_http::Response::from_string(error.to_string()).with_status_code(413).boxed()
            }
        }
    });
    assert_eq!(peer.ask("GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n").body, "GET /a?b HTTP/1.1: ");
    let post = "POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(peer.ask(post).body, "POST /form HTTP/1.1: hello");
    let chunked = "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
        3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n";
    assert_eq!(peer.ask(chunked).body, "POST /c HTTP/1.1: hello");
    let large = format!(
        "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n{}\r\n0\r\n\r\n",
        "x".repeat(1001)
    );
    assert_eq!(peer.ask(&large).status, 413);
    let mut peer = server.connect();
    let declared = "POST /c HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n";
    assert_eq!(peer.ask(declared).status, 413);
    server.still_serves();
}

#[test]
fn write_says_what_became_of_the_message() {
    let _turn = shared();
    let builder = Primus::builder()
        .backlog(1 << 20)
        .send_buffer(16 << 10)
        .slow_consumer(SlowConsumer::DropNewest);
    let server = Server::start(builder);
    let mut peer = server.open();
    let spark = server.spark();
    assert_eq!(spark.write("small").unwrap(), Written::Sent);
    assert_eq!(peer.expect_text(), "\"small\"");
    let text = "x".repeat(50_000);
    let mut queued = 0;
    let full = loop {
        match spark.write(&text) {
            Ok(Written::Sent) => assert_eq!(queued, 0, "sent past the backlog"),
            Ok(Written::Queued(bytes)) => {
                assert!(bytes > 0 && bytes <= 1 << 20, "{bytes}");
                queued += 1;
            }
            Err(error) => break error,
        }
    };
    assert!(
        matches!(full, Error::Full { bound, waiting, .. } if bound == 1 << 20 && waiting <= bound)
    );
    assert!(queued > 10 && spark.buffered() > 900_000);
    assert_eq!(server.primus.metrics().backlog_bytes, spark.buffered() as u64);
    assert_eq!(server.primus.metrics().messages_dropped, 1);
    // The client catches up.
    let (drained, drain) = unbounded();
    spark.on_drain(move |_| tell(&drained, ()));
    let waiting = spark.clone();
    let waiter = std::thread::spawn(move || waiting.wait_drain(PATIENCE));
    let expected = server.primus.metrics().messages_out - 1;
    let mut got = 0;
    while got < expected {
        match peer.expect_frame() {
            frame if frame.opcode() == PING => peer.frame(FIN | PONG, &frame.payload),
            _ => got += 1,
        }
    }
    assert!(waiter.join().unwrap());
    assert_eq!(spark.buffered(), 0);
    // The spark's thread may have to be woken by a ping.
    while drain.try_recv().is_err() {
        if let Some(frame) = peer.read_frame_within(Duration::from_millis(5)) {
            assert_eq!(frame.opcode(), PING);
            peer.frame(FIN | PONG, &frame.payload);
        }
    }
    spark.end();
    assert!(matches!(spark.write("late"), Err(Error::Closed)));
    assert!(!spark.wait_drain(Duration::ZERO) || spark.buffered() == 0);
}

/// Answers that were collected while more messages waited did not count against
/// a small bound; then they went into one piece that could not be dropped, the
/// newest was refused, and the listener's `?` ended the client.
#[test]
fn an_echo_to_a_client_that_does_not_read_keeps_the_newest_within_a_small_bound() {
    let _turn = shared();
    for bound in [4 << 10, 10_000] {
        let builder = Primus::builder().backlog(bound).send_buffer(4 << 10);
        let server = Server::start(builder.slow_consumer(SlowConsumer::DropOldest));
        let (most, seen) = (Arc::new(AtomicUsize::new(0)), unbounded());
        let highest = most.clone();
        server.primus.on_connection(move |spark| {
            let (highest, seen) = (highest.clone(), seen.0.clone());
            spark.on_data(move |spark, message| -> primus::Result<()> {
                spark.write(message.value())?;
                highest.fetch_max(spark.buffered(), SeqCst);
                if message.as_str() == Some("last") {
                    tell(&seen, ());
                }
                Ok(())
            });
        });
        let mut peer = server.open();
        let text = format!("\"{}\"", "x".repeat(100));
        (0..50_000).for_each(|_| peer.text(&text));
        peer.text("\"last\"");
        seen.1.recv_timeout(PATIENCE).unwrap();
        assert!(most.load(SeqCst) <= bound);
        assert!(server.primus.metrics().messages_dropped > 0);
        loop {
            match peer.expect_text() {
                last if last == "\"last\"" => break,
                whole => assert_eq!(whole, text),
            }
        }
        server.spark().write("on it goes").unwrap();
        assert_eq!(peer.expect_text(), "\"on it goes\"");
    }
}

#[test]
fn drain_comes_to_a_listener_that_was_set_on_the_sparks_own_thread() {
    let _turn = shared();
    let server = Server::start(Primus::builder().send_buffer(16 << 10));
    let (drained, drain) = unbounded();
    server.primus.on_connection(move |spark| {
        let drained = drained.clone();
        spark.on_drain(move |_| tell(&drained, ()));
    });
    let mut peer = server.open();
    let spark = server.spark();
    let text = "x".repeat(100_000);
    let mut count = 1;
    while spark.write(&text).unwrap() == Written::Sent {
        count += 1;
    }
    (0..count).for_each(|_| assert_eq!(peer.expect_frame().payload.len(), 100_002));
    drain.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn end_flushes_what_was_written_to_a_slow_reader() {
    let _turn = shared();
    let server = Server::start(Primus::builder().send_buffer(16 << 10));
    let (ended, end) = unbounded();
    server.primus.on_connection(move |spark| {
        let ended = ended.clone();
        spark.on_end(move |_, reason| tell(&ended, reason.clone()));
        for n in 0..32 {
            spark.write(&(n, "x".repeat(100_000)))?;
        }
        spark.end();
        assert_eq!(spark.ready_state(), ReadyState::Closed);
        Ok::<(), Error>(())
    });
    let mut peer = server.open();
    for n in 0..32 {
        if n % 8 == 0 {
            std::thread::sleep(Duration::from_millis(2)); // it is slow
        }
        assert!(peer.expect_text().starts_with(&format!("[{n},")));
    }
    assert_eq!(peer.expect_text(), CLOSE_MESSAGE);
    assert_eq!(peer.expect_frame().head, FIN | CLOSE);
    peer.frame(FIN | CLOSE, b"");
    peer.expect_end();
    let reason = end.recv_timeout(PATIENCE).unwrap();
    assert_eq!((reason.by, reason.may_reconnect), (Ended::Local, false));
}

#[test]
fn end_with_writes_a_last_message_and_may_let_reconnect() {
    let _turn = shared();
    for reconnect in [false, true] {
        let server = Server::start(Primus::builder());
        server.primus.on_connection(move |spark| {
            if !reconnect {
                return spark.end_with("bye");
            }
            let written = spark.write("bye");
            spark.end_options(EndOptions::default().reconnect(true));
            written
        });
        let mut peer = server.open();
        assert_eq!(peer.expect_text(), "\"bye\"");
        if !reconnect {
            assert_eq!(peer.expect_text(), CLOSE_MESSAGE);
        }
        assert_eq!(peer.expect_frame().head, FIN | CLOSE);
        peer.frame(FIN | CLOSE, b"");
        peer.expect_end();
    }
}

#[test]
fn a_broadcast_before_end_arrives_before_the_close() {
    let _turn = shared();
    let server = Server::start(Primus::builder());
    server.primus.on_connection(|spark| {
        spark.on_data(|spark, _| {
            spark.primus().write("to all")?;
            spark.write("to one")?;
            spark.end();
            Ok::<(), Error>(())
        });
    });
    for _ in 0..100 {
        let mut peer = server.open();
        peer.text("1");
        assert_eq!(peer.expect_text(), "\"to all\"");
        assert_eq!(peer.expect_text(), "\"to one\"");
        assert_eq!(peer.expect_text(), CLOSE_MESSAGE);
        peer.close();
        server.wait_empty();
    }
}

#[test]
fn destroy_tells_the_clients_and_leaves_nothing() {
    let _turn = alone();
    let before = (server_threads().len(), descriptors());
    for reconnect in [false, true] {
        let primus = Primus::builder().build().unwrap();
        let (closed, close) = unbounded();
        let handle = primus.clone();
        primus.on_connection(move |_| assert!(handle.connected() > 0)); // a cycle
        let handle = primus.clone();
        primus.on_request(move |_, _| {
            tiny_http::Response::from_string(handle.metrics().to_string()).boxed()
        });
        primus.on_close(move |_| tell(&closed, ()));
        let addr = primus.listen("127.0.0.1:0").unwrap();
        let mut peers: Vec<_> = (0..20).map(|_| Peer::open(addr)).collect();
        let mut idle = Peer::connect(addr);
        assert_eq!(idle.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
        let silent = Peer::connect(addr);
        wait_for("sparks", 20, || primus.connected());
        primus.write("last words").unwrap();
        let ender = primus.clone();
        let options = Destroy::default().reconnect(reconnect).timeout(PATIENCE);
        let ending = std::thread::spawn(move || ender.destroy(options));
        for peer in &mut peers {
            assert_eq!(peer.expect_text(), "\"last words\"");
            if !reconnect {
                assert_eq!(peer.expect_text(), CLOSE_MESSAGE);
            }
            assert_eq!(peer.expect_frame().head, FIN | CLOSE);
            peer.frame(FIN | CLOSE, b"");
            peer.expect_end();
        }
        let destroyed = ending.join().unwrap();
        assert_eq!((destroyed.sparks, destroyed.cut, destroyed.stuck), (20, 0, 0));
        assert_eq!(close.try_recv(), Ok(()));
        assert_eq!(server_threads().len(), before.0, "{:?}", server_threads());
        assert!(TcpStream::connect(addr).is_err());
        idle.expect_end();
        drop((peers, idle, silent, primus));
    }
    assert_eq!(descriptors(), before.1);
}

#[test]
fn destroy_cuts_clients_that_do_not_answer() {
    let _turn = alone();
    let before = server_threads().len();
    let server = Server::echo(Primus::builder().send_buffer(16 << 10));
    let _mute: Vec<_> = (0..5).map(|_| server.open()).collect();
    wait_for("sparks", 5, || server.primus.connected());
    server.primus.write(&"x".repeat(10 << 20)).unwrap();
    let start = Instant::now();
    let destroyed = server.primus.destroy(Destroy::default().timeout(Duration::from_millis(100)));
    assert_eq!((destroyed.sparks, destroyed.cut, destroyed.stuck), (5, 5, 0));
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(server_threads().len(), before);
}

#[test]
fn destroy_without_closing_keeps_the_pages() {
    let _turn = shared();
    let server = Server::echo(Primus::builder());
    server.primus.on_request(|_, _| tiny_http::Response::from_string("maintenance").boxed());
    let mut peer = server.open();
    wait_for("sparks", 1, || server.primus.connected());
    server.primus.destroy(Destroy::default().close(false));
    peer.expect_close_after_goodbye();
    server.wait_empty();
    let mut peer = server.connect();
    assert_eq!(peer.ask("GET /primus HTTP/1.1\r\nHost: x\r\n\r\n").body, "maintenance");
    let mut peer = server.connect();
    peer.send(&upgrade("/primus", ""));
    assert!(peer.read_head().starts_with("HTTP/1.1 200 "));
    server.primus.destroy(Destroy::default());
    assert!(TcpStream::connect(server.addr).is_err());
}

impl Peer {
    fn expect_close_after_goodbye(&mut self) {
        assert_eq!(self.expect_text(), CLOSE_MESSAGE);
        assert_eq!(self.expect_frame().head, FIN | CLOSE);
        self.frame(FIN | CLOSE, b"");
        self.expect_end();
    }
}

#[test]
fn one_server_may_be_destroyed_by_a_listener_of_another() {
    let _turn = alone();
    let first = Server::echo(Primus::builder());
    let second = Server::echo(Primus::builder());
    let (done, result) = unbounded();
    let target = second.primus.clone();
    first.primus.on_connection(move |_| {
        let options = Destroy::default().timeout(Duration::from_millis(50));
        tell(&done, target.destroy(options));
    });
    let _left = second.open();
    wait_for("sparks", 1, || second.primus.connected());
    let _peer = first.open();
    let destroyed = result.recv_timeout(PATIENCE).unwrap();
    assert_eq!((destroyed.sparks, destroyed.cut, destroyed.stuck), (1, 1, 0));
    assert_eq!(second.primus.connected(), 0);
}

#[test]
fn listen_beside_destroy_leaves_no_port_open() {
    let _turn = alone();
    let before = server_threads().len();
    for _ in 0..50 {
        let primus = Primus::builder().build().unwrap();
        let barrier = Arc::new(Barrier::new(2));
        let (listening, both) = (primus.clone(), barrier.clone());
        let listener = std::thread::spawn(move || {
            both.wait();
            listening.listen("127.0.0.1:0")
        });
        barrier.wait();
        primus.destroy(Destroy::default());
        if let Ok(addr) = listener.join().unwrap() {
            wait_until("the port is closed", || TcpStream::connect(addr).is_err());
        }
        wait_for("threads", before, || server_threads().len());
    }
    // The same from within.
    let primus = Primus::builder().build().unwrap();
    primus.on_initialised(|primus| {
        primus.destroy(Destroy::default());
    });
    assert!(matches!(primus.listen("127.0.0.1:0"), Err(Error::Closed)));
    wait_for("threads", before, || server_threads().len());
}

#[test]
fn streams_of_the_application_are_served() {
    let _turn = shared();
    let server = Server::echo(Primus::builder());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    accepted.set_nonblocking(true).unwrap();
    server.primus.serve(accepted).unwrap();
    let mut peer = Peer::from(client);
    peer.shake("/primus", "");
    peer.text("\"tcp\"");
    assert_eq!(peer.expect_text(), "\"tcp\"");
    peer.close();

    let (mut client, accepted) = UnixStream::pair().unwrap();
    server.primus.serve(accepted).unwrap();
    unix_echo(&mut client);
    server.destroy();
    let (_, late) = UnixStream::pair().unwrap();
    assert!(matches!(server.primus.serve(late), Err(Error::Closed)));
}

#[test]
fn unix_sockets_are_listened_on() {
    let _turn = shared();
    let name = format!("primus-test-{}-{:?}", std::process::id(), std::thread::current().id());
    let path = std::env::temp_dir().join(name);
    let server = Server::echo(Primus::builder());
    server.primus.on_connection(|spark| assert_eq!(spark.address().ip.to_string(), "127.0.0.1"));
    server.primus.listen_unix(UnixListener::bind(&path).unwrap()).unwrap();
    unix_echo(&mut UnixStream::connect(&path).unwrap());
    server.destroy();
    std::fs::remove_file(&path).unwrap();
}

fn unix_echo(client: &mut UnixStream) {
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(&upgrade("/primus", "")).unwrap();
    client.write_all(&masked(FIN | TEXT, b"\"unix\"")).unwrap();
    let mut got = Vec::new();
    let mut scratch = [0; 1024];
    while !got.ends_with(b"\"unix\"") {
        let read = client.read(&mut scratch).unwrap();
        assert!(read > 0, "ended after {:?}", String::from_utf8_lossy(&got));
        got.extend_from_slice(&scratch[..read]);
    }
}

#[test]
fn metrics_count_and_never_go_back() {
    let _turn = shared();
    let server = Server::echo(Primus::builder());
    let mut peer = server.open();
    let mut other = server.open();
    wait_for("sparks", 2, || server.primus.connected());
    for _ in 0..10 {
        peer.text("\"12345678\"");
        peer.expect_text();
    }
    server.primus.write("all!").unwrap();
    assert_eq!((peer.expect_text(), other.expect_text()), ("\"all!\"".into(), "\"all!\"".into()));
    wait_for("messages out", 12, || server.primus.metrics().messages_out);
    let metrics = server.primus.metrics();
    assert_eq!((metrics.messages_in, metrics.bytes_in), (10, 100));
    assert_eq!(metrics.bytes_out, 100 + 2 * 6);
    assert_eq!(metrics.broadcasts, 1);
    let counts = metrics.connections["websockets"];
    assert_eq!((counts.now, counts.ever), (2, 2));
    // The peer ends without completing the closing handshake: the spark is
    // gone from the server and its traffic is still counted.
    server.primus.for_each(|spark| spark.end());
    server.wait_empty();
    let ending = server.primus.metrics();
    assert_eq!((ending.messages_in, ending.messages_out), (10, 12));
    drop((peer, other));
    wait_for("connections", 0, || server.primus.metrics().connections["websockets"].now);
    let ended = server.primus.metrics();
    assert_eq!((ended.messages_in, ended.messages_out, ended.bytes_out), (10, 12, 112));
    let text = ended.to_string();
    for line in [
        "# TYPE primus_connections gauge",
        "primus_connections{transformer=\"websockets\"} 0",
        "primus_connections_total{transformer=\"websockets\"} 2",
        "primus_messages_in_total 10",
        "primus_messages_out_total 12",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
}

/// A rate over a series that begins with its first event misses that event.
#[test]
fn every_family_of_the_metrics_has_its_help_and_samples_from_the_first_moment() {
    for transformer in ["websockets", "engine.io"] {
        let primus = Primus::builder().transformer(transformer).build().unwrap();
        let metrics = primus.metrics();
        assert_eq!(metrics.connections[transformer], Default::default());
        let text = metrics.to_string();
        for name in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let name = name.split(' ').next().unwrap();
            let has = |start: &str| text.lines().any(|line| line.starts_with(start));
            assert!(has(&format!("# HELP {name} ")), "{name} in\n{text}");
            assert!(has(&format!("{name} ")) || has(&format!("{name}{{")), "{name} in\n{text}");
        }
        let samples = || text.lines().filter(|line| !line.starts_with('#'));
        assert!(samples().all(|line| line.ends_with(" 0")), "{text}");
        primus.destroy(Default::default());
    }
}

/// A client whose spark's heart beats: it has echoed something.
fn beating(server: &Server, target: &str) -> Peer {
    let mut peer = Peer::open_with(server.addr, target, "");
    peer.text("1");
    assert_eq!(peer.expect_text(), "1");
    peer
}

/// Passes more spans until the one spark has ended: a spark whose thread is just
/// on its way to its socket is excused.
fn pass_until_ended(clock: &ManualClock, server: &Server, seconds: u64) {
    wait_until("it has ended", || {
        quiet();
        pass(clock, seconds);
        server.primus.connected() == 0
    });
}

fn pass(clock: &ManualClock, seconds: u64) {
    clock.advance(Duration::from_secs(seconds));
}

#[test]
fn a_client_that_answers_no_ping_is_ended_after_a_full_interval() {
    let _turn = shared();
    let clock = ManualClock::new();
    let server = Server::echo(Primus::builder().clock(&clock));
    let (ended, end) = unbounded();
    server.primus.on_disconnection(move |spark| {
        tell(&ended, spark.close_reason().unwrap().clone());
    });
    let mut peer = beating(&server, "/primus");
    quiet();
    pass(&clock, 30);
    assert!(peer.expect_text().starts_with("\"primus::ping::"));
    pass(&clock, 29);
    assert_eq!(server.primus.connected(), 1);
    pass_until_ended(&clock, &server, 1);
    let reason = end.recv_timeout(PATIENCE).unwrap();
    assert_eq!((reason.by, reason.may_reconnect), (Ended::Heartbeat, true));
    assert_eq!((reason.code, &*reason.text), (1000, "no heartbeat in time"));
    // It may reconnect: it is not told that the end is meant.
    while let Some(frame) = peer.read_frame() {
        assert_ne!(frame.text(), CLOSE_MESSAGE);
    }
    assert_eq!(server.primus.metrics().heartbeats_missed, 1);
}

/// A listener that is busy at every tick excuses the client, whose pong may
/// lie unread, once in a row: who talks all the time must answer all the same.
#[test]
fn a_client_that_talks_but_answers_no_ping_is_ended() {
    let _turn = shared();
    let clock = ManualClock::new();
    let server = Server::start(Primus::builder().clock(&clock));
    let (entered, enters) = unbounded();
    let (leave, leaves) = unbounded::<()>();
    server.primus.on_connection(move |spark| {
        let (entered, leaves) = (entered.clone(), leaves.clone());
        spark.on_data(move |spark, message| {
            if message.as_str() != Some("busy") {
                return drop(spark.write(message));
            }
            tell(&entered, ());
            leaves.recv_timeout(PATIENCE).unwrap();
        });
    });
    let mut peer = beating(&server, "/primus");
    quiet();
    pass(&clock, 30);
    assert!(peer.expect_text().starts_with("\"primus::ping::"));
    for seconds in [30, 30] {
        peer.text("\"busy\"");
        enters.recv_timeout(PATIENCE).unwrap();
        assert_eq!(server.primus.connected(), 1);
        pass(&clock, seconds);
        tell(&leave, ());
        quiet();
    }
    wait_until("the silent client is ended", || server.primus.connected() == 0);
    assert_eq!(server.primus.metrics().heartbeats_missed, 1);
}

/// Waits until the threads of all sparks wait for their sockets.
fn quiet() {
    wait_until("all threads sleep in the kernel", || {
        std::fs::read_dir("/proc/self/task").unwrap().flatten().all(|task| {
            let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
            let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            name.trim() != "primus-conn" || stat.contains(") S ")
        })
    });
}

#[test]
fn pongs_keep_a_client_alive_and_measure_its_latency() {
    let _turn = shared();
    let clock = ManualClock::new();
    let server = Server::echo(Primus::builder().clock(&clock));
    let (beat, beats) = unbounded();
    server.primus.on_connection(move |spark| {
        let beat = beat.clone();
        spark.on_heartbeat(move |_| tell(&beat, ()));
    });
    let mut peer = beating(&server, "/primus");
    let spark = server.spark();
    for n in 0..10 {
        quiet();
        pass(&clock, if n == 0 { 30 } else { 28 });
        let ping = peer.expect_text();
        pass(&clock, 2);
        peer.text(&ping.replace("ping", "pong"));
        beats.recv_timeout(PATIENCE).unwrap();
        assert_eq!(spark.latency(), Some(Duration::from_secs(2)));
    }
    assert_eq!(spark.ready_state(), ReadyState::Open);
}

#[test]
fn websocket_pings_count_as_signs_of_life() {
    let _turn = shared();
    let clock = ManualClock::new();
    let server = Server::echo(Primus::builder().clock(&clock));
    let mut peer = beating(&server, "/primus");
    for _ in 0..5 {
        quiet();
        pass(&clock, 30);
        assert!(peer.expect_text().starts_with("\"primus::ping::"));
        peer.frame(FIN | PING, b"");
        assert_eq!(peer.expect_frame().head, FIN | PONG);
    }
}

#[test]
fn clients_that_ping_are_answered_and_ended_when_they_fall_silent() {
    let _turn = shared();
    let clock = ManualClock::new();
    let server = Server::echo(Primus::builder().clock(&clock));
    let mut peer = beating(&server, "/primus");
    for n in 0..4 {
        quiet();
        pass(&clock, 25);
        peer.text(&format!("\"primus::ping::{n}\""));
        assert_eq!(peer.expect_text(), format!("\"primus::pong::{n}\""));
    }
    // Any message will do.
    quiet();
    pass(&clock, 34);
    peer.text("\"data\"");
    assert_eq!(peer.expect_text(), "\"data\"");
    quiet();
    pass(&clock, 34);
    assert_eq!(server.primus.connected(), 1);
    pass_until_ended(&clock, &server, 1);
}

#[test]
fn happn_clients_name_their_interval_and_may_skip() {
    let _turn = shared();
    let clock = ManualClock::new();
    let server = Server::echo(Primus::builder().clock(&clock));
    let mut peer = beating(&server, "/primus?ping=20000&pong=10000");
    wait_for("sparks", 1, || server.primus.connected());
    quiet();
    pass(&clock, 20);
    peer.text("\"primus::ping::7\"");
    assert_eq!(peer.expect_text(), "\"primus::pong::7\"");
    for _ in 0..2 {
        // Skipped: the server answers unasked, and waits on.
        quiet();
        pass(&clock, 25);
        assert!(peer.expect_text().starts_with("\"primus::pong::"));
        assert_eq!(server.primus.connected(), 1);
    }
    pass_until_ended(&clock, &server, 25);
}

#[test]
fn a_spark_whose_listener_blocks_is_not_judged() {
    let _turn = shared();
    let clock = ManualClock::new();
    let server = Server::start(Primus::builder().clock(&clock));
    let (go, may_go) = unbounded::<()>();
    let (entered, inside) = unbounded();
    server.primus.on_connection(move |spark| {
        let (may_go, entered) = (may_go.clone(), entered.clone());
        spark.on_data(move |spark, _| {
            entered.send(()).unwrap();
            may_go.recv().unwrap();
            spark.write("done").map(drop)
        });
    });
    let mut peer = server.open();
    peer.text("1");
    inside.recv_timeout(PATIENCE).unwrap();
    for _ in 0..5 {
        pass(&clock, 30);
        let ping = peer.expect_text();
        assert!(ping.starts_with("\"primus::ping::"), "{ping}");
        peer.text(&ping.replace("ping", "pong"));
    }
    assert_eq!(server.primus.connected(), 1);
    go.send(()).unwrap();
    assert_eq!(peer.expect_text(), "\"done\"");
}

#[test]
fn unknown_protocol_messages_and_the_question_for_the_id() {
    let _turn = shared();
    let server = Server::echo(Primus::builder());
    let mut peer = server.open();
    peer.text("\"primus::id::\"");
    let id = server.spark().id().to_owned();
    assert_eq!(peer.expect_text(), format!("\"primus::id::{id}\""));
    assert!(server.primus.spark(&id).is_some());
    assert_eq!(id.len(), 21);
    peer.close();
    server.wait_empty();
    assert!(server.primus.spark(&id).is_none());
}

#[test]
fn an_id_is_free_again_only_for_the_spark_that_took_it_next() {
    let _turn = shared();
    let server = Server::start(Primus::builder().id_generator(|_| "same".to_owned()));
    let mut old = server.open();
    let spark = server.spark();
    // Refused while it is taken.
    server.open().expect_ended(Some(1011));
    spark.end();
    wait_for("sparks", 0, || server.primus.connected());
    let mut new = server.open();
    wait_for("sparks", 1, || server.primus.connected());
    // The first one completes its closing; the second stays.
    old.expect_close_after_goodbye();
    wait_for("connections", 1, || server.primus.metrics().connections["websockets"].now);
    assert_eq!(server.primus.connected(), 1);
    server.primus.write("still there").unwrap();
    assert_eq!(new.expect_text(), "\"still there\"");
}

#[test]
fn for_each_may_stop_early() {
    let _turn = shared();
    let server = Server::start(Primus::builder());
    let _peers: Vec<_> = (0..5).map(|_| server.open()).collect();
    wait_for("sparks", 5, || server.primus.connected());
    let mut count = 0;
    server.primus.for_each(|_| count += 1);
    assert_eq!(count, 5);
    server.primus.for_each_while(|_| {
        count += 1;
        count < 7
    });
    assert_eq!(count, 7);
}

#[test]
fn reserved_names_and_handles() {
    assert!(Primus::reserved("connection") && Primus::reserved("incoming::x"));
    assert!(!Primus::reserved("message"));
    assert!(Spark::reserved("data") && !Spark::reserved("chat"));
}

/// Reads the messages of one spark of the test below, checking their order.
fn check_spark(peer: &mut Peer, broadcasts: &mut Vec<u32>, total: usize, writers: usize) {
    let mut next = vec![0u32; writers];
    for _ in 0..total {
        let text = peer.expect_text();
        let message: (String, u32) = serde_json::from_str(&text).unwrap();
        match message.0.strip_prefix('w') {
            Some(writer) => {
                let next = &mut next[writer.parse::<usize>().unwrap()];
                assert_eq!(message.1, *next, "direct writes out of order");
                *next += 1;
            }
            None => broadcasts.push(message.0[1..].parse::<u32>().unwrap() << 16 | message.1),
        }
    }
}

#[test]
fn a_thousand_sparks_under_writes_and_broadcasts_lose_nothing() {
    const SPARKS: usize = 1000;
    const WRITERS: usize = 3;
    const EACH: u32 = 5;
    const BROADCASTS: u32 = 10;
    let _turn = alone();
    let server = Server::start(Primus::builder());
    let mut peers: Vec<_> = (0..SPARKS).map(|_| server.open()).collect();
    wait_for("sparks", SPARKS, || server.primus.connected());
    let failed = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..WRITERS + 2)
        .map(|thread| {
            let (primus, failed) = (server.primus.clone(), failed.clone());
            std::thread::spawn(move || {
                let mut sparks = Vec::new();
                primus.for_each(|spark| sparks.push(spark.clone()));
                let writes = thread < WRITERS;
                for n in 0..if writes { EACH } else { BROADCASTS } {
                    let result = if writes {
                        sparks
                            .iter()
                            .try_for_each(|s| s.write(&(format!("w{thread}"), n)).map(drop))
                    } else {
                        primus.write(&(format!("b{thread}"), n))
                    };
                    failed.fetch_or(result.is_err(), SeqCst);
                }
            })
        })
        .collect();
    let total = WRITERS * EACH as usize + 2 * BROADCASTS as usize;
    let mut first: Option<Vec<u32>> = None;
    for peer in &mut peers {
        let mut broadcasts = Vec::new();
        check_spark(peer, &mut broadcasts, total, WRITERS);
        let first = first.get_or_insert_with(|| broadcasts.clone());
        assert_eq!(*first, broadcasts, "broadcasts in another order");
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(!failed.load(SeqCst));
    let expected = (SPARKS * total) as u64;
    wait_for("messages", expected, || server.primus.metrics().messages_out);
    // The order between one thread's broadcasts and its direct writes.
    let spark = server.primus.clone();
    let sent = AtomicUsize::new(0);
    spark.for_each_while(|spark| {
        spark.primus().write(&("b9", 1)).unwrap();
        spark.write(&("w0", EACH)).unwrap();
        spark.primus().write(&("b9", 2)).unwrap();
        sent.fetch_add(1, SeqCst) < 3
    });
    server.destroy();
}
