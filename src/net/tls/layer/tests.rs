use std::os::unix::net::UnixStream;

use rustls::server::UnbufferedServerConnection;

use super::*;
use crate::net::Stream;
use crate::net::tls::{ClientTls, Tls};

/// Both ends of a connection, with the handshake behind them, and their sockets. The
/// server's takes little.
fn pair() -> [(Layer, Socket); 2] {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/certificates");
    let config = Tls::from_pem_files("server.pem", "server.key").root(folder).config().unwrap();
    let secure = ClientTls::new().root(folder).roots_file("ca.pem").secure().unwrap();
    let (near, far) = UnixStream::pair().unwrap();
    let clone = near.try_clone().unwrap();
    Stream::from(clone).set_send_buffer(1);
    let (near, far) = (Socket::Unix(near), Socket::Unix(far));
    let mut server = Layer::new(UnbufferedServerConnection::new(config).unwrap());
    let mut client = Layer::new(secure.session("localhost").unwrap());
    let mut shaken = (false, false);
    while shaken != (true, true) {
        shaken.0 = shaken.0 || client.shake_hands(&far).unwrap();
        shaken.1 = shaken.1 || server.shake_hands(&near).unwrap();
    }
    [(server, near), (client, far)]
}

/// What was owed may be sent by a thread that reads and has something to answer. The
/// byte that was not reported as taken is on its way then all the same: it was told by
/// what is owed, and a message dropped that had begun.
#[test]
fn what_has_begun_has_begun_when_nothing_is_owed_any_more() {
    let [(server, near), (client, far)] = pair();
    let bytes: Vec<u8> = (0..1 << 20).map(|at: u32| (at % 251) as u8).collect();
    let mut taken = 0;
    while let sent @ 1.. = server.offer(&near, &[IoSlice::new(&bytes[taken..])]).unwrap() {
        taken += sent;
    }
    assert!(server.has_begun() && server.owed() > 0);
    let (mut got, mut buf) = (Vec::new(), [0; 1024]);
    while server.owed() > 0 {
        while let Some(read) = client.read(&far, &mut buf, false).unwrap() {
            got.extend_from_slice(&buf[..read]);
        }
        server.lock().flush(&near).unwrap();
    }
    assert!(server.has_begun());
    assert_eq!(server.offer(&near, &[IoSlice::new(&bytes[taken..=taken])]).unwrap(), 1);
    assert!(!server.has_begun());
    while let Some(read) = client.read(&far, &mut buf, false).unwrap() {
        got.extend_from_slice(&buf[..read]);
    }
    assert!(got == bytes[..=taken]);
}

/// It was lost when both came in one piece.
#[test]
fn what_came_before_a_broken_record_is_read_before_the_error_is_told() {
    let [(server, near), (client, far)] = pair();
    let mut buf = [0; 1024];
    client.offer(&far, &[IoSlice::new(b"before")]).unwrap();
    far.offer(b"\x17\x03\x03\xff\xff").unwrap();
    assert_eq!(server.read(&near, &mut buf, true).unwrap(), Some(6));
    assert_eq!(&buf[..6], b"before");
    for _ in 0..2 {
        assert!(server.holds());
        let error = server.read(&near, &mut buf, true).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}

/// It was asked for its last words once more, for a message whose beginning had been
/// thrown away.
#[test]
fn what_has_failed_within_a_message_is_ended_all_the_same() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/certificates");
    let config = Tls::from_pem_files("server.pem", "server.key").root(folder).config().unwrap();
    let server = Layer::new(UnbufferedServerConnection::new(config).unwrap());
    let (near, far) = UnixStream::pair().unwrap();
    let (near, far) = (Socket::Unix(near), Socket::Unix(far));
    // The beginning of a greeting, and then what is no record.
    server.feed(&near, &mut b"\x16\x03\x01\x00\x05\x01\x00\x01\x00\x03".to_vec()).unwrap();
    server.feed(&near, &mut b"\x99\x03\x03\x00\x01x".to_vec()).unwrap_err();
    assert!(server.offer(&near, &[IoSlice::new(b"x")]).is_err());
    server.shutdown(&near, Shutdown::Both);
    let mut told = [0; 64];
    let length = far.read_now(&mut told).unwrap().unwrap();
    // One alert, which is fatal.
    assert_eq!((length, told[0], told[5]), (7, 21, 2));
}
