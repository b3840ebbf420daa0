//! This crate's client and its server.

use std::thread;
use std::time::Duration;

use primus::{Builder, Client, Ended, Error, ManualClock, Primus, Spark};

use crate::server::SOON;

/// A server that echoes, and ends when it is told so; its port.
fn serve(builder: Builder) -> (Primus, u16) {
    let primus = builder.transformer("browserchannel").build().unwrap();
    primus.on_connection(|spark: &Spark| {
        spark.on_data(|spark, message| match message.as_str() {
            Some("end") => spark.end(),
            _ => drop(spark.write(message.value()).unwrap()),
        });
    });
    let port = primus.listen("127.0.0.1:0").unwrap().port();
    (primus, port)
}

fn client(port: u16) -> Client {
    Client::builder(&format!("http://127.0.0.1:{port}"))
        .transformer("browserchannel")
        .strategy("off")
        .connect()
        .unwrap()
}

#[test]
fn order_is_kept_over_streams_that_end() {
    let (primus, port) = serve(Primus::builder());
    let client = client(port);
    let writer = client.clone();
    let writing = thread::spawn(move || {
        for n in 0..5_000 {
            writer.write(&format!("{n:0100}😀")).unwrap();
        }
    });
    for n in 0..5_000 {
        let message = client.recv_timeout(SOON).unwrap();
        assert_eq!(message.as_str(), Some(&*format!("{n:0100}😀")));
    }
    writing.join().unwrap();
    client.write("end").unwrap();
    match client.recv_timeout(SOON).unwrap_err() {
        Error::Ended(why) => assert_eq!((why.by, why.code), (Ended::Remote, 1000)),
        other => panic!("{other:?}"),
    }
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
    client.write(&"x".repeat(100_000)).unwrap();
    assert_eq!(client.recv_timeout(SOON).unwrap().as_str().map(str::len), Some(100_000));
    client.end();
    assert!(client.wait_end(SOON));
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
        client.write(round).unwrap();
        assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some(round));
        // Longer than a session lives without one, and than one is told nothing.
        clock.advance(Duration::from_secs(100));
    }
    client.write("still").unwrap();
    assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some("still"));
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
