//! Tests over real sockets, and the attacks by name.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::connection::{Connection, Next};
use super::response::text;
use super::*;
use crate::limits::Limits;
use crate::net::wait::{PollFlags, wait_until as wait};
use crate::net::{Listener, Stream};

mod acceptor;
mod attacks;
mod body;
mod head;
mod keep_alive;
mod printing;
mod requests;
mod streaming;

/// How a test answers a request.
type Answer = fn(&Request, &mut Connection);

/// A connected pair of sockets.
fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    client.set_nodelay(true).unwrap();
    (client, listener.accept().unwrap().0)
}

/// A client and the server's end of its connection.
fn connected(limits: &Limits) -> (TcpStream, Connection) {
    let (client, server) = sockets();
    let accepted = Accepted::new(Arc::new(Stream::from(server)));
    (client, Connection::new(accepted, Arc::new(limits.clone())))
}

/// Serves until the end of the connection; returns the statuses of refusals.
fn serve(mut connection: Connection, answer: Answer) -> JoinHandle<Vec<u16>> {
    std::thread::spawn(move || {
        let mut refused = Vec::new();
        loop {
            match connection.next_request() {
                Next::Request(request) => answer(&request, &mut connection),
                Next::Refused(status) => refused.push(status),
                Next::Idle(until) => drop(wait(connection.stream(), PollFlags::IN, until)),
                Next::Closed => return refused,
            }
        }
    })
}

/// Answers with the path; reads no body.
fn path(request: &Request, connection: &mut Connection) {
    let _ = connection.respond(text(200, request.path()), &HeaderSet::default());
}

/// Answers with the body, or with what was wrong with it.
fn echo(_: &Request, connection: &mut Connection) {
    let response = match connection.read_body(1000) {
        Ok(body) => text(200, String::from_utf8_lossy(&body)),
        Err(bad) => text(bad.status, bad.text),
    };
    let _ = connection.respond(response, &HeaderSet::default());
}

/// Sends everything, ends the sending direction, and returns what came back.
fn exchange(limits: &Limits, answer: Answer, input: &[u8]) -> String {
    let (mut client, connection) = connected(limits);
    let server = serve(connection, answer);
    let _ = client.write_all(input);
    let _ = client.shutdown(Shutdown::Write);
    let answer = rest(&mut client);
    server.join().unwrap();
    answer
}

/// Everything up to the end of the stream, however it ends.
fn rest(client: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = client.read_to_end(&mut bytes);
    String::from_utf8(bytes).unwrap()
}

/// Reads one answer with `Content-Length`.
fn answer(client: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).unwrap();
    let length = head.lines().find_map(|l| l.strip_prefix("Content-Length: ")).unwrap_or("0");
    let mut body = vec![0; length.parse().unwrap()];
    client.read_exact(&mut body).unwrap();
    head + std::str::from_utf8(&body).unwrap()
}

/// Without the date, which is never twice the same.
fn undated(answer: &str) -> String {
    answer.split("\r\n").filter(|line| !line.starts_with("Date: ")).collect::<Vec<_>>().join("\r\n")
}

fn status(answer: &str) -> u16 {
    answer.get(9..12).and_then(|s| s.parse().ok()).unwrap_or(0)
}
