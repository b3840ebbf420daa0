use super::*;
use crate::transformers::websockets::frame::{
    encode, encode_close, encode_ping, write_frame, write_header,
};

const MASK: Option<[u8; 4]> = Some([0x37, 0xfa, 0x21, 0x3d]);

fn server() -> Decoder {
    Decoder::new(Role::Server, 1 << 20, None)
}

/// Has up to `step` of the bytes read.
fn read(decoder: &mut Decoder, bytes: &[u8], step: usize) -> usize {
    let copy = |space: &mut [u8]| {
        let take = bytes.len().min(step).min(space.len());
        space[..take].copy_from_slice(&bytes[..take]);
        Ok(take)
    };
    decoder.read(copy).unwrap()
}

/// Everything that the bytes amount to when they arrive in pieces of `step`.
fn decode(decoder: Decoder, bytes: &[u8], step: usize) -> (Vec<Event>, Option<u16>) {
    let in_place = Decoder::new(decoder.role, decoder.max_length, None);
    let decoded = decode_by(Decoder::next, decoder, bytes, step);
    assert_eq!(decode_by(either, in_place, bytes, step), decoded);
    decoded
}

/// The next event, of a text that is read in place where it can be.
fn either(decoder: &mut Decoder) -> Result<Option<Event>, Violation> {
    let text = decoder.next_in_place().map(|text| text.map(Frame::text));
    match text {
        Some(text) => text.map(|frame| Some(Event::Message(frame))),
        None => decoder.next(),
    }
}

fn decode_by(
    next: fn(&mut Decoder) -> Result<Option<Event>, Violation>,
    mut decoder: Decoder,
    mut bytes: &[u8],
    step: usize,
) -> (Vec<Event>, Option<u16>) {
    let mut events = Vec::new();
    while !bytes.is_empty() {
        bytes = &bytes[read(&mut decoder, bytes, step)..];
        loop {
            match next(&mut decoder) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(violation) => return (events, Some(violation.code)),
            }
        }
    }
    (events, None)
}

fn raw(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_frame(Opcode::Binary, payload, MASK, &mut out);
    out[0] = first;
    out
}

fn code_of(bytes: &[u8]) -> Option<u16> {
    decode(server(), bytes, usize::MAX).1
}

#[test]
fn rfc_6455_section_5_7_examples() {
    let client = || Decoder::new(Role::Client, 1 << 20, None);
    let hello = [Event::Message(Frame::text("Hello"))];
    let unmasked = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
    assert_eq!(decode(client(), &unmasked, 99).0, hello);
    let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(decode(server(), &masked, 99).0, hello);
    let fragments = [0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f];
    assert_eq!(decode(client(), &fragments, 99).0, hello);
    let mut out = Vec::new();
    encode(&Frame::text("Hello"), None, &mut out);
    assert_eq!(out, unmasked);
    out.clear();
    encode(&Frame::text("Hello"), MASK, &mut out);
    assert_eq!(out, masked);
}

#[test]
fn any_split_gives_the_same_events() {
    let mut bytes = Vec::new();
    let long = "é".repeat(70_000);
    encode(&Frame::text("first"), MASK, &mut bytes);
    bytes.extend(raw(0x01, "caf\u{e9} ".as_bytes()));
    encode_ping(b"between", MASK, &mut bytes);
    bytes.extend(raw(0x00, b""));
    bytes.extend(raw(0x80, "\u{1F600}".as_bytes()));
    encode(&Frame::text(long.as_str()), MASK, &mut bytes);
    encode(&Frame::binary(vec![0, 1, 255]), MASK, &mut bytes);
    encode(&Frame::text(""), MASK, &mut bytes);
    encode_close(Some((1000, "bye")), MASK, &mut bytes);
    let expected = vec![
        Event::Message(Frame::text("first")),
        Event::Ping(b"between".to_vec()),
        Event::Message(Frame::text("caf\u{e9} \u{1F600}")),
        Event::Message(Frame::text(long.as_str())),
        Event::Message(Frame::binary(vec![0, 1, 255])),
        Event::Message(Frame::text("")),
        Event::Close(Some((1000, "bye".into()))),
    ];
    for step in [1, 2, 3, 5, 7, 64, 1000, 4096, 65_536, usize::MAX] {
        assert_eq!(decode(server(), &bytes, step), (expected.clone_events(), None), "step {step}");
    }
}

trait CloneEvents {
    fn clone_events(&self) -> Vec<Event>;
}

impl CloneEvents for Vec<Event> {
    fn clone_events(&self) -> Vec<Event> {
        self.iter()
            .map(|event| match event {
                Event::Message(frame) => Event::Message(frame.clone()),
                Event::Ping(payload) => Event::Ping(payload.clone()),
                Event::Pong(payload) => Event::Pong(payload.clone()),
                Event::Close(why) => Event::Close(why.clone()),
            })
            .collect()
    }
}

#[test]
fn every_breach_has_its_close_code() {
    let too_big = {
        let mut out = Vec::new();
        write_header(Opcode::Binary, (1 << 20) + 1, MASK, &mut out);
        out
    };
    let cases: &[(&str, Vec<u8>, u16)] = &[
        ("unmasked", vec![0x81, 0x01, b'a'], 1002),
        ("rsv1", raw(0xc1, b"a"), 1002),
        ("rsv2", raw(0xa1, b"a"), 1002),
        ("rsv3", raw(0x91, b"a"), 1002),
        ("reserved data opcode", raw(0x83, b"a"), 1002),
        ("reserved control opcode", raw(0x8b, b"a"), 1002),
        ("fragmented ping", raw(0x09, b"a"), 1002),
        ("long ping", raw(0x89, &[0; 126]), 1002),
        ("continuation of nothing", raw(0x80, b"a"), 1002),
        ("text within text", [raw(0x01, b"a"), raw(0x81, b"b")].concat(), 1002),
        ("close of one byte", raw(0x88, &[3]), 1002),
        ("close reason not UTF-8", raw(0x88, &[3, 232, 0xff]), 1007),
        ("text not UTF-8", raw(0x81, &[0xc0, 0xaf]), 1007),
        ("early bad UTF-8", raw(0x01, &[0xf4, 0x90]), 1007),
        ("surrogate", raw(0x81, &[0xed, 0xa0, 0x80]), 1007),
        ("cut character", raw(0x81, &[0xe2, 0x82]), 1007),
        ("declared too big", too_big, 1009),
        (
            "length over 2^63",
            vec![0x82, 0xff, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0],
            1009,
        ),
        ("length 2^62", vec![0x82, 0xff, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 1009),
        ("16-bit length for 1", vec![0x82, 0xfe, 0, 1, 0, 0, 0, 0, 0], 1002),
        ("64-bit length for 1", vec![0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0], 1002),
    ];
    for (name, bytes, code) in cases {
        assert_eq!(code_of(bytes), Some(*code), "{name}");
    }
}

#[test]
fn close_codes_as_the_registry_has_them() {
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999]
    {
        assert_eq!(code_of(&raw(0x88, &u16::to_be_bytes(code))), None, "{code}");
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
        assert_eq!(code_of(&raw(0x88, &u16::to_be_bytes(code))), Some(1002), "{code}");
    }
}

#[test]
fn the_limit_counts_all_fragments_and_is_inclusive() {
    let decoder = || Decoder::new(Role::Server, 10, None);
    let fits = [raw(0x01, b"12345"), raw(0x80, b"67890")].concat();
    assert_eq!(decode(decoder(), &fits, 99).0, [Event::Message(Frame::text("1234567890"))]);
    let over = [raw(0x01, b"12345"), raw(0x80, b"678901")].concat();
    assert_eq!(decode(decoder(), &over, 99).1, Some(1009));
}

#[test]
fn cve_2026_48779_tiny_and_empty_fragments_keep_memory_flat() {
    let mut decoder = server();
    let _ = decode_into(&mut decoder, &raw(0x01, b""));
    let empty = raw(0x00, b"");
    let mut outcome = Ok(());
    let mut fragments = 0u32;
    while outcome.is_ok() {
        outcome = decode_into(&mut decoder, &empty);
        fragments += 1;
        assert!(decoder.buf.len() <= BUFFER_MAX);
    }
    assert_eq!(outcome, Err(1008));
    assert_eq!(fragments, FRAGMENTS_MAX);
}

fn decode_into(decoder: &mut Decoder, bytes: &[u8]) -> Result<(), u16> {
    decoder.feed(bytes);
    decoder.next().map(|event| assert_eq!(event, None)).map_err(|violation| violation.code)
}

#[test]
fn nothing_counts_after_a_close_frame() {
    let bytes = [raw(0x88, b""), raw(0x81, b"late")].concat();
    assert_eq!(decode(server(), &bytes, 99), (vec![Event::Close(None)], None));
}

#[test]
fn has_more_sees_whole_frames_only() {
    let mut decoder = server();
    let frame = raw(0x81, b"abc");
    decoder.feed(&frame);
    decoder.feed(&frame[..frame.len() - 1]);
    assert!(decoder.has_more());
    assert!(decoder.next().unwrap().is_some());
    assert!(!decoder.has_more());
    decoder.feed(&frame[frame.len() - 1..]);
    assert!(decoder.has_more());
}

/// A buffer that had grown stayed large, and one that had not was never let go
/// of.
#[test]
fn a_peer_is_read_into_much_while_it_is_busy_and_keeps_little_while_it_is_quiet() {
    let mut decoder = server();
    let mut feed = |mut bytes: &[u8]| {
        let mut most = 0;
        while !bytes.is_empty() {
            let got = read(&mut decoder, bytes, usize::MAX);
            most = most.max(got);
            bytes = &bytes[got..];
            while decoder.next().unwrap().is_some() {}
        }
        // What it waits with.
        let quiet = |_: &mut [u8]| Err(io::ErrorKind::Interrupted.into());
        decoder.read(quiet).unwrap_err();
        (most, decoder.buf.capacity())
    };
    assert!(feed(&raw(0x81, b"small")).1 <= KEPT);
    assert!(feed(&raw(0x81, &[b'x'; 700])).1 <= KEPT);
    let (_, room) = feed(&raw(0x82, &[7; 50_000]));
    assert!(room >= 50_000);
    // A busy peer's messages are read at once.
    assert!(feed(&raw(0x82, &[7; 50_000])).0 > 50_000);
    let sizes: Vec<_> = (0..=QUIET_AFTER).map(|_| feed(&raw(0x81, b"small")).1).collect();
    assert!(*sizes.first().unwrap() >= 50_000);
    assert!(*sizes.last().unwrap() <= KEPT);
    // And again.
    assert!(feed(&raw(0x82, &[7; 50_000])).1 >= 50_000);
}

#[test]
fn a_declared_length_takes_no_memory() {
    for length in [60_000, 1_000_000] {
        let mut decoder = server();
        let mut header = Vec::new();
        write_header(Opcode::Binary, length, MASK, &mut header);
        read(&mut decoder, &header, usize::MAX);
        assert_eq!(decoder.next(), Ok(None));
        read(&mut decoder, &[1], usize::MAX);
        assert!(decoder.buf.len() <= BUFFER_MIN);
    }
}

#[test]
fn reason_is_cut_on_a_character_boundary() {
    let mut out = Vec::new();
    encode_close(Some((1011, &"é".repeat(100))), MASK, &mut out);
    let (events, _) = decode(server(), &out, 99);
    assert_eq!(events, [Event::Close(Some((1011, "é".repeat(61))))]);
}

#[test]
fn mutated_input_never_panics() {
    let mut random = fastrand::Rng::with_seed(6455);
    let mut sample = Vec::new();
    encode(&Frame::text("hello"), MASK, &mut sample);
    encode_ping(b"x", MASK, &mut sample);
    sample.extend(raw(0x01, b"part"));
    sample.extend(raw(0x80, b"end"));
    for _ in 0..50_000 {
        let mut bytes = sample.clone();
        for _ in 0..random.usize(1..6) {
            let at = random.usize(..bytes.len());
            bytes[at] = random.u8(..);
        }
        let step = random.usize(1..40);
        let (whole, code) = decode(server(), &bytes, usize::MAX);
        assert_eq!(decode(server(), &bytes, step), (whole, code));
    }
}
