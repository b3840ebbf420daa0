//! Packets as they stand in recordings, and what is none.

use super::*;

fn packet(text: &str) -> Option<(Kind, &str, bool, &str, &str)> {
    Packet::parse(text).map(|p| (p.kind, p.id, p.asks, p.endpoint, p.data))
}

#[test]
fn each_kind_as_recorded() {
    for (text, kind, data) in [
        ("0::", Kind::Disconnect, ""),
        ("1::", Kind::Connect, ""),
        ("2::", Kind::Heartbeat, ""),
        ("3:::\"primus::ping::1795245436175\"", Kind::Message, "\"primus::ping::1795245436175\""),
        ("3:::{\"hello\":\"world\"}", Kind::Message, "{\"hello\":\"world\"}"),
        ("3:::", Kind::Message, ""),
        ("3::", Kind::Message, ""),
        ("4:::{\"a\":1}", Kind::Json, "{\"a\":1}"),
        ("5:::{\"name\":\"ev\",\"args\":[1]}", Kind::Event, "{\"name\":\"ev\",\"args\":[1]}"),
        ("6:::5", Kind::Ack, "5"),
        ("6:::5+[1]", Kind::Ack, "5+[1]"),
        ("7:::1+0", Kind::Error, "1+0"),
        ("8::", Kind::Noop, ""),
    ] {
        assert_eq!(packet(text), Some((kind, "", false, "", data)), "{text}");
    }
}

#[test]
fn ids_and_endpoints() {
    for (text, expected) in [
        ("3:2::\"acka\"", (Kind::Message, "2", false, "", "\"acka\"")),
        ("3:1+::\"ackd\"", (Kind::Message, "1", true, "", "\"ackd\"")),
        ("3:+::x", (Kind::Message, "", true, "", "x")),
        ("1::/ns", (Kind::Connect, "", false, "/ns", "")),
        ("1::/ns:?a=b", (Kind::Connect, "", false, "/ns", "?a=b")),
        ("0::/ns", (Kind::Disconnect, "", false, "/ns", "")),
        // Data may have anything in it.
        (
            "3:::a:b::c\n\u{fffd}3\u{fffd}",
            (Kind::Message, "", false, "", "a:b::c\n\u{fffd}3\u{fffd}"),
        ),
    ] {
        assert_eq!(packet(text), Some(expected), "{text}");
    }
}

#[test]
fn what_is_no_packet() {
    let long = "1".repeat(FIELD_MAX + 1);
    for text in [
        "",
        ":",
        "garbage",
        "3",
        "3:",
        ":::x",
        "9:::x",
        "03:::x",
        "33:::x",
        " 3:::x",
        "3 :::x",
        "a:::x",
        "3:a::x",
        "3:-1::x",
        "3:1++::x",
        "3:+1::x",
        "3:١::x",
        "\u{fffd}3\u{fffd}8::",
        "\u{feff}3:::x",
        &format!("3:{long}::x"),
        &format!("3::/{long}:x"),
        "constructor::",
    ] {
        assert_eq!(packet(text), None, "{text:?}");
    }
    let most = "1".repeat(FIELD_MAX);
    assert!(packet(&format!("3:{most}:{most}:x")).is_some());
}

#[test]
fn only_messages_of_its_own_endpoint_are_for_primus() {
    let message = |text| Packet::parse(text).and_then(Packet::message);
    assert_eq!(message("3:::\"x\""), Some("\"x\""));
    assert_eq!(message("4:::1"), Some("1"));
    assert_eq!(message("3:7+::1"), Some("1"));
    for text in ["3::/ns:1", "4::/ns:1", "5:::1", "0::", "8:::x"] {
        assert_eq!(message(text), None, "{text}");
    }
}

#[test]
fn who_gives_an_id_is_acknowledged() {
    let ack = |text| Packet::parse(text).and_then(Packet::ack);
    assert_eq!(ack("3:2::\"acka\"").as_deref(), Some("6:::2"));
    assert_eq!(ack("5:9::{}").as_deref(), Some("6:::9"));
    assert_eq!(ack("3:5:/ns:x").as_deref(), Some("6::/ns:5"));
    assert_eq!(ack("0:5:/ns").as_deref(), Some("6::/ns:5"));
    for text in ["3:::x", "3:2+::x", "3:+::x", "2:5::", "0:5::"] {
        assert_eq!(ack(text), None, "{text}");
    }
}

#[test]
fn a_head_is_no_longer_than_it_may_be() {
    let most = "1".repeat(FIELD_MAX);
    let longest = format!("3:{most}+:{most}:");
    assert!(packet(&longest).is_some());
    assert!(longest.len() <= HEAD_MAX);
}
