//! A wire of one connection's own.

use std::sync::Mutex;

use super::bounds::Poller;
use super::*;

/// The wire of polls. Something happens while it is asked whether a message is costly.
struct Asked(Mutex<Option<Box<dyn FnOnce() + Send>>>);

/// The wire of sockets.
struct Socket;

/// That of one of them.
struct Own;

/// What they have in common.
macro_rules! plain {
    () => {
        fn format(&self) -> &'static str {
            "plain"
        }
        fn prefix(&self, _: &Frame, _: &mut Vec<u8>) -> bool {
            false
        }
        fn packet(&self, _: &str, _: &mut Vec<u8>) {}
        fn close(&self, _: &CloseReason, _: &mut Vec<u8>) {}
        fn nudge(&self, _: &mut Vec<u8>) {}
    };
}

impl Wire for Asked {
    plain!();
    fn encode(&self, frame: &Frame, out: &mut Vec<u8>) {
        Plain.encode(frame, out);
    }
    fn is_costly(&self, _: &Frame) -> bool {
        let happens = self.0.lock().unwrap().take();
        happens.into_iter().for_each(|happens| happens());
        false
    }
}

impl Wire for Socket {
    plain!();
    fn encode(&self, frame: &Frame, out: &mut Vec<u8>) {
        Plain.encode(frame, out);
    }
    fn own(&self) -> Option<Box<dyn Wire>> {
        Some(Box::new(Own))
    }
}

impl Wire for Own {
    plain!();
    fn encode(&self, frame: &Frame, out: &mut Vec<u8>) {
        out.extend_from_slice(b"own ");
        Plain.encode(frame, out);
    }
    fn is_shared(&self) -> bool {
        false
    }
}

/// Whether others may have the same bytes was asked of the wire before: they got
/// those of this connection, which refer to what was sent on it before.
#[test]
fn a_socket_that_takes_the_place_of_polls_during_a_broadcast_shares_nothing() {
    let wire: &Asked = Box::leak(Box::new(Asked(Mutex::default())));
    let sink = Sink::Poll(Arc::<Poller>::default());
    let outbox = outbox_of(wire, sink, 1 << 20, close_policy());
    let (near, mut far) = UnixStream::pair().unwrap();
    let (switched, near) = (outbox.clone(), Arc::new(Stream::from(near)));
    let happens = move || switched.switch(near, &Socket);
    *wire.0.lock().unwrap() = Some(Box::new(happens));
    let batch = Batch::new(vec![Frame::text("message")]);
    outbox.offer_shared(&batch);
    assert!(!outbox.is_poll());
    let mut got = [0; 11];
    far.read_exact(&mut got).unwrap();
    assert_eq!(got, *b"own message");
    assert_eq!(batch.segment(&Plain).bytes, b"message");
}
