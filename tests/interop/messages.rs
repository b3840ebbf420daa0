//! What is written at one end arrives at the other, in order.

use primus::Primus;
use serde_json::json;

use crate::driver::{Driver, Kind, V8, for_each_client, need_node};
use crate::server::Server;

/// The values are made and compared over there.
fn echo_values(kind: Kind, server: &Server, verbatim: bool) {
    let mut node = Driver::start(kind);
    node.quiet = true;
    let client = node.open(&server.url());
    node.command(json!({"command": "values", "client": client, "verbatim": verbatim}));
    let result = node.skip_to(client, "values");
    assert_eq!(result, json!({"missing": 0, "wrong": []}));
}

#[test]
fn values_pass_through_the_parser_unchanged() {
    need_node!();
    let server = Server::start_decoding(Primus::builder());
    echo_values(V8, &server, false);
}

/// Twice while the client polls, once from then on.
#[test]
fn engine_io_1_encodes_text_twice() {
    need_node!();
    let kind = Kind::engine("client-v5", "upgrade");
    let server = Server::start(kind.builder());
    let mut node = Driver::start(kind);
    let client = node.open_with(&server.url(), &[json!("é€漢字😀")]);
    node.expect(client, "open");
    assert_eq!(node.data(client), "é€漢字😀");
    node.upgraded(client);
    node.write(client, "é€漢字😀");
    assert_eq!(node.data(client), "é€漢字😀");
}

for_each_client! {
    fn values_of_all_shapes_are_echoed(kind) {
        need_node!();
        let server = Server::start(kind.builder());
        echo_values(kind, &server, true);
    }

    fn the_id_of_the_spark_is_told(kind) {
        need_node!();
        let server = Server::start(kind.builder());
        let mut node = Driver::start(kind);
        let client = node.open(&server.url());
        assert_eq!(node.id(client), server.spark().id());
    }

    fn what_is_written_before_open_arrives(kind) {
        need_node!();
        let server = Server::start(kind.builder());
        let mut node = Driver::start(kind);
        let client = node.open_with(&server.url(), &[json!("one"), json!({"two": 2}), json!(null)]);
        node.expect(client, "open");
        node.write(client, "four");
        for value in [json!("one"), json!({"two": 2}), json!(null), json!("four")] {
            assert_eq!(node.data(client), value);
        }
    }

    /// They stand right behind the answer to the handshake.
    fn the_first_frames_of_the_server_are_not_lost(kind) {
        need_node!();
        let server = Server::start_with(kind.builder(), |spark| {
            spark.write("welcome")?;
            spark.write(&[1, 2, 3])?;
            spark.write(spark.id())?;
            Ok(())
        });
        let mut node = Driver::start(kind);
        let client = node.open_with(&server.url(), &[json!("hello")]);
        node.expect(client, "open");
        assert_eq!(node.data(client), "welcome");
        assert_eq!(node.data(client), json!([1, 2, 3]));
        assert_eq!(node.data(client), server.spark().id());
        assert_eq!(node.data(client), "hello");
    }

    fn many_messages_keep_their_order(kind) {
        need_node!();
        let server = Server::start(kind.builder());
        let mut node = Driver::start(kind);
        let client = node.open(&server.url());
        let spark = server.spark();
        for n in 0..300 {
            node.write(client, n);
            spark.write(&format!("from the server {n}")).unwrap();
        }
        let (mut echoed, mut pushed) = (0, 0);
        while echoed + pushed < 600 {
            let data = node.data(client);
            match data.as_u64() {
                Some(n) => {
                    assert_eq!(n, echoed);
                    echoed += 1;
                }
                None => {
                    assert_eq!(data, format!("from the server {pushed}"));
                    pushed += 1;
                }
            }
        }
    }
}
