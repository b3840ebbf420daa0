//! This crate's client and its server.

use std::time::Duration;

use primus::{Builder, Client, Ended, Error, ManualClock, Primus, Spark};

use crate::own;
use crate::server::{SOON, end};

fn serve(builder: Builder) -> (Primus, u16) {
    own::serve(builder.transformer("browserchannel"))
}

fn client(port: u16) -> Client {
    own::client("browserchannel", port).connect().unwrap()
}

#[test]
fn order_is_kept_over_streams_that_end() {
    let (primus, port) = serve(Primus::builder());
    let client = client(port);
    own::in_order(&client, 5_000, "😀", "");
    client.write("end").unwrap();
    let why = end(&client);
    assert_eq!((why.by, why.code), (Ended::Remote, 1000));
    primus.destroy(Default::default());
}

/// At once, not when the client has been away for long.
#[test]
fn the_end_of_a_client_is_heard() {
    let (primus, port) = serve(Primus::builder());
    let (tell, told) = crossbeam_channel::unbounded();
    primus.on_disconnection(move |spark: &Spark| {
        tell.send(spark.close_reason().unwrap().by).unwrap()
    });
    let client = client(port);
    own::ends(&client);
    assert_eq!(told.recv_timeout(SOON), Ok(Ended::Remote));
    primus.destroy(Default::default());
}

#[test]
fn a_quiet_session_lives() {
    let clock = ManualClock::new();
    let (primus, port) = serve(Primus::builder().clock(&clock).ping_interval(None));
    let client = client(port);
    for round in ["first", "second", "third"] {
        // It comes by the request that waits.
        own::echoed(&client, round);
        // Longer than a session lives without one, and than one is told nothing.
        clock.advance(Duration::from_secs(100));
    }
    own::echoed(&client, "still");
    primus.destroy(Default::default());
}

/// `binary` and `msgpack` make bytes.
#[test]
fn only_text_goes() {
    let server = Primus::builder().transformer("browserchannel").parser_name("binary").build();
    assert!(matches!(server, Err(Error::Option(text)) if text.contains("carries text only")));
    let client = Client::builder("http://127.0.0.1:1").transformer("browserchannel");
    let client = client.parser_name("binary").build();
    assert!(matches!(client, Err(Error::Option(text)) if text.contains("carries text only")));
}
