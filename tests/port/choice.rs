//! Which protocol the Rust client speaks with a server that has several, and what it
//! does where something between the two breaks one.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use primus::middleware::HttpError;
use primus::{Client, ClientBuilder, Error, Primus};

use crate::common::*;
use crate::{THREE, three};

/// What a proxy does with a connection whose first request has this head.
enum Fate {
    /// Passes it on.
    Pass,
    /// Answers with this status in the server's place.
    Refuse(u16),
    /// Says nothing, and waits until the client leaves.
    Swallow,
    /// Ends the connection when this has come from the server.
    CutBehind(&'static str),
}

/// A proxy between clients and a server; the requests that it has seen.
struct Proxy {
    addr: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start(server: SocketAddr, judge: impl Fn(&str) -> Fate + Send + Sync + 'static) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let (seen, judge) = (Arc::new(Mutex::new(Vec::new())), Arc::new(judge));
        let log = seen.clone();
        // It ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (log, judge) = (log.clone(), judge.clone());
                thread::spawn(move || serve(client, server, &log, &*judge));
            }
        });
        Proxy { addr, seen }
    }

    fn client(&self) -> ClientBuilder {
        Client::builder(&format!("http://{}", self.addr)).transformer(THREE)
    }

    /// How many requests were seen whose line has this in it.
    fn count(&self, part: &str) -> usize {
        self.seen.lock().unwrap().iter().filter(|head| head.contains(part)).count()
    }
}

fn serve(
    mut client: TcpStream,
    server: SocketAddr,
    seen: &Mutex<Vec<String>>,
    judge: &(dyn Fn(&str) -> Fate + Send + Sync),
) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match client.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    seen.lock().unwrap().push(text.clone());
    let mut behind = None;
    match judge(&text) {
        Fate::Pass => {}
        Fate::CutBehind(mark) => behind = Some(mark),
        Fate::Refuse(status) => {
            let answer =
                format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = client.write_all(answer.as_bytes());
            return;
        }
        Fate::Swallow => {
            let _ = client.read(&mut byte);
            return;
        }
    }
    let mut upstream = TcpStream::connect(server).unwrap();
    upstream.write_all(&head).unwrap();
    let (mut from, mut to) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let mut came = Vec::new();
    let mut room = [0; 4096];
    while let Ok(read @ 1..) = upstream.read(&mut room) {
        if client.write_all(&room[..read]).is_err() {
            break;
        }
        came.extend_from_slice(&room[..read]);
        if behind.is_some_and(|mark| String::from_utf8_lossy(&came).contains(mark)) {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = upstream.shutdown(Shutdown::Both);
}

fn is_upgrade(head: &str) -> bool {
    head.to_ascii_lowercase().contains("upgrade: websocket")
}

/// A server that says by what its clients have come.
fn telling(builder: primus::Builder) -> Server {
    let server = Server::start(builder);
    server.primus.on_connection(|spark| {
        spark.on_data(|spark, _| spark.write(spark.transformer()));
    });
    server
}

fn transformer(client: &Client) -> String {
    client.write("by what?").unwrap();
    client.recv().unwrap().parse().unwrap()
}

#[test]
fn the_first_that_the_server_speaks_is_spoken() {
    for (servers, spoken) in [
        (&["sockjs", "engine.io", "websockets"][..], "websockets"),
        (&["engine.io", "sockjs"], "engine.io"),
        (&["sockjs"], "sockjs"),
        (&["engine.io"], "engine.io"),
        (&["websockets"], "websockets"),
        (&["faye", "sockjs"], "faye"),
    ] {
        let server = telling(Primus::builder().transformer(servers));
        let url = format!("http://{}", server.addr);
        let client = Client::builder(&url).transformer(THREE).connect().unwrap();
        assert_eq!(transformer(&client), spoken, "{servers:?}");
        client.end();
    }
}

#[test]
fn what_a_server_tells_of_itself_is_tried_in_its_order() {
    let server = telling(Primus::builder().transformer(["engine.io", "websockets"]));
    let client = Client::discover(&format!("http://{}", server.addr)).unwrap().connect().unwrap();
    assert_eq!(transformer(&client), "engine.io");
    client.end();
    // In this process, too.
    let link = primus::testing::Link::new(&server.primus);
    let client = link.client().connect().unwrap();
    assert_eq!(transformer(&client), "engine.io");
    client.end();
}

#[test]
fn one_that_a_proxy_refuses_is_followed_by_the_next() {
    let server = telling(three());
    let proxy = Proxy::start(server.addr, |head| match is_upgrade(head) {
        true => Fate::Refuse(502),
        false => Fate::Pass,
    });
    let client = proxy.client().connect().unwrap();
    assert_eq!(transformer(&client), "engine.io");
    client.end();
    let proxy = Proxy::start(server.addr, |head| match is_upgrade(head) || head.contains("EIO=") {
        true => Fate::Refuse(403 + 1),
        false => Fate::Pass,
    });
    let client = proxy.client().connect().unwrap();
    assert_eq!(transformer(&client), "sockjs");
    client.end();
}

#[test]
fn one_that_a_proxy_swallows_has_its_share_of_the_time() {
    let server = telling(three());
    let proxy = Proxy::start(server.addr, |head| match is_upgrade(head) {
        true => Fate::Swallow,
        false => Fate::Pass,
    });
    let begun = Instant::now();
    let client = proxy.client().timeout(Duration::from_secs(6)).connect().unwrap();
    let took = begun.elapsed();
    assert!((Duration::from_secs(2)..Duration::from_secs(6)).contains(&took), "{took:?}");
    assert_eq!(transformer(&client), "engine.io");
    client.end();
}

#[test]
fn one_that_is_cut_behind_its_handshake_is_tried_last_the_next_time() {
    let server = telling(three());
    let proxy =
        Proxy::start(server.addr, |head| match is_upgrade(head) && !head.contains("EIO=") {
            true => Fate::CutBehind("Sec-WebSocket-Accept"),
            false => Fate::Pass,
        });
    let client = proxy.client().reconnect_min(Duration::from_millis(20)).build().unwrap();
    let (tell, told) = crossbeam_channel::unbounded();
    client.on_open(move |_| tell.send(()));
    told.recv_timeout(PATIENCE).unwrap();
    told.recv_timeout(PATIENCE).unwrap();
    assert_eq!(transformer(&client), "engine.io");
    assert_eq!(proxy.count("GET /primus?"), 1);
    client.end();
}

#[test]
fn the_one_that_worked_is_tried_first_when_the_connection_is_lost() {
    let server = telling(three());
    let proxy = Proxy::start(server.addr, |head| match is_upgrade(head) {
        true => Fate::Refuse(502),
        false => Fate::Pass,
    });
    let client = proxy.client().reconnect_min(Duration::from_millis(20)).connect().unwrap();
    assert_eq!(transformer(&client), "engine.io");
    let (tell, told) = crossbeam_channel::unbounded();
    client.on_reconnected(move |_, _| tell.send(()));
    server.spark().end_options(engine_io::ending(true));
    told.recv_timeout(PATIENCE).unwrap();
    assert_eq!(transformer(&client), "engine.io");
    assert_eq!(proxy.count("GET /primus?"), 1);
    client.end();
}

#[test]
fn who_is_refused_is_refused_for_all() {
    let server = telling(three());
    server.primus.authorize(|_| Err(HttpError::from("no")));
    let proxy = Proxy::start(server.addr, |_| Fate::Pass);
    let refused = proxy.client().connect().unwrap_err();
    assert!(matches!(refused, Error::Refused { status: 401, .. }), "{refused}");
    assert_eq!(proxy.seen.lock().unwrap().len(), 1);
}

#[test]
fn a_server_with_none_of_them_is_told_of() {
    let server = telling(Primus::builder().transformer("sockjs"));
    let url = format!("http://{}", server.addr);
    let client = Client::builder(&url).transformer("websockets, engine.io");
    let error = client.connect().unwrap_err().to_string();
    assert!(error.contains("websockets: ") && error.contains("engine.io: "), "{error}");
    // Nobody there is nobody for all.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = Client::builder(&format!("http://{nobody}")).transformer("all");
    let error = client.connect().unwrap_err();
    assert!(
        matches!(&error, Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused),
        "{error}"
    );
}

#[test]
fn what_is_ended_while_it_is_tried_goes_no_further() {
    let server = telling(three());
    let proxy = Proxy::start(server.addr, |_| Fate::Swallow);
    let client = proxy.client().build().unwrap();
    wait_for("requests", 1, || proxy.count("GET "));
    client.end();
    assert!(client.wait_end(PATIENCE));
    assert_eq!(proxy.count("GET "), 1);
}
