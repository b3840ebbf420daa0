//! This crate's client and its server.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use primus::{Client, Ended, Primus, Spark};

use super::server::WAYS;
use crate::common::wait_until;
use crate::own;
use crate::server::{SOON, end};

fn serve(options: &[(&str, &str)]) -> (Primus, u16) {
    own::serve_as("socket.io", options)
}

fn client(port: u16, way: &str) -> Client {
    own::client_by("socket.io", port, way)
}

#[test]
fn order_is_kept() {
    let (primus, port) = serve(&[]);
    for way in WAYS {
        let client = client(port, way);
        own::in_order(&client, 2_000, "😀\u{fffd}", way);
        client.write("end").unwrap();
        let why = end(&client);
        assert_eq!((why.by, why.code), (Ended::Remote, 1005), "{way}");
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
        own::ends(&client);
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
        own::echoed(&client, "alive");
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
    own::echoed(&client, "in");
    client.end();
    primus.destroy(Default::default());
}
