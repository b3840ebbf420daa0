use super::*;

const SETTINGS: Settings =
    Settings { revision: Revision::V4, first: Carrier::Polling, upgrade: true };
const OLD: Settings = Settings { revision: Revision::V3, ..SETTINGS };

/// The heartbeat of the handshakes here: 25 s, and 20 s.
const INTERVAL: Duration = Duration::from_secs(25);
const TIMEOUT: Duration = Duration::from_secs(20);

/// A session and the time.
struct World {
    session: Session,
    now: Instant,
}

impl World {
    fn new(settings: Settings) -> Self {
        World { session: Session::new(settings), now: Instant::now() }
    }

    /// An open one.
    fn open(settings: Settings) -> Self {
        let mut world = World::new(settings);
        let effects = world.packet(handshake());
        assert!(matches!(effects[0], Effect::Open(_)), "{effects:?}");
        world
    }

    /// One that polls for the second time.
    fn polling(settings: Settings) -> Self {
        let mut world = World::open(settings);
        assert_eq!(world.input(Input::Polled), [Effect::Poll]);
        world
    }

    /// One that a WebSocket carries.
    fn websocket(settings: Settings) -> Self {
        World::open(Settings { first: Carrier::Websocket, ..settings })
    }

    fn input(&mut self, input: Input) -> Vec<Effect> {
        let mut out = Vec::new();
        self.session.handle(input, self.now, &mut out);
        out
    }

    fn packet(&mut self, packet: Packet) -> Vec<Effect> {
        self.input(Input::Packet(Ok(packet)))
    }

    fn probe(&mut self, packet: Packet) -> Vec<Effect> {
        self.input(Input::Probe(Ok(packet)))
    }

    /// Lets so much time pass, and ticks if it is due.
    fn pass(&mut self, time: Duration) -> Vec<Effect> {
        self.now += time;
        if self.session.deadline().is_some_and(|due| due <= self.now) {
            self.input(Input::Tick { busy: false })
        } else {
            Vec::new()
        }
    }
}

fn handshake() -> Packet {
    let json = r#"{"sid":"a","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}"#;
    Packet::Open(json.into())
}

fn ping(data: &str) -> Packet {
    Packet::Ping(data.into())
}

fn pong(data: &str) -> Packet {
    Packet::Pong(data.into())
}

fn message(text: &str) -> Packet {
    Packet::Message(Frame::text(text))
}

fn is_end(effects: &[Effect], by: Ended) -> bool {
    matches!(effects, [Effect::End(reason)] if reason.by == by && reason.may_reconnect)
}

#[test]
fn a_session_opens_and_polls() {
    let mut world = World::new(Settings { upgrade: false, ..SETTINGS });
    let effects = world.packet(handshake());
    assert!(matches!(&effects[..], [Effect::Open(handshake)] if handshake.sid == "a"));
    assert_eq!(world.packet(message("early")), [Effect::Deliver(Frame::text("early"))]);
    assert_eq!(world.input(Input::Polled), [Effect::Poll]);
    assert_eq!(world.packet(message("a")), [Effect::Deliver(Frame::text("a"))]);
    assert_eq!(world.packet(Packet::Noop), []);
    assert_eq!(world.input(Input::Polled), [Effect::Poll]);
}

#[test]
fn a_websocket_probes_beside_it_if_both_sides_want_it() {
    for (upgrade, offer, probes) in
        [(true, true, true), (false, true, false), (true, false, false), (false, false, false)]
    {
        let mut world = World::new(Settings { upgrade, ..SETTINGS });
        let offered = if offer { r#""upgrades":["websocket"],"# } else { "" };
        let json = format!(r#"{{"sid":"a",{offered}"pingInterval":1,"pingTimeout":1}}"#);
        let effects = world.packet(Packet::Open(json));
        assert_eq!(effects.contains(&Effect::Probe), probes);
    }
    let mut world = World::new(Settings { first: Carrier::Websocket, ..SETTINGS });
    assert!(!world.packet(handshake()).contains(&Effect::Probe));
}

#[test]
fn what_does_not_open_a_session() {
    for first in [Carrier::Polling, Carrier::Websocket] {
        for packet in [
            Ok(Packet::Noop),
            Ok(message("a")),
            Ok(Packet::Close),
            Ok(Packet::Open(r#"{"sid":""}"#.into())),
            Ok(Packet::Open("<html>".into())),
            Err(Invalid("unknown packet type")),
        ] {
            let mut world = World::new(Settings { first, ..SETTINGS });
            let effects = world.input(Input::Packet(packet));
            assert!(matches!(effects[..], [Effect::Fail(_)]), "{effects:?}");
            assert_eq!(world.packet(handshake()), []);
        }
    }
    assert!(matches!(World::new(SETTINGS).input(Input::Polled)[..], [Effect::Fail(_)]));
}

#[test]
fn the_way_to_a_websocket() {
    let mut world = World::polling(SETTINGS);
    assert_eq!(world.input(Input::ProbeOpened), [Effect::SendProbe(ping("probe"))]);
    assert_eq!(world.packet(message("meanwhile")).len(), 1);
    assert_eq!(world.input(Input::Polled), [Effect::Poll]);
    assert!(!world.session.is_pausing());
    assert_eq!(world.probe(pong("probe")), []);
    assert!(!world.session.is_pausing(), "a poll is under way");
    assert_eq!(world.input(Input::Rested), []);
    assert_eq!(world.packet(message("last")).len(), 1);
    assert_eq!(world.input(Input::Polled), [], "no poll follows");
    assert!(world.session.is_pausing());
    let over = [Effect::SendProbe(Packet::Upgrade), Effect::Switch];
    assert_eq!(world.input(Input::Rested), over);
    assert!(!world.session.is_pausing());
    assert_eq!(world.packet(message("a")), [Effect::Deliver(Frame::text("a"))]);
    assert_eq!(world.packet(ping("")), [Effect::Send(pong(""))]);
    assert_eq!(world.pass(PROBE_TIMEOUT), []);
}

/// At whatever point it fails, polling goes on.
#[test]
fn a_probe_that_fails_leaves_polling_alone() {
    let wrong: [fn() -> Input; 5] = [
        || Input::ProbeLost,
        || Input::Probe(Ok(message("a"))),
        || Input::Probe(Ok(pong("robe"))),
        || Input::Probe(Err(Invalid("unknown packet type"))),
        || Input::Tick { busy: false },
    ];
    for (stage, wrong) in (0..4).flat_map(|stage| wrong.map(|wrong| (stage, wrong))) {
        let mut world = World::polling(SETTINGS);
        if stage > 0 {
            world.input(Input::ProbeOpened);
        }
        if stage > 1 {
            world.probe(pong("probe"));
        }
        if stage > 2 {
            world.input(Input::Polled);
        }
        world.now += PROBE_TIMEOUT;
        let lost = matches!(wrong(), Input::ProbeLost);
        let mut expected = if lost { vec![] } else { vec![Effect::DropProbe] };
        expected.extend((stage > 2).then_some(Effect::Poll));
        assert_eq!(world.input(wrong()), expected, "{stage}");
        assert!(!world.session.is_pausing());
        if stage < 3 {
            assert_eq!(world.input(Input::Polled), [Effect::Poll]);
        }
        assert_eq!(world.packet(message("a")).len(), 1);
        assert_eq!(world.input(Input::ProbeLost), [], "it is told only once");
    }
}

#[test]
fn the_server_pings_in_revision_4() {
    for mut world in [World::polling(SETTINGS), World::websocket(SETTINGS)] {
        world.input(Input::ProbeLost);
        for _ in 0..3 {
            assert_eq!(world.pass(INTERVAL + TIMEOUT / 2), []);
            assert_eq!(world.packet(ping("")), [Effect::Send(pong(""))]);
        }
        assert_eq!(world.packet(pong("")), [], "passed over");
        assert_eq!(world.pass(INTERVAL + TIMEOUT - Duration::from_millis(1)), []);
        assert!(is_end(&world.pass(Duration::from_millis(1)), Ended::Heartbeat));
        assert_eq!(world.session.deadline(), None);
    }
}

#[test]
fn the_client_pings_in_revision_3() {
    for mut world in [World::polling(OLD), World::websocket(OLD)] {
        world.input(Input::ProbeLost);
        assert_eq!(world.packet(ping("")), [], "passed over");
        for _ in 0..3 {
            assert_eq!(world.pass(INTERVAL - Duration::from_millis(1)), []);
            assert_eq!(world.pass(Duration::from_millis(1)), [Effect::Send(ping(""))]);
            assert_eq!(world.pass(TIMEOUT / 2), []);
            assert_eq!(world.packet(pong("")), []);
        }
        assert_eq!(world.pass(INTERVAL), [Effect::Send(ping(""))]);
        assert_eq!(world.pass(TIMEOUT - Duration::from_millis(1)), []);
        assert!(is_end(&world.pass(Duration::from_millis(1)), Ended::Heartbeat));
    }
}

/// A long message may keep a ping waiting behind it.
#[test]
fn bytes_are_a_sign_of_life() {
    for settings in [SETTINGS, OLD] {
        let mut world = World::polling(settings);
        world.input(Input::ProbeLost);
        world.pass(INTERVAL);
        for _ in 0..10 {
            assert_eq!(world.pass(TIMEOUT / 2), []);
            assert_eq!(world.input(Input::Alive), []);
        }
        assert!(is_end(&world.pass(TIMEOUT), Ended::Heartbeat));
    }
}

/// A session that does not listen cannot tell that there is silence.
#[test]
fn a_server_that_was_not_listened_to_is_not_judged() {
    for settings in [SETTINGS, OLD] {
        let mut world = World::polling(settings);
        world.input(Input::ProbeLost);
        if settings.revision == Revision::V3 {
            world.now += INTERVAL;
            assert_eq!(world.input(Input::Tick { busy: true }), [Effect::Send(ping(""))]);
        }
        for _ in 0..3 {
            world.now = world.session.deadline().unwrap();
            assert_eq!(world.input(Input::Tick { busy: true }), []);
            assert!(world.session.deadline().unwrap() > world.now);
        }
        assert!(is_end(&world.pass(TIMEOUT), Ended::Heartbeat));
    }
    // Nor is a probe given more time than it has.
    let mut world = World::polling(SETTINGS);
    world.now += PROBE_TIMEOUT;
    assert_eq!(world.input(Input::Tick { busy: true }), [Effect::DropProbe]);
}

#[test]
fn the_server_closes() {
    let mut world = World::polling(SETTINGS);
    assert_eq!(world.packet(Packet::Noop), []);
    let effects = world.packet(Packet::Close);
    assert_eq!(effects[0], Effect::DropProbe);
    assert!(is_end(&effects[1..], Ended::Remote));
    assert_eq!(world.packet(message("late")), []);
    assert_eq!(world.input(Input::Polled), [], "no further request");
    assert!(is_end(&World::websocket(SETTINGS).packet(Packet::Close), Ended::Remote));
}

#[test]
fn nonsense_ends_it() {
    for mut world in [World::polling(SETTINGS), World::websocket(SETTINGS)] {
        world.input(Input::ProbeLost);
        let effects = world.input(Input::Packet(Err(Invalid("unknown packet type"))));
        assert!(is_end(&effects, Ended::Protocol), "{effects:?}");
    }
}

#[test]
fn the_application_ends_it() {
    let mut world = World::polling(SETTINGS);
    assert_eq!(world.input(Input::End), [Effect::DropProbe]);
    assert!(!world.session.is_open());
    assert_eq!(world.packet(message("late")), []);
    assert_eq!(world.input(Input::Polled), []);
    assert_eq!(world.pass(INTERVAL * 10), []);
    let mut world = World::new(SETTINGS);
    assert_eq!(world.input(Input::End), []);
    assert_eq!(world.packet(handshake()), []);
}
