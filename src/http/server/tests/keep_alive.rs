//! Several requests on one connection.

use std::time::Instant;

use super::*;

const GET: &str = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

#[test]
fn a_connection_is_kept() {
    let (mut client, connection) = connected(&Limits::default());
    let server = serve(connection, path);
    for _ in 0..3 {
        client.write_all(GET.as_bytes()).unwrap();
        let answer = answer(&mut client);
        assert_eq!(
            undated(&answer),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: keep-alive\r\n\
             Keep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\n/a"
        );
        assert!(answer.contains("\r\nDate: "), "{answer}");
        assert!(!answer.contains("Server:"), "{answer}");
    }
    drop(client);
    assert!(server.join().unwrap().is_empty());
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let requests: String =
        (0..50).map(|i| format!("\r\nGET /{i} HTTP/1.1\r\nHost: h\r\n\r\n")).collect();
    let answers = exchange(&Limits::default(), path, requests.as_bytes());
    let bodies: Vec<_> = answers.split("\r\n\r\n").skip(1).collect();
    assert_eq!(bodies.len(), 50);
    for (i, body) in bodies.iter().enumerate() {
        assert!(body.starts_with(&format!("/{i}")), "{i}: {body}");
    }
}

#[test]
fn bodies_separate_pipelined_requests() {
    let requests = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc\
         POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n\
         GET /end HTTP/1.1\r\nHost: h\r\n\r\n";
    // Read by the handler, and left for the connection to read away.
    let read = exchange(&Limits::default(), echo, requests.as_bytes());
    let left = exchange(&Limits::default(), path, requests.as_bytes());
    let bodies = |answers: &str| {
        let bodies = answers.split("\r\n\r\n").skip(1).map(|b| b.split("HTTP/").next().unwrap());
        bodies.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(bodies(&read), ["abc", "def", ""]);
    assert_eq!(bodies(&left), ["/", "/", "/end"]);
}

#[test]
fn the_client_may_ask_to_close() {
    let table = [
        ("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\n", false),
        ("GET / HTTP/1.0\r\n\r\n", false),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", true),
    ];
    for (request, kept) in table {
        let answers = exchange(&Limits::default(), path, request.repeat(2).as_bytes());
        assert_eq!(answers.matches("HTTP/1.").count(), 1 + usize::from(kept), "{request:?}");
        assert_eq!(answers.contains("Connection: close"), !kept, "{request:?}");
        assert_eq!(answers.contains("Connection: keep-alive"), kept, "{request:?}");
        let version = request.get(6..14).unwrap();
        assert!(answers.starts_with(version), "{answers}");
    }
}

#[test]
fn an_idle_connection_is_closed_without_an_answer() {
    let limits = Limits { keep_alive: Duration::from_millis(50), ..Limits::default() };
    let (mut client, connection) = connected(&limits);
    let server = serve(connection, path);
    client.write_all(GET.as_bytes()).unwrap();
    assert_eq!(status(&answer(&mut client)), 200);
    assert_eq!(rest(&mut client), "");
    assert!(server.join().unwrap().is_empty());
}

/// The announced time is that of the client's clock, and a request is on its way
/// for a while.
#[test]
fn a_connection_stays_open_for_a_second_more_than_announced() {
    let limits = Limits { keep_alive: Duration::from_millis(50), ..Limits::default() };
    let second = Duration::from_secs(1);
    let in_time = (0..20).any(|_| {
        let (mut client, connection) = connected(&limits);
        let server = serve(connection, path);
        client.write_all(GET.as_bytes()).unwrap();
        let start = Instant::now();
        assert_eq!(status(&answer(&mut client)), 200);
        std::thread::sleep(second / 2);
        let late = client.write_all(GET.as_bytes());
        // The machine may have been busy with something else.
        let in_time = start.elapsed() < second;
        let start = Instant::now();
        if in_time {
            late.unwrap();
            assert_eq!(status(&answer(&mut client)), 200);
        }
        rest(&mut client);
        server.join().unwrap();
        assert!(!in_time || start.elapsed() >= second, "closed after {:?}", start.elapsed());
        in_time
    });
    assert!(in_time);
}

#[test]
fn without_keep_alive_every_answer_closes() {
    let limits = Limits { keep_alive: Duration::ZERO, ..Limits::default() };
    assert!(exchange(&limits, path, GET.as_bytes()).contains("\r\nConnection: close\r\n"));
}

#[test]
fn head_has_no_body() {
    let input = "HEAD /long HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n";
    let answers = exchange(&Limits::default(), path, input.as_bytes());
    let (head, next) = answers.split_once("\r\n\r\n").unwrap();
    assert!(head.ends_with("Content-Length: 5"), "{head}");
    assert!(next.starts_with("HTTP/1.1 200 OK") && next.ends_with("/next"), "{next}");
}

#[test]
fn continue_is_sent_when_the_body_is_wanted() {
    let (mut client, connection) = connected(&Limits::default());
    let server = serve(connection, echo);
    let head = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n";
    client.write_all(head.as_bytes()).unwrap();
    assert_eq!(answer(&mut client), "HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"abc").unwrap();
    assert!(answer(&mut client).ends_with("\r\n\r\nabc"));
    drop(client);
    server.join().unwrap();
}

#[test]
fn continue_is_not_sent_when_nobody_asks() {
    let head = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    let unwanted = exchange(&Limits::default(), path, head.as_bytes());
    assert!(unwanted.starts_with("HTTP/1.1 200") && unwanted.contains("Connection: close"));
    let at_once = exchange(&Limits::default(), echo, format!("{head}abc").as_bytes());
    assert!(at_once.starts_with("HTTP/1.1 200") && at_once.ends_with("abc"), "{at_once}");
    let other = head.replace("100-continue", "tea");
    assert_eq!(status(&exchange(&Limits::default(), path, other.as_bytes())), 417);
}

#[test]
fn what_follows_an_upgrade_is_kept() {
    let (mut client, mut connection) = connected(&Limits::default());
    let head = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    client.write_all(format!("{head}frames").as_bytes()).unwrap();
    let Next::Request(request) = connection.next_request() else { panic!() };
    assert!(request.is_upgrade());
    let (stream, mut leftover) = connection.into_parts();
    while leftover.len() < 6 {
        let mut more = [0; 8];
        let read = stream.read(&mut more).unwrap();
        leftover.extend(&more[..read]);
    }
    assert_eq!(leftover, b"frames");
}

/// A thread that waits for the next request of a busy client waits in a read, for a
/// while. Who takes the connection over waits in reads for as long as it takes.
#[test]
fn what_follows_an_upgrade_may_be_long_in_coming() {
    use rustix::net::sockopt::{Timeout, socket_timeout};
    let (mut client, mut connection) = connected(&Limits::default());
    let upgrade = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    for next in [GET, GET, upgrade] {
        client.write_all(next.as_bytes()).unwrap();
        let Next::Request(request) = connection.next_request() else { panic!() };
        path(&request, &mut connection);
        answer(&mut client);
    }
    let timeout = |stream: &Stream| socket_timeout(stream, Timeout::Recv).unwrap();
    assert!(timeout(connection.stream()).is_some());
    let (stream, _) = connection.into_parts();
    assert_eq!(timeout(&stream), None);
}
