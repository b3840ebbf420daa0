//! Every generation of client with every kind of server, in virtual time.

use std::sync::Arc;

use super::super::*;

const WALL_MS: u64 = 1_700_000_000_000;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A client and a server joined in memory, each with a timer that does what
/// their outputs ask for.
struct Pair {
    start: Instant,
    now: Instant,
    client: ClientHeartbeat,
    server: Heartbeat,
    client_timer: Option<Instant>,
    server_timer: Option<Instant>,
    last_inbound: Option<Instant>,
    /// Seconds and what happened, but for working heartbeats.
    log: Vec<(u64, String)>,
    heartbeats: u32,
}

impl Pair {
    fn new(mode: ClientMode, options: HeartbeatOptions, signals: &Signals<'_>) -> Self {
        let start = Instant::now();
        let client = ClientHeartbeat::open(mode, start);
        let server = Heartbeat::open(Arc::new(options), signals, start);
        Pair {
            start,
            now: start,
            client_timer: client.deadline(),
            server_timer: server.deadline(),
            client,
            server,
            last_inbound: None,
            log: Vec::new(),
            heartbeats: 0,
        }
    }

    fn log(&mut self, what: impl Into<String>) {
        self.log.push(((self.now - self.start).as_secs(), what.into()));
    }

    /// Runs up to a time, in seconds. Messages take no time.
    fn run(&mut self, until: u64) -> &[(u64, String)] {
        let end = self.start + secs(until);
        while let Some(next) = self.client_timer.into_iter().chain(self.server_timer).min() {
            if next > end {
                break;
            }
            self.now = self.now.max(next);
            if self.server_timer == Some(next) {
                self.tick_server();
            } else {
                self.tick_client();
            }
        }
        self.now = end;
        &self.log
    }

    fn wall(&self) -> u64 {
        WALL_MS + (self.now - self.start).as_millis() as u64
    }

    fn tick_server(&mut self) {
        match self.server.tick(self.now, self.wall(), self.last_inbound, false) {
            Tick::Alive { send, skipped, next } => {
                self.server_timer = next;
                if let Some(count) = skipped {
                    self.log(format!("skipped {count}"));
                }
                if let Some(text) = send {
                    self.send_client(&text);
                }
            }
            Tick::Dead { .. } => {
                self.log("killed");
                (self.server_timer, self.client_timer) = (None, None);
            }
        }
    }

    fn tick_client(&mut self) {
        match self.client.tick(self.now, self.wall(), false) {
            ClientTick::Alive { send, next } => {
                self.client_timer = next;
                if let Some(text) = send {
                    self.send_server(&text);
                }
            }
            ClientTick::Offline => {
                self.log("offline");
                self.client_timer = None;
            }
        }
    }

    fn send_server(&mut self, text: &str) {
        self.last_inbound = Some(self.now);
        let received = classify(text).map(|control| self.server.control(control, self.now));
        match received {
            Some(Received::Heartbeat { answer, rearm, .. }) => {
                self.heartbeats += 1;
                self.server_timer = rearm.or(self.server_timer);
                if let Some(answer) = answer {
                    self.send_client(&answer);
                }
            }
            _ => self.log("server data"),
        }
    }

    fn send_client(&mut self, text: &str) {
        let received = classify(text).map(|control| self.client.control(control, self.now));
        match received {
            Some(ClientReceived::Heartbeat { answer, rearm, .. }) => {
                self.client_timer = rearm.or(self.client_timer);
                if let Some(answer) = answer {
                    self.send_server(&answer);
                }
            }
            _ => self.log("client data"),
        }
    }
}

fn options(generation: Generation) -> HeartbeatOptions {
    HeartbeatOptions { generation, ..Default::default() }
}

fn happn() -> Signals<'static> {
    Signals { ping: Some("25000"), pong: Some("10000"), ..Default::default() }
}

fn check(pair: &mut Pair, until: u64, expected: &[(u64, &str)]) {
    let log = pair.run(until).iter().map(|(at, what)| (*at, what.as_str()));
    assert!(log.eq(expected.iter().copied()), "{:?}", pair.log);
}

const NONE: Signals<'static> = Signals { ping: None, pong: None, generation: Generation::Detect };

/// A client that never pings and answers nothing.
const SILENT: ClientMode = ClientMode::ClientPings { interval: None, timeout: Duration::ZERO };

#[test]
fn matching_generations_work() {
    let (a, b) = (ClientMode::CLIENT_PINGS, ClientMode::SERVER_PINGS);
    for (mode, generation, signals, beats) in [
        (a, Generation::ClientPings, NONE, 144),
        (a, Generation::Detect, happn(), 144),
        (a, Generation::ClientPings, happn(), 144),
        (b, Generation::ServerPings, NONE, 120),
    ] {
        let mut pair = Pair::new(mode, options(generation), &signals);
        check(&mut pair, 3_600, &[]);
        assert_eq!(pair.heartbeats, beats);
    }
}

#[test]
fn a_client_that_pings_and_a_server_that_pings_disturb_each_other() {
    let options = options(Generation::ServerPings);
    for signals in [NONE, happn()] {
        let mut pair = Pair::new(ClientMode::CLIENT_PINGS, options.clone(), &signals);
        let expected = [
            (25, "server data"),
            (30, "client data"),
            (35, "offline"),
            // The server's second tick.
            (60, "killed"),
        ];
        check(&mut pair, 200, &expected);
    }
}

#[test]
fn two_that_wait_for_pings_lose_each_other() {
    let mut pair = Pair::new(ClientMode::SERVER_PINGS, options(Generation::ClientPings), &NONE);
    check(&mut pair, 200, &[(35, "killed")]);
    // The happn server sends pongs that nobody asked for.
    let mut pair = Pair::new(ClientMode::SERVER_PINGS, options(Generation::Detect), &happn());
    let expected = [
        (30, "skipped 1"),
        (30, "client data"),
        (45, "offline"),
        (60, "skipped 2"),
        (60, "client data"),
        (90, "killed"),
    ];
    check(&mut pair, 200, &expected);
}

#[test]
fn detection_serves_all_of_them() {
    for mode in [ClientMode::CLIENT_PINGS, ClientMode::SERVER_PINGS] {
        let mut pair = Pair::new(mode, options(Generation::Detect), &NONE);
        assert_eq!(pair.server.generation(), Generation::Detect);
        check(&mut pair, 7_200, &[]);
        let known = match mode {
            ClientMode::ClientPings { .. } => Generation::ClientPings,
            ClientMode::ServerPings { .. } => Generation::ServerPings,
        };
        assert_eq!(pair.server.generation(), known);
    }
}

#[test]
fn an_undecided_client_that_stays_silent_dies_after_one_ping() {
    let mut pair = Pair::new(SILENT, options(Generation::Detect), &NONE);
    check(&mut pair, 200, &[(30, "client data"), (60, "killed")]);
}

#[test]
fn a_client_that_pings_late_is_recognised_after_a_stray_ping() {
    let interval = Some(secs(50));
    let late = ClientMode::ClientPings { interval, timeout: secs(10) };
    let slow = HeartbeatOptions { idle_timeout: Some(secs(60)), ..Default::default() };
    let mut pair = Pair::new(late, slow, &NONE);
    check(&mut pair, 3_600, &[(30, "client data")]);
    assert_eq!(pair.server.generation(), Generation::ClientPings);
}

#[test]
fn the_first_ping_waits_for_the_client_but_not_too_long() {
    for (interval, first) in [(30, 30), (60, 60), (20, 27), (19, 27), (18, 18), (5, 5)] {
        let ping_interval = Some(secs(interval));
        let options = HeartbeatOptions { ping_interval, ..Default::default() };
        let mut pair = Pair::new(SILENT, options, &NONE);
        check(&mut pair, first, &[(first, "client data")]);
        check(&mut pair, 500, &[(first, "client data"), (first + interval, "killed")]);
    }
}

#[test]
fn without_server_pings_only_clients_that_ping_are_watched() {
    let off = HeartbeatOptions { ping_interval: None, ..Default::default() };
    let mut pair = Pair::new(SILENT, off.clone(), &NONE);
    check(&mut pair, 86_400, &[]);
    let mut pair = Pair::new(ClientMode::CLIENT_PINGS, off.clone(), &NONE);
    check(&mut pair, 30, &[]);
    pair.client_timer = None;
    check(&mut pair, 200, &[(60, "killed")]);
    let off = HeartbeatOptions { idle_timeout: None, ..off };
    let mut pair = Pair::new(ClientMode::CLIENT_PINGS, off, &NONE);
    check(&mut pair, 30, &[]);
    pair.client_timer = None;
    check(&mut pair, 86_400, &[]);
}
