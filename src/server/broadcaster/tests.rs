use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::*;
use crate::server::primus::Primus;

/// A client that has come through the handshake.
fn client(primus: &Primus) -> UnixStream {
    let (near, mut far) = UnixStream::pair().unwrap();
    far.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    primus.serve(near).unwrap();
    far.write_all(
        b"GET /primus HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )
    .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        far.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    far
}

/// Server threads that serve all must outlive what goes wrong for one.
#[test]
fn a_panic_on_the_threads_of_all_is_counted_and_the_next_broadcast_is_sent() {
    let primus = Primus::builder().build().unwrap();
    let (met, meet) = crossbeam_channel::unbounded();
    primus.on_connection(move |spark| met.send(spark.clone()).unwrap());
    let mut client = client(&primus);
    let spark = meet.recv_timeout(Duration::from_secs(20)).unwrap();
    for round in 1..4 {
        let panics = || panic!("on a thread of the server's own");
        let action = Action::End(Box::new(move |_| panics()));
        primus.0.broadcaster.one(spark.clone(), action).unwrap();
        let timer = &primus.0.timer;
        let (done, over) = crossbeam_channel::bounded(0);
        timer.schedule_fn(timer.now(), Box::new(panics));
        timer.schedule_fn(timer.now(), Box::new(move || done.send(()).unwrap()));
        over.recv_timeout(Duration::from_secs(20)).unwrap();
        primus.write("still").unwrap();
        let mut frame = [0; 9];
        client.read_exact(&mut frame).unwrap();
        assert_eq!(&frame[2..], b"\"still\"");
        assert_eq!(primus.metrics().panics_caught, 2 * round);
        // It is counted as done, too: direct writes need not wait for it.
        while primus.0.broadcaster.behind() {
            std::thread::yield_now();
        }
    }
    primus.destroy(crate::Destroy::default());
}
