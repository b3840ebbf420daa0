//! The application ends a session.

use std::io::Read;

use super::server::{HANDSHAKE, Line, Server};
use crate::server::SOON;

#[test]
fn the_goodbye_follows_what_was_written() {
    let server = Server::new();
    let (client, _line) = server.open("xhr-polling");
    client.write(&1).unwrap();
    let post = server.post();
    client.write(&2).unwrap();
    client.end();
    post.answer("1");
    let post = server.post();
    assert_eq!(post.body, "3:::2");
    post.answer("1");
    let post = server.post();
    assert_eq!(post.body, "0::");
    post.answer("1");
    assert!(client.wait_end(SOON));
    assert!(server.is_idle());
}

#[test]
fn on_a_websocket_a_close_frame_comes_behind_it() {
    let server = Server::new();
    let (client, line) = server.open("websocket");
    let Line::Socket(mut peer) = line else { panic!("another way") };
    client.write(&1).unwrap();
    client.end();
    assert_eq!(peer.read_text(), "3:::1");
    assert_eq!(peer.read_text(), "0::");
    assert_eq!(peer.read_close(), None);
    // As Socket.IO answers.
    peer.text("0::");
    drop(peer);
    assert!(client.wait_end(SOON));
}

/// The end of the server's that is on its way to a poll holds nothing up.
#[test]
fn a_poll_that_fails_while_the_client_ends_keeps_nothing_back() {
    for answer in ["", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "nonsense\r\n\r\n"] {
        let server = Server::new();
        let (client, line) = server.open("xhr-polling");
        let Line::Poll(_, poll) = line else { panic!("another way") };
        client.write(&1).unwrap();
        let post = server.post();
        client.end();
        poll.send(answer);
        poll.cut();
        post.answer("1");
        let post = server.post();
        assert_eq!(post.body, "0::");
        post.answer("1");
        assert!(client.wait_end(SOON));
    }
}

/// At every stage of opening one.
#[test]
fn a_client_that_gives_up_leaves_no_connection() {
    for stage in ["handshake", "websocket", "opened", "xhr-polling"] {
        let server = Server::new();
        let way = if stage == "xhr-polling" { "xhr-polling" } else { "websocket" };
        let client = server.client(way).build().unwrap();
        let shake = server.shake();
        let stream = match stage {
            "handshake" => shake.stream,
            _ => {
                shake.answer(HANDSHAKE);
                match stage {
                    "opened" => server.accept().stream,
                    "websocket" => server.next(|request| request.is_upgrade()).stream,
                    _ => server.poll().stream,
                }
            }
        };
        client.end();
        stream.set_read_timeout(Some(SOON)).unwrap();
        // A close frame, if it got so far, and the end.
        let mut rest = Vec::new();
        let _ = (&stream).read_to_end(&mut rest);
        assert!(rest.len() <= 6, "{stage}: {rest:?}");
        assert!(client.wait_end(SOON), "{stage}");
    }
}
