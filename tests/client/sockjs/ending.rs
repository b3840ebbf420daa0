//! The application ends a session.

use std::io::Read;
use std::time::Duration;

use super::server::{Line, Server, WAYS};
use crate::server::SOON;

#[test]
fn what_was_written_goes_first_and_then_the_connections_end() {
    for way in &WAYS[1..] {
        let server = Server::new();
        let (client, line) = server.open(way);
        let (Line::Stream(request) | Line::Poll(_, request)) = line else { panic!("{way}") };
        client.write(&1).unwrap();
        let send = server.to("xhr_send");
        client.write(&2).unwrap();
        client.end();
        send.taken();
        let send = server.to("xhr_send");
        assert_eq!(send.body, r#"["2"]"#);
        // Meanwhile it is still there, or the server would forget the session.
        request.stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        assert!((&request.stream).read(&mut [0]).is_err(), "{way}");
        send.taken();
        request.stream.set_read_timeout(Some(SOON)).unwrap();
        assert_eq!((&request.stream).read(&mut [0]).unwrap(), 0, "{way}");
        assert!(client.wait_end(SOON));
        assert!(server.is_idle());
    }
}

/// A poll that is answered is followed by another as long as there is something to
/// send.
#[test]
fn the_session_is_kept_until_all_is_sent() {
    for way in &WAYS[1..] {
        let server = Server::new();
        let (client, line) = server.open(way);
        client.write(&1).unwrap();
        let send = server.to("xhr_send");
        client.end();
        let next = match line {
            Line::Stream(stream) => {
                stream.end();
                server.to("xhr_streaming")
            }
            Line::Poll(_, poll) => {
                poll.answer("a[\"late\"]\n");
                server.to("xhr")
            }
            Line::Socket(_) => panic!("{way}"),
        };
        send.taken();
        assert!(client.wait_end(SOON), "{way}");
        next.stream.set_read_timeout(Some(SOON)).unwrap();
        assert_eq!((&next.stream).read(&mut [0]).unwrap(), 0, "{way}");
    }
}

#[test]
fn a_receiver_that_fails_while_the_client_ends_keeps_nothing_back() {
    for answer in ["", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "nonsense\r\n\r\n"] {
        let server = Server::new();
        let (client, line) = server.open("xhr-polling");
        let Line::Poll(_, poll) = line else { panic!("another way") };
        client.write(&1).unwrap();
        let send = server.to("xhr_send");
        client.write(&2).unwrap();
        client.end();
        poll.send(answer);
        poll.cut();
        send.taken();
        let send = server.to("xhr_send");
        assert_eq!(send.body, r#"["2"]"#);
        send.taken();
        assert!(client.wait_end(SOON));
    }
}

#[test]
fn a_websocket_is_closed_with_nothing_to_say() {
    let server = Server::new();
    let (client, line) = server.open("websocket");
    let Line::Socket(mut peer) = line else { panic!("another way") };
    client.write(&1).unwrap();
    client.end();
    assert_eq!(peer.read_text(), r#"["1"]"#);
    peer.close();
    assert!(client.wait_end(SOON));
}

/// At every stage of opening one.
#[test]
fn a_client_that_gives_up_leaves_no_connection() {
    for stage in ["info", "websocket", "opened", "xhr-streaming", "xhr-polling"] {
        let server = Server::new();
        let way = if stage == "opened" { "websocket" } else { stage.trim_start_matches("info") };
        let way = if way.is_empty() { "xhr-polling" } else { way };
        let client = server.client(way).build().unwrap();
        let stream = match stage {
            "info" => server.to("info").stream,
            _ => {
                server.inform();
                match stage {
                    "opened" => server.accept().stream,
                    "websocket" => server.next(|request| request.is_upgrade()).stream,
                    "xhr-streaming" => server.to("xhr_streaming").stream,
                    _ => server.to("xhr").stream,
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
