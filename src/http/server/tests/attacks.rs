//! Attacks to survive, over real sockets, each by its name.

use std::time::Instant;

use super::*;

/// A short time for heads, and for bodies and the reading of answers.
fn hurried() -> Limits {
    let short = Duration::from_millis(150);
    Limits { head_timeout: short, body_timeout: short, ..Limits::default() }
}

/// Serves a client that has already sent something.
fn after_sending(
    limits: &Limits,
    sent: &[u8],
    answer: Answer,
) -> (TcpStream, JoinHandle<Vec<u16>>) {
    let (mut client, connection) = connected(limits);
    client.write_all(sent).unwrap();
    (client, serve(connection, answer))
}

fn bad(input: &str) -> String {
    let answer = exchange(&Limits::default(), path, input.as_bytes());
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "one answer, then closed: {answer}");
    answer
}

#[test]
fn smuggled_requests_are_not_answered() {
    let hidden = "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n";
    for framing in
        ["Content-Length: 0\r\nTransfer-Encoding: chunked", "Content-Length: abc", "Host: again"]
    {
        let answer = bad(&format!("POST / HTTP/1.1\r\nHost: h\r\n{framing}\r\n\r\n{hidden}"));
        assert_eq!(status(&answer), 400);
        assert!(answer.contains("\r\nConnection: close\r\n"));
    }
}

#[test]
fn header_bomb() {
    let long = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(64 << 10));
    assert_eq!(status(&bad(&long)), 414);
    let large = format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "x".repeat(200 << 10));
    assert_eq!(status(&bad(&large)), 431);
    let many = format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "X: y\r\n".repeat(101));
    assert_eq!(status(&bad(&many)), 431);
}

/// CVE-2024-37890 (ws): with very many fields the one that matters got lost.
#[test]
fn cve_2024_37890_many_fields_around_upgrade() {
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    fn is_upgrade(request: &Request, connection: &mut Connection) {
        let _ =
            connection.respond(text(200, request.is_upgrade().to_string()), &HeaderSet::default());
    }
    for count in [0, 96, 97, 98, 200] {
        let filler = "X: y\r\n".repeat(count);
        for fields in [format!("{upgrade}{filler}"), format!("{filler}{upgrade}")] {
            let head = format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
            let answer = exchange(&Limits::default(), is_upgrade, head.as_bytes());
            match count {
                ..=97 => assert!(answer.ends_with("true"), "{count}: {answer}"),
                _ => assert_eq!(status(&answer), 431, "{count}: {answer}"),
            }
        }
    }
}

/// The deadline is absolute: a byte now and then does not push it.
#[test]
fn slowloris_head() {
    let (mut client, server) = after_sending(&hurried(), b"GET /", path);
    let start = Instant::now();
    let mut dripper = client.try_clone().unwrap();
    let drip = std::thread::spawn(move || {
        while dripper.write_all(b"x").is_ok() && start.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    assert_eq!(status(&rest(&mut client)), 408);
    assert_eq!(server.join().unwrap(), [408]);
    assert!(start.elapsed() < Duration::from_secs(9));
    drop(client);
    drip.join().unwrap();
}

#[test]
fn silent_connection_is_closed() {
    let (mut client, server) = after_sending(&hurried(), b"", path);
    assert_eq!(rest(&mut client), "");
    assert!(server.join().unwrap().is_empty());
}

/// A slow second head has its time from its first byte.
#[test]
fn slow_head_on_a_kept_connection() {
    let sent = b"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HT";
    let (mut client, server) = after_sending(&hurried(), sent, path);
    assert_eq!(status(&answer(&mut client)), 200);
    assert_eq!(status(&rest(&mut client)), 408);
    assert_eq!(server.join().unwrap(), [408]);
}

/// R.U.D.Y.
#[test]
fn slow_body() {
    let sent = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc";
    let (mut client, server) = after_sending(&hurried(), sent, echo);
    let answer = rest(&mut client);
    assert_eq!(status(&answer), 408);
    assert!(answer.contains("Connection: close"));
    server.join().unwrap();
}

/// CVE-2020-36048 (engine.io), tiny-http 252: declared lengths allocate
/// nothing, and are refused before anything is read.
#[test]
fn cve_2020_36048_declared_lengths() {
    for length in ["1001", "1099511627776", "4611686018427387904", "18446744073709551615"] {
        let head = format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n");
        let reads = exchange(&Limits::default(), echo, head.as_bytes());
        assert_eq!(status(&reads), 413, "{length}: {reads}");
        let ignores = exchange(&Limits::default(), path, head.as_bytes());
        assert_eq!(status(&ignores), 200, "{length}: {ignores}");
    }
    let overflow = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551616\r\n\r\n";
    assert_eq!(status(&bad(overflow)), 400);
}

#[test]
fn chunked_bodies_over_the_limit() {
    let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    let declared = format!("{head}ffffffffffffffff\r\nabc");
    assert_eq!(status(&exchange(&Limits::default(), echo, declared.as_bytes())), 413);
    let dripped = format!("{head}{}0\r\n\r\n", "1\r\nx\r\n".repeat(1001));
    assert_eq!(status(&exchange(&Limits::default(), echo, dripped.as_bytes())), 413);
    let exact = format!("{head}{}0\r\n\r\n", "1\r\nx\r\n".repeat(1000));
    assert_eq!(status(&exchange(&Limits::default(), echo, exact.as_bytes())), 200);
    let malformed = format!("{head}5\nhello");
    assert_eq!(status(&exchange(&Limits::default(), echo, malformed.as_bytes())), 400);
}

/// A body that is not what it was declared to be: what follows is never taken
/// for a request.
#[test]
fn content_length_lies() {
    let short = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\nabc";
    assert_eq!(status(&exchange(&Limits::default(), echo, short.as_bytes())), 400);
    let inner = "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n";
    let outer = format!("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", inner.len());
    let answers = exchange(&Limits::default(), path, format!("{outer}{inner}").as_bytes());
    assert!(answers.ends_with("/a") && answers.matches("HTTP/1.1 200").count() == 1, "{answers}");
}

/// An unread body that is too long to be read away costs the connection, and
/// the answer still arrives although the client goes on sending.
#[test]
fn flood_of_an_unread_body() {
    let body = "x".repeat(150 << 10);
    let head = format!("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len());
    let answer = exchange(&Limits::default(), path, format!("{head}{body}").as_bytes());
    assert!(answer.ends_with("/p") && answer.contains("Connection: close"), "{answer}");
}

/// The client sends requests and reads no answer: the server's thread is free
/// again after the time that a slow reader has.
#[test]
fn slow_read_of_response() {
    fn big(_: &Request, connection: &mut Connection) {
        let endless = std::io::Read::take(std::io::repeat(b'x'), 64 << 20);
        let response = tiny_http::Response::new(200.into(), vec![], endless, Some(64 << 20), None);
        assert!(connection.respond(response.boxed(), &HeaderSet::default()).is_err());
    }
    let sent = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let (client, server) = after_sending(&hurried(), sent, big);
    let start = Instant::now();
    server.join().unwrap();
    assert!(start.elapsed() < Duration::from_secs(20));
    drop(client);
}

/// CVE-2022-41940 (engine.io): the peer resets at any moment.
#[test]
fn cve_2022_41940_reset_at_each_byte() {
    let input = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\nBAD\x01\r\n";
    for end in 0..=input.len() {
        let (mut client, connection) = connected(&Limits::default());
        let server = serve(connection, path);
        client.write_all(&input[..end]).unwrap();
        rustix::net::sockopt::set_socket_linger(&client, Some(Duration::ZERO)).unwrap();
        drop(client);
        server.join().unwrap();
    }
}

#[test]
fn end_of_stream_at_each_byte() {
    let input = b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nabcd";
    for end in 0..=input.len() {
        let answer = exchange(&Limits::default(), echo, &input[..end]);
        let expected = match end {
            _ if end == input.len() => 200,
            _ if end < input.len() - 4 => 0,
            _ => 400,
        };
        assert_eq!(status(&answer), expected, "{end}");
    }
}

/// A shutdown from elsewhere, as the server does when it ends, wakes the
/// thread in every state.
#[test]
fn a_shutdown_wakes_the_connection() {
    for sent in ["", "GET / HT", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n"] {
        let (mut client, connection) = connected(&Limits::default());
        let stream = Arc::clone(connection.stream());
        let server = serve(connection, echo);
        client.write_all(sent.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Read);
        server.join().unwrap();
    }
}
