//! Whatever number or time an option is given, nothing panics or overflows: "for
//! ever" is a value, and so is nothing.

#[path = "../common/mod.rs"]
mod common;

use std::fmt::Debug;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use common::*;
use primus::testing::{self, Link};
use primus::{Builder, Destroy, Limits, ManualClock, Primus, SlowConsumer};

const TIMES: [Duration; 4] =
    [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(u64::MAX / 2), Duration::MAX];
const SIZES: [usize; 4] = [0, 1, usize::MAX / 2, usize::MAX];

/// What is to be set, and how.
type Set<T> = (&'static str, fn(Builder, T) -> Builder);

fn limit(builder: Builder, change: impl FnOnce(&mut Limits)) -> Builder {
    let mut limits = Limits::default();
    change(&mut limits);
    builder.limits(limits)
}

const TIMED: [Set<Duration>; 9] = [
    ("ping_interval", |builder, time| builder.ping_interval(time)),
    ("idle_timeout", |builder, time| builder.idle_timeout(time)),
    ("max_age", |builder, time| builder.max_age(time)),
    ("slow_consumer", |builder, grace| {
        builder.slow_consumer(SlowConsumer::Close { grace }).backlog(100_000)
    }),
    ("limits.head_timeout", |builder, time| limit(builder, |l| l.head_timeout = time)),
    ("limits.body_timeout", |builder, time| limit(builder, |l| l.body_timeout = time)),
    ("limits.keep_alive", |builder, time| limit(builder, |l| l.keep_alive = time)),
    ("limits.close_timeout", |builder, time| limit(builder, |l| l.close_timeout = time)),
    ("limits.close_timeout and slow_consumer", |builder, time| {
        let builder = builder.slow_consumer(SlowConsumer::Close { grace: time }).backlog(0);
        limit(builder, |l| l.close_timeout = time)
    }),
];

const SIZED: [Set<usize>; 17] = [
    ("max_length", |builder, size| builder.max_length(size)),
    ("stack_size", |builder, size| builder.stack_size(size)),
    ("backlog, close", |builder, size| builder.backlog(size)),
    ("backlog, drop newest", |builder, size| {
        builder.backlog(size).slow_consumer(SlowConsumer::DropNewest)
    }),
    ("backlog, drop oldest", |builder, size| {
        builder.backlog(size).slow_consumer(SlowConsumer::DropOldest)
    }),
    ("send_buffer", |builder, size| builder.send_buffer(size)),
    ("limits.request_line", |builder, size| limit(builder, |l| l.request_line = size)),
    ("limits.head", |builder, size| limit(builder, |l| l.head = size)),
    ("limits.headers", |builder, size| limit(builder, |l| l.headers = size)),
    ("limits.body", |builder, size| limit(builder, |l| l.body = size)),
    ("limits.connections", |builder, size| limit(builder, |l| l.connections = Some(size))),
    ("limits.fresh_sessions", |builder, size| limit(builder, |l| l.fresh_sessions = size)),
    ("limits.unknown_sessions", |builder, size| {
        limit(builder, |l| l.unknown_sessions = u32::try_from(size).unwrap_or(u32::MAX))
    }),
    ("limits.inbox", |builder, size| limit(builder, |l| l.inbox = size)),
    ("limits.broadcast_queue", |builder, size| limit(builder, |l| l.broadcast_queue = size)),
    ("limits.control_frames", |builder, size| {
        limit(builder, |l| l.control_frames = u32::try_from(size).unwrap_or(u32::MAX))
    }),
    ("maxHttpBufferSize", |builder, size| builder.transport("maxHttpBufferSize", size.to_string())),
];

/// Sends a request, which may be refused or not even read, and reads a little of
/// the answer, if there is one.
fn ask(addr: SocketAddr, request: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(30))).unwrap();
    stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    let _ = stream.write_all(request);
    let _ = stream.read(&mut [0; 64]);
    stream
}

/// Does with a server what touches every option: requests, bodies, messages,
/// broadcasts, a client that does not read, the end.
fn use_all_of_it(builder: Builder, engine: bool, timeout: Duration) {
    let builder = if engine { builder.transformer("engine.io") } else { builder };
    let Ok(primus) = builder.build() else { return };
    primus.on_connection(|spark| {
        spark.on_data(|spark, message| spark.write_frame(message.frame()).map(drop));
    });
    primus.on_request(|_, body| {
        let _ = std::io::copy(body, &mut std::io::sink());
        primus::tiny_http::Response::from_string("page").boxed()
    });
    let addr = primus.listen(("127.0.0.1", 0)).unwrap();
    let page = "POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
    let poll = "GET /primus/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n";
    for request in [page, poll, page] {
        ask(addr, request.as_bytes());
    }
    let target = if engine { "/primus/?EIO=4&transport=websocket" } else { "/primus" };
    let mut peer = ask(addr, &upgrade(target, ""));
    // Nobody reads what comes of it: it waits, and is judged.
    let text = format!("4\"{}\"", "x".repeat(200_000));
    for _ in 0..3 {
        let _ = peer.write_all(&masked(FIN | TEXT, text.as_bytes()));
        let _ = primus.write(&text);
    }
    primus.for_each(|spark| {
        spark.wait_drain(Duration::ZERO);
        spark.end();
    });
    drop(peer);
    in_time("destroy", move || {
        primus.destroy(Destroy::default().timeout(timeout));
        assert_eq!(primus.metrics().panics_caught, 0);
    });
}

/// Tries all values of each option, on a server of each transformer. The thread that
/// fails has the name of the option.
fn try_all<T: Copy + Debug + Send>(options: &[Set<T>], values: [T; 4]) {
    for (name, set) in options {
        std::thread::scope(|scope| {
            for (value, engine) in values.iter().flat_map(|value| [(*value, false), (*value, true)])
            {
                let work = move || {
                    use_all_of_it(set(narrow(), value), engine, Duration::from_millis(20));
                };
                let thread = std::thread::Builder::new().name(format!("{name}: {value:?}"));
                thread.spawn_scoped(scope, work).unwrap();
            }
        });
    }
}

/// The kernel takes little, so that things wait.
fn narrow() -> Builder {
    Primus::builder().send_buffer(4 << 10)
}

#[test]
fn no_time_that_an_option_is_given_panics() {
    try_all(&TIMED, TIMES);
}

#[test]
fn no_size_that_an_option_is_given_panics() {
    try_all(&SIZED, SIZES);
}

#[test]
fn destroy_and_wait_drain_take_any_time() {
    for time in TIMES {
        use_all_of_it(Primus::builder(), false, time);
        let server = Server::echo(Primus::builder());
        let _peer = server.open();
        assert!(server.spark().wait_drain(time));
    }
}

/// The broadcaster's thread died of such a grace, and nobody was sent a
/// broadcast again.
#[test]
fn one_who_does_not_read_does_not_end_the_broadcasts_whatever_the_grace() {
    for grace in [Duration::MAX, Duration::from_secs(u64::MAX)] {
        let builder = Primus::builder().send_buffer(4 << 10).backlog(100 << 20);
        let server = Server::start(builder.slow_consumer(SlowConsumer::Close { grace }));
        let _mute = server.open();
        let spark = server.spark();
        let mut written = 0;
        while spark.buffered() <= 50 << 20 {
            server.primus.write(&"x".repeat(1 << 20)).unwrap();
            written += 1;
            // One that still waits when the next client comes is for that too.
            wait_for("broadcasts", written, || server.primus.metrics().messages_out);
        }
        let mut peer = server.open();
        wait_for("sparks", 2, || server.primus.connected());
        server.primus.write("to all").unwrap();
        assert_eq!(peer.expect_text(), "\"to all\"");
        assert!(spark.close_reason().is_none());
        assert_eq!(server.primus.metrics().panics_caught, 0);
    }
}

#[test]
fn the_testing_kit_takes_any_time_and_size() {
    let primus = Primus::builder().clock(&ManualClock::new()).ping_interval(None).build().unwrap();
    primus.on_connection(|spark| {
        spark.on_data(|spark, message| spark.write(message.value()));
    });
    let pair = testing::pair(&primus, |client| client.ping_timeout(None)).unwrap();
    let link: &Link = pair.link();
    for way in [link.up(), link.down()] {
        for size in SIZES {
            way.split(size);
            way.cut_after(u64::MAX);
            pair.client().write(&size).unwrap();
            assert!(pair.client().recv().is_ok());
        }
        way.delay(Duration::MAX);
        way.delay(Duration::ZERO);
    }
    primus.destroy(Destroy::default());
}

/// Where nothing is due.
#[test]
fn a_clock_is_moved_by_any_time() {
    let clock = ManualClock::new();
    let primus = Primus::builder().clock(&clock).build().unwrap();
    for time in TIMES {
        let before = clock.now();
        clock.advance(time);
        clock.advance(time);
        assert!(clock.now() >= before);
    }
    let end = clock.now();
    clock.advance(Duration::from_secs(1));
    assert_eq!(clock.now(), end, "it stands still at its end");
    primus.destroy(Destroy::default());
}
