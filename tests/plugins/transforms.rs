//! What transforms see of streams inside a connection: what `substream` and
//! `primus-multiplex` of npm have theirs see.

use std::sync::mpsc::{Receiver, Sender, channel};

use primus::plugins::multiplex::{Multiplex, OpenChannel, PrimusChannels};
use primus::plugins::substream::{OpenSubstream, Substreams};
use primus::{BoxError, Error, Primus, Result, Value};
use serde_json::json;

use crate::common::{PATIENCE, Server, wait_for};

fn next(told: &Receiver<String>) -> String {
    told.recv_timeout(PATIENCE).unwrap()
}

/// Tells what passes.
fn probe<P>(
    tell: &Sender<String>,
    name: &'static str,
) -> impl Fn(&P, Value) -> Result<Option<Value>, BoxError> + Send + Sync + use<P> {
    let tell = tell.clone();
    move |_, value| {
        tell.send(format!("{name} {value}"))?;
        Ok(Some(value))
    }
}

fn recorded(at: usize) -> String {
    let file =
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/plugins/substream/transformers.json");
    let frames: Value =
        serde_json::from_str::<serde_json::Value>(&std::fs::read_to_string(file).unwrap())
            .unwrap()
            .into();
    frames[at]["text"].as_str().unwrap().to_owned()
}

#[test]
fn a_servers_see_what_is_inside_of_a_stream_and_never_the_envelope() {
    let (tell, told) = channel();
    let server = Server::start(Primus::builder().plugin(Substreams::new()));
    server.primus.transform_incoming(probe(&tell, "in"));
    server.primus.transform_outgoing(probe(&tell, "out"));
    let data = tell.clone();
    server.primus.on_connection(move |spark| -> Result<()> {
        let foo = spark.substream("foo")?;
        let of_foo = data.clone();
        foo.on_data(move |foo, message| -> Result<(), BoxError> {
            of_foo.send(format!("foo {message}"))?;
            foo.write(&json!({ "r": 1 }))?;
            Ok(())
        });
        let data = data.clone();
        spark.on_data(move |_, message| data.send(format!("data {}", message.value())));
        Ok(())
    });
    let mut peer = server.open();
    peer.text(&recorded(0));
    let inside = r#"{"m":1,"t":"substream"}"#;
    assert_eq!([next(&told), next(&told)], [format!("in {inside}"), format!("foo {inside}")]);
    assert_eq!(next(&told), r#"out {"r":1}"#);
    assert_eq!(peer.expect_text(), recorded(1));
    peer.text(&recorded(2));
    let plain = r#"{"m":2,"t":"primus"}"#;
    assert_eq!([next(&told), next(&told)], [format!("in {plain}"), format!("data {plain}")]);
    // For a name that is not open, it is data, and passes as that does.
    let nobody = r#"{"substream":"bar","args":1}"#;
    peer.text(nobody);
    assert_eq!([next(&told), next(&told)], [format!("in {nobody}"), format!("data {nobody}")]);
    // The end is no message.
    peer.text(r#"{"substream":"foo","args":"substream::end"}"#);
    peer.text("1");
    assert_eq!([next(&told), next(&told)], ["in 1", "data 1"]);
}

#[test]
fn a_clients_see_what_is_inside_of_a_stream_and_never_the_envelope() {
    // A server without the plugin, to which an envelope is a message.
    let server = Server::start(Primus::builder());
    let (tell, told) = channel();
    let data = tell.clone();
    server.primus.on_connection(move |spark| {
        let data = data.clone();
        spark.on_data(move |_, message| data.send(format!("wire {}", message.value())));
    });
    let pair = primus::testing::pair(&server.primus, |client| client.plugin(Substreams::new()));
    let pair = pair.unwrap();
    let (client, spark) = (pair.client(), pair.spark().unwrap());
    client.transform_outgoing(|_, value| Ok(Some(Value::from([("sent", value)]))));
    client.transform_incoming(probe(&tell, "in"));
    let foo = client.substream("foo").unwrap();
    let of_foo = tell.clone();
    foo.on_data(move |_, message| of_foo.send(format!("foo {message}")));
    foo.write(&1).unwrap();
    assert_eq!(next(&told), r#"wire {"substream":"foo","args":{"sent":1}}"#);
    spark.write(&json!({ "substream": "foo", "args": [2] })).unwrap();
    assert_eq!([next(&told), next(&told)], ["in [2]", "foo [2]"]);
    foo.end();
    assert_eq!(next(&told), r#"wire {"substream":"foo","args":"substream::end"}"#);
    client.write(&3).unwrap();
    assert_eq!(next(&told), r#"wire {"sent":3}"#);
    assert!(told.try_recv().is_err());
}

#[test]
fn they_change_drop_and_refuse_what_is_inside_on_both_sides() {
    let server = Server::start(Primus::builder().plugin(Substreams::new()));
    let pair = primus::testing::pair(&server.primus, |client| client.plugin(Substreams::new()));
    let pair = pair.unwrap();
    let (client, spark) = (pair.client(), pair.spark().unwrap());
    let rule = |value: Value| match value.as_str() {
        Some("drop") => Ok(None),
        Some("bad") => Err("it is".into()),
        Some(text) => Ok(Some(format!("{text}!").into())),
        None => Ok(Some(value)),
    };
    let (tell, told) = channel();
    let (near, far) = (client.substream("s").unwrap(), spark.substream("s").unwrap());
    let of_far = tell.clone();
    far.on_data(move |_, message| of_far.send(format!("far {message}")));
    let of_near = tell.clone();
    near.on_data(move |_, message| of_near.send(format!("near {message}")));
    let errors = tell.clone();
    spark.on_error(move |_, error| errors.send(format!("spark {error}")));
    client.on_error(move |_, error| tell.send(format!("client {error}")));

    let incoming = server.primus.transform_incoming(move |_, value| rule(value));
    for text in ["drop", "bad", "fine"] {
        near.write(text).unwrap();
    }
    assert_eq!(next(&told), "spark message transform failed: it is");
    assert_eq!(next(&told), r#"far "fine!""#);
    server.primus.off(incoming);
    server.primus.transform_outgoing(move |_, value| rule(value));
    far.write("drop").unwrap();
    assert!(matches!(far.write("bad"), Err(Error::Transform(_))));
    assert_eq!(next(&told), "spark message transform failed: it is");
    far.write("fine").unwrap();
    assert_eq!(next(&told), r#"near "fine!""#);

    let outgoing = client.transform_outgoing(move |_, value| rule(value));
    near.write("drop").unwrap();
    assert!(matches!(near.write("bad"), Err(Error::Transform(_))));
    near.write("fine").unwrap();
    assert_eq!(next(&told), r#"far "fine!""#);
    client.off(outgoing);
    client.transform_incoming(move |_, value| rule(value));
    for text in ["bad?", "bad", "drop", "fine"] {
        spark.write(&json!({ "substream": "s", "args": text })).unwrap();
    }
    // What the server's transforms leave alone: they do not look into objects.
    assert_eq!(next(&told), r#"near "bad?!""#);
    assert_eq!(next(&told), "client message transform failed: it is");
    assert_eq!(next(&told), r#"near "fine!""#);
    assert!(near.is_open() && far.is_open() && told.try_recv().is_err());
}

/// In a text, what is said to be the end is no message.
#[test]
fn they_cannot_make_the_end_of_a_stream_by_mistake() {
    let server = Server::start(Primus::builder().plugin(Substreams::new()));
    let pair = primus::testing::pair(&server.primus, |client| client).unwrap();
    let stream = pair.spark().unwrap().substream("s").unwrap();
    server.primus.transform_outgoing(|_, _| Ok(Some("substream::end".into())));
    assert!(matches!(stream.write("x"), Err(Error::Misuse(_))));
    assert!(stream.is_open());
}

#[test]
fn they_see_the_packets_of_channels_on_both_sides() {
    let (tell, told) = channel();
    let server = Server::start(Primus::builder().plugin(Multiplex::new()));
    let news = server.primus.channel("news").unwrap();
    news.on_connection(|member| {
        member.on_data(|member, message| member.write(message));
    });
    server.primus.transform_incoming(probe(&tell, "server in"));
    server.primus.transform_outgoing(probe(&tell, "server out"));
    let pair = primus::testing::pair(&server.primus, |client| client.plugin(Multiplex::new()));
    let pair = pair.unwrap();
    let client = pair.client();
    client.transform_incoming(probe(&tell, "client in"));
    client.transform_outgoing(probe(&tell, "client out"));
    let channel = client.channel("news").unwrap();
    let id = channel.id().to_owned();
    let subscribe = format!(r#"[1,"{id}","news"]"#);
    assert_eq!(next(&told), format!("client out {subscribe}"));
    assert_eq!(next(&told), format!("server in {subscribe}"));
    wait_for("the subscription", 1, || news.connected());
    channel.write(&7).unwrap();
    let packet = format!(r#"[0,"{id}","news",7]"#);
    for who in ["client out", "server in", "server out", "client in"] {
        assert_eq!(next(&told), format!("{who} {packet}"));
    }
}
