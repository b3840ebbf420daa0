//! This crate's client and its server.

use primus::{Client, Ended, Primus, Spark};

use super::server::WAYS;
use crate::own;
use crate::server::{SOON, end};

fn serve(options: &[(&str, &str)]) -> (Primus, u16) {
    own::serve_as("sockjs", options)
}

fn client(port: u16, way: &str) -> Client {
    own::client_by("sockjs", port, way)
}

#[test]
fn order_is_kept_over_streams_and_polls_that_end() {
    let (primus, port) = serve(&[("response_limit", "2000")]);
    for way in WAYS {
        let client = client(port, way);
        own::in_order(&client, 2_000, "😀", way);
        client.write("end").unwrap();
        let why = end(&client);
        assert_eq!((why.by, why.code), (Ended::Remote, 1000), "{way}");
    }
    primus.destroy(Default::default());
}

/// At once, not when the client has been away for long.
#[test]
fn the_end_of_a_client_is_heard() {
    let (primus, port) = serve(&[("disconnect_delay", "60000")]);
    let (tell, told) = crossbeam_channel::unbounded();
    primus.on_disconnection(move |_: &Spark| tell.send(()).unwrap());
    for way in WAYS {
        let client = client(port, way);
        own::ends(&client);
        assert!(told.recv_timeout(SOON).is_ok(), "{way}");
    }
    assert_eq!(primus.connected(), 0);
    primus.destroy(Default::default());
}

#[test]
fn a_server_without_websocket_streams() {
    let (primus, port) = serve(&[("websocket", "false")]);
    let client = client(port, "websocket,xhr-streaming");
    own::echoed(&client, "in");
    client.end();
    primus.destroy(Default::default());
}
