use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A session on a clock of its own.
struct Rig {
    session: Session,
    now: Instant,
}

impl Rig {
    fn new(kind: Kind) -> Self {
        let now = Instant::now();
        Rig { session: Session::open(kind, &Options::default(), now), now }
    }

    /// One in which a poll waits, or a stream.
    fn with_receiver(kind: Kind) -> Self {
        let mut rig = Rig::new(kind);
        let first = if kind == Kind::HtmlFile { Input::Stream } else { Input::Receiver(kind) };
        assert_eq!(rig.input(first), ["accept"]);
        rig
    }

    fn wait(&mut self, seconds: u32) {
        self.now += seconds * SECOND;
    }

    fn input(&mut self, input: Input) -> Vec<String> {
        let mut out = Vec::new();
        self.session.handle(input, self.now, &mut out);
        out.into_iter().map(told).collect()
    }

    fn says(&mut self, text: &str) -> Vec<String> {
        match read(text, 100) {
            Read::Message(frame) => vec![format!("message {}", frame.as_text().unwrap())],
            Read::Input(input) => self.input(input),
            Read::Both(frame, input) => {
                let message = format!("message {}", frame.as_text().unwrap());
                [vec![message], self.input(input)].concat()
            }
        }
    }

    fn tick(&mut self) -> Vec<String> {
        self.input(Input::Common(protocol::Input::Tick { excused: false }))
    }

    fn quiet(
        &mut self,
        happens: impl FnOnce(&mut Session, Instant, &mut Vec<QuietEffect<Session>>),
    ) -> Vec<String> {
        let mut out = Vec::new();
        happens(&mut self.session, self.now, &mut out);
        out.into_iter().map(told_quietly).collect()
    }

    fn end(&mut self) -> Vec<String> {
        self.quiet(|session, now, out| session.end(now, out))
    }

    fn dropped(&mut self, how: Dropped) -> Vec<String> {
        self.quiet(|session, now, out| session.dropped(how, now, out))
    }

    /// Seconds to the next deadline.
    fn deadline(&self) -> Option<u64> {
        self.session.deadline().map(|at| at.saturating_duration_since(self.now).as_secs())
    }

    /// Nothing follows from whatever happens.
    fn is_over(&mut self) -> bool {
        let kind = self.session.kind();
        !self.session.polls()
            && self.deadline().is_none()
            && self.input(Input::Receiver(kind)) == ["refuse"]
            && self.says("2::").is_empty()
            && self.says("0::").is_empty()
            && self.input(Input::Leave).is_empty()
            && self.tick().is_empty()
            && self.end().is_empty()
    }
}

fn told(effect: Effect<Session>) -> String {
    match effect {
        Effect::Accept => "accept".into(),
        Effect::Replace(None) => "replace".into(),
        Effect::Replace(Some(say)) => format!("replace {}", say.packet()),
        Effect::Refuse(Unknown) => "refuse".into(),
        Effect::Send { packet, asked: false } => format!("send {packet}"),
        Effect::Die(reason) => format!("die {:?} {}", reason.by, reason.code),
        Effect::Quiet(quiet) => told_quietly(quiet),
        _ => "something else".into(),
    }
}

fn told_quietly(effect: QuietEffect<Session>) -> String {
    match effect {
        QuietEffect::Answer(say) => say.packet().into(),
        QuietEffect::Finish => "finish".into(),
        QuietEffect::Act(Act::Owe(say)) => format!("owe {}", say.packet()),
        QuietEffect::Over(End::Told) => "over".into(),
        QuietEffect::Over(End::Because(reason)) => format!("over {:?} {}", reason.by, reason.code),
        QuietEffect::CutPost => "cut".into(),
    }
}

const POLLS: [Kind; 2] = [Kind::XhrPolling, Kind::JsonpPolling];

#[test]
fn a_client_that_polls_may_be_away_for_the_close_timeout() {
    for kind in POLLS {
        let mut rig = Rig::new(kind);
        assert_eq!(rig.deadline(), Some(60));
        rig.wait(59);
        assert!(rig.tick().is_empty());
        assert_eq!(rig.input(Input::Receiver(kind)), ["accept"]);
        assert!(rig.session.takes(rig.now));
        assert!(!rig.session.takes(rig.now));
        rig.session.detached(rig.now);
        rig.wait(59);
        // What it says meanwhile does not make it come back.
        assert_eq!(rig.says("3:::x"), ["message x"]);
        assert!(rig.says("2::").is_empty());
        assert!(rig.tick().is_empty());
        rig.wait(1);
        assert_eq!(rig.tick(), ["over Lost 1006"]);
        assert!(rig.is_over());
    }
}

#[test]
fn a_poll_is_released_after_the_polling_duration() {
    for kind in POLLS {
        let mut rig = Rig::with_receiver(kind);
        assert_eq!(rig.deadline(), Some(20));
        rig.wait(19);
        assert!(rig.tick().is_empty());
        rig.wait(1);
        assert_eq!(rig.tick(), ["8::"]);
        assert!(!rig.session.takes(rig.now));
        rig.session.detached(rig.now);
        assert_eq!(rig.deadline(), Some(60));
    }
}

#[test]
fn the_newest_poll_is_the_one_that_waits() {
    for kind in POLLS {
        let mut rig = Rig::with_receiver(kind);
        rig.wait(10);
        assert_eq!(rig.input(Input::Receiver(kind)), ["replace 8::"]);
        assert_eq!(rig.deadline(), Some(20));
        assert!(rig.session.takes(rig.now));
    }
    let mut rig = Rig::with_receiver(Kind::HtmlFile);
    assert_eq!(rig.input(Input::Receiver(Kind::HtmlFile)), ["replace"]);
}

#[test]
fn a_session_stays_with_its_transport() {
    for kind in Kind::ALL {
        let mut rig = Rig::new(kind);
        for other in Kind::ALL.into_iter().filter(|other| *other != kind) {
            assert_eq!(rig.input(Input::Receiver(other)), ["refuse"]);
        }
    }
    // There is but one WebSocket, and one first stream.
    for kind in [Kind::Websocket, Kind::HtmlFile] {
        assert_eq!(Rig::new(kind).input(Input::Receiver(kind)), ["refuse"]);
    }
    for kind in [Kind::Websocket, Kind::XhrPolling] {
        assert_eq!(Rig::new(kind).input(Input::Stream), ["refuse"]);
    }
}

#[test]
fn a_lost_poll_is_no_harm_unless_something_was_in_it() {
    let mut rig = Rig::with_receiver(Kind::XhrPolling);
    assert!(rig.dropped(Dropped::Waiting).is_empty());
    assert_eq!(rig.deadline(), Some(60));
    assert_eq!(rig.input(Input::Receiver(Kind::XhrPolling)), ["accept"]);
    assert_eq!(rig.dropped(Dropped::Unread), ["over Lost 1006"]);
    assert!(rig.is_over());
    let mut rig = Rig::with_receiver(Kind::HtmlFile);
    assert_eq!(rig.dropped(Dropped::Waiting), ["over Lost 1006"]);
    assert!(rig.is_over());
}

#[test]
fn streams_and_websockets_have_a_heartbeat() {
    for kind in [Kind::Websocket, Kind::HtmlFile] {
        let mut rig = match kind {
            Kind::HtmlFile => Rig::with_receiver(kind),
            _ => Rig::new(kind),
        };
        rig.wait(25);
        assert_eq!(rig.tick(), ["send 2::"]);
        rig.wait(59);
        assert!(rig.tick().is_empty());
        assert!(rig.says("2::").is_empty());
        rig.wait(25);
        assert_eq!(rig.tick(), ["send 2::"]);
        rig.wait(60);
        let dead: &[&str] = match kind {
            Kind::HtmlFile => &["0::", "finish", "owe 0::", "die Heartbeat 1000"],
            _ => &["die Heartbeat 1000"],
        };
        assert_eq!(rig.tick(), dead);
        assert!(rig.is_over());
    }
    let off = Options { heartbeats: false, ..Options::default() };
    let session = Session::open(Kind::Websocket, &off, Instant::now());
    assert_eq!(session.deadline(), None);
}

#[test]
fn who_may_be_unheard_is_not_judged() {
    for kind in [Kind::Websocket, Kind::HtmlFile] {
        let mut rig = match kind {
            Kind::HtmlFile => Rig::with_receiver(kind),
            _ => Rig::new(kind),
        };
        rig.wait(25);
        assert_eq!(rig.tick(), ["send 2::"]);
        for _ in 0..3 {
            rig.wait(60);
            let excused = Input::Common(protocol::Input::Tick { excused: true });
            assert!(rig.input(excused).is_empty());
        }
        rig.wait(60);
        assert_eq!(rig.tick().last().map(|told| &**told), Some("die Heartbeat 1000"));
    }
}

#[test]
fn messages_on_the_websocket_show_life() {
    let mut rig = Rig::new(Kind::Websocket);
    rig.wait(25);
    assert_eq!(rig.tick(), ["send 2::"]);
    rig.wait(59);
    assert!(rig.input(Input::Common(protocol::Input::Alive)).is_empty());
    rig.wait(59);
    assert!(rig.says("garbage").is_empty());
    rig.wait(59);
    assert!(rig.tick().is_empty());
    rig.wait(1);
    assert_eq!(rig.tick(), ["die Heartbeat 1000"]);
}

#[test]
fn the_client_says_goodbye() {
    for kind in POLLS {
        let mut rig = Rig::with_receiver(kind);
        assert_eq!(rig.says("0::"), ["0::", "finish", "owe 7:::1+0", "over Remote 1005"]);
        assert!(rig.is_over());
        let mut rig = Rig::with_receiver(kind);
        assert_eq!(rig.input(Input::Leave), ["0::", "finish", "owe 7:::1+0", "over Remote 1005"]);
        assert!(rig.is_over());
    }
    let mut rig = Rig::new(Kind::Websocket);
    assert_eq!(rig.says("0::"), ["over Remote 1005"]);
    assert!(rig.is_over());
    let mut rig = Rig::new(Kind::Websocket);
    assert_eq!(rig.input(Input::Leave), ["die Remote 1005"]);
    assert!(rig.is_over());
}

#[test]
fn the_spark_ends() {
    for kind in [Kind::XhrPolling, Kind::JsonpPolling, Kind::HtmlFile] {
        let mut rig = Rig::with_receiver(kind);
        assert_eq!(rig.end(), ["0::", "finish", "owe 0::", "over"]);
        assert!(rig.is_over());
    }
    // Nobody waits: whoever comes soon is told.
    let mut rig = Rig::new(Kind::XhrPolling);
    assert_eq!(rig.end(), ["0::", "finish", "owe 0::", "over"]);
    assert!(rig.is_over());
}

#[test]
fn what_a_client_says() {
    let mut rig = Rig::new(Kind::XhrPolling);
    for (text, expected) in [
        ("3:::\"x\"", &["message \"x\""][..]),
        ("3:::", &["message "]),
        ("4:::{\"a\":1}", &["message {\"a\":1}"]),
        ("3:5::\"acked\"", &["message \"acked\"", "send 6:::5"]),
        ("3:5+::\"acked\"", &["message \"acked\""]),
        ("5:::{\"name\":\"ev\",\"args\":[1]}", &[]),
        ("5:9::{\"name\":\"ev\"}", &["send 6:::9"]),
        ("1::/ns", &[]),
        ("3::/ns:x", &[]),
        ("3:1:/ns:x", &["send 6::/ns:1"]),
        ("0::/ns", &[]),
        ("6:::1", &[]),
        ("7:::1+0", &[]),
        ("8::", &[]),
        ("garbage", &[]),
        ("", &[]),
    ] {
        assert_eq!(rig.says(text), expected, "{text}");
    }
    let longest = "x".repeat(100);
    assert_eq!(rig.says(&format!("3:::{longest}")), [format!("message {longest}")]);
    assert_eq!(
        rig.says(&format!("3:::{longest}x")),
        ["0::", "finish", "owe 7:::1+0", "over Protocol 1009"]
    );
    let mut rig = Rig::new(Kind::Websocket);
    assert_eq!(rig.input(Input::Said(Said::Bytes)), ["over Protocol 1003"]);
}

/// Whatever happens in whatever order: a session that is over stays so, nothing is
/// given to nobody, and something is always due while nobody waits.
#[test]
fn any_order() {
    fastrand::seed(3);
    for _ in 0..3_000 {
        let kind = fastrand::choice(Kind::ALL).unwrap();
        let mut rig = Rig::new(kind);
        let mut over = false;
        for _ in 0..30 {
            let told = match fastrand::u8(..11) {
                0 => rig.input(Input::Receiver(kind)),
                1 => rig.input(Input::Stream),
                2 => rig.input(Input::Receiver(fastrand::choice(Kind::ALL).unwrap())),
                3 => rig.says(fastrand::choice(["2::", "3:1::x", "8::", "?"]).unwrap()),
                4 if fastrand::u8(..8) == 0 => rig.says("0::"),
                5 if fastrand::u8(..8) == 0 => rig.input(Input::Leave),
                6 if fastrand::u8(..8) == 0 => rig.end(),
                7 if rig.session.waits == Waits::Poll => rig.dropped(Dropped::Waiting),
                8 if rig.session.takes(rig.now) => {
                    assert!(!over);
                    if kind != Kind::HtmlFile {
                        rig.session.detached(rig.now);
                    }
                    Vec::new()
                }
                9 => rig.input(Input::Common(protocol::Input::Alive)),
                _ => {
                    rig.wait(fastrand::u32(..40));
                    let told = rig.tick();
                    if told == ["8::"] {
                        rig.session.detached(rig.now);
                    }
                    told
                }
            };
            let is_over =
                told.iter().any(|told| told.starts_with("over") || told.starts_with("die"));
            assert!(!(over && is_over), "{told:?}");
            over |= is_over;
            assert_eq!(rig.session.over, over);
            let idle = matches!(rig.session.waits, Waits::Nobody | Waits::Opener);
            assert_eq!(idle && !over, rig.session.away.is_some());
            assert!(over || rig.session.deadline().is_some());
        }
    }
}
