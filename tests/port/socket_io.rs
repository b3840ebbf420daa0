//! Clients of socket.io beside all others.

use primus::Primus;

use crate::common::socket_io::{self, Page};
use crate::common::*;
use crate::counts;

fn all() -> Server {
    Server::echo(Primus::builder().transformer("all").ping_interval(None))
}

/// How many sparks socket.io has, and how many all have.
fn counted(server: &Server) -> (u64, u64) {
    let counts = counts(server);
    let own = counts.iter().find(|(name, _)| *name == "socket.io").expect("it is there").1;
    (own, counts.iter().map(|(_, count)| count).sum())
}

#[test]
fn broadcasts_come_to_all_in_one_order() {
    let server = all();
    let (mut socket, id) = socket_io::websocket(server.addr);
    let mut polls = socket_io::Client::open(server.addr);
    let mut page = Page::open(server.addr, &socket_io::handshake(server.addr));
    assert_eq!(page.packet(), "1::");
    let mut plain = Peer::open(server.addr);
    let mut engine = engine_io::Client::open(server.addr);
    let mut sock = sockjs::Client::open(server.addr);
    wait_for("all are there", (3, 6), || counted(&server));
    assert_eq!(server.primus.spark(&id).unwrap().transformer(), "socket.io");
    for n in 0..20 {
        server.primus.write(&n).unwrap();
    }
    let expected: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    let packets: Vec<_> = expected.iter().map(|n| format!("3:::{n}")).collect();
    assert_eq!((0..20).map(|_| socket.expect_text()).collect::<Vec<_>>(), packets);
    assert_eq!(polls.packets(20), packets);
    assert_eq!((0..20).map(|_| page.packet()).collect::<Vec<_>>(), packets);
    assert_eq!((0..20).map(|_| plain.expect_text()).collect::<Vec<_>>(), expected);
    assert_eq!(sock.messages(20), expected);
    let mut heard = Vec::new();
    while heard.len() < 20 {
        heard.extend(
            engine.poll().into_iter().filter_map(|p| Some(p.strip_prefix('4')?.to_owned())),
        );
    }
    assert_eq!(heard, expected);
    polls.round("\"and back\"");
    socket.text("3:::1");
    assert_eq!(socket.expect_text(), "3:::1");
}

/// The name of a session means nothing to another protocol.
#[test]
fn an_id_is_that_of_one_protocol() {
    let server = all();
    let mut client = socket_io::Client::open(server.addr);
    let id = client.id.clone();
    for asked in [
        socket_io::post(&format!("/000/{id}/xhr_send"), "", "[\"1\"]"),
        socket_io::request("GET", &format!("/?EIO=4&transport=polling&sid={id}"), "").into(),
        socket_io::post(&format!("/?EIO=4&transport=polling&sid={id}"), "", "41"),
    ] {
        let answer = socket_io::ask(server.addr, asked);
        assert!([400, 404].contains(&answer.status), "{answer:?}");
    }
    let sock = sockjs::Client::open_as(server.addr, "/000/mine");
    let answer = socket_io::request("GET", "/1/xhr-polling/mine", "");
    assert_eq!(socket_io::ask(server.addr, answer).body, socket_io::UNKNOWN);
    assert!(sock.is_known());
    client.round("1");
    assert_eq!(server.primus.metrics().messages_in, 1);
}

/// Its own names are nobody else's, whatever is switched on.
#[test]
fn without_it_its_requests_are_nobodys() {
    let server = Server::echo(Primus::builder().transformer("websockets, engine.io, sockjs"));
    for path in ["/1/", "/1", "/1/xhr-polling/x", "/1/websocket/websocket", "/1//x?disconnect=1"] {
        let answer = socket_io::ask(server.addr, socket_io::request("GET", path, ""));
        assert_eq!(answer.status, 404, "{path}");
    }
}
