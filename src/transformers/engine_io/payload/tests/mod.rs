use super::*;
use crate::frame::Frame;

mod properties;

fn v3() -> Format {
    Format::new(Revision::V3)
}

fn v4() -> Format {
    Format::new(Revision::V4)
}

fn text(text: &str) -> Packet {
    Packet::Message(Frame::text(text))
}

fn binary(bytes: &[u8]) -> Packet {
    Packet::Message(Frame::binary(bytes))
}

fn encoded(packets: &[Packet], format: Format) -> (Content, Vec<u8>) {
    let mut out = Vec::new();
    let content = encode(packets.iter().map(Packet::as_ref), format, &mut out);
    if content == Content::Text {
        let bound: usize = packets.iter().map(|packet| item_len(packet.as_ref(), format)).sum();
        assert!(out.len() <= bound && out.len() + 1 >= bound, "{} {bound}", out.len());
    }
    (content, out)
}

fn decoded(body: &[u8], content: Content, format: Format) -> Result<Vec<Packet>, Invalid> {
    Decoder::new(body.to_vec(), content, format).collect()
}

/// Encodes as expected, and decodes back.
#[track_caller]
fn both(packets: &[Packet], format: Format, content: Content, expected: &[u8]) {
    let (kind, body) = encoded(packets, format);
    assert_eq!(String::from_utf8_lossy(&body), String::from_utf8_lossy(expected));
    assert_eq!((kind, &body[..]), (content, expected));
    assert_eq!(decoded(&body, content, format).as_deref(), Ok(packets));
}

#[test]
fn revision_4() {
    let body = "4\"a\"\x1e4\"bb\"\x1e4\"€\"".as_bytes();
    both(&[text("\"a\""), text("\"bb\""), text("\"€\"")], v4(), Content::Text, body);
    both(
        &[binary(&[0, 1, 2, 255]), text("txt€")],
        v4(),
        Content::Text,
        "bAAEC/w==\x1e4txt€".as_bytes(),
    );
    both(&[Packet::Noop, Packet::Close], v4(), Content::Text, b"6\x1e1");
}

#[test]
fn revision_3_text() {
    let body = "4:4\"a\"5:4\"bb\"4:4\"€\"".as_bytes();
    both(&[text("\"a\""), text("\"bb\""), text("\"€\"")], v3(), Content::Text, body);
    both(&[text("\"€\\u2028😀\"")], v3(), Content::Text, "12:4\"€\\u2028😀\"".as_bytes());
    both(&[Packet::Noop, Packet::Close], v3(), Content::Text, b"1:61:1");
    let b64 = Format { b64: true, ..v3() };
    let body = "10:b4AAEC/w==5:4txt€".as_bytes();
    both(&[binary(&[0, 1, 2, 255]), text("txt€")], b64, Content::Text, body);
    // What was received in base 64 is understood whatever is sent.
    assert_eq!(decoded(body, Content::Text, v3()).unwrap().len(), 2);
}

#[test]
fn revision_3_binary() {
    let body = b"\x01\x05\xff\x04\x00\x01\x02\xff\x00\x07\xff4txt\xe2\x82\xac";
    both(&[binary(&[0, 1, 2, 255]), text("txt€")], v3(), Content::Binary, body);
    let long = [binary(&[7; 1234])];
    let (_, body) = encoded(&long, v3());
    assert_eq!(&body[..6], b"\x01\x01\x02\x03\x05\xff");
    assert_eq!(decoded(&body, Content::Binary, v3()).as_deref(), Ok(&long[..]));
}

#[test]
fn text_encoded_twice() {
    let double = Format { double: true, ..v3() };
    let body = "15:4\"Ã©â\u{82}¬æ¼¢å\u{ad}\u{97}\"".as_bytes();
    both(
        &[text("\"é€漢字\"")],
        double,
        Content::Text,
        "14:4\"Ã©â\u{82}¬æ¼¢å\u{ad}\u{97}\"".as_bytes(),
    );
    assert!(decoded(body, Content::Text, double).is_err());
    both(
        &[text("plain"), text("😀")],
        double,
        Content::Text,
        "6:4plain5:4ð\u{9f}\u{98}\u{80}".as_bytes(),
    );
    // Text that cannot have been encoded twice is taken as it is.
    assert_eq!(decoded("3:4€!".as_bytes(), Content::Text, double), Ok(vec![text("€!")]));
    assert_eq!(decoded("3:4é!".as_bytes(), Content::Text, double), Ok(vec![text("é!")]));
    // Bytes and base 64 are not affected, nor are binary payloads.
    both(&[binary(&[255])], Format { b64: true, ..double }, Content::Text, b"6:b4/w==");
    both(
        &[text("é"), binary(&[255])],
        double,
        Content::Binary,
        b"\x00\x03\xff4\xc3\xa9\x01\x02\xff\x04\xff",
    );
    assert_eq!(undouble("abc"), None);
    assert_eq!(undouble("Ã©").as_deref(), Some("é"));
}

#[test]
fn packets_before_an_error_stand() {
    for (body, content, format) in [
        (&b"4a\x1ez"[..], Content::Text, v4()),
        (b"4a\x1e\x1e4b", Content::Text, v4()),
        (b"4a\x1e", Content::Text, v4()),
        (b"2:4a1:z2:4b", Content::Text, v3()),
        (b"2:4a2", Content::Text, v3()),
        (b"2:4ax:4b", Content::Text, v3()),
        (b"2:4a9:4b", Content::Text, v3()),
        (b"2:4a:4b", Content::Text, v3()),
        (b"\x00\x02\xff4a\x00\x02\xff4", Content::Binary, v3()),
        (b"\x00\x02\xff4a\x00\x02", Content::Binary, v3()),
        (b"\x00\x02\xff4a\x00\x0a\xff", Content::Binary, v3()),
        (b"\x00\x02\xff4a\x00\xff", Content::Binary, v3()),
        (b"\x00\x02\xff4a\x00\x02\xff4\x80", Content::Binary, v3()),
        (b"\x00\x02\xff4a\x01\x01\xff\x09", Content::Binary, v3()),
    ] {
        let mut decoder = Decoder::new(body.to_vec(), content, format);
        assert_eq!(decoder.next(), Some(Ok(text("a"))), "{body:?}");
        assert!(matches!(decoder.next(), Some(Err(_))), "{body:?}");
        assert_eq!(decoder.next(), None);
    }
}

#[test]
fn what_is_no_payload() {
    for (body, content, format) in [
        (&b""[..], Content::Text, v4()),
        (b"", Content::Text, v3()),
        (b"", Content::Binary, v3()),
        (b"xyz", Content::Text, v4()),
        (b"4\xff", Content::Text, v4()),
        (b"zzz", Content::Text, v3()),
        (b"-1:4", Content::Text, v3()),
        (b"0x2:4a", Content::Text, v3()),
        (b" 2:4a", Content::Text, v3()),
        (b"99999999999999999999999999999999:4a", Content::Text, v3()),
        (b"\x00\x04", Content::Binary, v3()),
        (b"\x00\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\xff4", Content::Binary, v3()),
    ] {
        let decoded = decoded(body, content, format);
        assert!(decoded.is_err(), "{body:?}: {decoded:?}");
    }
    // A length that ends in the middle of a surrogate pair.
    assert!(decoded("2:4😀".as_bytes(), Content::Text, v3()).is_err());
}

#[test]
fn items_of_no_length_are_skipped() {
    assert_eq!(decoded(b"0:2:4a0:0:", Content::Text, v3()), Ok(vec![text("a")]));
    assert_eq!(decoded(b"0:", Content::Text, v3()), Ok(vec![]));
    assert_eq!(decoded(b"002:4a", Content::Text, v3()), Ok(vec![text("a")]));
}

#[test]
fn jsonp() {
    let mut out = Vec::new();
    encode_jsonp(
        [PacketRef::Text("\"q\u{2028}\""), PacketRef::Binary(&[255])],
        v3(),
        "7",
        &mut out,
    );
    let call = r#"___eio[7]("5:4\"q\u2028\"6:b4/w==");"#;
    assert_eq!(String::from_utf8(out).unwrap(), call);
    let packets: Result<Vec<_>, _> = Decoder::call(call.as_bytes(), v3()).collect();
    assert_eq!(packets, Ok(vec![text("\"q\u{2028}\""), binary(&[255])]));
    let packets: Result<Vec<_>, _> = Decoder::field("4\"a\\\\nb\"\x1e4\\n", v4()).collect();
    assert_eq!(packets, Ok(vec![text("\"a\\nb\""), text("\n")]));
    assert!(Decoder::field("", v4()).next().unwrap().is_err());
    assert!(Decoder::call(b"", v4()).next().unwrap().is_err());
}

#[test]
fn content_types() {
    for content in [Content::Text, Content::Binary] {
        assert_eq!(Content::of_mime(Some(content.mime())), content);
    }
    assert_eq!(Content::of_mime(None), Content::Text);
}
