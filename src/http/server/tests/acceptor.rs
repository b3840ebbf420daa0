//! The accept loop and the table of connections.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::time::Instant;

use rustix::io::Errno;

use super::super::acceptor::Incoming;
use super::*;

const STACK: usize = 256 << 10;

fn later() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// Serves HTTP with the path as the answer.
fn http(accepted: Accepted) -> Served {
    go_on(Box::new(Connection::new(accepted, Arc::default())))
}

fn go_on(mut connection: Box<Connection>) -> Served {
    loop {
        match connection.next_request() {
            Next::Request(request) => path(&request, &mut connection),
            Next::Idle(until) => {
                let stream = Arc::clone(connection.stream());
                let resume = Box::new(|| go_on(connection));
                return Served::Waits(Parked { stream, until, resume });
            }
            Next::Refused(_) | Next::Closed => return Served::Over,
        }
    }
}

fn get(mut client: TcpStream) -> u16 {
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let _ = client.write_all(b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    status(&rest(&mut client))
}

#[test]
fn accepts_and_ends() {
    for nonblocking in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(nonblocking).unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Connections::new(100, STACK);
        let acceptor =
            Acceptor::start(Listener::Tcp(listener), Arc::clone(&connections), Speaks::Http, http)
                .unwrap();
        for _ in 0..20 {
            assert_eq!(get(TcpStream::connect(address).unwrap()), 200);
        }
        acceptor.stop();
        acceptor.stop();
        connections.close();
        assert_eq!(connections.wait(later(), false), 0);
        assert_eq!(connections.opened(), 20);
        assert!(TcpStream::connect(address).is_err());
    }
}

/// Of a thousand that come at once nobody waits for a second attempt, whoever
/// made the listener.
#[test]
fn many_may_wait_to_be_accepted() {
    const CROWD: usize = 600;
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let tcp = Listener::Tcp(tcp);
    tcp.prepare().unwrap();
    // Nobody accepts.
    let connect = |_| TcpStream::connect_timeout(&address, Duration::from_millis(900));
    let crowd: Vec<_> = (0..CROWD).map(connect).take_while(Result::is_ok).collect();
    assert_eq!(crowd.len(), CROWD);

    let path = std::env::temp_dir().join(format!("primus-crowd-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let unix = UnixListener::bind(&path).unwrap();
    rustix::net::listen(&unix, 5).unwrap();
    Listener::from(unix.try_clone().unwrap()).prepare().unwrap();
    let connect = |_| {
        let flags = rustix::net::SocketFlags::NONBLOCK | rustix::net::SocketFlags::CLOEXEC;
        let kind = rustix::net::SocketType::STREAM;
        let client = rustix::net::socket_with(rustix::net::AddressFamily::UNIX, kind, flags, None)?;
        rustix::net::connect(&client, &rustix::net::SocketAddrUnix::new(&path)?).map(|()| client)
    };
    let crowd: Vec<_> = (0..CROWD).map(connect).take_while(Result::is_ok).collect();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(crowd.len(), CROWD);
}

#[test]
fn accepts_on_unix_sockets() {
    let path = std::env::temp_dir().join(format!("primus-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    let connections = Connections::new(100, STACK);
    let acceptor =
        Acceptor::start(listener.into(), Arc::clone(&connections), Speaks::Http, http).unwrap();
    let mut client = UnixStream::connect(&path).unwrap();
    client.write_all(b"GET /a HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("/a"), "{answer}");
    drop(acceptor);
    assert_eq!(connections.wait(later(), false), 0);
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn connections_over_the_bound_get_503_and_room_is_made() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Connections::new(2, STACK);
    let (entered, enters) = channel();
    let entered = Mutex::new(entered);
    let acceptor = Acceptor::start(
        Listener::Tcp(listener),
        Arc::clone(&connections),
        Speaks::Http,
        move |a| {
            entered.lock().unwrap().send(()).unwrap();
            let _ = http(a);
        },
    )
    .unwrap();
    let kept = [TcpStream::connect(address).unwrap(), TcpStream::connect(address).unwrap()];
    (0..2).for_each(|_| enters.recv().unwrap());
    assert_eq!((connections.len(), connections.bound()), (2, 2));
    assert_eq!(get(TcpStream::connect(address).unwrap()), 503);
    assert_eq!(connections.refused(), 1);
    drop(kept);
    assert_eq!(connections.wait(later(), false), 0);
    assert_eq!(get(TcpStream::connect(address).unwrap()), 200);
    acceptor.stop();
}

#[test]
fn shutdown_wakes_and_joins_every_thread() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Connections::new(100, STACK);
    let gone = Arc::new(AtomicUsize::new(0));
    struct Gone(Arc<AtomicUsize>);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    thread_local!(static ON_EXIT: std::cell::RefCell<Option<Gone>> = const { std::cell::RefCell::new(None) });
    let (entered, enters) = channel();
    let entered = Mutex::new(entered);
    let count = Arc::clone(&gone);
    let acceptor = Acceptor::start(
        Listener::Tcp(listener),
        Arc::clone(&connections),
        Speaks::Http,
        move |a| {
            ON_EXIT.with(|slot| *slot.borrow_mut() = Some(Gone(Arc::clone(&count))));
            entered.lock().unwrap().send(()).unwrap();
            let _ = http(a);
        },
    )
    .unwrap();
    let clients: Vec<_> = (0..30).map(|_| TcpStream::connect(address).unwrap()).collect();
    (0..30).for_each(|_| enters.recv().unwrap());
    assert_eq!(connections.wait(Instant::now(), false), 30, "a deadline that has passed");
    acceptor.stop();
    connections.close();
    connections.abort();
    assert_eq!(connections.wait(later(), false), 0);
    // Destructors of thread locals run at the very end of a thread.
    assert_eq!(gone.load(SeqCst), 30);
    drop(clients);
    let (_client, server) = sockets();
    let stream = Arc::new(Stream::from(server));
    assert!(matches!(connections.enter(Some(stream), None, Use::Connection), Err(Refused::Closed)));
}

#[test]
fn a_panic_ends_its_connection_alone() {
    let connections = Connections::new(100, STACK);
    for panics in [true, false] {
        let (client, server) = sockets();
        let accepted = Accepted::new(Arc::new(Stream::from(server)));
        connections
            .spawn(accepted, Speaks::Http, move |accepted| {
                assert!(!panics, "on purpose");
                http(accepted)
            })
            .unwrap();
        assert_eq!(get(client), if panics { 0 } else { 200 });
    }
    assert_eq!(connections.wait(later(), false), 0);
    assert_eq!(connections.panicked(), 1);
}

/// What a handshake leaves on a stack is not to stay with a connection.
#[test]
fn a_connection_goes_on_on_another_thread_than_its_handshake() {
    let connections = Connections::new(100, STACK);
    let (told, heard) = channel();
    let (client, server) = sockets();
    let accepted = Accepted::new(Arc::new(Stream::from(server)));
    let shake_hands = move |accepted| {
        let shaken = std::thread::current().id();
        Served::Moves(Box::new(move || {
            told.send((shaken, std::thread::current().id())).unwrap();
            http(accepted)
        }))
    };
    connections.spawn(accepted, Speaks::Tls, shake_hands).unwrap();
    let (shaken, served) = heard.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_ne!(shaken, served);
    assert_eq!(connections.len(), 1);
    assert_eq!(get(client), 200);
    assert_eq!(connections.wait(later(), false), 0);
}

/// Thread exhaustion: the connection is refused and counted, and the next is
/// served.
#[test]
fn thread_exhaustion_refuses_and_recovers() {
    let connections = Connections::new(100, usize::MAX / 4);
    let (client, server) = sockets();
    let accepted = Accepted::new(Arc::new(Stream::from(server)));
    let refused = connections.spawn(accepted, Speaks::Http, http);
    assert!(matches!(refused, Err(Refused::Thread(_))), "{refused:?}");
    assert_eq!((connections.len(), connections.refused(), connections.opened()), (0, 1, 0));
    drop(client);
}

/// Fails in a given way before it accepts.
struct Flaky {
    listener: TcpListener,
    faults: Mutex<VecDeque<Errno>>,
    ready: OwnedFd,
}

impl AsFd for Flaky {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self.faults.lock().unwrap().is_empty() {
            true => self.listener.as_fd(),
            false => self.ready.as_fd(),
        }
    }
}

impl Incoming for Flaky {
    fn accept(&self) -> io::Result<(Stream, Option<SocketAddr>)> {
        if let Some(fault) = self.faults.lock().unwrap().pop_front() {
            return Err(fault.into());
        }
        self.listener.accept().map(|(tcp, from)| (Stream::from(tcp), Some(from)))
    }
}

/// File descriptor exhaustion and the other errors of accept: the loop goes on
/// after each.
#[test]
fn fd_exhaustion_and_passing_errors_do_not_end_the_loop() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let faults = [
        Errno::CONNABORTED,
        Errno::INTR,
        Errno::PROTO,
        Errno::AGAIN,
        Errno::NOBUFS,
        Errno::NOMEM,
        Errno::MFILE,
        Errno::NFILE,
        Errno::PERM,
        Errno::IO,
    ];
    let ready = rustix::event::eventfd(1, rustix::event::EventfdFlags::CLOEXEC).unwrap();
    let flaky = Flaky { listener, faults: Mutex::new(faults.into()), ready };
    let connections = Connections::new(100, STACK);
    let acceptor = Acceptor::start_on(flaky, Arc::clone(&connections), Speaks::Http, http).unwrap();
    assert_eq!(get(TcpStream::connect(address).unwrap()), 200);
    acceptor.stop();
}

/// With no descriptor left a newcomer is turned away at once rather than left
/// hanging.
#[test]
fn fd_exhaustion_spends_the_reserve() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let client = TcpStream::connect(address).unwrap();
    let faults = Mutex::new(VecDeque::from([Errno::MFILE]));
    let ready = rustix::event::eventfd(1, rustix::event::EventfdFlags::CLOEXEC).unwrap();
    let connections = Connections::new(100, STACK);
    let flaky = Flaky { listener, faults, ready };
    let acceptor = Acceptor::start_on(flaky, Arc::clone(&connections), Speaks::Http, http).unwrap();
    assert_eq!(get(client), 503);
    // One that comes while newcomers are still turned away is turned away too.
    let deadline = later();
    while get(TcpStream::connect(address).unwrap()) == 503 {
        assert!(Instant::now() < deadline, "the reserve is spent once");
    }
    assert_eq!(get(TcpStream::connect(address).unwrap()), 200);
    acceptor.stop();
}

/// Threads that ended do not pile up unjoined.
#[test]
fn churn_leaves_nothing_behind() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Connections::new(1000, STACK);
    let acceptor =
        Acceptor::start(Listener::Tcp(listener), Arc::clone(&connections), Speaks::Http, http)
            .unwrap();
    for _ in 0..10 {
        for _ in 0..49 {
            drop(TcpStream::connect(address).unwrap());
        }
        assert_eq!(get(TcpStream::connect(address).unwrap()), 200);
    }
    acceptor.stop();
    connections.close();
    assert_eq!(connections.wait(later(), false), 0);
    assert_eq!(connections.opened() + connections.refused(), 500);
}

/// Panics before each connection.
struct Panicky(TcpListener, AtomicUsize);

impl AsFd for Panicky {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Incoming for Panicky {
    fn accept(&self) -> io::Result<(Stream, Option<SocketAddr>)> {
        let (tcp, from) = self.0.accept()?;
        if self.1.fetch_add(1, SeqCst).is_multiple_of(2) {
            panic!("on the thread of a listener");
        }
        Ok((Stream::from(tcp), Some(from)))
    }
}

#[test]
fn a_panic_does_not_end_the_loop_and_is_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Connections::new(100, STACK);
    let incoming = Panicky(listener, AtomicUsize::new(0));
    let acceptor =
        Acceptor::start_on(incoming, Arc::clone(&connections), Speaks::Http, http).unwrap();
    for panics in 1..4 {
        // The one whose accept panicked is gone.
        assert!(rest(&mut TcpStream::connect(address).unwrap()).is_empty());
        assert_eq!(get(TcpStream::connect(address).unwrap()), 200);
        assert_eq!(connections.panicked(), panics);
    }
    acceptor.stop();
}
