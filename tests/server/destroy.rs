//! The end of a server. (Those that count what it leaves behind are in `counting`.)

use std::net::TcpStream;

use primus::{Destroy, Primus};

use crate::common::*;

#[test]
fn destroy_without_closing_keeps_the_pages() {
    let server = Server::echo(Primus::builder());
    server.primus.on_request(|_, _| tiny_http::Response::from_string("maintenance").boxed());
    let mut peer = server.open();
    wait_for("sparks", 1, || server.primus.connected());
    server.primus.destroy(Destroy::default().close(false));
    peer.expect_close_after_goodbye();
    server.wait_empty();
    let mut peer = server.connect();
    assert_eq!(peer.ask("GET /primus HTTP/1.1\r\nHost: x\r\n\r\n").body, "maintenance");
    let mut peer = server.connect();
    peer.send(&upgrade("/primus", ""));
    assert!(peer.read_head().starts_with("HTTP/1.1 200 "));
    server.primus.destroy(Destroy::default());
    assert!(TcpStream::connect(server.addr).is_err());
}
