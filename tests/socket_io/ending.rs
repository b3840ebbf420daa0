//! How sessions end, by either side.

use std::time::Duration;

use primus::{Destroy, EndOptions, Ended, Primus};

use crate::client::*;
use crate::common::*;

fn for_good() -> EndOptions {
    EndOptions::default()
}

fn may_come_back() -> EndOptions {
    EndOptions::default().reconnect(true)
}

#[test]
fn the_server_ends_a_websocket() {
    let server = echo(Primus::builder());
    for (options, packets) in [(for_good(), &[GOODBYE, "0::"][..]), (may_come_back(), &["0::"])] {
        let (mut peer, _) = websocket(server.addr);
        let spark = server.spark();
        spark.write("last").unwrap();
        spark.end_options(options);
        assert_eq!(peer.expect_text(), "3:::\"last\"");
        for packet in packets {
            assert_eq!(peer.expect_text(), *packet);
        }
        // As npm's client does it then.
        peer.frame(FIN | CLOSE, &1000u16.to_be_bytes());
        peer.expect_end();
        server.wait_empty();
    }
}

/// Nothing but a packet tells of the end, and no close frame comes behind it.
#[test]
fn a_client_that_says_goodbye_is_answered_so() {
    let server = echo(Primus::builder());
    let (mut peer, _) = websocket(server.addr);
    let spark = server.spark();
    peer.text("0::");
    assert_eq!(peer.expect_text(), "0::");
    peer.frame(FIN | CLOSE, &1000u16.to_be_bytes());
    peer.expect_end();
    wait_until("it has ended", || spark.close_reason().is_some());
    let reason = spark.close_reason().unwrap();
    assert_eq!((reason.by, reason.code), (Ended::Remote, 1005));
}

#[test]
fn a_close_frame_is_answered_by_another() {
    let server = echo(Primus::builder());
    let (mut peer, _) = websocket(server.addr);
    let spark = server.spark();
    peer.frame(FIN | CLOSE, &1001u16.to_be_bytes());
    peer.expect_close(Some(1001));
    wait_until("it has ended", || spark.close_reason().is_some());
    let reason = spark.close_reason().unwrap();
    assert_eq!((reason.by, reason.code), (Ended::Remote, 1001));
}

#[test]
fn the_server_ends_a_client_whose_poll_waits() {
    let server = echo(Primus::builder());
    for transport in ["xhr-polling", "jsonp-polling"] {
        for (options, last) in
            [(for_good(), payload(&[GOODBYE, "0::"])), (may_come_back(), "0::".to_owned())]
        {
            let mut client = Client::open_by(server.addr, transport);
            let spark = server.spark();
            client.ask_poll();
            // Whether it waits already or comes next is no matter.
            spark.end_options(options);
            assert_eq!(client.answer(), last);
            assert_eq!(client.poll(), "0::");
            // What it says then is of no use, but no mistake.
            client.say(&["0::"]);
            server.wait_empty();
        }
    }
}

#[test]
fn the_end_waits_for_a_client_that_is_about_to_poll() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    let spark = server.spark();
    spark.write("last").unwrap();
    spark.end();
    assert_eq!(client.poll(), payload(&["3:::\"last\"", GOODBYE, "0::"]));
    server.wait_empty();
}

#[test]
fn the_server_ends_a_stream() {
    let server = echo(Primus::builder());
    let mut page = Page::open(server.addr, &handshake(server.addr));
    assert_eq!(page.packet(), "1::");
    server.spark().end();
    assert_eq!([page.packet(), page.packet()], [GOODBYE, "0::"]);
    assert_eq!(page.next(), None);
    server.wait_empty();
}

#[test]
fn a_client_that_polls_says_goodbye() {
    for transport in ["xhr-polling", "jsonp-polling"] {
        let server = echo(Primus::builder());
        let mut client = Client::open_by(server.addr, transport);
        let spark = server.spark();
        // What it said before counts, what it says behind does not.
        client.say(&["3:::1", "0::", "3:::2"]);
        wait_until("it has ended", || spark.close_reason().is_some());
        let reason = spark.close_reason().unwrap();
        assert_eq!((reason.by, reason.code), (Ended::Remote, 1005));
        server.wait_empty();
        assert_eq!(server.primus.metrics().messages_in, 1);
        assert_eq!(client.poll(), UNKNOWN);
    }
}

#[test]
fn a_page_that_goes_away_asks_for_the_end() {
    let server = echo(Primus::builder());
    let leave = |path: String| {
        let answer = ask(server.addr, request("GET", &format!("{path}?disconnect=1"), ""));
        assert_eq!((answer.status, &*answer.body), (200, ""), "{path}");
    };
    let mut client = Client::open(server.addr);
    client.ask_poll();
    leave(format!("/1//{}/", client.id));
    // The two requests come on different connections.
    let told = client.answer();
    assert!(["0::", UNKNOWN].contains(&&*told), "{told}");
    server.wait_empty();
    // Again, and for sessions that there never were.
    leave(client.path());
    leave("/1//nosuch/".to_owned());
    let (mut peer, id) = websocket(server.addr);
    leave(format!("/1/websocket/{id}/"));
    assert_eq!(peer.expect_text(), "0::");
    peer.expect_end();
    server.wait_empty();
    // One that has not begun.
    let id = handshake(server.addr);
    leave(format!("/1//{id}"));
    let answer = ask(server.addr, request("GET", &format!("/1/xhr-polling/{id}"), ""));
    assert_eq!(answer.body, UNKNOWN);
}

/// For an id from a handshake there is no room any more.
#[test]
fn a_server_that_goes_away_begins_no_sessions() {
    let server = echo(Primus::builder().origins(["http://page.example"]));
    let from = "Origin: http://page.example\r\n";
    let late = handshake(server.addr);
    let late = [
        request("GET", &format!("/1/xhr-polling/{late}"), from).into_bytes(),
        upgrade(&format!("/primus/1/websocket/{late}"), from),
    ];
    // Connections that are there are served on while sessions end.
    let late = late.map(|asked| {
        let mut peer = Peer::connect(server.addr);
        peer.send(request("GET", "/1", "").as_bytes());
        assert_eq!(peer.read_response().status, 200);
        (peer, asked)
    });
    let mut client = Client::open(server.addr);
    let spark = server.spark();
    spark.write(&1).unwrap();
    let primus = server.primus.clone();
    let destroying = std::thread::spawn(move || primus.destroy(Destroy::default()));
    wait_until("it shuts down", || spark.close_reason().is_some());
    for (mut peer, asked) in late {
        peer.send(&asked);
        let answer = peer.read_response();
        let asked = String::from_utf8_lossy(&asked);
        assert_eq!(answer.status, 503, "{asked} {answer:?}");
        // It was refused by the transformer, behind the middleware.
        let is_poll = !asked.contains("Upgrade");
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!(allowed, is_poll.then_some("http://page.example"), "{asked} {answer:?}");
    }
    assert_eq!(client.packets(3), ["3:::1", GOODBYE, "0::"]);
    assert_eq!(destroying.join().unwrap().stuck, 0);
}

#[test]
fn a_server_that_goes_away_tells_everybody() {
    let server = echo(Primus::builder());
    let (mut peer, _) = websocket(server.addr);
    let mut waits = Client::open(server.addr);
    waits.ask_poll();
    let mut page = Page::open(server.addr, &handshake(server.addr));
    assert_eq!(page.packet(), "1::");
    let late = handshake(server.addr);
    // The poll has come when another request of its client was answered.
    waits.say(&["8::"]);
    wait_until("all are there", || server.primus.connected() == 3);
    let destroyed = std::thread::scope(|scope| {
        let primus = &server.primus;
        let destroy = Destroy::default().timeout(Duration::from_secs(10));
        let ending = scope.spawn(move || primus.destroy(destroy));
        assert_eq!([peer.expect_text(), peer.expect_text()], [GOODBYE, "0::"]);
        peer.frame(FIN | CLOSE, b"");
        peer.expect_end();
        assert_eq!(waits.answer(), payload(&[GOODBYE, "0::"]));
        assert_eq!([page.packet(), page.packet()], [GOODBYE, "0::"]);
        assert_eq!(page.next(), None);
        ending.join().unwrap()
    });
    assert_eq!(destroyed.stuck, 0);
    let _ = late;
}
