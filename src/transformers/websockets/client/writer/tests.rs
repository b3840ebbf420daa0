use std::io::{ErrorKind, Read};
use std::net::{TcpListener, TcpStream};

use super::*;

fn pair() -> (SocketWriter, TcpStream) {
    pair_with(None)
}

fn pair_with(agreed: Option<Agreed>) -> (SocketWriter, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let far = listener.accept().unwrap().0;
    near.set_nonblocking(true).unwrap();
    far.set_nonblocking(true).unwrap();
    let waker = Arc::new(Waker::new().unwrap());
    (SocketWriter::new(Arc::new(Stream::from(near)), waker, agreed), far)
}

/// All that comes up to the end of the stream.
fn come(far: &mut TcpStream) -> Vec<u8> {
    far.set_nonblocking(false).unwrap();
    let mut all = Vec::new();
    far.read_to_end(&mut all).unwrap();
    all
}

/// A writer that has sent its message has the socket for a moment more; the peer may
/// have answered with a close frame by then.
#[test]
fn the_close_frame_goes_out_before_the_end_though_a_writer_holds_the_socket() {
    let (link, mut far) = pair();
    let writer = lock(&link.socket);
    link.say_close(None);
    link.end();
    // Neither of them yet: the end would be read at once, on this machine.
    assert_eq!(far.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(link.is_waiting());
    drop(writer);
    link.flush().unwrap();
    let bytes = come(&mut far);
    assert_eq!((bytes.len(), &bytes[..2]), (6, &[0x88, 0x80][..]));
    assert!(!link.is_waiting());
}

/// A frame that was sent in part is not followed by another.
#[test]
fn a_writer_that_is_blocked_is_freed_by_the_end() {
    let (link, mut far) = pair();
    let message = Frame::binary(vec![0; 16 << 20]);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| link.write(&message));
        while !lock(&link.pending).blocked {
            std::thread::yield_now();
        }
        link.say_close(None);
        link.end();
        assert!(writer.join().unwrap().is_err());
    });
    let bytes = come(&mut far);
    assert!(bytes.len() < 16 << 20 && bytes.starts_with(&[0x82, 0xff]));
    assert!(!link.is_waiting());
}

/// Whoever writes is to know it by this error, and nothing heaps up.
#[cfg(feature = "compression")]
#[test]
fn a_broken_connection_takes_no_message_whether_they_refer_to_each_other_or_not() {
    let takeover = |send_takeover| Agreed {
        level: 6,
        threshold: 1,
        send_takeover,
        send_bits: 15,
        receive_takeover: false,
    };
    for agreed in [None, Some(takeover(false)), Some(takeover(true))] {
        let (link, far) = pair_with(agreed.clone());
        drop(far);
        let write = || link.write(&Frame::text("a message"));
        // What is sent before the peer's refusal has come is not known to be lost.
        let outcomes = std::iter::repeat_with(write).skip_while(Result::is_ok);
        for outcome in outcomes.take(3) {
            assert!(matches!(outcome, Err(Error::Closed)), "{agreed:?}: {outcome:?}");
        }
        assert_eq!(link.waiting(), 0, "{agreed:?}");
    }
}
