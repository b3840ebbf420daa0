use super::order::Brought;
use super::*;
use crate::transformers::browserchannel::maps::{Maps, Most, head, put};
use crate::transformers::browserchannel::server::owed::Owed;

/// A session on a clock of its own.
struct Rig {
    session: Session,
    shared: Arc<Shared>,
    now: Instant,
}

impl Rig {
    fn new() -> Self {
        let options = Options::default();
        let (now, owed) = (Instant::now(), Owed::new(options.session_timeout));
        let mut session = Session::open(&options, ("sid", None), 100, 1 << 10, now);
        assert_eq!(session.greeting(), b"25\n[[0,[\"c\",\"sid\",null,8]]]\n");
        let mut rig = Rig { session, shared: Arc::new(Shared { options, owed }), now };
        assert!(rig.bring(100, None, maps(0, &[])).is_empty());
        rig
    }

    /// One with a back channel.
    fn with(stays: bool) -> Self {
        let mut rig = Rig::new();
        assert_eq!(rig.wait(Some(0), stays), ["accept"]);
        rig
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn input(&mut self, input: Input) -> Vec<String> {
        let mut out = Vec::new();
        self.session.handle(input, self.now, &mut out);
        while self.session.has_more() {
            self.session.handle(Input::More, self.now, &mut out);
        }
        out.into_iter().map(told).collect()
    }

    fn wait(&mut self, aid: Option<u64>, stays: bool) -> Vec<String> {
        self.input(Input::Wait { aid, stays })
    }

    fn bring(&mut self, rid: u64, aid: Option<u64>, what: Brought) -> Vec<String> {
        self.input(Input::Bring { rid, aid, what })
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

    /// What a back channel of this shape gets.
    fn body(&mut self, shape: &Shape, what: What<'_, Say>) -> String {
        let mut out = Vec::new();
        let shared = self.shared.clone();
        assert_eq!(self.session.body(&shared, shape, what, &mut out), shape.content());
        String::from_utf8(out).unwrap()
    }

    fn says(&mut self, say: Say) -> String {
        self.body(&Shape::Xhr, What::Own(&say))
    }

    fn writes(&mut self, texts: &[&str]) -> String {
        let records: Vec<_> = texts.iter().map(|text| Record::Text(text)).collect();
        assert!(self.session.takes(self.now));
        self.body(&Shape::Xhr, What::Waiting { records: &records, parting: false })
    }

    /// What is owed when it is over.
    fn owed(&mut self, aid: Option<u64>) -> Option<String> {
        let (shared, now) = (self.shared.clone(), self.now);
        self.session.over(&shared, "sid", now);
        shared.owed.take("sid", aid, now, |arrays| {
            let mut out = Vec::new();
            arrays.chunk(&mut out);
            String::from_utf8(out).unwrap()
        })
    }

    /// Seconds to the next deadline.
    fn deadline(&self) -> Option<u64> {
        self.session.deadline().map(|at| at.saturating_duration_since(self.now).as_secs())
    }

    fn is_over(&mut self) -> bool {
        !self.session.polls()
            && self.deadline().is_none()
            && self.session.status().is_none()
            && self.wait(None, true) == ["refuse Gone"]
            && self.bring(0, None, Brought::End) == ["refuse Gone"]
    }
}

fn maps(first: u64, texts: &[&str]) -> Brought {
    let mut body = head(texts.len(), first).into_bytes();
    for (at, text) in texts.iter().enumerate() {
        put(at, text, &mut body);
    }
    form(body)
}

fn form(body: impl Into<Vec<u8>>) -> Brought {
    let most = Most { maps: 1_000, length: 1 << 20 };
    Brought::Maps(Maps::parse(body.into(), false, most).unwrap())
}

fn told(effect: Effect<Session>) -> String {
    match effect {
        Effect::Accept => "accept".into(),
        Effect::Replace(last) => format!("replace {last:?}"),
        Effect::Refuse(refusal) => format!("refuse {refusal:?}"),
        Effect::Deliver(frame) => format!("message {}", frame.as_text().unwrap()),
        Effect::Quiet(effect) => told_quietly(effect),
        _ => panic!("none of ours"),
    }
}

fn told_quietly(effect: QuietEffect<Session>) -> String {
    match effect {
        QuietEffect::Answer(say) => format!("{say:?}"),
        QuietEffect::Finish => "finish".into(),
        QuietEffect::CutPost => panic!("none of ours"),
        QuietEffect::Act(never) => match never {},
        QuietEffect::Over(End::Told) => "over".into(),
        QuietEffect::Over(End::Because(reason)) => format!("over {:?}", reason.by),
    }
}

#[test]
fn what_was_sent_is_sent_again_by_the_next_back_channel_until_it_is_acknowledged() {
    let mut rig = Rig::with(true);
    assert_eq!(rig.writes(&["a", "b"]), "18\n[[1,\"a\"],[2,\"b\"]]\n");
    // While there is one: it ends, and what it has got may not have arrived.
    assert_eq!(rig.wait(Some(1), true), ["replace Some(Last)"]);
    assert_eq!(rig.quiet(|session, _, out| session.idle(out)), ["Again"]);
    assert_eq!(rig.says(Say::Again), "10\n[[2,\"b\"]]\n");
    assert!(rig.quiet(|session, _, out| session.idle(out)).is_empty());
    // Behind one that was lost, together with what is new.
    rig.quiet(|session, now, out| session.dropped(Dropped::Unread, now, out));
    assert!(!rig.session.takes(rig.now));
    assert_eq!(rig.wait(None, true), ["accept"]);
    assert_eq!(rig.writes(&["c"]), "18\n[[2,\"b\"],[3,\"c\"]]\n");
    assert_eq!(rig.session.kept(), 2 * 67);
    // By a request of any kind.
    assert!(rig.bring(101, Some(3), maps(0, &[])).is_empty());
    assert_eq!((rig.session.kept(), rig.session.status()), (0, Some("7\n[1,3,0]".into())));
    rig.session.detached(rig.now);
    assert_eq!(rig.wait(Some(3), true), ["accept"]);
    assert!(rig.quiet(|session, _, out| session.idle(out)).is_empty());
}

#[test]
fn what_was_never_sent_cannot_be_acknowledged() {
    let mut rig = Rig::with(true);
    rig.writes(&["a"]);
    for aid in [2, u64::MAX] {
        assert_eq!(rig.wait(Some(aid), true), ["refuse Ahead"]);
        assert_eq!(rig.bring(101, Some(aid), maps(0, &["x"])), ["refuse Ahead"]);
    }
    // Nothing has come of it.
    assert_eq!(rig.session.status(), Some("7\n[1,1,5]".into()));
    assert_eq!(rig.bring(101, Some(1), maps(0, &["x"])), ["message x"]);
}

#[test]
fn a_session_lives_for_a_time_without_a_back_channel() {
    let mut rig = Rig::new();
    assert_eq!(rig.deadline(), Some(30));
    rig.pass(29);
    // What is sent does not matter.
    assert_eq!(rig.bring(101, Some(0), maps(0, &["x"])), ["message x"]);
    assert_eq!((rig.tick(), rig.deadline()), (vec![], Some(1)));
    assert_eq!(rig.wait(Some(0), false), ["accept"]);
    assert_eq!(rig.deadline(), Some(20));
    rig.session.detached(rig.now);
    assert_eq!(rig.deadline(), Some(30));
    rig.pass(30);
    assert_eq!(rig.tick(), ["Last", "finish", "over Lost"]);
    assert!(rig.is_over());
    assert_eq!(rig.owed(None), None);
}

#[test]
fn a_back_channel_is_told_something_from_time_to_time() {
    let mut rig = Rig::with(true);
    for number in 1..=3 {
        rig.pass(20);
        assert_eq!(rig.tick(), ["Noop"]);
        assert_eq!(rig.says(Say::Noop), format!("15\n[[{number},[\"noop\"]]]\n"));
        assert_eq!(rig.deadline(), Some(20));
    }
    // From when the present one has come.
    rig.pass(15);
    rig.wait(Some(3), true);
    assert_eq!(rig.deadline(), Some(20));
}

#[test]
fn what_is_sent_comes_in_order() {
    let mut rig = Rig::new();
    assert!(rig.bring(102, Some(0), maps(1, &["second"])).is_empty());
    assert_eq!(rig.bring(101, Some(0), maps(0, &["first"])), ["message first", "message second"]);
    // Again, with more.
    assert_eq!(rig.bring(101, Some(0), maps(0, &["first", "dup"])), Vec::<String>::new());
    assert_eq!(rig.bring(103, Some(0), maps(2, &["third"])), ["message third"]);
    let many: Vec<_> = (0..100).map(|n| n.to_string()).collect();
    let texts: Vec<_> = many.iter().map(String::as_str).collect();
    let all: Vec<_> = many.iter().map(|text| format!("message {text}")).collect();
    assert_eq!(rig.bring(104, None, maps(3, &texts)), all);
    let other = form("count=2&ofs=103&req0_key=val&req1__S=x");
    assert_eq!(rig.bring(105, None, other), ["message x"]);
    let far = maps(105, &[&"x".repeat(2_000)]);
    assert!(rig.bring(107, None, far).is_empty());
    assert_eq!(rig.bring(108, None, Brought::End), ["refuse TooEarly"]);
}

/// The session is locked meanwhile, so it is not gone over at one time.
#[test]
fn what_has_been_here_before_is_passed_over_in_parts() {
    let goes = |texts: &[&str]| {
        let mut rig = Rig::new();
        assert_eq!(rig.bring(101, None, maps(0, texts)).len(), texts.len());
        let (mut goes, mut out) = (1, Vec::new());
        let again = Input::Bring { rid: 101, aid: None, what: maps(0, texts) };
        rig.session.handle(again, rig.now, &mut out);
        while rig.session.has_more() {
            rig.session.handle(Input::More, rig.now, &mut out);
            goes += 1;
        }
        assert!(out.is_empty());
        goes
    };
    assert_eq!(goes(&["x"; 10]), 1);
    assert_eq!(goes(&["x"; 10 * STEPS]), 11);
    assert_eq!(goes(&[&*"x".repeat(STEPS_BYTES); 10]), 11);
}

#[test]
fn a_client_that_ends_its_session_is_heard_out() {
    let mut rig = Rig::with(true);
    assert!(rig.bring(102, None, Brought::End).is_empty());
    let end = ["message x", "Last", "finish", "over Remote"];
    assert_eq!(rig.bring(101, None, maps(0, &["x"])), end);
    assert!(rig.is_over());
    assert_eq!(rig.owed(None), None);
}

#[test]
fn what_cannot_be_handled_ends_the_session() {
    let end = ["Last", "finish", "over Protocol"];
    let mut rig = Rig::with(true);
    let bad = "count=3&ofs=0&req0__S=x&req1_JSON=%7Bbad&req2__S=y";
    let all = [&["message x"][..], &end].concat();
    assert_eq!(rig.bring(101, None, form(bad)), all);
    assert!(rig.is_over());

    let mut rig = Rig::with(true);
    assert_eq!(rig.bring(101, None, maps(1, &["x"; 20])), end);
    assert!(rig.is_over());
}

#[test]
fn the_end_of_the_spark_is_told_behind_what_was_written() {
    let mut rig = Rig::with(true);
    let end = ["Stop", "Last", "finish", "over"];
    // The outbox asks, tells of the end, and has put together what it had.
    assert!(rig.session.takes(rig.now));
    assert_eq!(rig.end(), end);
    let records = [Record::Text("\"primus::server::close\"")];
    let all = "47\n[[1,\"\\\"primus::server::close\\\"\"],[2,[\"stop\"]]]\n";
    let waiting = What::Waiting { records: &records, parting: false };
    assert_eq!(rig.body(&Shape::Xhr, waiting), all);
    assert_eq!((rig.says(Say::Stop), rig.says(Say::Last)), Default::default());
    assert!(rig.is_over());
    assert!(rig.end().is_empty());
    // It may not have arrived.
    assert_eq!(rig.owed(None), Some(all.into()));
    assert_eq!(rig.shared.owed.status("sid", rig.now), Some("8\n[0,2,38]".into()));

    let mut rig = Rig::with(true);
    assert_eq!(rig.end(), end);
    assert_eq!(rig.says(Say::Stop), "15\n[[1,[\"stop\"]]]\n");

    // Without a back channel.
    let mut rig = Rig::with(false);
    rig.writes(&["a"]);
    rig.session.detached(rig.now);
    assert_eq!(rig.end(), end);
    assert_eq!(rig.owed(Some(0)), Some("23\n[[1,\"a\"],[2,[\"stop\"]]]\n".into()));
}

#[test]
fn the_end_of_the_session_ends_the_back_channel() {
    for happens in ["lost", "replaced"] {
        let mut rig = Rig::with(true);
        rig.writes(&["a"]);
        let told = match happens {
            "lost" => rig.quiet(|session, now, out| session.lost(CloseReason::lost(""), now, out)),
            _ => rig.input(Input::Replaced),
        };
        assert_eq!(told, ["Last", "finish", "over Lost"], "{happens}");
        assert!(rig.is_over());
        assert_eq!(rig.owed(None), None);
        assert!(rig.input(Input::Replaced).is_empty());
        rig.quiet(|session, now, out| session.lost(CloseReason::lost(""), now, out));
        assert!(rig.is_over());
    }
}

/// The last piece of a page that ends by itself says so.
#[test]
fn pages_end_with_a_script() {
    let page = Shape::page("");
    let done = "<script>try  {parent.d(); }catch (e){}</script>\n";
    for stays in [true, false] {
        let mut rig = Rig::with(stays);
        let text = "x".repeat(3 << 10);
        let mut pieces = Vec::new();
        for _ in 0..4 {
            let records = [Record::Text(&text)];
            let waiting = What::Waiting { records: &records, parting: false };
            pieces.push(rig.body(&page, waiting));
            if pieces.last().unwrap().ends_with(done) {
                break;
            }
        }
        assert_eq!(pieces.len(), if stays { 4 } else { 1 });
        assert!(pieces.last().unwrap().ends_with(done));
        let filled =
            |piece: &String| piece.contains("catch(e) {}</script>\n7") || piece.len() > 3_300;
        assert_eq!(pieces.iter().filter(|piece| filled(piece)).count(), 1, "one has the filling");
        assert_eq!(rig.body(&page, What::Own(&Say::Last)), done);
        assert_eq!(rig.body(&page, What::Own(&Say::Again)), "");
    }
}
