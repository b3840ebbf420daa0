use super::*;

const DELAYS: (u64, u64) = (5, 25);

/// A session on a clock of its own.
struct Rig {
    session: Session,
    now: Instant,
}

impl Rig {
    fn new(streams: bool) -> Self {
        let (disconnect, heartbeat) = DELAYS;
        let options = Options {
            disconnect_delay: Duration::from_secs(disconnect),
            heartbeat_delay: Duration::from_secs(heartbeat),
            ..Options::default()
        };
        let now = Instant::now();
        Rig { session: Session::open(&options, streams, now), now }
    }

    /// One in which a poll waits, or a stream.
    fn with(streams: bool) -> Self {
        let mut rig = Rig::new(false);
        assert_eq!(rig.receiver(streams), ["accept"]);
        rig
    }

    fn wait(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
    }

    fn input(&mut self, input: Input) -> Vec<String> {
        let mut out = Vec::new();
        self.session.handle(input, self.now, &mut out);
        out.into_iter().map(told).collect()
    }

    fn receiver(&mut self, streams: bool) -> Vec<String> {
        self.input(Input::Receiver { streams })
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

    /// Milliseconds to the next deadline.
    fn deadline(&self) -> Option<u128> {
        self.session.deadline().map(|at| at.saturating_duration_since(self.now).as_millis())
    }

    fn is_over(&mut self) -> bool {
        !self.session.polls()
            && self.deadline().is_none()
            && self.receiver(false) == ["refuse gone"]
    }
}

fn told(effect: Effect<Session>) -> String {
    match effect {
        Effect::Accept => "accept".into(),
        Effect::Refuse(Refusal::Gone) => "refuse gone".into(),
        Effect::Refuse(Refusal::Close(close)) => format!("refuse {}", close.code),
        Effect::Quiet(quiet) => told_quietly(quiet),
        _ => "something else".into(),
    }
}

fn told_quietly(effect: QuietEffect<Session>) -> String {
    match effect {
        QuietEffect::Answer(Say::Heartbeat) => "h".into(),
        QuietEffect::Answer(Say::Close(close)) => format!("c {}", close.code),
        QuietEffect::Finish => "finish".into(),
        QuietEffect::Act(Act::Owe(close)) => format!("owe {}", close.code),
        QuietEffect::Over(End::Told) => "over".into(),
        QuietEffect::Over(End::Because(reason)) => format!("over: {}", reason.text),
        QuietEffect::CutPost => "cut".into(),
    }
}

#[test]
fn a_new_session_waits_so_long_for_its_client() {
    for streams in [false, true] {
        let mut rig = Rig::new(streams);
        assert_eq!(rig.deadline(), Some(5_000));
        assert!(!rig.session.takes(rig.now));
        rig.wait(4_999);
        assert!(rig.tick().is_empty());
        rig.wait(1);
        assert_eq!(rig.tick(), ["over: the client has not come back"]);
        assert!(rig.is_over());
    }
}

#[test]
fn until_the_stream_that_opens_it_has_come_nobody_else_gets_in() {
    let mut rig = Rig::new(true);
    assert_eq!(rig.receiver(false), ["refuse 2010"]);
    assert_eq!(rig.receiver(true), ["refuse 2010"]);
    assert_eq!(rig.input(Input::Opener), ["accept"]);
    assert!(rig.session.takes(rig.now));
    assert_eq!(rig.deadline(), Some(25_000));
}

#[test]
fn a_poll_gets_one_thing_and_a_stream_many() {
    let mut rig = Rig::with(false);
    assert!(rig.session.takes(rig.now));
    assert!(!rig.session.takes(rig.now));
    rig.session.detached(rig.now);
    assert_eq!(rig.deadline(), Some(5_000));
    assert_eq!(rig.receiver(true), ["accept"]);
    assert!(rig.session.takes(rig.now) && rig.session.takes(rig.now));
}

#[test]
fn the_newcomer_is_refused_and_the_first_stays() {
    for (first, second) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut rig = Rig::with(first);
        assert_eq!(rig.receiver(second), ["refuse 2010"]);
        assert_eq!(rig.input(Input::Opener), ["refuse 2010"]);
        assert!(rig.session.takes(rig.now));
    }
}

#[test]
fn a_receiver_gets_a_heartbeat_when_nothing_else_has_come() {
    let mut rig = Rig::with(true);
    rig.wait(24_999);
    assert!(rig.tick().is_empty());
    // What is sent puts it off.
    assert!(rig.session.takes(rig.now));
    rig.wait(1);
    assert!(rig.tick().is_empty());
    assert_eq!(rig.deadline(), Some(24_999));
    for _ in 0..3 {
        rig.wait(25_000);
        assert_eq!(rig.tick(), ["h"]);
    }
    let mut rig = Rig::with(false);
    rig.wait(25_000);
    assert_eq!(rig.tick(), ["h"]);
    // It ends the poll.
    rig.session.detached(rig.now);
    assert_eq!(rig.deadline(), Some(5_000));
}

#[test]
fn between_two_receivers_no_heartbeat_is_due() {
    let mut rig = Rig::with(true);
    rig.wait(24_000);
    rig.session.detached(rig.now);
    rig.wait(1_000);
    assert!(rig.tick().is_empty());
    assert_eq!(rig.receiver(true), ["accept"]);
    assert_eq!(rig.deadline(), Some(25_000));
}

#[test]
fn a_receiver_that_is_lost_is_the_end_at_once() {
    for how in [Dropped::Waiting, Dropped::Unread] {
        let mut rig = Rig::with(true);
        let told = rig.dropped(how);
        assert!(told[0].starts_with("over: the "), "{told:?}");
        assert!(rig.is_over());
        assert!(rig.dropped(how).is_empty() && rig.end().is_empty());
    }
}

#[test]
fn the_end_is_told_to_who_waits_and_to_who_comes_soon() {
    for streams in [false, true] {
        let mut rig = Rig::with(streams);
        assert_eq!(rig.end(), ["c 1000", "finish", "owe 1000", "over"]);
        assert!(rig.is_over());
        // The last answer ends after the session.
        rig.session.detached(rig.now);
        assert_eq!(rig.deadline(), None);
        assert!(rig.end().is_empty() && rig.tick().is_empty());
    }
}

#[test]
fn a_session_that_is_lost_is_over_once() {
    let lose = |session: &mut Session, now, out: &mut Vec<QuietEffect<Session>>| {
        session.lost(CloseReason::lost("why"), now, out);
    };
    let mut rig = Rig::with(false);
    assert_eq!(rig.quiet(lose), ["over: why"]);
    assert!(rig.is_over());
    assert!(rig.quiet(lose).is_empty());
}
