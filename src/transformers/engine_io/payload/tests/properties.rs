//! What holds for all packets, and for all bytes.

use std::time::{Duration, Instant};

use super::*;
use crate::transformers::engine_io::jsonp;

/// Every way in which a session may want its packets.
fn formats() -> impl Iterator<Item = Format> {
    let revisions = [(Revision::V3, false), (Revision::V3, true), (Revision::V4, false)];
    let both = |(revision, double)| [false, true].map(|b64| Format { revision, b64, double });
    revisions.into_iter().flat_map(both)
}

fn letter(random: &mut fastrand::Rng) -> char {
    let odd = ['"', '\\', 'n', '<', '/', '!', '\n', '\r', '\t', '\0', '\u{7f}', '\u{80}', 'é'];
    let wide = ['ÿ', '€', '\u{2028}', '\u{2029}', '漢', '\u{fffd}', '😀', '\u{10ffff}'];
    match random.u8(..4) {
        0 => odd[random.usize(..odd.len())],
        1 => wide[random.usize(..wide.len())],
        _ => random.char('0'..='z'),
    }
}

fn some_text(random: &mut fastrand::Rng) -> String {
    let text: String = (0..random.usize(..12)).map(|_| letter(random)).collect();
    // The rules for forms cannot carry this; see there.
    text.replace("\\\n", "\\")
}

fn some_packet(random: &mut fastrand::Rng) -> Packet {
    match random.u8(..12) {
        0 => Packet::Open(some_text(random)),
        1 => Packet::Close,
        2 => Packet::Ping(some_text(random)),
        3 => Packet::Pong(some_text(random)),
        4 => Packet::Upgrade,
        5 => Packet::Noop,
        6..=8 => binary(&(0..random.usize(..12)).map(|_| random.u8(..)).collect::<Vec<_>>()),
        _ => text(&some_text(random)),
    }
}

#[test]
fn packets_come_back() {
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..5_000 {
        let packets: Vec<_> = (0..random.usize(1..6)).map(|_| some_packet(&mut random)).collect();
        for format in formats() {
            let (content, body) = encoded(&packets, format);
            let back = decoded(&body, content, format);
            assert_eq!(back.as_deref(), Ok(&packets[..]), "{format:?} {body:?}");

            let mut call = Vec::new();
            encode_jsonp(packets.iter().map(Packet::as_ref), format, "0", &mut call);
            let back: Result<Vec<_>, _> = Decoder::call(&call, format).collect();
            assert_eq!(back.as_deref(), Ok(&packets[..]), "{format:?} {call:?}");

            let b64 = Format { b64: true, ..format };
            let (mut form, body) = (Vec::new(), encoded(&packets, b64).1);
            jsonp::form_into(std::str::from_utf8(&body).unwrap(), &mut form);
            let form = String::from_utf8(form).unwrap();
            let (_, field) = crate::http::pairs(&form).next().unwrap();
            let back: Result<Vec<_>, _> = Decoder::field(&field, format).collect();
            assert_eq!(back.as_deref(), Ok(&packets[..]), "{format:?} {form}");

            for packet in &packets {
                let (mut bytes, packet) = (Vec::new(), packet.clone());
                packet.as_ref().frame_into(format, &mut bytes);
                let frame = match packet.as_ref().is_binary_frame(format) {
                    true => Frame::binary(bytes),
                    false => Frame::text(String::from_utf8(bytes).unwrap()),
                };
                assert_eq!(Packet::from_frame(frame, format.revision), Ok(packet));
            }
        }
    }
}

/// Decodes in every way; what comes out is bounded by what went in.
fn decode_all(body: &[u8]) {
    for format in formats() {
        let text = String::from_utf8_lossy(body);
        let decoders = [
            Decoder::new(body.to_vec(), Content::Text, format),
            Decoder::new(body.to_vec(), Content::Binary, format),
            Decoder::field(&text, format),
            Decoder::call(body, format),
        ];
        for decoder in decoders {
            let (mut packets, mut bytes) = (0, 0);
            for packet in decoder {
                packets += 1;
                bytes += match packet {
                    Ok(Packet::Message(frame)) => frame.len(),
                    Ok(Packet::Open(data) | Packet::Ping(data) | Packet::Pong(data)) => data.len(),
                    Ok(_) | Err(_) => 0,
                };
            }
            assert!(packets <= body.len() + 1 && bytes <= text.len());
        }
        let _ = Packet::from_frame(Frame::text(&*text), format.revision);
        let _ = Packet::from_frame(Frame::binary(body), format.revision);
    }
}

#[test]
fn any_bytes_do_no_harm() {
    let mut random = fastrand::Rng::with_seed(5);
    let letters = b"0123456789:b4\x1e\xff\x00\x01\x02\"\\n()[];=_eio\xc3\xa9\xf0\x9f\x98\x80";
    for _ in 0..4_000 {
        let length = random.usize(..24);
        let body: Vec<u8> = (0..length).map(|_| letters[random.usize(..letters.len())]).collect();
        decode_all(&body);
    }
    for _ in 0..6_000 {
        let packets: Vec<_> = (0..random.usize(1..4)).map(|_| some_packet(&mut random)).collect();
        let format = formats().nth(random.usize(..6)).unwrap();
        let (_, mut body) = encoded(&packets, format);
        for _ in 0..random.usize(..4) {
            let at = random.usize(..body.len());
            match random.u8(..4) {
                0 => body[at] = random.u8(..),
                1 => body.insert(at, letters[random.usize(..letters.len())]),
                2 if body.len() > 1 => drop(body.remove(at)),
                _ => body.truncate(at.max(1)),
            }
        }
        decode_all(&body);
    }
}

/// A quadratic decoder would need hours for these (CVE-2020-36048).
#[test]
fn long_bodies_are_decoded_in_linear_time() {
    const LENGTH: usize = 1 << 20;
    let of = |part: &str| part.repeat(LENGTH / part.len());
    let begin = Instant::now();
    for (body, content, format, count) in [
        (of("1:2"), Content::Text, v3(), LENGTH / 3),
        (of("2:4é"), Content::Text, v3(), LENGTH / 5),
        (of("0:"), Content::Text, v3(), 0),
        (of("7"), Content::Text, v3(), 1),
        (of("1000000:4é"), Content::Text, v3(), 1),
        (format!("{}:4{}", LENGTH + 1, of("é")), Content::Text, v3(), 1),
        (of("\0\x01\u{7f}2"), Content::Binary, v3(), 1),
        (of("2\x1e") + "2", Content::Text, v4(), LENGTH / 2 + 1),
        (of("\x1e"), Content::Text, v4(), 1),
        (of("b=="), Content::Text, v4(), 1),
    ] {
        let decoder = Decoder::new(body.into_bytes(), content, format);
        assert_eq!(decoder.count(), count);
    }
    let binary = b"\x00\x01\xff2".repeat(LENGTH / 4);
    assert_eq!(Decoder::new(binary, Content::Binary, v3()).count(), LENGTH / 4);
    assert_eq!(Decoder::field(&of("\\n"), v4()).count(), 1);
    assert_eq!(Decoder::call(of("___eio[0](\"").as_bytes(), v4()).count(), 1);
    assert!(begin.elapsed() < Duration::from_secs(60));
}
