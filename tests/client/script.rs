//! An HTTP server that does what a test tells it, request by request.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::marker::PhantomData;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::ops::Deref;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use primus::{Client, ClientBuilder};

use crate::server::{Peer, SOON};

/// The server.
pub struct Script {
    port: u16,
    requests: Receiver<Request>,
    /// Requests that came before the one that was waited for.
    stash: RefCell<VecDeque<Request>>,
}

/// A request that was read whole.
pub struct Request {
    /// Which connection it came on, from 0.
    pub connection: usize,
    pub head: String,
    pub body: String,
    pub stream: TcpStream,
}

/// A server whose requests are those of a protocol, which has more to say of them.
pub struct Of<P>(Script, PhantomData<P>);

impl<P> Of<P> {
    pub fn new() -> Self {
        Of(Script::new(), PhantomData)
    }
}

impl<P> Deref for Of<P> {
    type Target = Script;

    fn deref(&self) -> &Script {
        &self.0
    }
}

impl Script {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, requests) = unbounded();
        thread::spawn(move || {
            for (connection, stream) in listener.incoming().flatten().enumerate() {
                stream.set_nodelay(true).unwrap();
                stream.set_write_timeout(Some(SOON)).unwrap();
                let tell = tell.clone();
                thread::spawn(move || read(connection, &stream, &tell));
            }
        });
        Script { port, requests, stash: RefCell::default() }
    }

    /// A client of it that is quick to reconnect.
    pub fn client(&self, transformer: &str) -> ClientBuilder {
        Client::builder(&format!("http://127.0.0.1:{}", self.port))
            .reconnect_min(Duration::from_millis(20))
            .transformer(transformer)
    }

    /// The next request that is like this.
    #[track_caller]
    pub fn next(&self, is: impl Fn(&Request) -> bool) -> Request {
        let mut stash = self.stash.borrow_mut();
        if let Some(at) = stash.iter().position(&is) {
            return stash.remove(at).unwrap();
        }
        loop {
            let request = self.requests.recv_timeout(SOON).expect("a request");
            if is(&request) {
                return request;
            }
            stash.push_back(request);
        }
    }

    /// The next request of any kind, if one comes in this time.
    pub fn try_next(&self, time: Duration) -> Option<Request> {
        let stashed = self.stash.borrow_mut().pop_front();
        stashed.or_else(|| self.requests.recv_timeout(time).ok())
    }

    /// The next GET that is no upgrade.
    #[track_caller]
    pub fn get(&self) -> Request {
        self.next(|request| request.is("GET") && !request.is_upgrade())
    }

    #[track_caller]
    pub fn post(&self) -> Request {
        self.next(|request| request.is("POST"))
    }

    /// The next upgrade; not yet answered.
    #[track_caller]
    pub fn upgrade(&self) -> Peer {
        let request = self.next(Request::is_upgrade);
        request.stream.set_read_timeout(Some(SOON)).unwrap();
        Peer { stream: request.stream, head: request.head }
    }

    /// The next upgrade, accepted.
    #[track_caller]
    pub fn accept(&self) -> Peer {
        let mut peer = self.upgrade();
        let answer = peer.switching();
        peer.send(answer.as_bytes());
        peer
    }

    /// Whether no request comes for a moment, of any kind.
    pub fn is_silent(&self) -> bool {
        self.stash.borrow().is_empty()
            && self.requests.recv_timeout(Duration::from_millis(100)).is_err()
    }

    /// Whether there is none now.
    pub fn is_idle(&self) -> bool {
        self.stash.borrow().is_empty() && self.requests.is_empty()
    }
}

impl Request {
    pub fn is(&self, method: &str) -> bool {
        self.head.starts_with(method)
    }

    pub fn is_upgrade(&self) -> bool {
        self.header("upgrade").is_some()
    }

    pub fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    /// The names of the query, in order.
    pub fn names(&self) -> Vec<&str> {
        let query = self.target().split_once('?').unwrap().1;
        query.split('&').map(|pair| pair.split('=').next().unwrap()).collect()
    }

    pub fn send(&self, bytes: impl AsRef<[u8]>) {
        (&self.stream).write_all(bytes.as_ref()).unwrap();
    }

    /// Answers with 200 and this body.
    pub fn answer(&self, body: &str) {
        self.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    }

    /// Answers with another status.
    pub fn refuse(&self, status: &str, body: &str) {
        let length = body.len();
        self.send(format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}"));
    }

    /// Closes the connection.
    pub fn cut(&self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// Tells the requests of one connection, until it ends or is upgraded.
fn read(connection: usize, stream: &TcpStream, tell: &Sender<Request>) {
    let mut reader = BufReader::with_capacity(1, stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match reader.read_line(&mut head) {
                Ok(1..) => {}
                _ => return,
            }
        }
        let stream = stream.try_clone().unwrap();
        let mut request = Request { connection, head, body: String::new(), stream };
        let length = request.header("content-length").map_or(0, |text| text.parse().unwrap());
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        request.body = String::from_utf8(body).unwrap();
        let is_upgrade = request.is_upgrade();
        if tell.send(request).is_err() || is_upgrade {
            return;
        }
    }
}
