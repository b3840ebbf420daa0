//! permessage-deflate with `ws`, by which the JavaScript clients speak: it offers that
//! by itself.

use primus::Compression;
use serde_json::json;

use crate::driver::{Driver, V6, V8, need_node};
use crate::server::Server;

#[test]
fn messages_are_compressed_both_ways() {
    need_node!();
    let base = Compression::default();
    let keeps = base.clone().server_context_takeover(true).client_context_takeover(true);
    for kind in [V8, V6] {
        for ours in [
            base.clone(),
            keeps.clone(),
            keeps.clone().threshold(0),
            base.clone().server_max_window_bits(9).client_max_window_bits(10),
        ] {
            let server = Server::start(kind.builder().compression(ours));
            let mut node = Driver::start(kind);
            let client = node.open(&server.url());
            let spark = server.spark();
            let offers = spark.request().header("sec-websocket-extensions");
            assert!(offers.is_some_and(|offers| offers.contains("permessage-deflate")));
            for round in 0..3 {
                let long = format!("{round} é😀 ").repeat(20 << 10);
                for value in [json!("short"), json!(""), json!(long), json!({"a": [1, null]})] {
                    node.write(client, value.clone());
                    assert_eq!(node.data(client), value);
                }
                server.primus.write(&long).unwrap();
                assert_eq!(node.data(client), json!(long));
            }
        }
    }
}
