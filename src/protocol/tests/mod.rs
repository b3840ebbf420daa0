mod matrix;
mod replay;
mod server;

use super::number::{number, text};
use super::*;

#[test]
fn messages_are_taken_apart_as_primus_does() {
    // The cuts were taken from JavaScript's own `indexOf` and `slice`.
    for (text, expected) in [
        ("primus::ping::17", Some(Control::Ping("17"))),
        ("primus::pong::17", Some(Control::Pong("17"))),
        ("primus::id::", Some(Control::Id(""))),
        ("primus::id::a:b", Some(Control::Id("a:b"))),
        ("primus::server::close", Some(Control::Server("close"))),
        ("primus::server::open", Some(Control::Server("open"))),
        ("primus::ping:", Some(Control::Ping(""))),
        ("primus::ping::", Some(Control::Ping(""))),
        ("primus::ping:x7", Some(Control::Ping("7"))),
        ("primus::ping:\u{1f600}7", Some(Control::Ping("7"))),
        ("primus::ping:::7", Some(Control::Ping(":7"))),
        // Without a colon the type loses its last letter.
        ("primus::pings", Some(Control::Ping("rimus::pings"))),
        ("primus::pong\u{e9}", Some(Control::Pong("rimus::pong\u{e9}"))),
        ("primus::serverX", Some(Control::Server("rimus::serverX"))),
        ("primus::ping", None),
        ("primus::id", None),
        ("primus::", None),
        ("primus:::", None),
        ("primus::foo::bar", None),
        ("primus::Ping::1", None),
        ("primus: :ping::1", None),
        ("xprimus::id::", None),
        ("", None),
    ] {
        assert_eq!(classify(text), expected, "{text}");
    }
}

#[test]
fn no_text_makes_classify_panic() {
    let pieces = ["primus::", ":", "ping", "pong", "id", "server", "\u{e9}", "\u{1f600}", "0", ""];
    let random = &mut fastrand::Rng::with_seed(5);
    for _ in 0..20_000 {
        let text: String =
            (0..random.usize(0..6)).map(|_| pieces[random.usize(0..pieces.len())]).collect();
        if let Some(Control::Ping(value) | Control::Pong(value)) = classify(&text) {
            pong(value);
        }
    }
}

#[test]
fn numbers_are_those_of_javascript() {
    // Each pair is what `String(+text)` gives there.
    for (input, expected) in [
        ("", "0"),
        (" 12 ", "12"),
        ("\u{2028} 3", "3"),
        ("\u{a0}1\u{feff}", "1"),
        ("\u{85}1", "NaN"),
        ("0x1F", "31"),
        ("0X10", "16"),
        ("0b101", "5"),
        ("0o17", "15"),
        ("-0x10", "NaN"),
        ("0x", "NaN"),
        ("0x1g", "NaN"),
        ("0xfffffffffffffc01", "18446744073709552000"),
        ("0x1fffffffffffff8", "144115188075855870"),
        ("1e3", "1000"),
        (".5", "0.5"),
        ("5.", "5"),
        ("+7", "7"),
        ("-7", "-7"),
        ("- 7", "NaN"),
        ("1_0", "NaN"),
        ("12px", "NaN"),
        ("1e", "NaN"),
        ("e5", "NaN"),
        (".", "NaN"),
        ("+", "NaN"),
        ("nan", "NaN"),
        ("inf", "NaN"),
        ("infinity", "NaN"),
        ("Infinity", "Infinity"),
        ("-Infinity", "-Infinity"),
        ("1e1000", "Infinity"),
        ("-0", "0"),
        ("1795244975815", "1795244975815"),
        ("123456789012345680000", "123456789012345680000"),
        ("123456789012345678901234567890", "1.2345678901234568e+29"),
        ("1e21", "1e+21"),
        ("0.000001", "0.000001"),
        ("1234.5678", "1234.5678"),
        ("1e-7", "1e-7"),
        ("1.5e-10", "1.5e-10"),
        ("5e-324", "5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
    ] {
        assert_eq!(text(number(input)), expected, "{input:?}");
    }
    assert_eq!(number(&format!("0x{}", "f".repeat(1_000))), f64::INFINITY);
    assert_eq!(number(&format!("0x{}1", "0".repeat(1_000))), 1.0);
}

#[test]
fn the_texts_that_are_sent() {
    assert_eq!(ping(1_795_244_975_815), "primus::ping::1795244975815");
    assert_eq!(pong("1795244975815"), "primus::pong::1795244975815");
    assert_eq!(pong("abc"), "primus::pong::NaN");
    assert_eq!(pong(""), "primus::pong::0");
    assert_eq!(id("x"), "primus::id::x");
    assert_eq!(classify(SERVER_CLOSE), Some(Control::Server("close")));
    assert_eq!(classify(ID_REQUEST), Some(Control::Id("")));
}
