//! Sessions come and go for a while, in every way at once. Nothing is lost, and
//! nothing is left.

use std::io::Write;
use std::net::{Shutdown, SocketAddr};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use fastrand::Rng;
use primus::{ManualClock, Primus};

use crate::client::*;
use crate::common::*;
use crate::runner::Test;

pub const TESTS: &[Test] = tests![churn,];

/// How long it goes on.
const TIME: Duration = Duration::from_secs(3);
const STEP: Duration = Duration::from_millis(20);

/// What has come of the echoes and broadcasts that a client waits for.
#[derive(Default)]
struct Came {
    echoes: u32,
    broadcast: Option<u32>,
    pinged: bool,
}

impl Came {
    /// Each echo comes once and in order, and so does each broadcast from the
    /// first on.
    fn take(&mut self, packet: &str) {
        match packet {
            "6" => return,
            "2" => {
                self.pinged = true;
                return;
            }
            _ => {}
        }
        let message = packet.strip_prefix('4').unwrap_or_else(|| panic!("a packet {packet:?}"));
        match message.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(number) => {
                let number: u32 = number.parse().unwrap();
                assert!(self.broadcast.is_none_or(|last| last + 1 == number), "{number}");
                self.broadcast = Some(number);
            }
            None => {
                assert_eq!(message.parse(), Ok(self.echoes));
                self.echoes += 1;
            }
        }
    }

    fn take_all(&mut self, packets: &[String]) {
        packets.iter().for_each(|packet| self.take(packet));
    }
}

/// A client as it should be, which may go over to a WebSocket in mid-traffic.
fn behaved(addr: SocketAddr, rng: &mut Rng) {
    let revision = rng.choice([3, 4]).unwrap();
    let mut client = Client::open_with(addr, revision, rng.choice(["", "&b64=1"]).unwrap());
    let count = rng.u32(1..150);
    let over = rng.bool().then(|| rng.u32(0..count));
    let (mut said, mut came) = (0, Came::default());
    while over.map_or(came.echoes < count, |over| said < over) {
        if came.pinged {
            client.say("3");
            came.pinged = false;
        }
        if said < count && (said == came.echoes || rng.bool()) {
            let batch = say(&mut said, count, rng.u32(1..8));
            let packets: Vec<String> = batch.map(|n| format!("4{n}")).collect();
            let packets: Vec<&str> = packets.iter().map(|packet| &**packet).collect();
            assert_eq!(client.send(&packets).body, "ok");
        } else {
            came.take_all(&client.poll());
        }
    }
    if over.is_none() {
        return client.close();
    }
    client.ask_poll();
    let mut socket = client.socket();
    socket.text("2probe");
    loop {
        came.take_all(&client.packets());
        if socket.read_frame_within(Duration::from_millis(1)).is_some() {
            break;
        }
        if said < count && rng.bool() {
            let n = say(&mut said, count, 1).start;
            client.say(&format!("4{n}"));
        }
        client.ask_poll();
    }
    let mut burst = masked(FIN | TEXT, b"5");
    loop {
        let batch = say(&mut said, count, rng.u32(0..20));
        batch.for_each(|n| burst.extend(masked(FIN | TEXT, format!("4{n}").as_bytes())));
        if std::mem::take(&mut came.pinged) {
            burst.extend(masked(FIN | TEXT, b"3"));
        }
        socket.send(&std::mem::take(&mut burst));
        while came.echoes < said {
            came.take(&socket.expect_text());
        }
        if said == count {
            return socket.close();
        }
    }
}

/// The next numbers to be said, so many at most.
fn say(said: &mut u32, count: u32, most: u32) -> Range<u32> {
    let from = *said;
    *said = (from + most).min(count);
    from..*said
}

/// Goes in one of the ways in which clients go.
fn leave(peer: Peer, rng: &mut Rng) {
    match rng.u8(..3) {
        0 => peer.shutdown(Shutdown::Write),
        1 => drop(peer),
        _ => peer.reset(),
    }
}

/// A client that does something it should not, or goes in the middle of it.
fn rude(addr: SocketAddr, rng: &mut Rng) {
    let revision = rng.choice([3, 4]).unwrap();
    let mut peer = Peer::connect(addr);
    let open = get(&format!("EIO={revision}&transport=polling"));
    if rng.u8(..8) == 0 {
        // It does not even read the handshake.
        peer.try_send(&open.as_bytes()[..rng.usize(..=open.len())]);
        return leave(peer, rng);
    }
    let sid = sid_of(&peer.ask(&open).body);
    let query = format!("EIO={revision}&transport=polling&sid={sid}");
    let packets = ["4\"x\"", "4\"end\"", "4\"fail\"", "1", "2", "3", "6", "x", "", "4\"\\\"", "b!"];
    for _ in 0..rng.usize(..4) {
        let mut other = Peer::connect(addr);
        let said: Vec<_> = (0..rng.usize(1..4)).map(|_| rng.choice(packets).unwrap()).collect();
        let said = post(&query, "", payload(revision, &said).as_bytes());
        let polled = get(&query).into_bytes();
        let probed = [
            upgrade(&format!("/primus/?{}", query.replace("polling", "websocket")), ""),
            masked(FIN | TEXT, b"2probe"),
            masked(FIN | TEXT, b"5"),
            masked(FIN | TEXT, rng.choice(packets).unwrap().as_bytes()),
        ]
        .concat();
        let bytes = rng.choice([said, polled, probed]).unwrap();
        let end = if rng.bool() { bytes.len() } else { rng.usize(..=bytes.len()) };
        let _ = other.stream.write_all(&bytes[..end]);
        match rng.u8(..3) {
            0 => leave(other, rng),
            1 => other.response_or_end(),
            // While it goes on with the next one.
            _ => leave(std::mem::replace(&mut peer, other), rng),
        }
    }
    leave(peer, rng);
}

trait Whatever {
    fn response_or_end(&mut self);
}

impl Whatever for Peer {
    /// Waits a moment for something to come.
    fn response_or_end(&mut self) {
        use std::io::Read;
        self.stream.set_read_timeout(Some(STEP)).unwrap();
        let _ = self.stream.read(&mut [0; 4096]);
    }
}

fn churn() {
    let seed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
    println!("seed {seed}");
    let clock = ManualClock::new();
    let builder = Primus::builder().clock(&clock).listener_errors(primus::ListenerErrors::End);
    let server = Server::start(engine(builder));
    server.primus.on_connection(|spark| {
        spark.on_data(|spark, message| match message.as_str() {
            Some("end") => {
                spark.end();
                Ok(())
            }
            Some("fail") => Err("as it was told".into()),
            _ => spark.write_frame(message.frame()).map(drop).map_err(primus::BoxError::from),
        });
    });
    let baseline = Baseline::of(&server);
    let (addr, stop) = (server.addr, AtomicBool::new(false));
    let until = Instant::now() + TIME;
    thread::scope(|scope| {
        let rude_ones = (0..3u64).map(|n| {
            let mut rng = Rng::with_seed(seed.wrapping_add(n));
            scope.spawn(move || {
                while Instant::now() < until {
                    rude(addr, &mut rng);
                }
            })
        });
        let behaved_ones = (10..14u64).map(|n| {
            let mut rng = Rng::with_seed(seed.wrapping_add(n));
            scope.spawn(move || {
                let mut count = 0;
                while Instant::now() < until {
                    behaved(addr, &mut rng);
                    count += 1;
                }
                assert!(count > 0);
            })
        });
        let clients: Vec<_> = rude_ones.chain(behaved_ones).collect();
        // Time passes as usual, and there are broadcasts.
        scope.spawn(|| {
            for n in 0u32.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                server.primus.write(&[n]).unwrap();
                crate::common::pause(STEP);
                clock.advance(STEP);
            }
        });
        let joined: Vec<_> = clients.into_iter().map(|client| client.join()).collect();
        stop.store(true, Ordering::Relaxed);
        joined.into_iter().for_each(|joined| joined.expect("a client failed"));
    });
    // Those who left without a word are missed after the heartbeat.
    wait_until("all sessions end", || {
        clock.advance(Duration::from_secs(1));
        server.primus.connected() == 0
    });
    wait_for("bytes that wait", 0, || server.primus.metrics().backlog_bytes);
    let counts = || server.primus.metrics().connections["engine.io"];
    wait_for("connections", 0, || counts().now);
    assert!(counts().ever > 50, "{:?}", counts());
    assert_eq!(server.primus.metrics().panics_caught, 0);
    // What is left of answers, and closing handshakes.
    wait_until("threads end", || {
        clock.advance(Duration::from_secs(1));
        server_threads().len() == 4
    });
    baseline.wait();
}
