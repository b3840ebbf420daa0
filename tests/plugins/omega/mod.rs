//! omega-supreme: the end point as anybody finds it, and what a server forwards.

mod endpoint;
mod forward;
mod hostile;
mod many;
mod options;
mod stub;

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use primus::plugins::Omega;
use primus::{Builder, Primus};
use serde::Deserialize;

use crate::common::*;

/// `omega:supreme`, as the recordings have it.
const AUTHORIZATION: &str = "Authorization: Basic b21lZ2E6c3VwcmVtZQ==";

fn omega() -> Omega {
    Omega::new("omega", "supreme")
}

/// A server whose sparks are called so, each with its number behind.
fn serving(name: &'static str, builder: Builder, omega: Omega) -> Server {
    let count = AtomicUsize::new(0);
    let next = move |_: &_| format!("{name}-{}", count.fetch_add(1, Ordering::Relaxed) + 1);
    Server::start(builder.id_generator(next).plugin(omega))
}

fn server() -> Server {
    serving("spark", Primus::builder(), omega())
}

/// So many clients, in the order of the ids.
fn clients(server: &Server, count: usize) -> Vec<Peer> {
    let open = |_| {
        let before = server.primus.connected();
        let peer = server.open();
        wait_for("it is known", before + 1, || server.primus.connected());
        peer
    };
    (0..count).map(open).collect()
}

/// A request with these header lines, each ending in CR LF, and this body.
fn request(line: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("{line} HTTP/1.1\r\nHost: h\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
}

/// One that is let in.
fn put(body: &str) -> String {
    request("PUT /primus/omega/supreme", &format!("{AUTHORIZATION}\r\n"), body)
}

/// One element of a recording.
#[derive(Clone, Debug, Deserialize)]
struct Recorded {
    dir: String,
    text: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    conn: String,
}

fn recorded(name: &str) -> Vec<Recorded> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/plugins/omega-supreme");
    let text = fs::read_to_string(format!("{folder}/{name}.json")).expect(name);
    serde_json::from_str(&text).expect(name)
}
