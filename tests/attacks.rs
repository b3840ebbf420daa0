//! Attacks, and what must come of them: the attacker is refused or cut, nobody
//! else notices, and afterwards no thread, descriptor or memory is missing.
//! (Frames against RFC 6455 are in `websocket.rs`.)

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::everything::everything;
use common::*;
use crossbeam_channel::unbounded;
use primus::middleware::{Flow, HttpError, On, TrustedProxies};
use primus::parsers::{CustomParser, Peer as ParserPeer};
use primus::{
    BoxError, Builder, Destroy, Ended, Error, Frame, ListenerErrors, ManualClock, Parser, Primus,
    SlowConsumer, Spark, Value,
};

const SHORT: Duration = Duration::from_millis(150);

#[test]
fn slowloris_head() {
    let _turn = shared();
    let server = Server::echo(limited(|l| l.head_timeout = SHORT));
    let mut silent = server.connect();
    let mut slow = server.connect();
    let start = Instant::now();
    let mut head = upgrade("/primus", "X-Slow: ").into_iter().take_while(|_| true).cycle();
    // A byte now and then does not push the deadline: it is absolute.
    while slow.try_send(&[head.next().unwrap_or(b'a')]) && start.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(start.elapsed() < Duration::from_secs(10));
    // Nothing at all was said: there is nothing to answer.
    silent.expect_end();
    let mut half = server.connect();
    half.send(b"GET /primus HTTP/1.1\r\nHost: x\r\n");
    assert_eq!(half.read_response().status, 408);
    half.expect_end();
    server.still_serves();
}

#[test]
fn slow_body() {
    let _turn = shared();
    let server = Server::echo(limited(|l| l.body_timeout = SHORT));
    server.primus.on_request(|_, body| {
        let read = std::io::read_to_string(body);
        let status = if read.is_ok() { 200 } else { 408 };
        tiny_http::Response::from_string("").with_status_code(status).boxed()
    });
    for framing in ["Content-Length: 1000\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n5\r\nab"]
    {
        let mut peer = server.connect();
        peer.send(format!("POST /form HTTP/1.1\r\nHost: x\r\n{framing}").as_bytes());
        assert_eq!(peer.read_response().status, 408);
        peer.expect_end();
        // Below the pathname nobody reads it; the connection is not kept.
        let mut peer = server.connect();
        peer.send(format!("POST /primus HTTP/1.1\r\nHost: x\r\n{framing}").as_bytes());
        assert_eq!(peer.read_response().status, 426);
        peer.expect_end();
    }
    server.still_serves();
}

#[test]
fn slow_read_of_response() {
    let _turn = alone();
    let before = server_threads().len();
    let server = Server::echo(limited(|l| l.body_timeout = SHORT));
    server.primus.on_request(|_, _| tiny_http::Response::from_data(vec![b'x'; 32 << 20]).boxed());
    let mut peer = server.connect();
    peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_until("it is being answered", || server_threads().len() > before + 4);
    server.still_serves();
    wait_for("threads", before + 4, || server_threads().len());
}

#[test]
fn header_bombs() {
    let _turn = shared();
    let server = Server::echo(Primus::builder());
    let line = |name: &str, size| format!("{name}: {}\r\n", "a".repeat(size));
    let bombs = [
        (414, format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(8200))),
        (414, "G".repeat(9000)),
        (431, format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", line("A", 33_000))),
        (431, format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", line("A", 7000).repeat(5))),
        (431, format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", line("A", 1).repeat(100))),
        (431, format!("GET / HTTP/1.1\r\nHost: x\r\n{}", line("A", 1).repeat(5000))),
        (400, "\r\n".repeat(20)),
    ];
    for (status, bomb) in bombs {
        let mut peer = server.connect();
        peer.try_send(bomb.as_bytes());
        assert_eq!(peer.read_response().status, status, "{:.60}", bomb);
        peer.expect_end();
    }
    // Counted when the connection is done with.
    wait_for("refusals", Some(4), || server.primus.metrics().refusals.get(&431).copied());
    server.still_serves();
}

#[test]
fn not_http_at_all() {
    let _turn = shared();
    let server = Server::echo(Primus::builder());
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..100 {
        let mut peer = server.connect();
        let noise: Vec<u8> = (0..random.usize(1..3000)).map(|_| random.u8(..)).collect();
        peer.try_send(&noise);
        peer.shutdown(Shutdown::Write);
        while peer.read_frame_or_noise() {}
    }
    // The start of TLS.
    let mut peer = server.connect();
    peer.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    assert_eq!(peer.read_response().status, 400);
    server.still_serves();
}

trait Noise {
    fn read_frame_or_noise(&mut self) -> bool;
}

impl Noise for Peer {
    /// Reads and throws away; false at the end.
    fn read_frame_or_noise(&mut self) -> bool {
        use std::io::Read;
        self.stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0)
    }
}

#[test]
fn ping_flood() {
    let _turn = shared();
    let server = Server::echo(limited(|l| l.control_frames = 100));
    for opcode in [PING, PONG] {
        let mut peer = server.open();
        let flood = masked(FIN | opcode, b"flood").repeat(10_000);
        peer.try_send(&flood);
        let before = peer.expect_close(Some(1008));
        assert!(before.len() <= 100);
    }
    server.still_serves();
}

#[test]
fn pings_of_a_peer_that_reads_nothing_wait_one_at_a_time() {
    let _turn = shared();
    let builder = limited(|l| l.control_frames = u32::MAX).send_buffer(8 << 10);
    let server = Server::echo(builder);
    let (beat, beats) = unbounded();
    server.primus.on_connection(move |spark| {
        let beat = beat.clone();
        spark.on_heartbeat(move |_| beat.send(()).unwrap());
    });
    let mut peer = server.open();
    let flood = masked(FIN | PING, &[b'p'; 125]).repeat(1000);
    let mut stream = peer.stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || (0..50).all(|_| stream.write_all(&flood).is_ok()));
    assert!(sending.join().unwrap());
    (0..50_000).for_each(|_| beats.recv_timeout(PATIENCE).unwrap());
    // The answers to one buffer of input, not to six megabytes.
    assert!(server.spark().buffered() <= 64 << 10, "{}", server.spark().buffered());
    assert_eq!(peer.expect_frame().payload.len(), 125);
    server.still_serves_beside();
}

impl Server {
    fn still_serves_beside(&self) {
        let mut peer = self.open();
        peer.text("1");
        assert_eq!(peer.expect_text(), "1");
    }
}

#[test]
fn empty_fragments_for_ever() {
    let _turn = shared();
    let clock = ManualClock::new();
    let server = Server::echo(Primus::builder().clock(&clock));
    let mut peer = server.open();
    peer.frame(TEXT, b"");
    let mut stream = peer.stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || while stream.write_all(&masked(0, b"")).is_ok() {});
    // They are no sign of life.
    let end = Instant::now() + PATIENCE;
    while server.primus.connected() > 0 && Instant::now() < end {
        clock.advance(Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(server.primus.connected(), 0);
    while peer.read_frame_or_noise() {}
    sending.join().unwrap();
    server.still_serves();
}

/// Broadcasts to one spark that reads and one that never does.
fn broadcast_to_a_mute(policy: SlowConsumer, check: impl FnOnce(&Server, Peer, &Spark)) {
    const BOUND: usize = 2 << 20;
    let _turn = alone();
    let builder = Primus::builder().backlog(BOUND).send_buffer(64 << 10).slow_consumer(policy);
    let server = Server::echo(builder);
    let mute = server.open();
    let mute_spark = server.spark();
    let mut other = server.open();
    wait_for("sparks", 2, || server.primus.connected());
    let text = "x".repeat(50_000);
    let before = resident();
    for n in 0..400 {
        server.primus.write(&(n, &text)).unwrap();
        // The other one has everything, at once and in order.
        assert!(other.expect_text().starts_with(&format!("[{n},")));
        assert!(mute_spark.buffered() <= BOUND);
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < BOUND + (8 << 20), "grew by {grown}");
    check(&server, mute, &mute_spark);
    server.still_serves_beside();
}

#[test]
fn a_peer_that_never_reads_is_cut_at_the_bound() {
    broadcast_to_a_mute(SlowConsumer::default(), |server, mut mute, spark| {
        wait_for("sparks", 1, || server.primus.connected());
        wait_until("it has ended", || spark.close_reason().is_some());
        assert_eq!(spark.close_reason().unwrap().by, Ended::SlowConsumer);
        assert_eq!(server.primus.metrics().slow_consumers_cut, 1);
        assert_eq!(server.primus.metrics().backlog_bytes, 0);
        // Cut with a reset: what the kernel had for it is thrown away.
        wait_until("a reset", || {
            rustix::net::sockopt::socket_error(&mute.stream).unwrap().is_err()
        });
        while mute.read_frame_or_noise() {}
        assert!(matches!(spark.write("late"), Err(Error::Closed)));
    });
}

#[test]
fn a_peer_that_never_reads_misses_the_newest() {
    broadcast_to_a_mute(SlowConsumer::DropNewest, |server, mut mute, spark| {
        assert!(spark.close_reason().is_none());
        wait_for("messages accepted or dropped", 800, || {
            let metrics = server.primus.metrics();
            metrics.messages_out + metrics.messages_dropped
        });
        let dropped = server.primus.metrics().messages_dropped;
        assert!(dropped > 300, "{dropped}");
        let mut last = None;
        for _ in 0..400 - dropped {
            let (n, _): (u32, String) = serde_json::from_str(&mute.expect_text()).unwrap();
            assert!(last < Some(n), "out of order");
            last = Some(n);
        }
        server.primus.write("now").unwrap();
        assert_eq!(mute.expect_text(), "\"now\"");
    });
}

#[test]
fn a_peer_that_never_reads_misses_the_oldest() {
    broadcast_to_a_mute(SlowConsumer::DropOldest, |server, mut mute, spark| {
        assert!(spark.close_reason().is_none());
        wait_for("messages accepted", 800, || server.primus.metrics().messages_out);
        let dropped = server.primus.metrics().messages_dropped;
        assert!(dropped > 300, "{dropped}");
        let mut last = None;
        for _ in 0..400 - dropped {
            let (n, _): (u32, String) = serde_json::from_str(&mute.expect_text()).unwrap();
            assert!(last < Some(n), "out of order");
            last = Some(n);
        }
        assert_eq!(last, Some(399));
    });
}

#[test]
fn a_slow_peer_is_cut_after_the_grace_period() {
    let _turn = shared();
    let clock = ManualClock::new();
    let grace = Duration::from_secs(10);
    let builder = Primus::builder()
        .clock(&clock)
        .backlog(1 << 20)
        .send_buffer(16 << 10)
        .slow_consumer(SlowConsumer::Close { grace });
    let server = Server::echo(builder);
    let mute = server.open();
    let spark = server.spark();
    let text = "x".repeat(10_000);
    while spark.buffered() <= 600_000 {
        spark.write(&text).unwrap();
    }
    clock.advance(grace - Duration::from_millis(1));
    assert!(spark.close_reason().is_none());
    clock.advance(Duration::from_millis(1));
    server.wait_empty();
    assert_eq!(spark.close_reason().unwrap().by, Ended::SlowConsumer);
    drop(mute);
}

#[test]
fn a_listener_that_writes_to_a_peer_that_never_reads() {
    let _turn = shared();
    let server = Server::start(Primus::builder().backlog(1 << 20).send_buffer(16 << 10));
    let (ended, end) = unbounded();
    server.primus.on_connection(move |spark| {
        let ended = ended.clone();
        spark.on_end(move |_, reason| ended.send(reason.by).unwrap());
        loop {
            spark.write(&"x".repeat(100_000))?;
        }
        #[allow(unreachable_code)]
        Ok::<(), Error>(())
    });
    let _mute = server.open();
    assert_eq!(end.recv_timeout(PATIENCE), Ok(Ended::SlowConsumer));
}

#[test]
fn more_connections_than_the_bound() {
    let _turn = shared();
    let server = Server::echo(limited(|l| l.connections = Some(4)));
    let mut peers: Vec<_> = (0..4).map(|_| server.open()).collect();
    for _ in 0..3 {
        let mut peer = server.connect();
        peer.try_send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        let response = peer.read_response();
        assert_eq!((response.status, response.header("Retry-After")), (503, Some("1")));
        peer.expect_end();
    }
    assert_eq!(server.primus.metrics().connections_refused, 3);
    for peer in &mut peers {
        peer.text("1");
        assert_eq!(peer.expect_text(), "1");
    }
    peers.pop().unwrap().close();
    wait_until("a newcomer is served", || {
        let mut peer = server.connect();
        peer.try_send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        peer.read_response().status == 404
    });
}

/// The server of the test below, in a process of its own.
#[test]
#[ignore = "started by another test, with few descriptors"]
fn a_server_with_few_descriptors() {
    let limits = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    assert!(limits.current <= Some(64), "not to be run by hand");
    let server = Server::echo(limited(|l| l.connections = Some(1000)));
    println!("\nport {}", server.addr.port());
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    println!("\nrefused {}", server.primus.metrics().connections_refused);
}

#[test]
fn descriptors_run_out() {
    let _turn = shared();
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -n 64; exec \"$0\" --ignored --exact --nocapture \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg("a_server_with_few_descriptors")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let port = lines.find_map(|line| line.strip_prefix("port ").map(str::to_owned)).unwrap();
    let addr: SocketAddr = format!("127.0.0.1:{port}").parse().unwrap();
    let echo = |peer: &mut Peer| {
        peer.text("1");
        assert_eq!(peer.expect_text(), "1");
    };
    let mut served = vec![Peer::open(addr)];
    // Take all there are.
    let mut flood: Vec<_> = (0..100).map(|_| TcpStream::connect(addr).unwrap()).collect();
    echo(&mut served[0]);
    // Newcomers are refused rather than left hanging.
    let mut last = Peer::from(flood.pop().unwrap());
    assert_eq!(last.read_response().status, 503);
    echo(&mut served[0]);
    drop(flood);
    wait_until("it has recovered", || {
        let mut peer = Peer::connect(addr);
        peer.try_send(&upgrade("/primus", "")) && peer.read_frame_or_noise_head().contains(" 101 ")
    });
    echo(&mut served[0]);
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    drop(served);
    let refused = lines.find_map(|line| line.strip_prefix("refused ").map(str::to_owned));
    assert!(refused.unwrap().parse::<u32>().unwrap() > 0);
    assert!(child.wait().unwrap().success());
}

trait Head {
    fn read_frame_or_noise_head(&mut self) -> String;
}

impl Head for Peer {
    /// What comes first, as text; nothing when the connection was cut.
    fn read_frame_or_noise_head(&mut self) -> String {
        use std::io::Read;
        let mut scratch = [0; 4096];
        let read = self.stream.read(&mut scratch).unwrap_or(0);
        String::from_utf8_lossy(&scratch[..read]).into_owned()
    }
}

#[test]
fn panics_in_spark_listeners_end_that_spark_alone() {
    let _turn = shared();
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
    let _turn = shared();
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
    let _turn = shared();
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
    let _turn = shared();
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
    let _turn = shared();
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

#[test]
fn a_listener_that_never_returns_is_reported_by_destroy() {
    let _turn = shared();
    let mut server = Server::start(Primus::builder());
    server.may_be_stuck = true;
    let (release, released) = unbounded::<()>();
    let (entered, inside) = unbounded();
    server.primus.on_connection(move |_| {
        entered.send(()).unwrap();
        let _ = released.recv();
    });
    let _peers = [server.open(), server.open()];
    (0..2).for_each(|_| inside.recv_timeout(PATIENCE).unwrap());
    let primus = server.primus.clone();
    let options = Destroy::default().timeout(Duration::from_millis(20));
    let destroyed = in_time("destroy", move || primus.destroy(options));
    assert_eq!((destroyed.sparks, destroyed.cut, destroyed.stuck), (2, 2, 2));
    drop(release);
    wait_for("connections", 0, || server.primus.metrics().connections["websockets"].now);
}

#[test]
fn every_call_is_allowed_in_every_listener() {
    let _turn = shared();
    for place in ["connection", "data", "end", "error", "heartbeat", "state", "disconnection"] {
        for destroys in [false, true] {
            let server = Server::start(Primus::builder().origins(["*"]));
            let (done, result) = unbounded();
            let run = move |spark: &Spark| {
                everything(spark);
                if destroys {
                    let options = Destroy::default().timeout(Duration::from_millis(20));
                    let destroyed = spark.primus().destroy(options);
                    assert_eq!(destroyed.stuck, 0);
                }
                let _ = done.try_send(());
            };
            let disconnected = run.clone();
            server.primus.on_connection(move |spark| {
                let run = run.clone();
                match place {
                    "connection" => run(spark),
                    "data" => drop(spark.on_data(move |spark, _| run(spark))),
                    "end" => drop(spark.on_end(move |spark, _| run(spark))),
                    "error" => drop(spark.on_error(move |spark, _| run(spark))),
                    "heartbeat" => drop(spark.on_heartbeat(move |spark| run(spark))),
                    "state" => drop(spark.on_ready_state_change(move |spark, _| run(spark))),
                    _ => {}
                }
            });
            if place == "disconnection" {
                server.primus.on_disconnection(disconnected);
            }
            let mut peer = server.open();
            peer.try_send(&masked(FIN | PING, b""));
            peer.try_send(&masked(FIN | TEXT, b"not json"));
            peer.try_send(&masked(FIN | TEXT, b"1"));
            peer.try_send(&masked(FIN | CLOSE, b""));
            let came = result.recv_timeout(PATIENCE);
            assert!(came.is_ok(), "hangs in {place}, destroys: {destroys}");
            while peer.read_frame().is_some() {}
        }
    }
}

#[test]
fn a_listener_dropped_at_the_end_may_use_everything() {
    struct AtDrop(Spark, crossbeam_channel::Sender<()>);
    impl Drop for AtDrop {
        fn drop(&mut self) {
            everything(&self.0);
            let _ = self.1.send(());
        }
    }
    let _turn = shared();
    let server = Server::start(Primus::builder().origins(["*"]));
    let (dropped, drops) = unbounded();
    server.primus.on_connection(move |spark| {
        let held = AtDrop(spark.clone(), dropped.clone());
        spark.on_data(move |_, _| assert!(!held.0.id().is_empty()));
    });
    server.open().close();
    drops.recv_timeout(PATIENCE).unwrap();
}

/// Threads and descriptors, once the server's own threads are all there.
fn settled() -> (usize, usize) {
    wait_for("own threads", 4, || server_threads().len());
    (4, descriptors())
}

#[test]
fn reset_at_each_byte() {
    let _turn = alone();
    let server = Server::echo(Primus::builder());
    let before = settled();
    let session = [
        upgrade("/primus", ""),
        masked(FIN | TEXT, b"\"hello\""),
        masked(TEXT, b"\"half"),
        masked(FIN | CLOSE, b"\x03\xe8bye"),
    ]
    .concat();
    for end in (0..=session.len()).step_by(3).chain(session.len() - 12..session.len()) {
        let mut peer = server.connect();
        peer.try_send(&session[..end]);
        match end % 4 {
            0 => peer.shutdown(Shutdown::Write),
            1 => drop(peer),
            _ => peer.reset(),
        }
    }
    server.wait_empty();
    wait_for("threads", before.0, || server_threads().len());
    wait_for("descriptors", before.1, descriptors);
    server.still_serves();
    assert_eq!(server.primus.metrics().panics_caught, 0);
}

#[test]
fn connect_and_close() {
    let _turn = alone();
    let server = Server::echo(Primus::builder());
    let before = settled();
    for n in 0..300 {
        let peer = server.connect();
        if n % 2 == 0 {
            peer.reset();
        }
    }
    server.still_serves();
    wait_for("threads", before.0, || server_threads().len());
    wait_for("descriptors", before.1, descriptors);
}

#[test]
fn churn_leaves_no_memory_behind() {
    let _turn = alone();
    let server = Server::echo(Primus::builder());
    let churn = |rounds: usize| {
        for _ in 0..rounds {
            let mut peer = server.open();
            peer.text("\"churn\"");
            peer.expect_text();
            peer.close();
        }
    };
    churn(200);
    let before = resident();
    churn(1500);
    let grown = resident().saturating_sub(before);
    // Four KiB a connection would be six MiB.
    assert!(grown < 2 << 20, "grew by {grown}");
}

#[test]
fn path_tricks() {
    let _turn = shared();
    let server = Server::echo(Primus::builder());
    for path in [
        "/../primus.js",
        "/%2e%2e/etc/passwd",
        "//primus",
        "/x/../primus/spec",
        "\\primus",
        "/%70rimus",
        "/PRIMUS",
        "/primu",
        "*",
        "http://x/",
        "http://x/primu",
    ] {
        let response = server.connect().ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert!([404, 400].contains(&response.status), "{path}: {}", response.status);
    }
    for path in ["/primus/../spec", "/primus/spec/", "/primus//spec", "/primus/%73pec"] {
        let response = server.connect().ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_eq!(response.status, 426, "{path}");
    }
}

#[test]
fn forwarded_for_spoof() {
    let _turn = shared();
    let address = |builder: Builder, headers: &str| {
        let server = Server::start(builder);
        server.primus.on_connection(|spark| spark.write(&spark.address().ip.to_string()).map(drop));
        Peer::open_with(server.addr, "/primus", headers).expect_text().replace('"', "")
    };
    let list = |proxies: &[&str]| {
        Primus::builder().trusted_proxies(TrustedProxies::list(proxies).unwrap())
    };
    let none = || Primus::builder().trusted_proxies(TrustedProxies::none());
    let claim = "X-Forwarded-For: 6.6.6.6\r\nForwarded: for=7.7.7.7\r\nX-Real-IP: 8.8.8.8\r\n";
    assert_eq!(address(none(), claim), "127.0.0.1");
    assert_eq!(address(list(&["10.0.0.0/8"]), claim), "127.0.0.1");
    // The trusted proxy's own word is the last one.
    let chain = "X-Forwarded-For: 6.6.6.6, 9.9.9.9, 10.1.2.3\r\n";
    assert_eq!(address(list(&["127.0.0.1", "10.0.0.0/8"]), chain), "9.9.9.9");
    // As in Primus unless told otherwise.
    assert_eq!(address(Primus::builder(), claim), "6.6.6.6");
    for nonsense in
        ["X-Forwarded-For: <script>\r\n", "X-Forwarded-For: ,,,\r\n", "Forwarded: for=\"\r\n"]
    {
        assert_eq!(address(Primus::builder(), nonsense), "127.0.0.1", "{nonsense}");
    }
}

#[test]
fn log_injection() {
    let _turn = shared();
    let builder = Primus::builder().listener_errors(ListenerErrors::End);
    let builder = builder.id_generator(|request| {
        let ids = request.query_pairs().find(|(name, _)| name == "id");
        ids.map_or_else(|| "x".into(), |(_, id)| id.into_owned())
    });
    let server = Server::start(builder);
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = lines.clone();
    server.primus.on_log(move |_, line| kept.lock().unwrap().push(line.to_owned()));
    server.primus.on_connection(|spark| {
        spark.on_data(|_, message| Err::<(), _>(message.as_str().unwrap_or_default().to_owned()));
    });
    let mut peer =
        Peer::open_with(server.addr, "/primus?id=a%0d%0aINFO%20all%20is%20well%1b%5b2J", "");
    peer.text("\"b\\r\\nERROR: not so\\u0085\\u001b\"");
    peer.expect_ended(Some(1011));
    let lines = lines.lock().unwrap();
    assert!(!lines.is_empty());
    for line in lines.iter() {
        assert!(!line.contains(char::is_control), "{line:?}");
    }
    assert!(lines.iter().any(|line| line.contains("a\\r\\nINFO all is well")), "{lines:?}");
}

#[test]
fn response_splitting() {
    let _turn = shared();
    let server = Server::echo(Primus::builder());
    server.primus.middleware().use_layer("echo", On::Both, |exchange| {
        let value = exchange.request().query_pairs().next().map(|(_, value)| value.into_owned());
        exchange.set_header("x-echo", &value.unwrap_or_default())?;
        Ok(Flow::Next)
    });
    for (value, status) in
        [("fine", 426), ("a%0d%0aSet-Cookie:x=y", 500), ("%0a", 500), ("%00", 500)]
    {
        let request = format!("GET /primus?v={value} HTTP/1.1\r\nHost: x\r\n\r\n");
        let response = server.connect().ask(&request);
        assert_eq!(response.status, status, "{value}");
        assert!(response.header("Set-Cookie").is_none());
    }
    // Primus's own reflections.
    let mut peer = server.connect();
    peer.send(&upgrade("/primus", "Sec-WebSocket-Protocol: a\x0b\r\n"));
    assert_eq!(peer.read_response().status, 400);
}

#[test]
fn cross_site_websocket_hijacking() {
    let _turn = shared();
    let server = Server::echo(Primus::builder().origins(["https://good.example"]));
    for (origin, allowed) in [
        ("https://good.example", true),
        ("https://good.example:443", true),
        ("HTTPS://GOOD.example", true),
        ("http://good.example", false),
        ("https://good.example:8443", false),
        ("https://good.example.evil.com", false),
        ("https://evil.com", false),
        ("null", false),
        ("", false),
    ] {
        let header = format!("Origin: {origin}\r\n");
        let status = if allowed { "HTTP/1.1 101 " } else { "HTTP/1.1 403 " };
        let mut peer = server.connect();
        peer.send(&upgrade("/primus", &header));
        let head = peer.read_head();
        assert!(head.starts_with(status), "{origin}: {head}");
        let get = format!("GET /primus/spec HTTP/1.1\r\nHost: x\r\n{header}\r\n");
        let response = server.connect().ask(&get);
        assert_eq!(response.status, if allowed { 200 } else { 403 }, "{origin}");
    }
    server.still_serves(); // no browser, no origin
}

#[test]
fn cors_with_credentials() {
    let _turn = shared();
    let ask = |builder: Builder, origin: &str| {
        let server = Server::start(builder);
        server
            .connect()
            .ask(&format!("GET /primus/spec HTTP/1.1\r\nHost: x\r\nOrigin: {origin}\r\n\r\n"))
    };
    let listed = Primus::builder().origins(["https://good.example"]);
    let response = ask(listed, "https://good.example");
    assert_eq!(response.header("access-control-allow-origin"), Some("https://good.example"));
    assert_eq!(response.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(response.header("Vary"), Some("Origin"));
    let response = ask(Primus::builder().credentials(false), "https://evil.com");
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    assert_eq!(response.header("access-control-allow-credentials"), None);
    let response = ask(Primus::builder().origins(["https://good.example"]), "https://evil.com");
    assert_eq!(response.status, 403);
    assert_eq!(response.header("access-control-allow-origin"), None);
    assert_eq!(response.header("Content-Type"), Some("text/plain"));
}

#[test]
fn deeply_nested_messages() {
    let _turn = shared();
    let server = Server::echo(Primus::builder());
    let mut peer = server.open();
    for bomb in
        ["[".repeat(100_000), "{\"a\":".repeat(100_000), "[".repeat(100_000) + &"]".repeat(100_000)]
    {
        peer.text(&bomb);
    }
    peer.text("1");
    let mut last = peer.expect_text();
    if last.len() > 1 {
        last = peer.expect_text(); // the well-formed one may pass
    }
    assert_eq!(last, "1");
}

/// Each left a thread and a descriptor behind.
#[test]
fn servers_that_are_built_and_dropped_leave_nothing() {
    let _turn = alone();
    let (threads, open) = (server_threads().len(), descriptors());
    for transformer in ["websockets", "engine.io"] {
        for _ in 0..25 {
            let primus = Primus::builder().transformer(transformer).build().unwrap();
            primus.on_connection(|spark| spark.write("hello").map(drop));
            primus.write("to nobody").unwrap();
            let other = primus.clone();
            drop(primus);
            other.write("to nobody").unwrap();
            drop(other);
        }
    }
    wait_for("threads", threads, || server_threads().len());
    wait_for("descriptors", open, descriptors);
}

#[test]
fn a_server_that_listens_goes_on_without_handles() {
    let _turn = shared();
    let primus = Primus::builder().build().unwrap();
    let (met, meet) = unbounded();
    primus.on_connection(move |spark| {
        met.send(spark.clone()).unwrap();
        spark.on_data(|spark, message| spark.write(message.value()));
    });
    let addr = primus.listen("127.0.0.1:0").unwrap();
    drop(primus);
    let mut peer = Peer::open(addr);
    let spark = meet.recv_timeout(PATIENCE).unwrap();
    let primus = spark.primus();
    drop(spark);
    peer.text("\"a\"");
    assert_eq!(peer.expect_text(), "\"a\"");
    primus.write("b").unwrap();
    assert_eq!(peer.expect_text(), "\"b\"");
    primus.destroy(Destroy::default());
}

#[test]
#[ignore = "started by another test, with few descriptors"]
fn a_server_with_drain_listeners() {
    let limits = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    assert!(limits.current <= Some(200), "not to be run by hand");
    let server = Server::start(Primus::builder().send_buffer(4 << 10));
    let listens = std::env::var_os("DRAIN").is_some();
    server.primus.on_connection(move |spark| {
        if listens {
            spark.on_drain(|spark| spark.write("drained").map(drop));
        }
        spark.on_data(|spark, _| spark.write(&"x".repeat(1 << 20)).map(drop));
    });
    println!("\nport {}", server.addr.port());
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
}

/// Waits for the message of the `drain` listener, and answers pings.
fn expect_drained(peer: &mut Peer) {
    peer.text("1");
    loop {
        let frame = peer.expect_frame();
        match frame.opcode() {
            PING => peer.frame(FIN | PONG, &frame.payload),
            _ if frame.payload == b"\"drained\"" => return,
            _ => assert_eq!(frame.payload.len(), (1 << 20) + 2),
        }
    }
}

/// Each took a second descriptor, by which its thread was woken.
#[test]
fn as_many_connect_with_a_drain_listener_as_without() {
    let _turn = shared();
    let fit = ["", "DRAIN=1"].map(|env| {
        let mut child = Command::new("sh")
            .args(["-c", "ulimit -n 200; exec env $2 \"$0\" --ignored --exact --nocapture \"$1\""])
            .arg(std::env::current_exe().unwrap())
            .args(["a_server_with_drain_listeners", env])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let port = lines.find_map(|line| line.strip_prefix("port ").map(str::to_owned)).unwrap();
        let addr: SocketAddr = format!("127.0.0.1:{port}").parse().unwrap();
        let mut peers = Vec::new();
        for _ in 0..200 {
            let mut peer = Peer::connect(addr);
            peer.try_send(&upgrade("/primus", ""));
            if !peer.read_head().contains(" 101 ") {
                break;
            }
            peers.push(peer);
        }
        if !env.is_empty() {
            // With a waker of its own, and without.
            let last = peers.len() - 1;
            for at in [0, last, 0, last] {
                expect_drained(&mut peers[at]);
            }
        }
        child.stdin.take().unwrap().write_all(b"\n").unwrap();
        assert!(child.wait().unwrap().success());
        peers.len()
    });
    assert_eq!(fit[0], fit[1]);
    assert!(fit[0] > 100, "{fit:?}");
}
