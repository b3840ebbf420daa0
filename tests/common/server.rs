//! A server under test.

use std::net::SocketAddr;
use std::time::Duration;

use crossbeam_channel::Sender;
use primus::{Builder, Destroy, Destroyed, Limits, Primus, Spark};

use super::peer::Peer;
use super::wait::{wait_for, wait_until};

/// A server on a port of its own, destroyed at the end of the test.
pub struct Server {
    pub primus: Primus,
    pub addr: SocketAddr,
    /// A listener of the test does not return, which is the point of it.
    pub may_be_stuck: bool,
}

impl Server {
    /// A server that listens.
    pub fn start(builder: Builder) -> Server {
        let primus = builder.build().expect("build");
        let addr = primus.listen(("127.0.0.1", 0)).expect("listen");
        Server { primus, addr, may_be_stuck: false }
    }

    /// A server that echoes every message.
    pub fn echo(builder: Builder) -> Server {
        let server = Server::start(builder);
        server.primus.on_connection(|spark| {
            spark.on_data(|spark, message| spark.write_frame(message.frame()).map(drop));
        });
        server
    }

    /// A client that has come through the handshake.
    pub fn open(&self) -> Peer {
        Peer::open(self.addr)
    }

    /// A raw connection.
    pub fn connect(&self) -> Peer {
        Peer::connect(self.addr)
    }

    /// The one spark that is connected.
    pub fn spark(&self) -> Spark {
        let mut found = None;
        wait_until("one spark is connected", || {
            let mut sparks = Vec::new();
            self.primus.for_each(|spark| sparks.push(spark.clone()));
            assert!(sparks.len() < 2, "more than one spark");
            found = sparks.pop();
            found.is_some()
        });
        found.unwrap()
    }

    /// Checks that a newcomer is served by this echo server.
    pub fn still_serves(&self) {
        let mut peer = self.open();
        peer.text("\"still there?\"");
        assert_eq!(peer.expect_text(), "\"still there?\"");
        peer.close();
    }

    /// [`still_serves`](Self::still_serves) while others are connected.
    pub fn still_serves_beside(&self) {
        let mut peer = self.open();
        peer.text("1");
        assert_eq!(peer.expect_text(), "1");
    }

    /// Waits until no connection is left.
    pub fn wait_empty(&self) {
        wait_for("sparks left", 0, || self.primus.connected());
    }

    /// Ends the server now.
    pub fn destroy(&self) -> Destroyed {
        self.primus.destroy(Destroy::default().timeout(Duration::from_millis(200)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let destroyed = self.destroy();
        if !std::thread::panicking() && !self.may_be_stuck {
            assert_eq!(destroyed.stuck, 0, "threads are stuck");
        }
    }
}

/// The default options with some limits changed.
pub fn limited(change: impl FnOnce(&mut Limits)) -> Builder {
    let mut limits = Limits::default();
    change(&mut limits);
    Primus::builder().limits(limits)
}

/// What a spark that ends for good sends before.
pub const CLOSE_MESSAGE: &str = "\"primus::server::close\"";

/// Sends to a test that may be over.
pub fn tell<T>(to: &Sender<T>, what: T) {
    let _ = to.send(what);
}
