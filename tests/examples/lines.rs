//! `lines`: by what `nc` sends, beside clients of every transformer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use primus::Client;

use crate::Running;
use crate::common::PATIENCE;

/// The example, where its pages are, and the port of its lines.
fn start() -> (Running, String, u16) {
    let mut lines = Running::start("lines", &["127.0.0.1:0", "127.0.0.1:0"]);
    let told = lines.line();
    let (url, port) = told.split_once(", or: nc 127.0.0.1 ").expect("where it listens");
    let url = url.strip_prefix("open ").expect("where it listens").to_owned();
    (lines, url, port.parse().unwrap())
}

fn connect(port: u16) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut stream = BufReader::new(stream);
    assert_eq!(line(&mut stream), "say something");
    stream
}

fn line(stream: &mut impl BufRead) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    line.trim_end_matches('\n').to_owned()
}

#[test]
fn what_anybody_says_everybody_hears() {
    let (mut example, url, port) = start();
    let mut plain = connect(port);
    assert!(example.line().ends_with(" by lines"));
    let client = |transformer| Client::builder(&url).transformer(transformer).connect().unwrap();
    let clients = ["websockets", "engine.io", "sockjs"].map(client);
    for client in &clients {
        client.write("hello\nall").unwrap();
        assert_eq!(line(&mut plain), "hello all");
        for other in &clients {
            assert_eq!(other.recv_timeout(PATIENCE).unwrap().as_str(), Some("hello\nall"));
        }
    }
    // In pieces, with the ends of lines of other systems, several at once.
    let text = "it is I\r\nsmør\n\n\"quoted\\\"\n";
    for piece in text.as_bytes().chunks(3) {
        plain.get_mut().write_all(piece).unwrap();
    }
    for expected in ["it is I", "smør", "", "\"quoted\\\""] {
        assert_eq!(line(&mut plain), expected);
        assert_eq!(clients[0].recv_timeout(PATIENCE).unwrap().as_str(), Some(expected));
    }
    clients[0].write(&(1, true)).unwrap();
    assert_eq!(line(&mut plain), "[1,true]");
    clients.iter().for_each(Client::end);
}

#[test]
fn lines_that_are_none_end_their_own_connection() {
    let (_example, _, port) = start();
    let mut bystander = connect(port);
    let mut other = connect(port);
    other.get_mut().write_all(b"\xff\xfe\nmore\n").unwrap();
    assert_eq!(other.read_to_string(&mut String::new()).unwrap(), 0);
    let mut other = connect(port);
    let long = vec![b'x'; (10 << 20) + 1];
    // It may have hung up before it is sent.
    let _ = other.get_mut().write_all(&long);
    let mut rest = Vec::new();
    let _ = other.read_to_end(&mut rest);
    assert!(rest.is_empty());
    bystander.get_mut().write_all(b"still here\n").unwrap();
    assert_eq!(line(&mut bystander), "still here");
}
