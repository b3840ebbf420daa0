//! A server that answers what it is told, and tells what it was asked.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::common::PATIENCE;

/// What it says to a request: the bytes, and whether the connection goes on.
pub type Say = (Vec<u8>, bool);

/// See the module.
pub struct Stub {
    pub addr: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<String>>,
    connections: AtomicUsize,
    open: AtomicUsize,
}

impl Stub {
    /// On any address of this machine.
    pub fn start(say: impl Fn(&str) -> Say + Send + Sync + 'static) -> Stub {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, say) = (Arc::new(Seen::default()), Arc::new(say));
        let stub = Stub { addr: (Ipv4Addr::LOCALHOST, port).into(), seen: seen.clone() };
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (seen, say) = (seen.clone(), say.clone());
                thread::spawn(move || serve(&stream.unwrap(), &seen, &*say));
            }
        });
        stub
    }

    /// That answers every request with this.
    pub fn saying(text: &str, goes_on: bool) -> Stub {
        let bytes = text.as_bytes().to_vec();
        Stub::start(move |_| (bytes.clone(), goes_on))
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// How many connections have been made.
    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// How many are there now.
    pub fn open(&self) -> usize {
        self.seen.open.load(Ordering::SeqCst)
    }
}

/// An answer of omega-supreme.
pub fn sent(count: usize) -> String {
    let body = format!(r#"{{ "ok": true, "send":{count} }}"#);
    answer("200 OK", &body)
}

/// An answer with this status and body, after which the connection stays.
pub fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: keep-alive\r\nKeep-Alive: timeout=60\r\n\r\n{body}"
    )
}

fn serve(stream: &TcpStream, seen: &Seen, say: &dyn Fn(&str) -> Say) {
    seen.connections.fetch_add(1, Ordering::SeqCst);
    seen.open.fetch_add(1, Ordering::SeqCst);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    while let Some(request) = read_request(stream) {
        seen.requests.lock().unwrap().push(request.clone());
        let (bytes, goes_on) = say(&request);
        let mut stream = stream;
        if stream.write_all(&bytes).is_err() || !goes_on {
            break;
        }
    }
    seen.open.fetch_sub(1, Ordering::SeqCst);
}

fn read_request(mut stream: &TcpStream) -> Option<String> {
    let mut text = String::new();
    let mut byte = [0; 1];
    let mut whole = usize::MAX;
    while text.len() < whole {
        match stream.read(&mut byte) {
            Ok(1) => text.push(char::from(byte[0])),
            _ => return None,
        }
        if whole == usize::MAX && text.ends_with("\r\n\r\n") {
            let length = crate::common::header_of(&text, "content-length").unwrap();
            whole = text.len() + length.parse::<usize>().unwrap();
        }
    }
    Some(text)
}
