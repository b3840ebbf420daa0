//! RFC 6455 over real sockets, in the manner of the Autobahn test suite:
//! whatever a client sends, the connection ends as the RFC says or goes on, and
//! the next client is served.

#[path = "../common/mod.rs"]
mod common;

mod closing;
#[cfg(feature = "compression")]
mod deflate;
mod frames;
mod handshakes;

use primus::{CloseReason, Primus};

use crate::common::*;

/// An echo server that keeps the reasons for which its sparks ended.
fn echo() -> (Server, crossbeam_channel::Receiver<CloseReason>) {
    echo_with(Primus::builder())
}

fn echo_with(builder: primus::Builder) -> (Server, crossbeam_channel::Receiver<CloseReason>) {
    let server = Server::echo(builder);
    let (ended, reasons) = crossbeam_channel::unbounded();
    server.primus.on_connection(move |spark| {
        let ended = ended.clone();
        spark.on_end(move |_, reason| drop(ended.send(reason.clone())));
    });
    (server, reasons)
}

/// Sends bytes on an open connection; they must end it with this code.
fn breach(server: &Server, bytes: &[u8], code: u16) {
    let mut peer = server.open();
    peer.send(bytes);
    peer.expect_close(Some(code));
}
