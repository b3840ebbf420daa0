//! Frames, and the messages that they make.

use primus::{Ended, Primus};

use crate::common::*;
use crate::{breach, echo, echo_with};

#[test]
fn fragments_of_any_number_and_size_make_one_message() {
    let (server, _) = echo();
    let text = format!("\"{}\"", "fragmentäöü€😀".repeat(20));
    for size in [1, 2, 3, 7, 125, 126, 127, 1000] {
        let mut peer = server.open();
        let parts: Vec<_> = text.as_bytes().chunks(size).collect();
        for (at, part) in parts.iter().enumerate() {
            let opcode = if at == 0 { TEXT } else { CONTINUATION };
            let fin = if at + 1 == parts.len() { FIN } else { 0 };
            peer.send(&masked(fin | opcode, part));
        }
        assert_eq!(peer.expect_text(), text, "fragments of {size}");
    }
}

#[test]
fn empty_fragments_are_allowed() {
    let (server, _) = echo();
    let mut peer = server.open();
    for (head, part) in [(TEXT, ""), (0, "\"a"), (0, ""), (0, "b\""), (FIN, "")] {
        peer.frame(head, part.as_bytes());
    }
    assert_eq!(peer.expect_text(), "\"ab\"");
}

#[test]
fn control_frames_between_fragments_are_answered_at_once() {
    let (server, _) = echo();
    let mut peer = server.open();
    peer.frame(TEXT, b"\"half a ");
    peer.frame(FIN | PING, b"first");
    let pong = peer.expect_frame();
    assert_eq!((pong.head, &pong.payload[..]), (FIN | PONG, &b"first"[..]));
    peer.frame(FIN | PONG, b"nobody asked");
    peer.frame(CONTINUATION, b"mess");
    peer.frame(FIN | PING, b"second");
    assert_eq!(peer.expect_frame().payload, b"second");
    peer.frame(FIN, b"age\"");
    assert_eq!(peer.expect_text(), "\"half a message\"");
    peer.close();
}

#[test]
fn ping_payloads_of_every_length_come_back() {
    let (server, _) = echo();
    let mut peer = server.open();
    for length in 0..=125u8 {
        let payload: Vec<u8> = (0..length).collect();
        peer.frame(FIN | PING, &payload);
        let pong = peer.expect_frame();
        assert_eq!((pong.head, pong.payload), (FIN | PONG, payload));
    }
    peer.close();
    breach(&server, &masked(FIN | PING, &[0; 126]), 1002);
}

#[test]
fn reserved_opcodes_are_1002() {
    let (server, _) = echo();
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        breach(&server, &masked(FIN | opcode, b""), 1002);
        breach(&server, &masked(FIN | opcode, b"x"), 1002);
        // Behind a good message, and between fragments.
        let mut peer = server.open();
        peer.send(&[masked(FIN | TEXT, b"1"), masked(FIN | opcode, b"")].concat());
        let before = peer.expect_close(Some(1002));
        assert_eq!(before.len(), 1, "the message before the breach is served");
        let between = [masked(TEXT, b"\""), masked(FIN | opcode, b"")].concat();
        breach(&server, &between, 1002);
    }
    server.still_serves();
}

#[test]
fn reserved_bits_are_1002() {
    let (server, _) = echo();
    for bits in [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70] {
        for opcode in [TEXT, BINARY, CLOSE, PING, PONG] {
            breach(&server, &masked(FIN | bits | opcode, b""), 1002);
        }
    }
    server.still_serves();
}

#[test]
fn unmasked_frames_are_1002() {
    let (server, reasons) = echo();
    for opcode in [TEXT, BINARY, CLOSE, PING, PONG] {
        breach(&server, &declared(FIN | opcode, 0, 0), 1002);
    }
    let reason = reasons.recv_timeout(PATIENCE).unwrap();
    assert_eq!((reason.by, reason.code), (Ended::Protocol, 1002));
    assert!(reason.may_reconnect);
}

#[test]
fn control_frames_may_be_neither_long_nor_fragmented() {
    let (server, _) = echo();
    for opcode in [CLOSE, PING, PONG] {
        breach(&server, &masked(opcode, b""), 1002);
        breach(&server, &declared(FIN | opcode, 0x80, 126), 1002);
        breach(&server, &declared(FIN | opcode, 0x80, 65_536), 1002);
    }
}

#[test]
fn fragments_out_of_turn_are_1002() {
    let (server, _) = echo();
    breach(&server, &masked(FIN, b"continues nothing"), 1002);
    breach(&server, &masked(0, b"continues nothing"), 1002);
    for opcode in [TEXT, BINARY] {
        let twice = [masked(opcode, b"1"), masked(FIN | opcode, b"2")].concat();
        breach(&server, &twice, 1002);
        let behind = [masked(FIN | opcode, b"1"), masked(FIN, b"2")].concat();
        let mut peer = server.open();
        peer.send(&behind);
        assert_eq!(peer.expect_close(Some(1002)).len(), 1);
    }
}

#[test]
fn lengths_must_be_in_their_shortest_form() {
    let (server, _) = echo();
    let mask = [1, 2, 3, 4];
    breach(&server, &[&[FIN | BINARY, 0xfe, 0, 125], &mask[..]].concat(), 1002);
    let long = |low: [u8; 2]| [&[FIN | BINARY, 0xff, 0, 0, 0, 0, 0, 0], &low[..], &mask].concat();
    breach(&server, &long([0, 125]), 1002);
    breach(&server, &long([0xff, 0xff]), 1002);
}

#[test]
fn text_that_is_not_utf_8_is_1007() {
    let (server, _) = echo();
    let bad: &[&[u8]] = &[
        b"\xff",
        b"\xc0\x80",
        b"\x80",
        b"\xed\xa0\x80",         // a lone surrogate
        b"\xf4\x90\x80\x80",     // beyond U+10FFFF
        b"\xf8\x88\x80\x80\x80", // five bytes
        b"\"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited\"",
        b"\"cut at the end: \xe2\x82",
        b"\"cut at the end: \xf0\x9f\x98",
        b"\xc3",
    ];
    for text in bad {
        breach(&server, &masked(FIN | TEXT, text), 1007);
        // The same in fragments of one byte.
        let mut bytes = masked(TEXT, b"");
        text.iter().for_each(|byte| bytes.extend(masked(0, &[*byte])));
        bytes.extend(masked(FIN, b""));
        breach(&server, &bytes, 1007);
    }
    // Bad from the first fragment on: found before the message is whole.
    breach(&server, &masked(TEXT, b"\xff"), 1007);
    // The same bytes as binary are nobody's business.
    let mut peer = server.open();
    peer.frame(FIN | BINARY, b"\xff\xc0");
    assert_eq!(peer.expect_frame(), WireFrame { head: FIN | BINARY, payload: b"\xff\xc0".into() });
    server.still_serves();
}

#[test]
fn characters_may_be_cut_by_fragments() {
    let (server, _) = echo();
    let text = "\"κόσμε😀\u{10ffff}\u{fffe}\"";
    for at in 0..text.len() {
        let mut peer = server.open();
        peer.frame(TEXT, &text.as_bytes()[..at]);
        peer.frame(FIN, &text.as_bytes()[at..]);
        assert_eq!(peer.expect_text(), text, "cut at {at}");
    }
}

#[test]
fn messages_up_to_the_limit_pass_and_longer_ones_are_1009() {
    for limit in [125, 126, 1000, 65_535, 65_536, 200_000] {
        let (server, reasons) = echo_with(Primus::builder().max_length(limit));
        let fits = format!("\"{}\"", "x".repeat(limit - 2));
        let mut peer = server.open();
        peer.text(&fits);
        assert_eq!(peer.expect_text(), fits);
        // In fragments too.
        peer.frame(TEXT, &fits.as_bytes()[..limit / 2]);
        peer.frame(FIN, &fits.as_bytes()[limit / 2..]);
        assert_eq!(peer.expect_text(), fits);
        peer.close();
        // The declared length is enough; and the sum of fragments.
        breach(&server, &declared(FIN | TEXT, 0x80, limit as u64 + 1), 1009);
        let sum = [masked(TEXT, &fits.as_bytes()[..limit]), masked(FIN, b"x")].concat();
        breach(&server, &sum, 1009);
        let codes: Vec<_> = reasons.try_iter().map(|reason| reason.code).collect();
        assert!(codes.iter().all(|code| [1005, 1009].contains(code)), "{codes:?}");
    }
}

#[test]
fn every_message_size_at_a_boundary_of_the_framing_or_of_a_buffer() {
    let (server, _) = echo();
    let mut peer = server.open();
    let boundaries = [125usize, 1 << 10, 4 << 10, 16 << 10, 65_535, 65_536, 256 << 10];
    for size in boundaries.into_iter().flat_map(|at| at.saturating_sub(15)..at + 3) {
        let payload = vec![(size % 251) as u8; size];
        peer.frame(FIN | BINARY, &payload);
        let frame = peer.expect_frame();
        assert_eq!(frame.head, FIN | BINARY);
        assert!(frame.payload == payload, "{size} bytes came back changed");
    }
}

#[test]
fn many_frames_in_one_segment_and_in_segments_of_one_byte() {
    let (server, _) = echo();
    let mut bytes = Vec::new();
    for n in 0..50 {
        bytes.extend(masked(FIN | TEXT, n.to_string().as_bytes()));
        bytes.extend(masked(FIN | PING, b"?"));
        bytes.extend(masked(TEXT, b"["));
        bytes.extend(masked(FIN, b"]"));
    }
    let expect = |peer: &mut Peer| {
        for n in 0..50 {
            assert_eq!(peer.expect_text(), n.to_string());
            assert_eq!(peer.expect_frame().head, FIN | PONG);
            assert_eq!(peer.expect_text(), "[]");
        }
    };
    let mut peer = server.open();
    peer.send(&bytes);
    expect(&mut peer);
    let mut peer = server.open();
    bytes.chunks(1).for_each(|byte| peer.send(byte));
    expect(&mut peer);
}
