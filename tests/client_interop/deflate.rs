//! permessage-deflate against `ws`, as Primus 8 has it with `compression: true`: it
//! keeps contexts unless told otherwise, and compresses the smallest message then.

use primus::{Client, Compression, Value};

use crate::tap::Tap;
use crate::{Node, SOON, echoed, json};

#[test]
fn messages_are_compressed_both_ways() {
    let base = Compression::default();
    let keeps = base.clone().server_context_takeover(true).client_context_takeover(true);
    for transformer in ["websockets", "engine.io"] {
        let Some(node) = Node::start(&["--compression", "--transformer", transformer]) else {
            return;
        };
        for ours in [
            base.clone(),
            keeps.clone(),
            keeps.clone().threshold(0).level(1),
            base.clone().server_max_window_bits(10).client_max_window_bits(9),
            keeps.clone().server_max_window_bits(9).client_max_window_bits(12),
        ] {
            let tap = Tap::to(node.port);
            let mut client = Client::builder(&format!("http://127.0.0.1:{}", tap.port))
                .transformer(transformer)
                .compression(ours.clone());
            if transformer == "engine.io" {
                client = client.transport("transports", "websocket");
            }
            let client = client.connect().unwrap();
            for _ in 0..3 {
                echoed(&client, &json(r#"{"a":["b",1,null],"é":"😀\u2028漢"}"#));
                echoed(&client, &Value::from("a string"));
                echoed(&client, &Value::from(""));
                echoed(&client, &Value::from("é😀 text ".repeat(20 << 10)));
                echoed(&client, &Value::from((0..3000).map(Value::from).collect::<Vec<_>>()));
            }
            client.write("broadcast:3:5000").unwrap();
            for _ in 0..3 {
                let got = client.recv_timeout(SOON).unwrap();
                assert_eq!(got.as_str(), Some(&*"x".repeat(5000)));
            }
            assert!(tap.compressed() >= 6, "{transformer} {ours:?}: {}", tap.compressed());
            client.end();
            assert!(client.wait_end(SOON));
        }
    }
}

#[test]
fn a_server_that_does_not_compress_is_spoken_to_as_ever() {
    let Some(node) = Node::start(&[]) else { return };
    let tap = Tap::to(node.port);
    let url = format!("http://127.0.0.1:{}", tap.port);
    let client = Client::builder(&url).compression(true).connect().unwrap();
    echoed(&client, &Value::from("é😀 text ".repeat(20 << 10)));
    assert_eq!(tap.compressed(), 0);
    client.end();
}
