//! What clients post, and what of it is wrong.

use primus::Primus;

use crate::client::*;

#[test]
fn of_a_payload_with_a_fault_nothing_is_heard() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    for wrong in [
        "\u{fffd}",
        "\u{fffd}5\u{fffd}3:::1\u{fffd}",
        "\u{fffd}5\u{fffd}3:::1\u{fffd}6\u{fffd}3:::2",
        "\u{fffd}5\u{fffd}3:::1\u{fffd}4\u{fffd}3:::2",
        "\u{fffd}5\u{fffd}3:::1\u{fffd}5\u{fffd}3:::😀",
        "\u{fffd}x\u{fffd}3:::1",
        "\u{fffd}-1\u{fffd}3:::1",
        "\u{fffd}99999999999999999999\u{fffd}3:::1",
        "\u{fffd}5\u{fffd}3:::13:::2",
    ] {
        let answer = client.send(wrong);
        assert_eq!(answer.status, 400, "{wrong:?}: {answer:?}");
    }
    // Neither the session nor the connection has suffered.
    client.round("1");
    assert_eq!(server.primus.metrics().messages_in, 1);
}

#[test]
fn marks_inside_of_messages_stay() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    for text in ["\"\u{fffd}\"", "\"\u{fffd}5\u{fffd}3:::1\"", "\"x\u{fffd}\u{fffd}y\""] {
        client.round(text);
        let packet = format!("3:::{text}");
        client.say(&[&packet, "3:::1", &packet]);
        assert_eq!(client.packets(3), [&packet, "3:::1", &packet]);
    }
}

/// Bytes that are no text become U+FFFD, one for each, as in Node.js.
#[test]
fn what_is_no_text() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    client.posts.send(&post(&client.path(), "", b"3:::\"a\xffb\""));
    assert_eq!(client.posts.read_response().body, "1");
    assert_eq!(client.poll(), "3:::\"a\u{fffd}b\"");
    // In front, where they look like the beginning of a payload.
    client.posts.send(&post(&client.path(), "", b"\xff3:::1"));
    assert_eq!(client.posts.read_response().status, 400);
    client.round("2");
}

#[test]
fn forms() {
    let server = echo(Primus::builder());
    let client = Client::open_by(server.addr, "jsonp-polling");
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    for (headers, body, status) in [
        (form, "d=%223%3A%3A%3A1%22", 200),
        (
            "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n",
            "d=%223:::2%22",
            200,
        ),
        (form, "x=1&d=%223:::3%22&d=%223:::4%22", 200),
        (form, "d=%20%223:::%5C%22%5Cud800%5C%22%22%0A", 200),
        (form, "d=3:::5", 400),
        (form, "d=%223:::5%22x", 400),
        (form, "d=%223:::6", 400),
        (form, "d=1", 400),
        (form, "d=", 400),
        (form, "d", 400),
        (form, "", 400),
        (form, "D=%223:::7%22", 400),
        ("Content-Type: text/plain\r\n", "\"3:::8\"", 400),
        (form, "d=%22%EF%BF%BD9%EF%BF%BD3:::9%22", 400),
    ] {
        let answer = ask(server.addr, post(&client.path(), headers, body));
        assert_eq!(answer.status, status, "{body}: {answer:?}");
    }
    let mut client = client;
    // Half of a pair is none of our texts.
    assert_eq!(client.packets(4), ["3:::1", "3:::2", "3:::3", "3:::\"\u{fffd}\""]);
}

/// Nothing that is in it is an error of the protocol's.
#[test]
fn packets_that_are_none_are_left_out() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    client.say(&["garbage"]);
    client.say(&[""]);
    client.say(&["", ":::", "9:::x", "3:x::y", "3:::1", "\u{fffd}"]);
    assert_eq!(client.poll(), "3:::1");
    assert_eq!(server.primus.metrics().messages_in, 1);
}

/// CVE-2020-36048 and CVE-2020-36049: large bodies that are put together from very many
/// packets.
#[test]
fn cve_2020_36048_very_many_packets_in_a_post() {
    let server = echo(Primus::builder().ping_interval(None));
    let mut client = Client::open(server.addr);
    let many = "\u{fffd}3\u{fffd}8::".repeat(200_000);
    assert_eq!(client.send(&many).body, "1");
    client.round("1");
}
