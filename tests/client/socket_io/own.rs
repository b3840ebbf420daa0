//! This crate's client and its server.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use primus::{Client, Ended, Error, Primus, Spark};

use super::server::WAYS;
use crate::common::wait_until;
use crate::server::SOON;

/// A server that echoes, and ends when it is told so; its port.
fn serve(options: &[(&str, &str)]) -> (Primus, u16) {
    let builder = Primus::builder().transformer("socket.io");
    let builder =
        options.iter().fold(builder, |builder, (name, value)| builder.transport(*name, *value));
    let primus = builder.build().unwrap();
    primus.on_connection(|spark: &Spark| {
        spark.on_data(|spark, message| match message.as_str() {
            Some("end") => spark.end(),
            _ => drop(spark.write(message.value()).unwrap()),
        });
    });
    let port = primus.listen("127.0.0.1:0").unwrap().port();
    (primus, port)
}

fn client(port: u16, way: &str) -> Client {
    Client::builder(&format!("http://127.0.0.1:{port}"))
        .transformer("socket.io")
        .transport("transports", way)
        .transport("timeout", "20000")
        .strategy("off")
        .connect()
        .unwrap()
}

#[test]
fn order_is_kept() {
    let (primus, port) = serve(&[]);
    for way in WAYS {
        let client = client(port, way);
        let writer = client.clone();
        let writing = thread::spawn(move || {
            for n in 0..2_000 {
                writer.write(&format!("{n:0100}😀\u{fffd}")).unwrap();
            }
        });
        for n in 0..2_000 {
            let message = client.recv_timeout(SOON).unwrap();
            assert_eq!(message.as_str(), Some(&*format!("{n:0100}😀\u{fffd}")), "{way}");
        }
        writing.join().unwrap();
        client.write("end").unwrap();
        match client.recv_timeout(SOON).unwrap_err() {
            Error::Ended(why) => assert_eq!((why.by, why.code), (Ended::Remote, 1005), "{way}"),
            other => panic!("{way}: {other:?}"),
        }
    }
    primus.destroy(Default::default());
}

/// At once, not when the client has been away for long.
#[test]
fn the_end_of_a_client_is_heard() {
    let (primus, port) = serve(&[]);
    let (tell, told) = crossbeam_channel::unbounded();
    primus.on_disconnection(move |spark: &Spark| {
        let reason = spark.close_reason().unwrap();
        tell.send((reason.by, reason.code)).unwrap();
    });
    for way in WAYS {
        let client = client(port, way);
        client.write(&"x".repeat(100_000)).unwrap();
        assert_eq!(client.recv_timeout(SOON).unwrap().as_str().map(str::len), Some(100_000));
        client.end();
        assert!(client.wait_end(SOON));
        assert_eq!(told.recv_timeout(SOON).unwrap(), (Ended::Remote, 1005), "{way}");
    }
    assert_eq!(primus.connected(), 0);
    primus.destroy(Default::default());
}

#[test]
fn heartbeats_and_polls_that_are_released() {
    let times = ["heartbeat interval", "heartbeat timeout", "polling duration", "close timeout"];
    let options: Vec<_> = times.into_iter().zip(["0.05", "5", "0.05", "5"]).collect();
    let (primus, port) = serve(&options);
    for way in WAYS {
        let relay = Relay::to(port);
        let client = client(relay.port, way);
        // What the server asks, or releases a poll with.
        let packet = if way == "websocket" { "2::" } else { "8::" };
        wait_until(way, || relay.count(packet) >= 4);
        client.write("alive").unwrap();
        assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some("alive"), "{way}");
        client.end();
    }
    primus.destroy(Default::default());
}

/// Passes on what two sides say, and keeps what comes from the server.
struct Relay {
    port: u16,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Relay {
    fn to(server: u16) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let said = Arc::<Mutex<Vec<u8>>>::default();
        let kept = said.clone();
        // Until the process ends.
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let far = TcpStream::connect(("127.0.0.1", server)).unwrap();
                let [server, client] = [&far, &near].map(|end| end.try_clone().unwrap());
                let kept = kept.clone();
                thread::spawn(move || pass_on(near, far, |_| ()));
                thread::spawn(move || {
                    let keep = |bytes: &[u8]| kept.lock().unwrap().extend_from_slice(bytes);
                    pass_on(server, client, keep);
                });
            }
        });
        Relay { port, said }
    }

    /// How often the server has said this.
    fn count(&self, packet: &str) -> usize {
        let said = self.said.lock().unwrap();
        said.windows(packet.len()).filter(|bytes| *bytes == packet.as_bytes()).count()
    }
}

/// Until one of them has ended, of which the other is told.
fn pass_on(mut from: TcpStream, mut to: TcpStream, keep: impl Fn(&[u8])) {
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        keep(&bytes[..length]);
        if to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

#[test]
fn a_server_without_websockets_is_polled() {
    let (primus, port) = serve(&[("transports", "htmlfile,xhr-polling")]);
    let client = client(port, "websocket,xhr-polling");
    client.write("in").unwrap();
    assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some("in"));
    client.end();
    primus.destroy(Default::default());
}
