use super::*;

const ALL: Allowed = Allowed { polling: true, websocket: true, revision_3: true, double: false };
const GET: Head<'_> = Head { method: "GET", upgrade: false, origin: None };
const POST: Head<'_> = Head { method: "POST", ..GET };
const UPGRADE: Head<'_> = Head { upgrade: true, ..GET };
const POLLS: Option<(Carrier, Revision)> = Some((Carrier::Polling, Revision::V4));
const ON_WEBSOCKET: Option<(Carrier, Revision)> = Some((Carrier::Websocket, Revision::V4));

fn query(text: &str) -> Query<'_> {
    Query::of(crate::http::pairs(text))
}

fn ask(text: &str, head: Head<'_>, session: Option<(Carrier, Revision)>) -> Result<Ask, Refusal> {
    query(text).ask(head, ALL, session)
}

#[test]
fn sessions_begin() {
    let open = |revision, carrier| {
        let format = Format::new(revision);
        Ok(Ask::Open { format, carrier, jsonp: None })
    };
    let (polling, websocket) = (Carrier::Polling, Carrier::Websocket);
    for (text, head, expected) in [
        ("EIO=4&transport=polling", GET, open(Revision::V4, polling)),
        ("EIO=3&transport=polling", GET, open(Revision::V3, polling)),
        ("EIO=9&transport=polling&sid=", GET, open(Revision::V3, polling)),
        ("EIO=4&EIO=4&transport=polling", GET, open(Revision::V3, polling)),
        ("transport=websocket", UPGRADE, open(Revision::V3, websocket)),
        ("EIO=4&transport=websocket&b64=", UPGRADE, open(Revision::V4, websocket)),
        ("EIO=4&transport=websocket&j=1", UPGRADE, open(Revision::V4, websocket)),
    ] {
        assert_eq!(ask(text, head, None), expected, "{text}");
    }
    let allowed = Allowed { double: true, ..ALL };
    let asked = query("j=a7&b64=1&transport=polling").ask(GET, allowed, None);
    let format = Format { revision: Revision::V3, b64: true, double: true };
    assert_eq!(asked, Ok(Ask::Open { format, carrier: polling, jsonp: Some("7".into()) }));
}

#[test]
fn requests_of_a_session() {
    let polling = "EIO=4&transport=polling&sid=a";
    let websocket = "EIO=4&transport=websocket&sid=a";
    assert_eq!(query(polling).sid(), Some("a"));
    assert_eq!(ask(polling, GET, POLLS), Ok(Ask::Get));
    assert_eq!(ask(polling, POST, POLLS), Ok(Ask::Post));
    assert_eq!(ask(websocket, UPGRADE, POLLS), Ok(Ask::Upgrade));
    // The session itself refuses that one.
    assert_eq!(ask(websocket, UPGRADE, ON_WEBSOCKET), Ok(Ask::Upgrade));
}

#[test]
fn refusals_in_the_order_of_the_checks() {
    let put = Head { method: "PUT", ..GET };
    let bad = Head { origin: Some("a\u{1}"), ..GET };
    for (text, head, session, expected) in [
        ("EIO=4", bad, None, Refusal::UnknownTransport),
        ("EIO=4&transport=foo&sid=a", GET, POLLS, Refusal::UnknownTransport),
        ("EIO=4&transport=polling&transport=polling", GET, None, Refusal::UnknownTransport),
        ("EIO=4&transport=polling&sid=a", bad, None, Refusal::Mismatch),
        ("EIO=4&transport=polling&sid=a", GET, None, Refusal::UnknownSession),
        ("EIO=4&transport=websocket&sid=a", UPGRADE, None, Refusal::UnknownSession),
        ("EIO=4&transport=polling&sid=a&sid=a", GET, None, Refusal::UnknownSession),
        ("EIO=4&transport=polling&sid=a", GET, ON_WEBSOCKET, Refusal::Mismatch),
        ("EIO=4&transport=websocket&sid=a", put, POLLS, Refusal::Mismatch),
        ("EIO=3&transport=polling&sid=a", GET, POLLS, Refusal::Mismatch),
        ("EIO=4&transport=polling&sid=a", put, POLLS, Refusal::NotImplemented),
        ("EIO=4&transport=polling&sid=a", UPGRADE, POLLS, Refusal::Close),
        ("EIO=4&transport=polling", POST, None, Refusal::Method),
        ("EIO=4&transport=websocket", GET, None, Refusal::Mismatch),
        ("EIO=4&transport=polling", UPGRADE, None, Refusal::Close),
    ] {
        assert_eq!(ask(text, head, session), Err(expected), "{text}");
    }
    let allowed = Allowed { revision_3: false, ..ALL };
    let asked = |text| query(text).ask(GET, allowed, None);
    assert_eq!(asked("transport=polling"), Err(Refusal::Version));
    assert_eq!(asked("transport=websocket"), Err(Refusal::Mismatch));
    let allowed = Allowed { polling: false, websocket: false, ..ALL };
    for transport in ["polling", "websocket"] {
        let asked = query(transport).ask(UPGRADE, allowed, None);
        assert_eq!(asked, Err(Refusal::UnknownTransport));
    }
}

#[test]
fn answers() {
    let refusal = Refusal::UnknownSession;
    assert_eq!(refusal.body(), r#"{"code":1,"message":"Session ID unknown"}"#);
    assert_eq!((refusal.text(), refusal.status()), ("Session ID unknown", 400));
    assert_eq!((&*Refusal::TooLarge.body(), Refusal::TooLarge.status()), ("", 413));
    assert_eq!((Refusal::NotImplemented.text(), Refusal::NotImplemented.status()), ("", 500));
}
