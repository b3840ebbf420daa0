//! Payloads as they stand in recordings, and with lengths that lie.

use super::*;

fn encoded(packets: &[&str]) -> String {
    let mut out = Vec::new();
    encode(packets.iter().map(|packet| packet.split_at(packet.len().min(3))), &mut out);
    String::from_utf8(out).unwrap()
}

fn decoded(text: &str) -> Result<Vec<&str>, Invalid> {
    Ok(decode(text)?.collect())
}

#[test]
fn as_recorded() {
    for (packets, text) in [
        (&["3:::\"one\""][..], "3:::\"one\""),
        (
            &["3:::\"é\"", "3:::\"😀😀\""],
            "\u{fffd}7\u{fffd}3:::\"é\"\u{fffd}10\u{fffd}3:::\"😀😀\"",
        ),
        (&["3:::\"q1\"", "3:::\"é😀\""], "\u{fffd}8\u{fffd}3:::\"q1\"\u{fffd}9\u{fffd}3:::\"é😀\""),
        (&["1::"], "1::"),
        (&[], ""),
    ] {
        assert_eq!(encoded(packets), text);
        assert_eq!(decoded(text).as_deref(), Ok(packets), "{text}");
    }
}

/// A single packet is not looked into, whatever is in it.
#[test]
fn marks_inside_of_messages_are_nothing_special() {
    for packets in [
        &["3:::\u{fffd}"][..],
        &["3:::\u{fffd}3\u{fffd}8::"],
        &["3:::\u{fffd}", "3:::\u{fffd}\u{fffd}5\u{fffd}", "8::"],
        &["\u{fffd}3\u{fffd}", "\u{fffd}"],
    ] {
        assert_eq!(decoded(&encoded(packets)).as_deref(), Ok(packets));
    }
    // That a payload would be taken for, so that it is one.
    assert_eq!(decoded(&encoded(&["\u{fffd}3\u{fffd}8::"])).unwrap(), ["8::"]);
}

#[test]
fn lengths_that_lie() {
    for text in [
        "\u{fffd}",
        "\u{fffd}\u{fffd}",
        "\u{fffd}3",
        "\u{fffd}3\u{fffd}",
        "\u{fffd}3\u{fffd}8:",
        "\u{fffd}4\u{fffd}8::",
        // Too short: what follows is no length.
        "\u{fffd}2\u{fffd}8::",
        "\u{fffd}3\u{fffd}8::x",
        "\u{fffd}3\u{fffd}8::\u{fffd}",
        "\u{fffd}3\u{fffd}8::\u{fffd}3\u{fffd}8:",
        // Between the halves of a pair.
        "\u{fffd}5\u{fffd}3:::😀",
        "\u{fffd}5\u{fffd}3:::😀\u{fffd}3\u{fffd}8::",
        // No numbers.
        "\u{fffd}x\u{fffd}8::",
        "\u{fffd}-3\u{fffd}8::",
        "\u{fffd}+3\u{fffd}8::",
        "\u{fffd} 3\u{fffd}8::",
        "\u{fffd}3.0\u{fffd}8::",
        "\u{fffd}0x3\u{fffd}8::",
        "\u{fffd}3e0\u{fffd}8::",
        "\u{fffd}٣\u{fffd}8::",
        // Too large for any count.
        "\u{fffd}4294967299\u{fffd}8::",
        "\u{fffd}18446744073709551619\u{fffd}8::",
        "\u{fffd}00000000003\u{fffd}8::",
    ] {
        assert!(decoded(text).is_err(), "{text:?}");
    }
    // Zeros in front, and nothing at all, are as good as to Socket.IO.
    assert_eq!(decoded("\u{fffd}003\u{fffd}8::").unwrap(), ["8::"]);
    assert_eq!(decoded("\u{fffd}0\u{fffd}\u{fffd}3\u{fffd}8::").unwrap(), ["", "8::"]);
}

/// Every text of few characters of each length, at every length of the prefix.
#[test]
fn lengths_are_utf_16_units() {
    for unit in ["x", "é", "漢", "😀", "x😀", "\u{fffd}"] {
        for count in [0, 1, 2, 63, 64, 65, 127, 128, 1000, 4097] {
            let packet = format!("3:::{}", unit.repeat(count));
            let length = packet.encode_utf16().count();
            let text = format!("{MARK}{length}{MARK}{packet}{MARK}3{MARK}8::");
            assert_eq!(decoded(&text).unwrap(), [&*packet, "8::"], "{unit} {count}");
            assert_eq!(encoded(&[&packet, "8::"]), text);
            let short = format!("{MARK}{}{MARK}{packet}", length + 1);
            assert!(decoded(&short).is_err(), "{unit} {count}");
        }
    }
}

/// CVE-2020-36049: the decoder of Socket.IO put large packets together from many
/// pieces, at a cost that grew with the square of their size.
#[test]
fn cve_2020_36049_the_time_grows_with_the_length_alone() {
    let time = |count: usize| {
        let body = format!("{MARK}3{MARK}8::").repeat(count);
        let start = std::time::Instant::now();
        assert_eq!(decode(&body).unwrap().count(), count);
        start.elapsed()
    };
    time(1 << 10);
    let (short, long) = (time(1 << 13), time(1 << 17));
    // 16 times the length; the square would be 256 times as long.
    assert!(long < 80 * short.max(std::time::Duration::from_micros(50)), "{short:?} {long:?}");
}

/// What is put together comes apart again, whatever the packets are.
#[test]
fn there_and_back() {
    fastrand::seed(9);
    let alphabet = ['3', ':', 'x', 'é', '漢', '😀', MARK, '1', '\n', '\u{0}'];
    for _ in 0..2_000 {
        let packets: Vec<String> = (0..fastrand::usize(2..6))
            .map(|_| {
                (0..fastrand::usize(..40)).map(|_| fastrand::choice(alphabet).unwrap()).collect()
            })
            .collect();
        let mut out = Vec::new();
        encode(packets.iter().map(|packet| ("", &**packet)), &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(decoded(&text).unwrap(), packets);
    }
}
