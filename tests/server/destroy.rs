//! The end of a server. (Those that count what it leaves behind are in `counting`.)

use std::net::TcpStream;
use std::time::Duration;

use primus::{Destroy, Error, Primus};

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

#[test]
fn messages_go_on_until_the_listeners_of_the_end_have_returned() {
    let server = Server::echo(Primus::builder());
    let mut peer = server.open();
    wait_for("sparks", 1, || server.primus.connected());
    let (address, (tell, told)) = (server.addr, crossbeam_channel::unbounded());
    server.primus.on_closing(move |primus| {
        // Nobody new is let in.
        let mut late = Peer::connect(address);
        late.send(&upgrade("/primus", ""));
        let refused = late.read_head();
        drop(tell.send((primus.write("farewell"), primus.write_to("to you", |_| true), refused)));
    });
    server.primus.destroy(Destroy::default().timeout(Duration::from_millis(300)));
    let (all, some, refused) = told.recv_timeout(PATIENCE).unwrap();
    assert!(all.is_ok() && some.is_ok_and(|count| count == 1), "they are sent");
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert_eq!(
        (peer.expect_text(), peer.expect_text()),
        ("\"farewell\"".into(), "\"to you\"".into())
    );
    assert!(matches!(server.primus.write("late"), Err(Error::Closed)));
}
