//! Sessions that are too many, and messages that are no texts.

use primus::parsers::{CustomParser, Peer as Side};
use primus::{BoxError, Error, Frame, Parser, Primus, Value};

use crate::client::*;
use crate::common::*;

#[test]
fn sessions_whose_clients_do_not_come_back_make_room() {
    let server = echo(limited(|limits| limits.fresh_sessions = 10));
    let mut kept = Client::open(server.addr);
    kept.round("1");
    let all: Vec<_> = (0..30).map(|_| Client::open(server.addr)).collect();
    wait_for("sparks", 11, || server.primus.connected());
    assert!(!all[0].is_known() && all[29].is_known());
    kept.round("2");
}

/// Makes bytes of what it is given.
struct Bytes;

impl CustomParser for Bytes {
    fn encode(&self, value: &Value, _: &dyn Side) -> Result<Option<Frame>, BoxError> {
        Ok(Some(match value.as_str() {
            Some(text) => Frame::text(text),
            None => Frame::binary(*b"bytes"),
        }))
    }

    fn decode(&self, frame: &Frame, _: &dyn Side) -> Result<Value, BoxError> {
        Ok(frame.as_text().unwrap_or_default().into())
    }
}

#[test]
fn bytes_are_an_error_where_they_are_written() {
    let server = Server::start(sockjs(Primus::builder().parser(Parser::custom(Bytes))));
    let mut client = Client::open(server.addr);
    let spark = server.spark();
    for error in [spark.write(&1).unwrap_err(), server.primus.write(&1).unwrap_err()] {
        let text = error.to_string();
        assert!(matches!(error, Error::Parser(_)), "{text}");
        assert!(text.contains("`sockjs` carries text only"), "{text}");
    }
    let error = spark.write_frame(&Frame::binary(*b"x")).unwrap_err();
    assert!(matches!(&error, Error::Misuse(text) if text.contains("sockjs")), "{error}");
    spark.write("text").unwrap();
    assert_eq!(client.poll(), r#"a["text"]"#);
    let binary = sockjs(Primus::builder().parser(Parser::BINARY)).build().unwrap_err().to_string();
    assert!(binary.contains("carries text only") && binary.contains("`ejson`"), "{binary}");
}
