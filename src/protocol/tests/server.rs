//! Rules of the server's heartbeat, and of the client's, one by one.

use std::sync::Arc;

use super::super::*;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn open(options: HeartbeatOptions, signals: Signals<'_>) -> (Heartbeat, Instant) {
    let start = Instant::now();
    (Heartbeat::open(Arc::new(options), &signals, start), start)
}

fn forced(generation: Generation) -> HeartbeatOptions {
    HeartbeatOptions { generation, ..Default::default() }
}

fn happn() -> (Heartbeat, Instant) {
    let signals = Signals { ping: Some("25000"), pong: Some("10000"), ..Default::default() };
    open(HeartbeatOptions::default(), signals)
}

const DEAD: Tick = Tick::Dead { flatline: None };

fn sends(tick: Tick) -> (bool, Option<Instant>) {
    match tick {
        Tick::Alive { send, next, .. } => (send.is_some(), next),
        Tick::Dead { .. } => panic!("dead"),
    }
}

fn wait(next: Instant) -> Tick {
    Tick::Alive { send: None, skipped: None, next: Some(next) }
}

fn heard(latency: Option<Duration>) -> Received {
    Received::Heartbeat { answer: None, latency, rearm: None }
}

#[test]
fn signals_of_a_connection() {
    let query = |ping, pong| Signals { ping, pong, ..Default::default() };
    let shown = |generation| Signals { generation, ..Default::default() };
    let (a, b, u) = (Generation::ClientPings, Generation::ServerPings, Generation::Detect);
    for (signals, expected) in [
        (Signals::default(), u),
        (query(Some("25000"), Some("10000")), a),
        (query(Some("false"), Some("false")), a),
        (query(Some("25000.5"), Some("false")), a),
        (query(Some("25000"), None), u),
        (query(None, Some("10000")), u),
        (query(Some("1e3"), Some("10000")), u),
        (query(Some(""), Some("10000")), u),
        (query(Some("1."), Some("10000")), u),
        (query(Some("-1"), Some("10000")), u),
        (shown(a), a),
        (shown(b), b),
        (shown(u), u),
    ] {
        let (heartbeat, _) = open(HeartbeatOptions::default(), signals);
        assert_eq!(heartbeat.generation(), expected, "{signals:?}");
    }
}

#[test]
fn a_forced_generation_overrides_the_signals() {
    let old = Signals { generation: Generation::ClientPings, ..Default::default() };
    let (heartbeat, _) = open(forced(Generation::ServerPings), old);
    assert_eq!(heartbeat.generation(), Generation::ServerPings);
    let new = Signals { generation: Generation::ServerPings, ..Default::default() };
    let (heartbeat, start) = open(forced(Generation::ClientPings), new);
    assert_eq!(heartbeat.generation(), Generation::ClientPings);
    assert_eq!(heartbeat.deadline(), Some(start + secs(35)));
}

#[test]
fn a_client_without_a_pong_for_a_whole_interval_is_dead() {
    let (mut heartbeat, start) = open(forced(Generation::ServerPings), Signals::default());
    assert_eq!(heartbeat.deadline(), Some(start + secs(30)));
    let ping = Tick::Alive {
        send: Some("primus::ping::77".to_owned()),
        skipped: None,
        next: Some(start + secs(60)),
    };
    assert_eq!(heartbeat.tick(start + secs(30), 77, None, false), ping);
    // Data is no sign of life.
    assert_eq!(heartbeat.tick(start + secs(60), 78, Some(start + secs(59)), false), DEAD);
}

#[test]
fn any_pong_and_a_ping_frame_are_signs_of_life() {
    let (mut heartbeat, start) = open(forced(Generation::ServerPings), Signals::default());
    let at = |n| start + secs(n);
    sends(heartbeat.tick(at(30), 77, None, false));
    assert_eq!(heartbeat.control(Control::Pong("x"), at(31)), heard(None));
    assert_eq!(sends(heartbeat.tick(at(60), 78, None, false)), (true, Some(at(90))));
    heartbeat.alive(at(61));
    assert_eq!(sends(heartbeat.tick(at(90), 79, None, false)), (true, Some(at(120))));
    assert_eq!(heartbeat.tick(at(120), 80, None, false), DEAD);
}

#[test]
fn the_latency_is_that_of_the_answer_to_our_ping() {
    let (mut heartbeat, start) = open(forced(Generation::ServerPings), Signals::default());
    let sent = start + secs(30);
    sends(heartbeat.tick(sent, 1_795_244_975_815, None, false));
    let later = sent + Duration::from_millis(42);
    assert_eq!(heartbeat.control(Control::Pong("3"), later), heard(None));
    let answered = heartbeat.control(Control::Pong("1795244975815"), later);
    assert_eq!(answered, heard(Some(Duration::from_millis(42))));
    // Once only.
    assert_eq!(heartbeat.control(Control::Pong("1795244975815"), later), heard(None));
}

#[test]
fn what_is_swallowed_depends_on_the_generation() {
    let confirmed = || open(forced(Generation::ServerPings), Signals::default());
    let (mut heartbeat, now) = confirmed();
    assert_eq!(heartbeat.control(Control::Ping("1"), now), Received::Data);
    assert_eq!(heartbeat.control(Control::Pong("1"), now), heard(None));
    for (mut heartbeat, now) in [happn(), open(forced(Generation::ClientPings), Signals::default())]
    {
        assert_eq!(heartbeat.control(Control::Pong("1"), now), Received::Data);
        let answer = Some("primus::pong::1".to_owned());
        let pong = Received::Heartbeat { answer, latency: None, rearm: None };
        assert_eq!(heartbeat.control(Control::Ping("1"), now), pong);
    }
    for (mut heartbeat, now) in [happn(), confirmed()] {
        assert_eq!(heartbeat.control(Control::Id("x"), now), Received::Id);
        assert_eq!(heartbeat.control(Control::Server("close"), now), Received::Data);
    }
}

#[test]
fn a_first_pong_tells_that_the_server_is_to_ping() {
    let (mut heartbeat, start) = open(HeartbeatOptions::default(), Signals::default());
    assert_eq!(heartbeat.control(Control::Pong("1"), start), heard(None));
    assert_eq!(heartbeat.generation(), Generation::ServerPings);
    assert_eq!(heartbeat.control(Control::Ping("1"), start), Received::Data);
    assert!(sends(heartbeat.tick(start + secs(30), 1, None, false)).0);
}

#[test]
fn recognition_may_need_an_earlier_tick() {
    let idle_timeout = Some(secs(5));
    let options = HeartbeatOptions { idle_timeout, ..Default::default() };
    let (mut heartbeat, start) = open(options, Signals::default());
    let Received::Heartbeat { rearm, .. } = heartbeat.control(Control::Ping("1"), start + secs(2))
    else {
        panic!("data")
    };
    assert_eq!(rearm, Some(start + secs(7)));
    assert_eq!(heartbeat.deadline(), rearm);
    // The second time the tick at 7 s will do.
    let Received::Heartbeat { rearm, .. } = heartbeat.control(Control::Ping("1"), start + secs(3))
    else {
        panic!("data")
    };
    assert_eq!(rearm, None);
    assert_eq!(heartbeat.tick(start + secs(7), 0, None, false), wait(start + secs(8)));
    assert_eq!(heartbeat.tick(start + secs(8), 0, None, false), DEAD);
}

#[test]
fn any_message_keeps_a_client_that_pings_alive() {
    let (mut heartbeat, start) = open(forced(Generation::ClientPings), Signals::default());
    let at = |n| start + secs(n);
    assert_eq!(heartbeat.tick(at(35), 0, Some(at(30)), false), wait(at(65)));
    assert_eq!(heartbeat.tick(at(65), 0, Some(at(30)), false), DEAD);
}

#[test]
fn data_does_not_keep_a_happn_client_alive() {
    let (mut heartbeat, start) = happn();
    for n in 1..=2 {
        let now = start + secs(30 * n);
        let skip = Tick::Alive {
            send: Some("primus::pong::9".to_owned()),
            skipped: Some(n as u32),
            next: Some(now + secs(30)),
        };
        assert_eq!(heartbeat.tick(now, 9, Some(now), false), skip);
    }
    let now = start + secs(90);
    assert_eq!(heartbeat.tick(now, 9, Some(now), false), Tick::Dead { flatline: Some(3) });
}

#[test]
fn a_ping_frame_forgives_the_skips_of_a_happn_client() {
    let (mut heartbeat, start) = happn();
    let at = |n| start + secs(n);
    sends(heartbeat.tick(at(30), 0, None, false));
    sends(heartbeat.tick(at(60), 0, None, false));
    heartbeat.alive(at(70));
    assert_eq!(heartbeat.tick(at(90), 0, None, false), wait(at(100)));
    assert!(sends(heartbeat.tick(at(100), 0, None, false)).0);
}

#[test]
fn the_time_out_that_a_client_asks_for_has_bounds() {
    for (ping, seconds) in [("0", 0.1), ("9999999999999", 3_600.0), (&"9".repeat(400), 30.0)] {
        let signals = Signals { ping: Some(ping), pong: Some("10000"), ..Default::default() };
        let pong = Duration::from_secs(if ping == "0" { 5 } else { 0 });
        let (heartbeat, start) = open(HeartbeatOptions::default(), signals);
        let expected = Duration::from_secs_f64(seconds).max(pong);
        assert_eq!(heartbeat.deadline(), Some(start + expected), "{ping}");
    }
}

#[test]
fn nobody_is_judged_while_the_spark_is_busy() {
    let (mut b, start) = open(forced(Generation::ServerPings), Signals::default());
    let at = |n| start + secs(n);
    sends(b.tick(at(30), 0, None, false));
    // It is pinged all the same, else it would give up.
    assert_eq!(sends(b.tick(at(60), 0, None, true)), (true, Some(at(90))));
    assert_eq!(b.tick(at(90), 0, None, false), DEAD);

    let (mut a, start) = open(forced(Generation::ClientPings), Signals::default());
    assert_eq!(a.tick(start + secs(35), 0, None, true), wait(start + secs(70)));
    assert_eq!(a.tick(start + secs(70), 0, None, false), DEAD);

    let (mut h, start) = happn();
    for n in 1..10 {
        let now = start + secs(30 * n);
        let next = Some(now + secs(30));
        let send = Some("primus::pong::0".to_owned());
        assert_eq!(h.tick(now, 0, None, true), Tick::Alive { send, skipped: None, next });
    }
}

#[test]
fn a_process_that_stood_still_gives_one_round_of_grace() {
    let (mut b, start) = open(forced(Generation::ServerPings), Signals::default());
    let at = |n| start + secs(n);
    sends(b.tick(at(30), 0, None, false));
    assert_eq!(sends(b.tick(at(5_000), 0, None, false)), (true, Some(at(5_030))));
    assert_eq!(b.tick(at(5_100), 0, None, false), DEAD);

    let (mut a, start) = open(forced(Generation::ClientPings), Signals::default());
    assert_eq!(a.tick(start + secs(500), 0, None, false), wait(start + secs(535)));
    assert_eq!(a.tick(start + secs(535), 0, None, false), DEAD);

    let (mut h, start) = happn();
    let next = Some(start + secs(530));
    let send = Some("primus::pong::0".to_owned());
    let late = h.tick(start + secs(500), 0, None, false);
    assert_eq!(late, Tick::Alive { send, skipped: None, next });
}

#[test]
fn a_tick_that_comes_early_does_nothing() {
    let (mut heartbeat, start) = open(forced(Generation::ServerPings), Signals::default());
    assert_eq!(heartbeat.tick(start + secs(29), 0, None, false), wait(start + secs(30)));
}

#[test]
fn an_interval_of_nothing_does_not_tick_without_end() {
    let ping_interval = Some(Duration::ZERO);
    let options = HeartbeatOptions { ping_interval, ..forced(Generation::ServerPings) };
    let (heartbeat, start) = open(options, Signals::default());
    assert!(heartbeat.deadline() > Some(start));
}

#[test]
fn a_client_excuses_the_server_for_its_own_lateness() {
    let start = Instant::now();
    let at = |n| start + secs(n);
    let alive = |n| ClientTick::Alive { send: None, next: Some(at(n)) };
    let mut client = ClientHeartbeat::open(ClientMode::SERVER_PINGS, start);
    assert_eq!(client.tick(at(45), 0, true), alive(55));
    assert_eq!(client.tick(at(60), 0, false), alive(70));
    assert_eq!(client.tick(at(80), 0, false), ClientTick::Offline);
    let mut client = ClientHeartbeat::open(ClientMode::CLIENT_PINGS, start);
    let sent = ClientTick::Alive { send: Some("primus::ping::5".to_owned()), next: Some(at(35)) };
    assert_eq!(client.tick(at(25), 5, false), sent);
    assert_eq!(client.tick(at(200), 6, false), alive(210));
    assert_eq!(client.tick(at(210), 7, false), ClientTick::Offline);
}

#[test]
fn a_client_measures_the_latency_of_its_pings() {
    let start = Instant::now();
    let mut client = ClientHeartbeat::open(ClientMode::CLIENT_PINGS, start);
    client.tick(start + secs(25), 5, false);
    let answered = client.control(Control::Pong("5"), start + secs(27));
    let latency = Some(secs(2));
    let expected = ClientReceived::Heartbeat { answer: None, latency, rearm: None };
    assert_eq!(answered, expected);
    assert_eq!(client.tick(start + secs(35), 6, false), {
        ClientTick::Alive { send: None, next: Some(start + secs(52)) }
    });
}

#[test]
fn what_the_client_swallows() {
    let now = Instant::now();
    for mode in [ClientMode::SERVER_PINGS, ClientMode::CLIENT_PINGS] {
        let mut client = ClientHeartbeat::open(mode, now);
        assert_eq!(client.control(Control::Server("close"), now), ClientReceived::Close);
        assert_eq!(client.control(Control::Server("open"), now), ClientReceived::Ignored);
        assert_eq!(client.control(Control::Id("x"), now), ClientReceived::Id("x"));
        let pong = client.control(Control::Pong("1"), now);
        assert_eq!(pong == ClientReceived::Data, mode == ClientMode::SERVER_PINGS);
        let ping = client.control(Control::Ping("1"), now);
        assert_eq!(ping == ClientReceived::Data, mode == ClientMode::CLIENT_PINGS);
    }
}
