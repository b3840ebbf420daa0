//! Many clients at once that do whatever clients may do, and more, while the
//! application writes, broadcasts and ends.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use primus::{Destroy, Primus, Spark};

use crate::client::*;
use crate::common::*;
use crate::runner::Test;

pub const TESTS: &[Test] =
    tests![a_crowd_leaves_nothing_behind, a_server_ends_in_the_midst_of_a_crowd,];

/// Small numbers that look random.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}

/// A connection of a client that is surprised by nothing.
struct Wire(TcpStream);

impl Wire {
    fn connect(server: &Server) -> Option<Wire> {
        TcpStream::connect(server.addr).ok().map(Wire)
    }

    fn say(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).is_ok()
    }

    /// Something that comes within so many milliseconds.
    fn hear(&mut self, millis: u64) -> Option<String> {
        self.0.set_read_timeout(Some(Duration::from_millis(millis))).ok()?;
        let mut some = [0; 8 << 10];
        let read = self.0.read(&mut some).ok().filter(|read| *read > 0)?;
        Some(String::from_utf8_lossy(&some[..read]).into_owned())
    }

    fn reset(self) {
        let _ = rustix::net::sockopt::set_socket_linger(&self.0, Some(Duration::ZERO));
    }
}

/// One client from its handshake to whichever end; `None` where that comes early.
fn live(server: &Server, dice: &mut Dice) -> Option<()> {
    let mut poller = Wire::connect(server)?;
    let revision = if dice.roll(2) == 0 { 3 } else { 4 };
    poller.say(get(&format!("EIO={revision}&transport=polling")));
    let opened = poller.hear(2_000).filter(|answer| answer.contains("\"sid\""))?;
    let sid = sid_of(&opened);
    let query = |transport: &str| format!("EIO={revision}&transport={transport}&sid={sid}");
    let poll = get(&query("polling"));
    let said = |text: &str| post(&query("polling"), "", payload(revision, &[text]).as_bytes());
    let mut poster = Wire::connect(server)?;
    let mut polled = false;
    for _ in 0..dice.roll(12) {
        match dice.roll(9) {
            0..=2 if polled => {
                poller.hear(30)?;
                polled = false;
            }
            0..=2 => polled = poller.say(&poll),
            3 | 4 => {
                poster.say(said("4\"x\""));
                poster.hear(1_000)?;
            }
            5 => {
                poster.say(said("4\"end\""));
                poster.hear(1_000)?;
            }
            6 | 7 => go_over(server, &query("websocket"), dice)?,
            // Breaks a rule: two polls, half a POST, half a connection.
            _ => {
                match dice.roll(4) {
                    0 => drop(Wire::connect(server)?.say(&poll)),
                    1 => drop(poster.say(&said("4\"cut off\"")[..120])),
                    2 => drop(poller.0.shutdown(Shutdown::Write)),
                    _ => drop(poster.say(said("1"))),
                }
                return None;
            }
        }
    }
    Some(())
}

/// Goes over to a WebSocket, or only begins to, and leaves it in some way.
fn go_over(server: &Server, query: &str, dice: &mut Dice) -> Option<()> {
    let mut socket = Wire::connect(server)?;
    let mut all = upgrade(&format!("/primus/?{query}"), "");
    all.extend(masked(FIN | TEXT, b"2probe"));
    if dice.roll(3) > 0 {
        for (kind, text) in [(TEXT, "5"), (PING, ""), (TEXT, "4\"x\""), (TEXT, "4\"end\"")] {
            all.extend(masked(FIN | kind, text.as_bytes()));
        }
        all.truncate(all.len() - dice.roll(2) as usize * 10);
    }
    socket.say(all);
    for _ in 0..dice.roll(6) {
        socket.hear(5);
    }
    match dice.roll(3) {
        0 => drop(socket.say(masked(FIN | CLOSE, b"")).then(|| socket.hear(20))),
        1 => socket.reset(),
        _ => {}
    }
    Some(())
}

/// Nothing is left of any of them, and nobody hangs.
fn a_crowd_leaves_nothing_behind() {
    let builder = limited(|limits| limits.close_timeout = Duration::from_secs(1));
    let builder = builder.transport("pingInterval", "500").transport("pingTimeout", "500");
    let server = Server::start(engine(builder.transport("upgradeTimeout", "300")));
    server.primus.on_connection(|spark| {
        let _ = spark.write("welcome");
        spark.on_data(|spark, message| -> primus::Result<()> {
            match message.as_str() {
                Some("end") => spark.end(),
                _ => drop(spark.write(message.value())),
            }
            Ok(())
        });
        spark.on_drain(|spark| drop(spark.write("drained")));
        spark.on_end(|spark, _| drop(spark.write("too late")));
    });
    let baseline = Baseline::of(&server);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|n| {
                let server = &server;
                scope.spawn(move || {
                    let mut dice = Dice(0x9e37_79b9_7f4a_7c15 + n);
                    let until = Instant::now() + Duration::from_secs(4);
                    while Instant::now() < until {
                        live(server, &mut dice);
                    }
                })
            })
            .collect();
        let (server, done) = (&server, &done);
        scope.spawn(move || {
            let mut dice = Dice(7);
            while !done.load(Ordering::Relaxed) {
                let _ = server.primus.write("to all");
                server.primus.for_each(|spark: &Spark| match dice.roll(40) {
                    0 => spark.end(),
                    1..=9 => drop(spark.write("to one")),
                    _ => {}
                });
                crate::common::pause(Duration::from_millis(dice.roll(3)));
            }
        });
        clients.into_iter().for_each(|client| client.join().unwrap());
        done.store(true, Ordering::Relaxed);
    });
    server.wait_empty();
    baseline.wait();
    let metrics = server.primus.metrics();
    assert_eq!((metrics.backlog_bytes, metrics.panics_caught), (0, 0));
    let mut client = Client::open(server.addr);
    assert_eq!(client.poll(), ["4\"welcome\""]);
    client.close();
}

/// The same, with the server ended in the midst of it.
fn a_server_ends_in_the_midst_of_a_crowd() {
    for round in 0..6 {
        let server = echo(Primus::builder());
        let own = round % 2 == 1;
        if own {
            // By a listener.
            server.primus.on_connection(|spark| {
                spark.on_data(|spark, message| {
                    if message.as_str() == Some("end") {
                        let _ = spark.primus().destroy(Destroy::default());
                    }
                });
            });
        }
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            for n in 0..6 {
                let (server, over) = (&server, &over);
                scope.spawn(move || {
                    let mut dice = Dice(0x9e37_79b9_7f4a_7c15 + 31 * round + n);
                    while !over.load(Ordering::Relaxed) {
                        if live(server, &mut dice).is_none() {
                            crate::common::pause(Duration::from_millis(1));
                        }
                    }
                });
            }
            crate::common::pause(Duration::from_millis(300));
            let start = Instant::now();
            let destroyed = server.primus.destroy(Destroy::default());
            assert_eq!(destroyed.stuck, 0, "{destroyed:?}");
            assert!(start.elapsed() < Duration::from_secs(10), "took {:?}", start.elapsed());
            over.store(true, Ordering::Relaxed);
        });
        wait_for("threads", 0, || server_threads().len());
    }
}
