use super::*;

const V3: Revision = Revision::V3;
const V4: Revision = Revision::V4;

fn text(packet: &Packet, revision: Revision) -> String {
    let mut out = Vec::new();
    packet.as_ref().text_into(revision, &mut out);
    assert_eq!(out.len(), packet.as_ref().text_len(revision));
    String::from_utf8(out).unwrap()
}

fn frame(packet: &Packet, revision: Revision, b64: bool) -> Frame {
    let format = Format { b64, ..Format::new(revision) };
    let (mut out, packet) = (Vec::new(), packet.as_ref());
    packet.frame_into(format, &mut out);
    assert_eq!(out.len(), packet.frame_len(format));
    if let Some(head) = packet.frame_head(format) {
        assert_eq!(out, [head, packet.data()].concat());
    }
    match packet.is_binary_frame(format) {
        true => Frame::binary(out),
        false => Frame::text(String::from_utf8(out).unwrap()),
    }
}

fn bytes() -> Packet {
    Packet::Message(Frame::binary([0, 1, 2, 255]))
}

#[test]
fn text_forms() {
    for (packet, expected) in [
        (Packet::Open("{}".into()), "0{}"),
        (Packet::Close, "1"),
        (Packet::Ping(String::new()), "2"),
        (Packet::Ping(PROBE.into()), "2probe"),
        (Packet::Pong(PROBE.into()), "3probe"),
        (Packet::Message(Frame::text("€😀")), "4€😀"),
        (Packet::Message(Frame::text("")), "4"),
        (Packet::Upgrade, "5"),
        (Packet::Noop, "6"),
    ] {
        for revision in [V3, V4] {
            assert_eq!(text(&packet, revision), expected);
            assert_eq!(Packet::from_text(expected, revision).as_ref(), Ok(&packet));
            assert_eq!(frame(&packet, revision, false), Frame::text(expected));
            assert_eq!(Packet::from_frame(Frame::text(expected), revision), Ok(packet.clone()));
        }
    }
}

#[test]
fn binary_forms() {
    assert_eq!(text(&bytes(), V3), "b4AAEC/w==");
    assert_eq!(text(&bytes(), V4), "bAAEC/w==");
    for (revision, b64, expected) in [
        (V3, false, Frame::binary([4, 0, 1, 2, 255])),
        (V3, true, Frame::text("b4AAEC/w==")),
        (V4, false, Frame::binary([0, 1, 2, 255])),
        (V4, true, Frame::text("bAAEC/w==")),
    ] {
        assert_eq!(frame(&bytes(), revision, b64), expected);
        assert_eq!(Packet::from_frame(expected, revision), Ok(bytes()));
    }
    let empty = Packet::Message(Frame::binary([]));
    for (revision, b64) in [(V3, false), (V3, true), (V4, false), (V4, true)] {
        let carried = frame(&empty, revision, b64);
        assert_eq!(Packet::from_frame(carried, revision), Ok(empty.clone()));
    }
}

/// A message over a WebSocket without base 64 is not copied.
#[test]
fn binary_frames_are_taken_over() {
    let Frame::Binary(data) = Frame::binary([7; 100]) else { panic!() };
    let packet = Packet::from_frame(Frame::Binary(data.clone()), V4).unwrap();
    let Packet::Message(Frame::Binary(taken)) = packet else { panic!() };
    assert_eq!(data.as_ptr(), taken.as_ptr());
}

#[test]
fn what_is_no_packet() {
    for bad in ["", "7", "9x", "zzz", "€", "\0", " 4", "b*", "b4*", "b="] {
        for revision in [V3, V4] {
            assert!(Packet::from_text(bad, revision).is_err(), "{bad}");
        }
    }
    // Revision 3 names the type; 4 does not, and takes the digit for data.
    for bad in ["b", "b1", "b2AAAA", "bAAAA", "b4A"] {
        assert!(Packet::from_text(bad, V3).is_err(), "{bad}");
    }
    for bad in [&[][..], &[7], &[4 + 0x30], &[255, 1]] {
        assert!(Packet::from_frame(Frame::binary(bad), V3).is_err(), "{bad:?}");
    }
    assert_eq!(Packet::from_frame(Frame::binary([2, 1, 2]), V3), Ok(Packet::Ping(String::new())));
}
