//! The machine of the browser client takes the same steps, and the same comes of
//! them: scripts of random steps go through both.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::*;

/// Scripts, and steps in each.
const SCRIPTS: u64 = 300;
const STEPS: usize = 60;

/// Both compute the delays of later attempts by chance; not if they are all the
/// longest.
fn reconnect() -> Reconnect {
    let delay = ms(500);
    Reconnect { min: delay, max: Some(delay), retries: Some(3), ..Reconnect::default() }
}

fn words(effect: Effect) -> String {
    match effect {
        Effect::Emit(Event::Reconnected(r)) => format!("reconnected {}", r.attempt),
        Effect::Emit(Event::Error(_)) => "error".into(),
        Effect::Emit(Event::Close(_)) => "close".into(),
        effect => word(effect),
    }
}

/// One script: what the browser's machine is to be made with and the steps it is
/// to take, and what came of each here.
struct Script {
    bench: Bench,
    begun: Instant,
    random: fastrand::Rng,
    steps: Vec<Value>,
    outcomes: Vec<Value>,
}

impl Script {
    fn new(seed: u64) -> (Script, Value) {
        let mut random = fastrand::Rng::with_seed(seed);
        let strategy = Strategy {
            disconnect: random.u8(..4) > 0,
            online: random.bool(),
            timeout: random.u8(..4) > 0,
        };
        let (heartbeat, settings) = match random.u8(..4) {
            0 => (ClientMode::CLIENT_PINGS, json!({"ping": 25_000, "pong": 10_000})),
            1 => (ClientMode::ServerPings { timeout: None }, json!({"pingTimeout": false})),
            _ => (ClientMode::SERVER_PINGS, json!({"pingTimeout": 45_000})),
        };
        let names = [
            (strategy.disconnect, "disconnect"),
            (strategy.online, "online"),
            (strategy.timeout, "timeout"),
        ];
        let names: Vec<_> = names.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
        let mut settings = settings;
        settings["timeout"] = json!(10_000);
        settings["strategy"] = json!(names.join(","));
        let bench = Bench::with(strategy, reconnect(), heartbeat);
        let begun = bench.now;
        (Script { bench, begun, random, steps: Vec::new(), outcomes: Vec::new() }, settings)
    }

    fn at(&self) -> u64 {
        (self.bench.now - self.begun).as_millis() as u64
    }

    fn take(&mut self, step: Value, input: Input<'_>) {
        let mut out = Effects::new();
        let heard = self.bench.machine.input(self.bench.now, input, &mut out);
        let effects: Vec<_> = out.into_iter().map(words).collect();
        let deadline = self.bench.machine.deadline();
        self.steps.push(json!([self.at(), step]));
        self.outcomes.push(json!({
            "effects": effects,
            "data": heard == Heard::Data,
            "deadline": deadline.map(|at| (at - self.begun).as_millis() as u64),
            "online": self.bench.machine.online(),
            "over": self.bench.machine.over(),
        }));
    }

    fn step(&mut self) {
        self.bench.now += ms(self.random.u64(..3_000));
        match self.random.u8(..16) {
            0..=4 => self.tick(),
            5 | 6 => self.take(json!(["open"]), Input::Open { once: false }),
            7 => self.take(json!(["end"]), Input::End),
            8 => self.network(),
            _ => self.transport(),
        }
    }

    /// Mostly just in time.
    fn tick(&mut self) {
        let Some(deadline) = self.bench.machine.deadline() else { return };
        let late = if self.random.u8(..4) == 0 { ms(self.random.u64(..4_000)) } else { ms(0) };
        self.bench.now = self.bench.now.max(deadline + late);
        let wall_ms = 1_000_000 + self.at();
        self.take(json!(["tick", wall_ms]), Input::Tick { wall_ms, busy: false });
    }

    fn network(&mut self) {
        let there = self.random.bool();
        self.take(json!(["network", there]), Input::Network(there));
    }

    /// What a transport can say in this state.
    fn transport(&mut self) {
        match self.bench.machine.state() {
            ReadyState::Opening if self.random.u8(..3) > 0 => {
                self.take(json!(["opened"]), Input::Opened);
            }
            ReadyState::Opening => {
                let status = *self.random.choice([401, 403, 404, 503].iter()).expect("some");
                let (url, message) = ("".into(), "no".into());
                let error = Error::Refused { url, status, message, authenticate: None };
                self.take(json!(["failed", status]), Input::Failed(error.into()));
            }
            ReadyState::Open if self.random.u8(..3) == 0 => {
                let reason = CloseReason::new(Ended::Remote, 1000, "", true);
                self.take(json!(["lost"]), Input::Lost(reason));
            }
            ReadyState::Open => self.control(),
            ReadyState::Closed => self.take(json!(["opened"]), Input::Opened),
        }
    }

    fn control(&mut self) {
        let wall = 1_000_000 + self.at();
        let text = match self.random.u8(..8) {
            0..=2 => format!("primus::ping::{wall}"),
            3 => format!("primus::pong::{wall}"),
            4 => "primus::ping::soon".into(),
            5 => "primus::id::me".into(),
            6 => "primus::server::close".into(),
            _ => "primus::server::open".into(),
        };
        let control = classify(&text).expect("it is one of Primus's");
        self.take(json!(["control", text]), Input::Control(control));
    }
}

/// What the browser's machine makes of the scripts.
fn javascript(scripts: &Value) -> Vec<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/library/machine.js");
    let mut node = Command::new("node")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("install Node.js 18 or later, or set PRIMUS_SKIP_INTEROP=1 to go without");
    let mut input = node.stdin.take().expect("it is piped");
    input.write_all(scripts.to_string().as_bytes()).expect("it reads");
    drop(input);
    let output = node.wait_with_output().expect("it ends");
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).expect("its outcomes")
}

#[test]
fn the_machine_of_the_browser_client_takes_the_same_steps() {
    if std::env::var_os("PRIMUS_SKIP_INTEROP").is_some_and(|value| value == "1") {
        return;
    }
    let mut scripts = Vec::new();
    let mut outcomes = Vec::new();
    for seed in 0..SCRIPTS {
        let (mut script, settings) = Script::new(seed);
        (0..STEPS).for_each(|_| script.step());
        scripts.push(json!({"settings": settings, "steps": script.steps}));
        outcomes.push(script.outcomes);
    }
    let reconnect = json!({"min": 500, "max": 500, "retries": 3});
    let theirs = javascript(&json!({"reconnect": reconnect, "scripts": scripts}));
    for (seed, (ours, theirs)) in outcomes.iter().zip(&theirs).enumerate() {
        for (at, ours) in ours.iter().enumerate() {
            let steps = &scripts[seed]["steps"].as_array().expect("steps")[..=at];
            assert_eq!(ours, &theirs[at], "{}: {steps:?}", scripts[seed]["settings"]);
        }
    }
    assert_eq!(theirs.len(), outcomes.len());
}
