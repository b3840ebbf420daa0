//! Connections that the application accepts, and Unix sockets.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};

use primus::{Error, Primus};

use crate::common::*;

#[test]
fn streams_of_the_application_are_served() {
    let server = Server::echo(Primus::builder());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    accepted.set_nonblocking(true).unwrap();
    server.primus.serve(accepted).unwrap();
    let mut peer = Peer::from(client);
    peer.shake("/primus", "");
    peer.text("\"tcp\"");
    assert_eq!(peer.expect_text(), "\"tcp\"");
    peer.close();

    let (mut client, accepted) = UnixStream::pair().unwrap();
    server.primus.serve(accepted).unwrap();
    unix_echo(&mut client);
    server.destroy();
    let (_, late) = UnixStream::pair().unwrap();
    assert!(matches!(server.primus.serve(late), Err(Error::Closed)));
}

#[test]
fn unix_sockets_are_listened_on() {
    let name = format!("primus-test-{}-{:?}", std::process::id(), std::thread::current().id());
    let path = std::env::temp_dir().join(name);
    let server = Server::echo(Primus::builder());
    server.primus.on_connection(|spark| assert_eq!(spark.address().ip.to_string(), "127.0.0.1"));
    server.primus.listen_unix(UnixListener::bind(&path).unwrap()).unwrap();
    unix_echo(&mut UnixStream::connect(&path).unwrap());
    server.destroy();
    std::fs::remove_file(&path).unwrap();
}

pub fn unix_echo(client: &mut UnixStream) {
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(&upgrade("/primus", "")).unwrap();
    client.write_all(&masked(FIN | TEXT, b"\"unix\"")).unwrap();
    let mut got = Vec::new();
    let mut scratch = [0; 1024];
    while !got.ends_with(b"\"unix\"") {
        let read = client.read(&mut scratch).unwrap();
        assert!(read > 0, "ended after {:?}", String::from_utf8_lossy(&got));
        got.extend_from_slice(&scratch[..read]);
    }
}
