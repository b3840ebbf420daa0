//! This crate's client and its server, whatever the transformer.

use std::thread;

use primus::{Builder, Client, ClientBuilder, Primus, Spark};

use crate::server::SOON;

/// A server that echoes, and ends when it is told so; its port.
pub fn serve(builder: Builder) -> (Primus, u16) {
    let primus = builder.build().unwrap();
    primus.on_connection(|spark: &Spark| {
        spark.on_data(|spark, message| match message.as_str() {
            Some("end") => spark.end(),
            _ => drop(spark.write(message.value()).unwrap()),
        });
    });
    let port = primus.listen("127.0.0.1:0").unwrap().port();
    (primus, port)
}

/// The same with this transformer and its options.
pub fn serve_as(transformer: &str, options: &[(&str, &str)]) -> (Primus, u16) {
    let builder = Primus::builder().transformer(transformer);
    serve(options.iter().fold(builder, |builder, (name, value)| builder.transport(*name, *value)))
}

/// A client that does not reconnect.
pub fn client(transformer: &str, port: u16) -> ClientBuilder {
    Client::builder(&format!("http://127.0.0.1:{port}")).transformer(transformer).strategy("off")
}

/// The same with these transports, each of which has time.
pub fn client_by(transformer: &str, port: u16, transports: &str) -> Client {
    let client = client(transformer, port).transport("transports", transports);
    client.transport("timeout", "20000").connect().unwrap()
}

/// Many messages are written while they come back: nothing is lost, doubled or overtaken.
#[track_caller]
pub fn in_order(client: &Client, count: usize, tail: &str, what: &str) {
    let text = |n: usize| format!("{n:0100}{tail}");
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..count {
                client.write(&text(n)).unwrap();
            }
        });
        for n in 0..count {
            let message = client.recv_timeout(SOON).unwrap();
            assert_eq!(message.as_str(), Some(&*text(n)), "{what}");
        }
    });
}

/// A client ends that has written much.
#[track_caller]
pub fn ends(client: &Client) {
    echoed(client, &"x".repeat(100_000));
    client.end();
    assert!(client.wait_end(SOON));
}

#[track_caller]
pub fn echoed(client: &Client, text: &str) {
    client.write(text).unwrap();
    assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some(text));
}
