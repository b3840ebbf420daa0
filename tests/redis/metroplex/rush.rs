//! Many who come and go, and one server that is cut off from Redis alone.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::thread;

use super::*;

#[test]
fn whoever_is_left_after_a_rush_is_known_and_nobody_else() {
    let Some(redis) = Redis::start() else { return };
    let server = Server::start(&redis, "a");
    let stay: Vec<_> = thread::scope(|scope| {
        let come = |_| {
            scope.spawn(|| {
                let come = (0..60).map(|n| (n, server.client()));
                let (stay, go): (Vec<_>, Vec<_>) = come.partition(|(n, _)| n % 3 == 0);
                go.iter().for_each(|(_, client)| client.end());
                stay.into_iter().map(|(_, client)| client).collect::<Vec<_>>()
            })
        };
        let threads: Vec<_> = (0..4).map(come).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let ids: Vec<_> = stay.iter().map(|client| client.id(PATIENCE).unwrap()).collect();
    server.has(&redis, &ids.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(ids.len(), 80);
    assert!(server.errors.is_empty());
    server.end(&redis);
}

/// A generator that gives a client its old id again: the new connection may be there
/// before the old one has ended.
#[test]
fn an_id_that_comes_again_is_known_as_long_as_somebody_has_it() {
    let Some(redis) = Redis::start() else { return };
    let link = link(&redis.url());
    let primus = Primus::builder()
        .id_generator(|request| request.query_param("id").map_or("?".into(), String::from))
        .plugin(Metroplex::new(&link))
        .build()
        .unwrap();
    let url = format!("http://{}", primus.listen("127.0.0.1:0").unwrap());
    let metroplex = primus.plugin::<Metroplex>().unwrap();
    wait_until("it registers", || metroplex.is_registered());
    for _ in 0..50 {
        let client = Client::connect(&format!("{url}?id=same")).unwrap();
        assert_eq!(client.id(PATIENCE).unwrap(), "same");
        client.end();
        wait_for("sparks", 0, || primus.connected());
    }
    let last = Client::connect(&format!("{url}?id=same")).unwrap();
    last.id(PATIENCE).unwrap();
    wait_for("its place", Some(url), || metroplex.spark("same").unwrap());
    last.end();
    wait_for("its place", None, || metroplex.spark("same").unwrap());
    primus.destroy(Default::default());
}

/// A way to Redis that can be blocked: what is sent goes nowhere, and nobody is told.
struct Way {
    addr: SocketAddr,
    blocked: Arc<AtomicBool>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
}

impl Way {
    fn to(redis: &Redis) -> Way {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (addr, to) = (listener.local_addr().unwrap(), redis.addr());
        let blocked = Arc::new(AtomicBool::new(false));
        let streams = Arc::<Mutex<Vec<TcpStream>>>::default();
        let (is_blocked, kept) = (blocked.clone(), streams.clone());
        thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(to)) else { return };
                kept.lock().unwrap().extend([&client, &server].map(|s| s.try_clone().unwrap()));
                let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
                for (from, to) in [(client, server), back] {
                    let is_blocked = is_blocked.clone();
                    thread::spawn(move || carry(from, to, &is_blocked));
                }
            }
        });
        Way { addr, blocked, streams }
    }

    fn block(&self, is: bool) {
        self.blocked.store(is, Ordering::SeqCst);
        if !is {
            // What was swallowed is missing on these.
            let streams = std::mem::take(&mut *self.streams.lock().unwrap());
            streams.iter().for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
        }
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, is_blocked: &AtomicBool) {
    let mut bytes = [0; 4_096];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if !is_blocked.load(Ordering::SeqCst) && to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

#[test]
fn a_server_that_is_cut_off_is_taken_out_and_comes_back() {
    let Some(redis) = Redis::start() else { return };
    let way = Way::to(&redis);
    let survivor = Server::start(&redis, "a");
    let cut_off = Server::begin(&format!("redis://{}", way.addr), "b", |plugin| plugin);
    cut_off.registers();
    let stays = cut_off.client();
    let goes = cut_off.client();
    cut_off.has(&redis, &["b-1", "b-2"]);
    way.block(true);
    assert_eq!(survivor.unregistered.recv_timeout(PATIENCE).unwrap(), cut_off.url);
    assert_eq!(servers(&redis), [&*survivor.url]);
    assert!(keys_of(&redis, &cut_off.url).is_empty() && sparks_at(&redis, &cut_off.url).is_empty());
    // It serves on, and its clients know nothing of it.
    cut_off.primus.write("here").unwrap();
    assert_eq!(stays.recv_timeout(PATIENCE).unwrap().as_str(), Some("here"));
    goes.end();
    let _late = cut_off.client();
    wait_for("sparks", 2, || cut_off.primus.connected());
    assert_eq!(servers(&redis), [&*survivor.url]);
    way.block(false);
    wait_servers(&redis, &[&survivor, &cut_off]);
    cut_off.has(&redis, &["b-1", "b-3"]);
    cut_off.end(&redis);
    survivor.end(&redis);
}
