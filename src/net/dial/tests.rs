use std::net::TcpListener;

use super::*;

/// A dialler that was told these addresses.
fn race(addresses: Vec<SocketAddr>, time: Option<Duration>) -> Dialler {
    let to = Destination {
        secure: None,
        host: "name.test".into(),
        port: 1,
        connector: None,
        until: time.map(|time| Instant::now() + time),
        waker: Arc::new(Waker::new().unwrap()),
    };
    let mut dialler = Dialler::idle(&to);
    dialler.found(addresses).unwrap();
    dialler
}

fn run(mut dialler: Dialler, limit: Duration) -> io::Result<Option<SocketAddr>> {
    let until = Instant::now() + limit;
    while Instant::now() < until {
        if let Some(stream) = dialler.next(Some(until))? {
            return Ok(stream.peer_addr());
        }
    }
    Ok(None)
}

/// Takes no connection: its backlog is full.
struct BlackHole(TcpListener, #[allow(dead_code)] Vec<Stream>);

impl BlackHole {
    fn new() -> Self {
        use rustix::net::{bind, listen};
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap();
        bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        listen(&socket, 0).unwrap();
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().unwrap();
        let full = (0..4).map(|_| start(address).unwrap()).collect();
        BlackHole(listener, full)
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }
}

fn open() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn refused() -> SocketAddr {
    open().1
}

const LONG: Duration = Duration::from_secs(20);

#[test]
fn a_black_hole_holds_up_nobody() {
    let (_listener, good) = open();
    let holes: Vec<_> = (0..3).map(|_| BlackHole::new()).collect();
    let mut addresses: Vec<_> = holes.iter().map(BlackHole::address).collect();
    addresses.push(good);
    let begun = Instant::now();
    assert_eq!(run(race(addresses, None), LONG).unwrap(), Some(good));
    assert!(begun.elapsed() >= HEAD_START * 3, "each has a head start");
}

#[test]
fn the_time_is_shared_over_the_addresses() {
    for (count, time) in [(1, 300), (5, 300), (20, 1_000)] {
        let (_listener, good) = open();
        let hole = BlackHole::new();
        let mut addresses = vec![hole.address(); count];
        addresses.push(good);
        let dialler = race(addresses, Some(Duration::from_millis(time)));
        let all = dialler.head_start * u32::try_from(count).unwrap();
        assert!(all < Duration::from_millis(time), "{count} in {time} ms");
        assert_eq!(run(dialler, LONG).unwrap(), Some(good));
    }
}

#[test]
fn the_next_need_not_wait_for_one_that_failed() {
    let (_listener, good) = open();
    let mut dialler = race(vec![refused(), refused(), good], None);
    // One that waited would not be there in time.
    dialler.head_start = 2 * LONG;
    assert_eq!(run(dialler, LONG).unwrap(), Some(good));
}

#[test]
fn one_that_is_late_still_counts() {
    // The first is refused only after the second is under way.
    let (hole, other) = (BlackHole::new(), BlackHole::new());
    let dialler = race(vec![hole.address(), other.address()], Some(LONG));
    let place = hole.address();
    // Ends with the process.
    thread::spawn(move || {
        thread::sleep(HEAD_START * 2);
        // Makes room in the backlog, and takes what waits for it.
        hole.0.incoming().map(Result::unwrap).collect::<Vec<_>>()
    });
    assert_eq!(run(dialler, LONG).unwrap(), Some(place));
}

#[test]
fn a_failure_names_every_address() {
    let (one, two) = (refused(), refused());
    let error = run(race(vec![one, two], None), LONG).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    let text = error.to_string();
    assert!(text.contains(&one.to_string()) && text.contains(&two.to_string()), "{text}");
    assert!(run(race(vec![], None), LONG).unwrap_err().to_string().contains("name.test:1"));
}

#[test]
fn families_take_turns() {
    let all = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "1.1.1.2:1"];
    let all = all.map(|text| text.parse::<SocketAddr>().unwrap()).to_vec();
    let order: Vec<_> = alternate(all).iter().map(ToString::to_string).collect();
    assert_eq!(order, ["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1", "[::3]:1"]);
}
