mod javascript;
mod network;

use super::super::recovery::Reconnect;
use super::*;
use crate::protocol::{ClientMode, classify};

/// A machine under a clock of its own. Effects are written as short words, in
/// order.
struct Bench {
    machine: Machine,
    now: Instant,
}

const ALL: Strategy = Strategy { disconnect: true, online: true, timeout: true };
const NEVER: Strategy = Strategy { disconnect: false, online: false, timeout: false };

fn word(effect: Effect) -> String {
    let event = match effect {
        Effect::Dial => return "dial".into(),
        Effect::Hangup { graceful: true } => return "bye".into(),
        Effect::Hangup { graceful: false } => return "drop".into(),
        Effect::Flush => return "flush".into(),
        Effect::Send(text) => return format!("send {text}"),
        Effect::Emit(event) => event,
    };
    match event {
        Event::ReadyState(state) => format!("{state:?}").to_lowercase(),
        Event::ReconnectScheduled(a) => format!("scheduled {} {:?}", a.attempt, a.delay),
        Event::Reconnect(a) => format!("reconnect {}", a.attempt),
        Event::Reconnected(r) => format!("reconnected {} {:?}", r.attempt, r.duration),
        Event::ReconnectTimeout(a) => format!("reconnect-timeout {}", a.attempt),
        Event::ReconnectFailed => "reconnect-failed".into(),
        Event::Error(error) => format!("error({error})"),
        Event::Close(reason) => format!("close {}", reason.code),
        Event::End(_) => "end".into(),
        Event::Id(id) => format!("id {id}"),
        // Short for the event, which has the state's name.
        Event::Open => "OPEN".into(),
        other => format!("{other:?}").to_lowercase(),
    }
}

impl Bench {
    fn new(strategy: Strategy) -> Self {
        Self::with(strategy, Reconnect::default(), ClientMode::default())
    }

    fn with(strategy: Strategy, reconnect: Reconnect, heartbeat: ClientMode) -> Self {
        let timeout = Some(Duration::from_secs(10));
        let settings = Settings { strategy, timeout, heartbeat, place: "http://host".into() };
        let machine = Machine::new(settings, Recovery::with_seed(reconnect, 1));
        Bench { machine, now: Instant::now() }
    }

    fn input(&mut self, input: Input<'_>) -> String {
        let mut out = Effects::new();
        self.machine.input(self.now, input, &mut out);
        out.into_iter().map(word).collect::<Vec<_>>().join(", ")
    }

    fn open(&mut self) -> String {
        self.input(Input::Open { once: false })
    }

    fn opened(mut self) -> Self {
        self.open();
        assert_eq!(self.input(Input::Opened), "open, flush, OPEN");
        self
    }

    fn hear(&mut self, text: &str) -> String {
        self.input(Input::Control(classify(text).unwrap()))
    }

    fn lost(&mut self) -> String {
        self.input(Input::Lost(CloseReason::new(Ended::Remote, 1000, "", true)))
    }

    fn failed(&mut self) -> String {
        self.input(Input::Failed(Error::Timeout("x".into()).into()))
    }

    fn refused(&mut self, status: u16) -> String {
        let (url, message) = ("".into(), "nope".into());
        let error = Error::Refused { url, status, message, authenticate: None };
        self.input(Input::Failed(error.into()))
    }

    /// Lets time pass until the next deadline; returns how long that was.
    fn tick(&mut self) -> (Duration, String) {
        let at = self.machine.deadline().expect("a deadline");
        let passed = at - self.now;
        self.now = at;
        (passed, self.input(Input::Tick { wall_ms: 7, busy: false }))
    }
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn open_connects_and_arms_the_heartbeat() {
    let mut bench = Bench::new(ALL);
    assert_eq!(bench.open(), "opening, dial");
    assert_eq!(bench.machine.deadline(), Some(bench.now + secs(10)));
    assert_eq!(bench.open(), "", "it is connecting already");
    bench.now += ms(5);
    assert_eq!(bench.input(Input::Opened), "open, flush, OPEN");
    assert_eq!(bench.machine.latency(), Some(ms(5)));
    assert_eq!(bench.machine.deadline(), Some(bench.now + secs(45)));
    assert_eq!(bench.open(), "", "it is connected already");
}

#[test]
fn end_closes_and_does_not_reconnect() {
    let mut bench = Bench::new(ALL).opened();
    assert_eq!(bench.input(Input::End), "bye, closed, close 1000, end");
    assert!(bench.machine.over());
    assert_eq!(bench.machine.deadline(), None);
    assert_eq!(bench.input(Input::End), "");
    assert_eq!(bench.lost(), "", "the transport's own end says nothing new");
    assert_eq!(bench.open(), "opening, dial");
    assert!(!bench.machine.over());
}

#[test]
fn end_while_connecting() {
    let mut bench = Bench::new(ALL);
    bench.open();
    assert_eq!(bench.input(Input::End), "bye, closed, close 1000, end");
    assert_eq!(bench.input(Input::Opened), "");
    assert_eq!(bench.failed(), "");
}

#[test]
fn end_before_open_is_silent() {
    let mut bench = Bench::new(ALL);
    assert_eq!(bench.input(Input::End), "");
    assert!(bench.machine.over());
}

#[test]
fn a_lost_connection_is_made_anew() {
    let mut bench = Bench::new(ALL).opened();
    assert_eq!(bench.lost(), "drop, closed, close 1000, scheduled 1 500ms");
    assert!(!bench.machine.over());
    assert_eq!(bench.tick(), (ms(500), "reconnect 1, opening, dial".into()));
    bench.now += ms(20);
    assert_eq!(bench.input(Input::Opened), "reconnected 1 520ms, open, flush, OPEN");
    bench.now += ms(500);
    assert_eq!(bench.lost(), "drop, closed, close 1000, scheduled 1 500ms", "counts anew");
}

#[test]
fn a_lost_connection_without_the_strategy_is_the_end() {
    let mut bench = Bench::new(NEVER).opened();
    assert_eq!(bench.lost(), "drop, closed, close 1000, end");
    assert!(bench.machine.over());
    assert_eq!(bench.machine.deadline(), None);
}

#[test]
fn the_server_may_mean_it() {
    let mut bench = Bench::new(ALL).opened();
    assert_eq!(bench.hear("primus::server::close"), "", "only a flag");
    assert_eq!(bench.lost(), "drop, closed, close 1000, end");
    assert!(!bench.machine.reason().unwrap().may_reconnect);
    bench.open();
    bench.input(Input::Opened);
    assert_eq!(bench.lost(), "drop, closed, close 1000, scheduled 1 500ms", "the flag is gone");
}

#[test]
fn a_breach_of_the_protocol_is_an_error_and_a_loss() {
    let mut bench = Bench::new(ALL).opened();
    let breach = CloseReason::new(Ended::Protocol, 1002, "bad", true);
    assert_eq!(
        bench.input(Input::Lost(breach)),
        "drop, error(protocol error: bad), closed, close 1002, scheduled 1 500ms"
    );
}

#[test]
fn the_first_connection_fails() {
    let mut bench = Bench::new(ALL);
    bench.open();
    assert_eq!(bench.failed(), "drop, error(timed out: x), closed, scheduled 1 500ms");
    let mut bench = Bench::new(NEVER);
    bench.open();
    assert_eq!(bench.failed(), "drop, error(timed out: x), closed, close 1006, end");
    let mut bench = Bench::new(ALL);
    bench.input(Input::Open { once: true });
    assert_eq!(bench.failed(), "drop, error(timed out: x), closed, close 1006, end");
}

#[test]
fn the_first_connection_takes_too_long() {
    let mut bench = Bench::new(ALL);
    bench.open();
    assert_eq!(bench.tick(), (secs(10), "drop, timeout, closed, scheduled 1 500ms".into()));
    let mut bench = Bench::new(NEVER);
    bench.open();
    assert_eq!(bench.tick(), (secs(10), "drop, timeout, closed, close 1006, end".into()));
}

#[test]
fn refusals_for_good_do_not_reconnect() {
    for status in [401, 403] {
        let expected = format!(
            "drop, error(unexpected server response: {status}: nope), closed, close 1006, end"
        );
        let mut bench = Bench::new(ALL);
        bench.open();
        assert_eq!(bench.refused(status), expected);
        let mut bench = Bench::new(ALL).opened();
        bench.lost();
        bench.tick();
        assert_eq!(bench.refused(status), expected, "nor while reconnecting");
        assert_eq!(bench.machine.deadline(), None);
    }
    let mut bench = Bench::new(ALL);
    bench.open();
    assert!(bench.refused(503).ends_with("scheduled 1 500ms"));
}

#[test]
fn attempts_back_off_and_end() {
    let reconnect = Reconnect { retries: Some(3), max: Some(secs(2)), ..Reconnect::default() };
    let mut bench = Bench::with(ALL, reconnect, ClientMode::default()).opened();
    bench.lost();
    let mut delays = Vec::new();
    for n in 1..=3 {
        let (delay, did) = bench.tick();
        delays.push(delay);
        assert_eq!(did, format!("reconnect {n}, opening, dial"));
        let did = bench.failed();
        if n < 3 {
            assert!(did.starts_with(&format!("drop, closed, scheduled {}", n + 1)), "{did}");
        } else {
            assert_eq!(did, "drop, closed, reconnect-failed, end");
        }
    }
    assert_eq!(delays[0], ms(500));
    assert!((ms(1000)..=secs(2)).contains(&delays[1]), "{delays:?}");
    assert_eq!(delays[2], secs(2));
    assert!(bench.machine.over());
    assert_eq!(bench.open(), "opening, dial", "the application may try again");
    assert!(bench.failed().ends_with("scheduled 1 500ms"));
}

#[test]
fn an_attempt_has_its_own_time() {
    let mut bench = Bench::new(ALL).opened();
    bench.lost();
    bench.tick();
    let (passed, did) = bench.tick();
    assert_eq!(passed, secs(30));
    assert!(did.starts_with("reconnect-timeout 1, drop, closed, scheduled 2 "), "{did}");
}

#[test]
fn end_stops_the_attempts() {
    let mut bench = Bench::new(ALL).opened();
    bench.lost();
    assert_eq!(bench.input(Input::End), "end", "waiting: there is nothing to close");
    assert_eq!(bench.machine.deadline(), None);
    let mut bench = Bench::new(ALL).opened();
    bench.lost();
    bench.tick();
    assert_eq!(bench.input(Input::End), "bye, closed, close 1000, end");
    assert_eq!(bench.machine.deadline(), None);
}

#[test]
fn open_while_waiting_does_not_wait() {
    let mut bench = Bench::new(ALL).opened();
    bench.lost();
    assert_eq!(bench.open(), "reconnect 1, opening, dial");
    assert_eq!(bench.input(Input::Opened), "reconnected 1 0ns, open, flush, OPEN");
}

#[test]
fn pings_are_answered_and_missed() {
    let mut bench = Bench::new(ALL).opened();
    bench.now += secs(30);
    assert_eq!(bench.hear("primus::ping::123"), "send primus::pong::123");
    let (passed, did) = bench.tick();
    let (passed, did) = if did.is_empty() {
        // The timer set at the opening finds that it was put off.
        let (more, did) = bench.tick();
        (passed + more, did)
    } else {
        (passed, did)
    };
    assert_eq!(passed, secs(45));
    assert_eq!(did, "offline, drop, closed, close 1006, scheduled 1 500ms");
    assert!(!bench.machine.online());
    bench.tick();
    assert_eq!(bench.input(Input::Opened), "reconnected 1 500ms, online, open, flush, OPEN");
}

#[test]
fn a_busy_client_does_not_judge_the_server() {
    let mut bench = Bench::new(ALL).opened();
    bench.now += secs(45);
    assert_eq!(bench.input(Input::Tick { wall_ms: 0, busy: true }), "");
    assert!(bench.machine.deadline().is_some_and(|at| at > bench.now));
}

#[test]
fn old_servers_are_pinged() {
    let heartbeat = ClientMode::ClientPings { interval: Some(secs(25)), timeout: secs(10) };
    let mut bench = Bench::with(ALL, Reconnect::default(), heartbeat).opened();
    assert_eq!(bench.tick(), (secs(25), "send primus::ping::7".into()));
    bench.now += ms(40);
    assert_eq!(bench.hear("primus::pong::7"), "");
    assert_eq!(bench.machine.latency(), Some(ms(40)));
    while bench.machine.state() == ReadyState::Open {
        bench.tick();
    }
    assert!(!bench.machine.online());
}

#[test]
fn foreign_messages_are_the_applications() {
    let mut bench = Bench::new(ALL).opened();
    let mut heard = |text: &str| {
        let control = Input::Control(classify(text).unwrap());
        bench.machine.input(bench.now, control, &mut Effects::new())
    };
    assert_eq!(heard("primus::pong::1"), Heard::Data);
    assert_eq!(heard("primus::server::other"), Heard::Protocol);
    assert_eq!(heard("primus::id::abc"), Heard::Protocol);
    assert_eq!(bench.hear("primus::id::abc"), "id abc");
}

#[test]
fn connections_that_do_not_last_are_tried_less_and_less_often() {
    let mut bench = Bench::new(ALL).opened();
    let mut delays = Vec::new();
    loop {
        bench.now += ms(10);
        let told = bench.lost();
        if told.ends_with("reconnect-failed, end") {
            break;
        }
        let (delay, _) = bench.tick();
        delays.push(delay);
        bench.input(Input::Opened);
    }
    assert_eq!(delays.len(), 10, "the retries count");
    assert!(delays.windows(2).all(|two| two[0] <= two[1]), "{delays:?}");
}

#[test]
fn a_connection_that_lasted_is_tried_again_at_once() {
    for (before, stood) in [(1, ms(500)), (9, secs(5))] {
        let mut bench = Bench::new(ALL).opened();
        for _ in 0..before {
            bench.lost();
            bench.tick();
            bench.input(Input::Opened);
        }
        bench.now += stood - ms(1);
        let told = bench.lost();
        assert!(told.contains(&format!("scheduled {}", before + 1)), "{told}");
        bench.tick();
        bench.input(Input::Opened);
        bench.now += secs(5);
        assert!(bench.lost().ends_with("scheduled 1 500ms"));
    }
}
