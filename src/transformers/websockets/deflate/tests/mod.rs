mod offer;

use super::*;
use crate::compression::Compression;
use crate::frame::Frame;
use crate::transformers::websockets::decoder::{Decoder, Event, Role, Violation};
use crate::transformers::websockets::frame::encode;

/// Where what was received may refer to messages before, if so.
fn agreed(takeover: bool) -> Agreed {
    Agreed {
        level: 6,
        threshold: 1,
        send_takeover: takeover,
        send_bits: 15,
        receive_takeover: takeover,
    }
}

fn decoder(takeover: bool, most: usize) -> Decoder {
    Decoder::new(Role::Client, most, Some(&agreed(takeover)))
}

/// What is received of these bytes, up to an end.
fn received(decoder: &mut Decoder, bytes: &[u8]) -> Result<Vec<Frame>, Violation> {
    let mut all = Vec::new();
    // In pieces, as from a socket.
    for piece in bytes.chunks(60_000) {
        decoder.feed(piece);
        while let Some(event) = decoder.next()? {
            if let Event::Message(frame) = event {
                all.push(frame);
            }
        }
    }
    Ok(all)
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..126 => frame.push(short as u8),
        middle @ 126..0x10000 => {
            frame.push(126);
            frame.extend((middle as u16).to_be_bytes());
        }
        long => {
            frame.push(127);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    [&frame, payload].concat()
}

const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

/// RFC 7692 section 7.2.3.
#[test]
fn the_examples_of_the_rfc_are_understood() {
    let hello = [Frame::text("Hello")];
    for takeover in [false, true] {
        for bytes in [
            frame(0xc1, &HELLO),
            [frame(0x41, &HELLO[..3]), frame(0x80, &HELLO[3..])].concat(),
            // A block that is not compressed.
            frame(0xc1, &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00]),
            // The last block of a stream, and without what should follow it.
            frame(0xc1, &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]),
            frame(0xc1, &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]),
            // Two blocks.
            frame(
                0xc1,
                &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
            ),
            // Not compressed at all.
            frame(0x81, b"Hello"),
        ] {
            let mut decoder = decoder(takeover, 5);
            assert_eq!(received(&mut decoder, &bytes).unwrap(), hello, "{bytes:x?}");
            // One after the other, whatever came before.
            assert_eq!(received(&mut decoder, &frame(0xc1, &HELLO)).unwrap(), hello);
            for empty in [&[0x00][..], &[], &[0x03, 0x00]] {
                let got = received(&mut decoder, &frame(0xc1, empty));
                assert_eq!(got, Ok(vec![Frame::text("")]), "{takeover} {empty:x?} {bytes:x?}");
            }
            assert_eq!(received(&mut decoder, &bytes).unwrap(), hello);
        }
    }
    let again = frame(0xc1, &[0xf2, 0x00, 0x11, 0x00, 0x00]);
    let both = [frame(0xc1, &HELLO), again].concat();
    assert_eq!(received(&mut decoder(true, 5), &both).unwrap(), [&hello[..], &hello].concat());
    // Where no context is taken over there is nothing to refer to.
    assert_eq!(received(&mut decoder(false, 5), &both).unwrap_err().code, 1007);
}

#[test]
fn reserved_bits_are_for_the_first_frame_of_a_message_that_may_be_compressed() {
    let first = frame(0x41, &HELLO[..3]);
    for (bytes, may) in [
        (frame(0xc1, &HELLO), true),
        (frame(0xc2, &HELLO), true),
        ([first.clone(), frame(0xc0, &HELLO[3..])].concat(), false),
        ([first, frame(0x89, b"x"), frame(0x80, &HELLO[3..])].concat(), true),
        (frame(0xc9, b""), false),
        (frame(0xca, b""), false),
        (frame(0xc8, b""), false),
        (frame(0xe1, &HELLO), false),
        (frame(0xd1, &HELLO), false),
    ] {
        let result = received(&mut decoder(false, 5), &bytes);
        assert_eq!(result.map_err(|bad| bad.code).is_ok(), may, "{bytes:x?}");
    }
    let plain = &mut Decoder::new(Role::Client, 5, None);
    assert_eq!(received(plain, &frame(0xc1, &HELLO)).unwrap_err().code, 1002);
}

#[test]
fn what_is_no_deflate_is_a_breach_wherever_it_stops_making_sense() {
    let random: Vec<u8> =
        (0..1000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut packed = Vec::new();
    pack(&agreed(false), &mut frame(0x82, &random.repeat(3)), &mut packed);
    let said = received(&mut decoder(false, 3000), &packed).unwrap();
    assert_eq!(said, [Frame::binary(random.repeat(3))]);
    // Cut short anywhere.
    let header = packed.len() - {
        crate::transformers::websockets::frame::Header::parse(&packed).unwrap().length as usize
    };
    let payload = &packed[header..];
    for cut in (1..payload.len() - 1).filter(|cut| *cut < 100 || cut % 17 == 0) {
        let result = received(&mut decoder(false, 3000), &frame(0xc2, &payload[..cut]));
        assert!(result.is_err(), "{cut}");
    }
    // A reserved kind of block, lengths that contradict each other, a distance to
    // before the beginning, and text that is none.
    for (payload, code) in [
        (&[0x06, 0x00][..], 1007),
        (&[0x00, 0x05, 0x00, 0x00, 0x00], 1007),
        (&[0xf2, 0x00, 0x11, 0x00, 0x00], 1007),
        (&[0x00, 0x02, 0x00, 0xfd, 0xff, 0xc3, 0x28, 0x00], 1007),
    ] {
        for takeover in [false, true] {
            let result = received(&mut decoder(takeover, 3000), &frame(0xc1, payload));
            assert_eq!(result.unwrap_err().code, code, "{payload:x?}");
        }
    }
}

/// A bomb: so many zeros, compressed.
fn bomb(bytes: usize) -> Vec<u8> {
    let mut packed = Vec::new();
    pack(&agreed(false), &mut frame(0x82, &vec![0; bytes]), &mut packed);
    packed
}

#[test]
fn the_bound_is_that_of_the_message_and_not_of_what_is_sent() {
    for takeover in [false, true] {
        let bytes = bomb(100_000);
        assert!(bytes.len() < 300);
        let whole = received(&mut decoder(takeover, 100_000), &bytes).unwrap();
        assert_eq!(whole, [Frame::binary(vec![0; 100_000])]);
        let result = received(&mut decoder(takeover, 99_999), &bytes);
        assert_eq!(result.unwrap_err().code, 1009);
    }
    // Of a bomb that goes on for ever no more than the bound is kept.
    let bytes = bomb(8 << 20);
    let mut decoder = decoder(false, 1 << 20);
    let error = received(&mut decoder, &bytes).unwrap_err();
    assert_eq!((error.code, error.text), (1009, "message over the limit"));
    // What is random becomes longer, and is taken up to its own length.
    let mut random = vec![0; 100_000];
    fastrand::Rng::with_seed(3).fill(&mut random);
    let mut stored = Vec::new();
    for (at, block) in random.chunks(0xffff).enumerate() {
        let length = (block.len() as u16).to_le_bytes();
        let opposite = (!(block.len() as u16)).to_le_bytes();
        assert!(at < 2);
        stored.extend([&[0][..], &length, &opposite, block].concat());
    }
    stored.push(0);
    let whole = received(&mut self::decoder(false, 100_000), &frame(0xc2, &stored)).unwrap();
    assert_eq!(whole, [Frame::binary(random)]);
}

#[test]
fn a_stream_that_says_nothing_ends_at_the_bound() {
    // Empty blocks, of which each fragment has many; none adds anything.
    let empty = [0x00, 0x00, 0x00, 0xff, 0xff].repeat(10_000);
    let last = [0x03, 0x00].repeat(10_000);
    for blocks in [empty, last] {
        let mut decoder = decoder(false, 100_000);
        let mut sent = 0;
        let error = loop {
            let first = if sent == 0 { 0x42 } else { 0x00 };
            sent += blocks.len();
            match received(&mut decoder, &frame(first, &blocks)) {
                Ok(messages) => assert!(messages.is_empty() && sent < 200_000),
                Err(error) => break error,
            }
        };
        assert_eq!(error.code, 1009);
    }
    let declared = [&[0xc2, 127][..], &(1u64 << 40).to_be_bytes()].concat();
    assert_eq!(received(&mut decoder(false, 100_000), &declared).unwrap_err().code, 1009);
}

fn text(length: usize) -> String {
    (0..)
        .map(|n: u32| format!("{{\"id\":{n},\"name\":\"n{}\"}},", n * 7 % 100))
        .collect_until(length)
}

trait CollectUntil {
    fn collect_until(self, length: usize) -> String;
}

impl<I: Iterator<Item = String>> CollectUntil for I {
    fn collect_until(self, length: usize) -> String {
        let mut all = String::new();
        for part in self {
            all += &part;
            if all.len() >= length {
                all.truncate(length);
                break;
            }
        }
        all
    }
}

#[test]
fn what_is_sent_is_received_with_every_level_window_and_mask() {
    let messages: Vec<_> = [1, 1000, 3000, 70_000].map(text).into();
    let levels = [0, 1, 6, 9].map(|level| (level, 15));
    for (level, bits) in levels.into_iter().chain((8..=14).map(|bits| (6, bits))) {
        for takeover in [false, true] {
            for mask in [None, Some([1, 2, 3, 4])] {
                let agreed = Agreed { level, send_bits: bits, ..agreed(takeover) };
                let mut packer = Packer::new(&agreed);
                let role = if mask.is_some() { Role::Server } else { Role::Client };
                let mut decoder = Decoder::new(role, 70_000, Some(&agreed));
                assert_eq!(packer.is_some(), takeover && bits > 8 && level > 0);
                for message in messages.iter().chain(&messages) {
                    let (mut plain, mut packed) = (Vec::new(), Vec::new());
                    encode(&Frame::text(message.as_str()), mask, &mut plain);
                    match &mut packer {
                        Some(packer) => packer.pack(&mut plain, &mut packed),
                        None => pack(&agreed, &mut plain, &mut packed),
                    }
                    let small = message.len() < 1000 || bits == 8 || level == 0;
                    assert!(small || packed.len() < message.len() / 3, "{level} {bits}");
                    let got = received(&mut decoder, &packed).unwrap();
                    assert_eq!(got, [Frame::text(message.as_str())]);
                }
            }
        }
    }
}

#[test]
fn what_is_short_or_does_not_become_shorter_is_sent_as_it_is() {
    let agreed = Agreed { threshold: 1000, ..agreed(false) };
    let packed = |frame: &Frame| {
        let (mut plain, mut packed) = (Vec::new(), Vec::new());
        encode(frame, None, &mut plain);
        pack(&agreed, &mut plain.clone(), &mut packed);
        (plain, packed)
    };
    let (plain, same) = packed(&Frame::text(text(999)));
    assert_eq!(plain, same);
    let mut random = vec![0; 5000];
    fastrand::Rng::with_seed(1).fill(&mut random);
    let (plain, same) = packed(&Frame::binary(random));
    assert_eq!(plain, same);
    let (plain, packed) = packed(&Frame::text(text(1000)));
    assert!(packed.len() < plain.len() && packed[0] == 0xc1);
    // Never the last block of a stream: other implementations hear nothing after it.
    let stream = [&packed[4..], &[0, 0, 0xff, 0xff]].concat();
    let mut plain = vec![0; 1001];
    let flush = flate2::FlushDecompress::None;
    let status = flate2::Decompress::new(false).decompress(&stream, &mut plain, flush);
    assert_eq!((status.unwrap(), &plain[..1000]), (flate2::Status::Ok, text(1000).as_bytes()));
    // Of several frames each stays what it is.
    let mut frames = [frame(0x89, b"ping"), frame(0x01, text(2000).as_bytes())].concat();
    let mut out = Vec::new();
    pack(&agreed, &mut frames.clone(), &mut out);
    assert_eq!(out, frames);
    frames.truncate(0);
    pack(&agreed, &mut frames, &mut out);
}

#[test]
fn mutated_messages_never_panic_and_never_outgrow_the_bound() {
    let mut random = fastrand::Rng::with_seed(11);
    let (mut plain, mut packed) = (Vec::new(), Vec::new());
    encode(&Frame::text(text(3000)), None, &mut plain);
    pack(&agreed(false), &mut plain, &mut packed);
    let (header, mut refused) = (4, 0);
    for round in 0..3000 {
        let mut payload = packed[header..].to_vec();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(..payload.len());
            payload[at] ^= 1 << random.u8(..8);
        }
        payload.truncate(random.usize(1..=payload.len()));
        let mut decoder = decoder(round % 2 == 0, 5000);
        // In fragments of any length.
        let cut = random.usize(..payload.len());
        let bytes = [frame(0x42, &payload[..cut]), frame(0x80, &payload[cut..])].concat();
        match received(&mut decoder, &bytes) {
            Ok(messages) => assert!(messages.iter().all(|message| message.len() <= 5000)),
            Err(violation) => {
                assert!([1007, 1009].contains(&violation.code), "{violation:?}");
                refused += 1;
            }
        }
    }
    assert!(refused > 1500, "{refused}");
}
