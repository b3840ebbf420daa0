//! Recorded conversations, replayed with one end taken by ours.

use std::sync::Arc;

use super::super::*;

/// How far ours may be from the recording, whose ends had clocks that were late
/// at times. The first tick of a recorded server also came a bit early, for
/// it was the same for all connections.
const TOLERANCE_MS: u64 = 60;

const WALL_MS: u64 = 1_700_000_000_000;

/// A line of a recording: when, who (`s2c`, `c2s`, `server`, `client`), what.
type Line = (u64, String, String);

fn lines(recording: &str) -> Vec<Line> {
    let parse = |line: &str| {
        let mut parts = line.splitn(3, ' ').map(str::to_owned);
        Some((parts.next()?.parse().ok()?, parts.next()?, parts.next()?))
    };
    recording.lines().filter_map(parse).collect()
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// What our end did, and how it was made to.
struct Replay {
    start: Instant,
    lines: Vec<Line>,
    done: Vec<Line>,
    deadline: Option<Instant>,
    over: bool,
}

impl Replay {
    fn new(recording: &str) -> Self {
        let lines = lines(recording);
        Replay { start: Instant::now(), lines, done: Vec::new(), deadline: None, over: false }
    }

    fn log(&mut self, at: Instant, who: &str, what: impl Into<String>) {
        let at = (at - self.start).as_millis() as u64;
        self.done.push((at, who.to_owned(), what.into()));
    }

    fn wall(&self, at: Instant) -> u64 {
        WALL_MS + (at - self.start).as_millis() as u64
    }

    fn rearm(&mut self, at: Option<Instant>) {
        self.deadline = at.or(self.deadline);
    }

    /// Compares with what the recorded end did.
    fn compare(&self, wire: &str, notes: &str, expected: Vec<Line>) {
        let peer: Vec<&String> = self
            .lines
            .iter()
            .filter(|line| line.1 != wire && line.1 != notes)
            .map(|line| &line.2)
            .collect();
        assert_eq!(self.done.len(), expected.len(), "{:#?}\n{expected:#?}", self.done);
        for (ours, theirs) in self.done.iter().zip(&expected) {
            assert_eq!(ours.1, theirs.1, "{ours:?} {theirs:?}");
            assert!(same(&ours.2, &theirs.2, &peer), "{ours:?} {theirs:?}");
            assert!(ours.0.abs_diff(theirs.0) <= TOLERANCE_MS, "{ours:?} {theirs:?}");
        }
    }
}

/// Equal, but for the time in what nobody asked for.
fn same(ours: &str, theirs: &str, peer: &[&String]) -> bool {
    let value = |text| match classify(text) {
        Some(Control::Ping(value)) => Some(("ping", value)),
        Some(Control::Pong(value)) => Some(("pong", value)),
        _ => None,
    };
    match (value(ours), value(theirs)) {
        (Some((kind, ours)), Some((other, theirs))) if ours != theirs => {
            let asked = peer.iter().any(|text| value(text) == Some(("ping", theirs)));
            kind == other && !asked && ours.starts_with("17000")
        }
        _ => ours == theirs,
    }
}

/// Our server in place of the recorded one.
fn server(recording: &str, options: HeartbeatOptions, signals: Signals<'_>) {
    let mut replay = Replay::new(recording);
    let mut heartbeat = Heartbeat::open(Arc::new(options), &signals, replay.start);
    replay.deadline = heartbeat.deadline();
    let mut last_inbound = None;
    for (at, who, what) in replay.lines.clone() {
        let at = replay.start + ms(at);
        while let Some(tick) = replay.deadline.filter(|tick| *tick <= at && !replay.over) {
            server_tick(&mut replay, &mut heartbeat, tick, last_inbound);
        }
        match (who.as_str(), what.as_str()) {
            ("c2s", "<close>" | "<fin>") => break,
            ("c2s", "<pong frame>") => {}
            ("c2s", "<ping frame>") => {
                heartbeat.alive(at);
                replay.log(at, "server", "heartbeat");
            }
            ("c2s", text) => {
                last_inbound = Some(at);
                server_message(&mut replay, &mut heartbeat, text, at);
            }
            _ => {}
        }
    }
    let mut expected: Vec<Line> = Vec::new();
    for line in &replay.lines {
        match (line.1.as_str(), line.2.as_str()) {
            ("c2s", "<close>" | "<fin>") | ("client", "end") => break,
            ("s2c", text) if text.starts_with('<') => {}
            // Ours tells of heartbeats, not of all data, as v6 did.
            ("server", data) if data.starts_with("data") => {
                expected.pop_if(|line| line.2 == "heartbeat");
                expected.push(line.clone());
            }
            ("s2c" | "server", _) => expected.push(line.clone()),
            _ => {}
        }
    }
    // Some recordings hold no events of the heartbeat.
    if !expected.iter().any(|line| line.2.starts_with("heartbeat")) {
        replay.done.retain(|line| !line.2.starts_with("heartbeat"));
    }
    replay.compare("s2c", "server", expected);
}

fn server_tick(
    replay: &mut Replay,
    heartbeat: &mut Heartbeat,
    at: Instant,
    last_inbound: Option<Instant>,
) {
    match heartbeat.tick(at, replay.wall(at), last_inbound, false) {
        Tick::Alive { send, skipped, next } => {
            if let Some(count) = skipped {
                replay.log(at, "server", format!("heartbeat-skipped {count}"));
            }
            if let Some(text) = send {
                replay.log(at, "s2c", text);
            }
            replay.deadline = next;
        }
        Tick::Dead { flatline } => {
            replay.log(at, "server", "end");
            if let Some(count) = flatline {
                replay.log(at, "server", format!("flatline {count}"));
            }
            replay.over = true;
        }
    }
}

fn server_message(replay: &mut Replay, heartbeat: &mut Heartbeat, text: &str, at: Instant) {
    let received = classify(text).map(|control| heartbeat.control(control, at));
    match received.unwrap_or(Received::Data) {
        Received::Data => replay.log(at, "server", format!("data {text}")),
        Received::Id => replay.log(at, "s2c", id("S_8gFLnE8eAemL5DGlj-C")),
        Received::Heartbeat { answer, rearm, .. } => {
            replay.log(at, "server", "heartbeat");
            if let Some(answer) = answer {
                replay.log(at, "s2c", answer);
            }
            replay.rearm(rearm);
        }
    }
}

/// Our client in place of the recorded one.
fn client(recording: &str, mode: ClientMode) {
    let mut replay = Replay::new(recording);
    let mut heartbeat = ClientHeartbeat::open(mode, replay.start);
    replay.deadline = heartbeat.deadline();
    for (at, who, what) in replay.lines.clone() {
        let at = replay.start + ms(at);
        while let Some(tick) = replay.deadline.filter(|tick| *tick <= at && !replay.over) {
            match heartbeat.tick(tick, replay.wall(tick), false) {
                ClientTick::Alive { send, next } => {
                    if let Some(text) = send {
                        replay.log(tick, "c2s", text);
                    }
                    replay.deadline = next;
                }
                ClientTick::Offline => {
                    replay.log(tick, "client", "offline");
                    replay.over = true;
                }
            }
        }
        match (who.as_str(), what.as_str()) {
            ("client", "end") | ("s2c", "<close>" | "<fin>") => break,
            ("s2c", text) => client_message(&mut replay, &mut heartbeat, text, at),
            _ => {}
        }
    }
    let recorded = replay.lines.iter().take_while(|line| line.2 != "<close>" && line.2 != "<fin>");
    let by_client = |line: &&Line| matches!(line.1.as_str(), "c2s" | "client") && line.2 != "end";
    let expected = recorded.filter(by_client).cloned().collect();
    replay.compare("c2s", "client", expected);
}

fn client_message(replay: &mut Replay, heartbeat: &mut ClientHeartbeat, text: &str, at: Instant) {
    let received = classify(text).map(|control| heartbeat.control(control, at));
    match received.unwrap_or(ClientReceived::Data) {
        ClientReceived::Data => replay.log(at, "client", format!("data {text}")),
        ClientReceived::Heartbeat { answer, rearm, .. } => {
            if let Some(answer) = answer {
                replay.log(at, "c2s", answer);
            }
            replay.rearm(rearm);
        }
        ClientReceived::Ignored | ClientReceived::Id(_) | ClientReceived::Close => {}
    }
}

macro_rules! recording {
    ($name:literal) => {
        include_str!(concat!("../../../tests/vectors/heartbeat/", $name, ".txt"))
    };
}

fn server_pings(interval: u64) -> HeartbeatOptions {
    let generation = Generation::ServerPings;
    HeartbeatOptions { ping_interval: Some(ms(interval)), generation, ..Default::default() }
}

fn client_pings(idle: u64) -> HeartbeatOptions {
    HeartbeatOptions { idle_timeout: Some(ms(idle)), ..Default::default() }
}

fn old() -> Signals<'static> {
    Signals { generation: Generation::ClientPings, ..Default::default() }
}

fn happn(ping: &'static str, pong: &'static str) -> Signals<'static> {
    Signals { ping: Some(ping), pong: Some(pong), ..old() }
}

#[test]
fn a_server_that_pings() {
    server(recording!("v8-v8"), server_pings(500), Signals::default());
    server(recording!("v7-v8"), server_pings(600), Signals::default());
    server(recording!("v8-zombie"), server_pings(300), Signals::default());
    server(recording!("v8-unknown"), server_pings(30_000), Signals::default());
}

#[test]
fn a_server_for_clients_that_ping() {
    server(recording!("v5-v5"), client_pings(700), old());
    server(recording!("v6-v6"), client_pings(700), old());
    server(recording!("happn-v6"), client_pings(2_000), old());
    server(recording!("silent-v6"), client_pings(700), old());
    server(recording!("data-v6"), client_pings(700), old());
}

#[test]
fn a_server_for_happn_clients() {
    let default = HeartbeatOptions::default;
    server(recording!("happn-happn"), default(), happn("1200", "400"));
    server(recording!("v6-happn"), default(), old());
    server(recording!("happn-400"), default(), happn("400", "300"));
    server(recording!("silent-happn"), default(), happn("600", "400"));
    server(recording!("silent-happn-slow"), default(), happn("1000", "400"));
    server(recording!("happn-two-pings"), default(), happn("1500", "600"));
    server(recording!("happn-disabled"), default(), happn("false", "400"));
    let three = HeartbeatOptions { allow_skipped: 3, ..default() };
    server(recording!("silent-happn-skip3"), three, happn("1000", "200"));
}

#[test]
fn a_client_that_waits_for_pings() {
    let mode = |timeout| ClientMode::ServerPings { timeout: Some(ms(timeout)) };
    client(recording!("v8-v8"), mode(45_000));
    client(recording!("v7-v8"), mode(900));
    client(recording!("v8-client-timeout"), mode(600));
    client(recording!("v8-v6-client-timeout"), mode(700));
    client(recording!("v8-happn"), mode(1_200));
    client(recording!("v8-client-unknown"), mode(900));
    client(recording!("v8-client-close"), mode(900));
}

#[test]
fn a_client_that_pings() {
    let mode = |interval, pong| {
        let (interval, timeout) = (Some(ms(interval)), ms(pong));
        ClientMode::ClientPings { interval, timeout }
    };
    client(recording!("v5-v5"), mode(400, 300));
    client(recording!("v6-v6"), mode(400, 300));
    client(recording!("v6-v8"), mode(400, 300));
    client(recording!("v6-pong-echoes"), mode(500, 300));
    client(recording!("v6-happn"), mode(1_200, 400));
    client(recording!("happn-happn"), mode(1_200, 400));
    client(recording!("happn-v6"), mode(1_200, 400));
    client(recording!("happn-400"), mode(400, 300));
}
