//! Whoever waits for a client is freed when it ends, whatever it was doing;
//! and no destructor runs under a lock of the client's.

use std::io::Write;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded, unbounded};
use primus::{Client, ClientBuilder, Ended, Error, Primus};

use crate::server::{Log, Peer, SOON, Server, TEXT, frame};

/// Everything that lasts as long as the state does.
type Kept = Vec<Peer>;

/// A way to bring a client into a state.
type State = fn(&Server, ClientBuilder) -> (Client, Kept);

fn manual(_: &Server, builder: ClientBuilder) -> (Client, Kept) {
    (builder.manual(true).build().unwrap(), Vec::new())
}

fn opening(server: &Server, builder: ClientBuilder) -> (Client, Kept) {
    let client = builder.build().unwrap();
    (client, vec![server.request()])
}

fn open(server: &Server, builder: ClientBuilder) -> (Client, Kept) {
    let client = builder.build().unwrap();
    let peer = server.accept();
    client.wait_open(SOON).unwrap();
    (client, vec![peer])
}

fn lost(server: &Server, builder: ClientBuilder) -> Client {
    let client = builder.build().unwrap();
    let log = Log::of(&client);
    drop(server.accept());
    while !log.next().starts_with("scheduled") {}
    client
}

fn backing_off(server: &Server, builder: ClientBuilder) -> (Client, Kept) {
    (lost(server, builder.reconnect_min(Duration::MAX)), Vec::new())
}

fn trying_again(server: &Server, builder: ClientBuilder) -> (Client, Kept) {
    (lost(server, builder), vec![server.request()])
}

fn offline(server: &Server, builder: ClientBuilder) -> (Client, Kept) {
    let (client, kept) = open(server, builder);
    client.network(false).unwrap();
    (client, kept)
}

fn offline_from_the_start(_: &Server, builder: ClientBuilder) -> (Client, Kept) {
    let client = builder.manual(true).build().unwrap();
    client.network(false).unwrap();
    (client, Vec::new())
}

fn in_a_listener(server: &Server, builder: ClientBuilder) -> (Client, Kept) {
    let (entered, told) = bounded(0);
    let client = builder
        .build_with(|client| {
            client.on_open(move |_| {
                entered.send(()).unwrap();
                crate::common::pause(Duration::from_millis(200));
            });
        })
        .unwrap();
    let peer = server.accept();
    told.recv().unwrap();
    (client, vec![peer])
}

fn ended(server: &Server, builder: ClientBuilder) -> (Client, Kept) {
    let (client, kept) = open(server, builder);
    client.end();
    (client, kept)
}

const STATES: [(&str, State); 9] = [
    ("never opened", manual),
    ("opening", opening),
    ("open", open),
    ("backing off", backing_off),
    ("trying again", trying_again),
    ("offline", offline),
    ("offline from the start", offline_from_the_start),
    ("in a listener", in_a_listener),
    ("ended", ended),
];

/// A way to wait; an error when the wait was for nothing.
type Wait = fn(&Client) -> Option<Error>;

const WAITS: [(&str, Wait); 7] = [
    ("recv", |client| client.recv().err()),
    ("recv_timeout", |client| client.recv_timeout(Duration::MAX).err()),
    ("messages", |client| {
        assert!(client.messages().next().is_none());
        client.try_recv().err()
    }),
    ("wait_open", |client| client.wait_open(Duration::MAX).err()),
    ("id", |client| client.id(Duration::MAX).err()),
    ("wait_end", |client| {
        assert!(client.wait_end(Duration::MAX));
        Some(Error::Closed)
    }),
    ("write and recv", |client| {
        let _ = client.write("for nobody");
        client.recv().err()
    }),
];

fn says_that_it_ended(error: &Error) -> bool {
    match error {
        Error::Closed => true,
        Error::Ended(reason) => reason.by == Ended::Local,
        _ => false,
    }
}

/// Waits in all ways on threads of their own.
fn wait_all(client: &Client) -> Receiver<(&'static str, Option<Error>)> {
    let (tell, told) = unbounded();
    for (name, wait) in WAITS {
        let (client, tell) = (client.clone(), tell.clone());
        thread::spawn(move || {
            let error = wait(&client);
            drop(client);
            tell.send((name, error))
        });
    }
    told
}

fn check(state: &str, told: &Receiver<(&'static str, Option<Error>)>) {
    for _ in WAITS {
        let Ok((wait, error)) = told.recv_timeout(SOON) else {
            panic!("{state}: somebody still waits");
        };
        let was_open = wait == "wait_open" && (state == "open" || state == "in a listener");
        match error {
            None => assert!(was_open, "{state}: {wait}"),
            Some(error) => assert!(says_that_it_ended(&error), "{state}: {wait}: {error}"),
        }
    }
}

#[test]
fn every_way_to_wait_is_freed_by_every_end_in_every_state() {
    for (state, enter) in STATES {
        for end in [Client::end, Client::destroy] {
            let server = Server::new();
            let (client, kept) = enter(&server, server.client().close_timeout(Duration::ZERO));
            let before = wait_all(&client);
            // Long enough for most of them to be waiting.
            crate::common::pause(Duration::from_millis(5));
            end(&client);
            check(state, &before);
            check(&format!("{state}, afterwards"), &wait_all(&client));
            drop(kept);
        }
    }
}

#[test]
fn a_connect_is_freed_by_an_end() {
    for end in [Client::end, Client::destroy] {
        let server = Server::new();
        let (handle, handles) = bounded(1);
        let builder = server.client().timeout(None);
        let connecting = thread::spawn(move || {
            builder.connect_with(|client| handle.send(client.clone()).unwrap())
        });
        let client = handles.recv().unwrap();
        let _silent = server.request();
        end(&client);
        assert!(says_that_it_ended(&connecting.join().unwrap().unwrap_err()));
    }
}

#[test]
fn a_listener_gets_what_was_left_when_the_client_ended() {
    for destroyed in [false, true] {
        let server = Server::new();
        let builder = server.client().strategy("off").close_timeout(Duration::ZERO);
        let client = builder.build().unwrap();
        let mut peer = server.accept();
        for n in 0..10 {
            peer.text(&n.to_string());
        }
        peer.close();
        assert!(client.wait_end(SOON));
        if destroyed {
            client.destroy();
            assert!(client.wait_end(SOON));
        }
        assert_eq!(client.recv().unwrap().parse::<u8>().unwrap(), 0);
        let (tell, told) = unbounded();
        client.on_data(move |_, message| tell.send(message.parse::<u8>().unwrap()));
        let got: Vec<_> = (1..10).map(|_| told.recv_timeout(SOON).unwrap()).collect();
        assert_eq!(got, Vec::from_iter(1..10));
        assert!(matches!(client.try_recv(), Err(Error::Ended(_))), "to the listener only");
    }
}

/// Ends a client and asks it things when it is dropped, as a value of an
/// application may do.
struct Nosy {
    client: Client,
    dropped: crossbeam_channel::Sender<()>,
}

impl Drop for Nosy {
    fn drop(&mut self) {
        let _ = self.client.request_id(|_| {});
        let _ = self.client.write("x");
        self.client.queued();
        self.client.off(self.client.on_data(|_, _| {}));
        self.client.on_error(|_, _| {});
        self.client.ready_state();
        let _ = self.client.try_recv();
        self.client.end();
        let _ = self.dropped.send(());
    }
}

impl std::fmt::Debug for Nosy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Nosy")
    }
}

impl std::fmt::Display for Nosy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Nosy")
    }
}

impl std::error::Error for Nosy {}

/// Gives the client something that is nosy.
type Give = fn(&Client, Nosy);

const GIFTS: [(&str, Give); 6] = [
    ("id waiter", |client, nosy| client.request_id(move |_| drop(nosy)).unwrap()),
    ("listener", |client, nosy| {
        let nosy = Arc::new(nosy);
        client.on_open(move |_| drop(Arc::clone(&nosy)));
    }),
    ("once", |client, nosy| {
        let nosy = Arc::new(nosy);
        client.once_open(move |_| drop(Arc::clone(&nosy)));
    }),
    ("transform", |client, nosy| {
        let nosy = Arc::new(nosy);
        client.transform_outgoing(move |_, value| {
            let _ = &nosy;
            Ok(Some(value))
        });
    }),
    ("error of a listener", |client, nosy| {
        let nosy = std::sync::Mutex::new(Some(nosy));
        client.on_outgoing_url(move |_, _| match nosy.lock().unwrap().take() {
            Some(nosy) => Err(Box::new(nosy) as primus::BoxError),
            None => Ok(()),
        });
    }),
    ("error that nobody fetched", |client, nosy| {
        let nosy = std::sync::Mutex::new(Some(nosy));
        client.on_data(move |_, _| match nosy.lock().unwrap().take() {
            Some(nosy) => Err(Box::new(nosy) as primus::BoxError),
            None => Ok(()),
        });
    }),
];

#[test]
fn what_the_application_gave_is_dropped_without_a_lock() {
    for (what, give) in GIFTS {
        for opens in [false, true] {
            let server = Server::new();
            let builder = server.client().manual(true).close_timeout(Duration::ZERO);
            let client = builder.build().unwrap();
            let (dropped, told) = bounded(1);
            give(&client, Nosy { client: client.clone(), dropped });
            let mut kept = None;
            if opens {
                client.open().unwrap();
                if what != "error of a listener" {
                    let mut peer = server.accept();
                    let both = [frame(TEXT, b"\"primus::id::x\""), frame(TEXT, b"1")].concat();
                    // It may have ended already.
                    let _ = peer.stream.write_all(&both);
                    kept = Some(peer);
                }
            }
            let held = client.clone();
            let done = thread::spawn(move || {
                held.destroy();
                held.wait_end(SOON)
            });
            // A client that holds itself by a listener that was never called
            // is let go by `destroy`.
            assert!(told.recv_timeout(SOON).is_ok(), "{what}, opened: {opens}");
            assert!(done.join().unwrap(), "{what}, opened: {opens}");
            drop((client, kept));
        }
    }
}

/// Moves a clock when it is dropped.
struct Mover(primus::ManualClock, crossbeam_channel::Sender<()>);

impl Drop for Mover {
    fn drop(&mut self) {
        self.0.advance(Duration::from_millis(1));
        let _ = self.1.send(());
    }
}

#[test]
fn a_client_may_go_while_its_clock_is_moved() {
    for _ in 0..20 {
        let server = Server::new();
        let clock = primus::ManualClock::new();
        let (dropped, told) = bounded(1);
        let mover = Arc::new(Mover(clock.clone(), dropped));
        let held = Arc::new(std::sync::Mutex::new(None));
        let builder = server.client().clock(&clock).timeout(SOON).strategy("off");
        let last = Arc::clone(&held);
        let client = builder.build_with(|client| {
            client.on_timeout(move |_| {
                let _ = &mover;
                drop(last.lock().unwrap().take());
            });
        });
        *held.lock().unwrap() = Some(client.unwrap());
        let _silent = server.request();
        clock.advance(SOON);
        assert!(told.recv_timeout(SOON).is_ok());
    }
}

/// Servers that end each connection as soon as it is open, and clients of them.
fn cut_at_once() -> [(Primus, ClientBuilder); 2] {
    let greets = Primus::builder().build().unwrap();
    greets.on_connection(|spark| spark.write(&"x".repeat(5_000)));
    let refuses = Primus::builder().build().unwrap();
    refuses.on_connection(|_| Err::<(), _>("not you"));
    refuses.on_log(|_, _| ());
    [greets, refuses].map(|primus| {
        let addr = primus.listen("127.0.0.1:0").unwrap();
        let client = Client::builder(&format!("http://{addr}")).max_length(1_000);
        (primus, client)
    })
}

/// So that its errors are not told elsewhere.
fn listens(client: &Client) {
    client.on_error(|_, _| ());
}

#[test]
fn a_connect_returns_at_an_open_that_is_lost_at_once() {
    for (primus, builder) in cut_at_once() {
        for strategy in ["disconnect", ""] {
            // A second `open` would come too late.
            let builder = builder.clone().strategy(strategy).reconnect_min(SOON);
            for _ in 0..50 {
                let started = Instant::now();
                let client = builder.clone().connect_with(listens);
                client.unwrap().end();
                assert!(started.elapsed() < SOON, "{strategy:?}");
            }
        }
        primus.destroy(Default::default());
    }
}

#[test]
fn a_wait_returns_at_the_next_open_though_it_is_lost_at_once() {
    let quick = Duration::from_millis(1);
    for (primus, builder) in cut_at_once() {
        let builder = builder.reconnect_min(quick).reconnect_max(quick).reconnect_retries(None);
        let client = builder.build_with(listens).unwrap();
        for _ in 0..100 {
            client.wait_open(SOON).unwrap();
        }
        client.end();
        primus.destroy(Default::default());
    }
}
