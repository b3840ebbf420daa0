//! Receivers that get more than one frame, and answers in pieces.

use super::*;
use crate::transformers::polled::timed;

#[test]
fn a_stream_gets_frame_after_frame_until_its_limit() {
    let rig = Rig::new(RULES);
    rig.spark.write("early");
    let mut first = rig.stream(Some(30)).unwrap();
    let head = first.got();
    assert!(head.contains("Content-Type: text/stream\r\n"), "{head}");
    assert!(head.contains("Transfer-Encoding: chunked\r\n"), "{head}");
    assert!(head.ends_with("\r\n\r\n8\r\nprelude;\r\n9\r\n<mearly;>\r\n"), "{head}");
    rig.spark.write("one");
    assert_eq!(first.got(), "7\r\n<mone;>\r\n");
    rig.spark.write("fifteen letters");
    assert_eq!(first.got(), "13\r\n<mfifteen letters;>\r\n0\r\n\r\n");
    // Its connection is for other requests now, and the client may come again.
    assert!(first.connection.take().is_some());
    rig.spark.write("two");
    let mut second = rig.stream(None).unwrap();
    assert!(second.body().ends_with("7\r\n<mtwo;>\r\n"));
    assert!(rig.is_open());
}

#[test]
fn a_stream_that_is_replaced_ends_in_peace() {
    let rig = Rig::new(Rules { second: Second::Replaces, ..RULES });
    let mut first = rig.stream(None).unwrap();
    let mut second = rig.stream(None).unwrap();
    assert!(first.body().ends_with("prelude;\r\n0\r\n\r\n"));
    rig.spark.write("one");
    assert!(second.body().ends_with("<mone;>\r\n"));
    assert_eq!(first.got(), "");
}

/// What its socket does not take waits, and what comes meanwhile waits with the
/// outbox, which counts it.
#[test]
fn a_stream_whose_client_does_not_read_is_offered_nothing() {
    let rig = Rig::new(RULES);
    let mut stream = rig.stream(None).unwrap();
    stream.body();
    let long = "x".repeat(1 << 20);
    rig.spark.write(&long);
    assert_eq!(rig.host.unsent.lock().len(), 1);
    rig.spark.write("one");
    assert!(rig.spark.waiting() > 0);
    let mut got = String::new();
    while rig.spark.waiting() > 0 {
        got += &stream.got();
        rig.host.flush();
    }
    got += &stream.got();
    assert!(got.ends_with(">\r\n7\r\n<mone;>\r\n"));
    assert!(got.len() > long.len());
    assert!(rig.host.unsent.lock().is_empty());
}

/// sockjs counts as JavaScript does.
#[test]
fn a_limit_may_be_in_utf_16_units() {
    let mut limit = Limit(Some(7));
    assert!(limit.take("aé€".as_bytes()) && limit.take("😀".as_bytes()));
    assert!(!limit.take("ab".as_bytes()) && !limit.take(b""));
    // However long the text is, and wherever it is cut to be counted.
    for text in ["x", "é", "€", "😀", "😀x", "x€😀é"] {
        for times in [1, 63, 127, 128, 1_000] {
            let text = text.repeat(times);
            let units = text.encode_utf16().count();
            let mut limit = Limit(Some(units + 1));
            assert!(limit.take(text.as_bytes()));
            assert_eq!(limit.0, Some(1), "{units}");
        }
    }
    let mut none = Limit(None);
    assert!(none.take(&[b'x'; 1_000]));
}

/// The receiver that comes second is refused, or takes the place; what the first has
/// not read yet is no reason for anything else.
#[test]
fn a_stream_whose_client_reads_slowly_is_a_receiver_like_any_other() {
    let rig = Rig::new(RULES);
    let mut stream = rig.stream(None).unwrap();
    stream.body();
    let long = "x".repeat(1 << 20);
    rig.spark.write(&long);
    assert_eq!(rig.stream(None).err(), Some("another"));
    let mut got = 0;
    while got < long.len() {
        got += stream.got().len();
        rig.host.flush();
    }
    stream.got();
    rig.spark.write("one");
    assert_eq!(stream.got(), "7\r\n<mone;>\r\n");
    assert!(rig.is_open());
}

/// sockjs and browserchannel have clients find out so whether anything between
/// them and the server holds answers back.
#[test]
fn pieces_come_by_the_clock_outside_of_a_session() {
    let rig = Rig::new(RULES);
    let host: Arc<dyn Host> = rig.host.clone();
    let mut client = rig.request();
    let after = |ms, piece: &'static str| (Duration::from_millis(ms), piece.as_bytes());
    let pieces = [after(0, "11111"), after(2_000, "2"), after(5, "3")];
    let connection = client.connection.as_mut().unwrap();
    let head = (404, &[("X-Accept", "all")][..]);
    timed::answer(&host, connection, &HeaderSet::default(), head, pieces);
    let got = client.got();
    assert!(got.starts_with("HTTP/1.1 404 Not Found\r\nX-Accept: all\r\n"), "{got}");
    assert!(got.ends_with("\r\n\r\n5\r\n11111\r\n"), "{got}");
    rig.clock.advance(Duration::from_millis(1_999));
    assert_eq!(client.got(), "");
    rig.clock.advance(Duration::from_millis(1));
    assert_eq!(client.got(), "1\r\n2\r\n");
    rig.clock.advance(Duration::from_millis(5));
    assert_eq!(client.got(), "1\r\n3\r\n0\r\n\r\n");
}

/// The client has seen the first piece, which is all that it wanted.
#[test]
fn pieces_end_when_the_client_is_gone() {
    let rig = Rig::new(RULES);
    let host: Arc<dyn Host> = rig.host.clone();
    let mut client = rig.request();
    let pieces = [(Duration::ZERO, &b"1"[..]), (Duration::from_secs(2), b"2")];
    let connection = client.connection.as_mut().unwrap();
    timed::answer(&host, connection, &HeaderSet::default(), (200, &[]), pieces);
    assert!(client.body().ends_with("1\r\n1\r\n"));
    client.leave();
    rig.clock.advance(Duration::from_secs(3));
    assert!(rig.clock.next_deadline().is_none_or(|at| at > rig.clock.now()));
}
