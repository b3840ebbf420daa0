//! Messages that cannot be written, or not to everybody: they are not kept, and spoil nothing.

use std::sync::Mutex;

use primus::parsers::{CustomParser, Peer as Reader};
use primus::value::MAX_DEPTH;
use primus::{BoxError, Error, Frame, Parser};

use super::*;

/// Arrays inside of each other.
fn nested(levels: usize) -> Value {
    (1..levels).fold(Value::Array(Vec::new()), |inside, _| Value::from([inside]))
}

#[test]
fn one_that_is_too_deep_is_an_error_of_who_writes_it_and_is_not_kept() {
    let parsers = [
        Parser::JSON,
        Parser::EJSON,
        Parser::BINARY,
        #[cfg(feature = "msgpack")]
        Parser::MSGPACK,
    ];
    for parser in parsers {
        let builder = Primus::builder().parser(parser.clone()).plugin(Rooms::new());
        let server = Server::start(builder.plugin(History::new()));
        let primus = &server.primus;
        primus.on_connection(|spark| spark.join("r").map(drop));
        let got = Got::default();
        let client = Client::builder(&format!("http://{}", server.addr)).parser(parser.clone());
        let client = ours(client).connect_with(|client| got.listen(client)).unwrap();
        client.id(PATIENCE).unwrap();
        let room = primus.room("r");
        // What is around it takes two.
        let deepest = nested(MAX_DEPTH - 2);
        assert_eq!(room.write(&deepest).unwrap(), 1);
        for levels in [MAX_DEPTH - 1, MAX_DEPTH] {
            let error = room.write(&nested(levels)).unwrap_err();
            assert!(matches!(error, Error::Parser(_)), "{error}");
        }
        assert!(room.write(&nested(MAX_DEPTH + 1)).is_err());
        assert!(primus.room("nobody is here").write(&nested(MAX_DEPTH)).is_err());
        room.write(&1).unwrap();
        wait_for("the others come", vec![deepest.clone(), 1.into()], || got.data());
        assert!(got.told().is_empty(), "{:?}", got.told());
        // And so it is for whoever was away.
        primus.for_each(|spark| spark.end_options(EndOptions::default().reconnect(true)));
        room.write(&deepest).unwrap();
        room.write(&nested(MAX_DEPTH)).unwrap_err();
        room.write(&2).unwrap();
        wait_for("it is back", vec![1, 2], || got.numbers());
        wait_for("it is told", 1, || got.told().len());
        assert!(got.told()[0].1, "{:?}", got.told());
        assert_eq!(got.data()[2], deepest);
        client.destroy();
    }
}

/// JSON, in which some cannot be said.
struct Refuses(Arc<Mutex<Option<Value>>>);

impl CustomParser for Refuses {
    fn encode(&self, value: &Value, peer: &dyn Reader) -> Result<Option<Frame>, BoxError> {
        let refused = self.0.lock().unwrap().clone();
        if refused.is_some_and(|refused| format!("{value:?}").contains(&format!("{refused:?}"))) {
            return Err("it has no word for that".into());
        }
        Ok(Parser::JSON.encode(value, peer)?)
    }

    fn decode(&self, frame: &Frame, peer: &dyn Reader) -> Result<Value, BoxError> {
        Ok(Parser::JSON.decode(frame, peer)?)
    }
}

#[test]
fn one_that_the_parser_has_no_word_for_is_an_error_or_alone_does_not_come_back() {
    let refused = Arc::new(Mutex::new(Some(Value::from("odd"))));
    let builder = Primus::builder().parser(Parser::custom(Refuses(refused.clone())));
    let server = Server::start(builder.plugin(Rooms::new()).plugin(History::new()));
    let primus = &server.primus;
    primus.on_connection(|spark| spark.join("r").map(drop));
    let (pair, got) = come(&server);
    let room = primus.room("r");
    assert!(matches!(room.write("odd"), Err(Error::Parser(_))));
    assert!(primus.room("nobody is here").write("odd").is_err());
    room.write(&1).unwrap();
    wait_for("the others come", vec![1], || got.numbers());
    pair.link().refuse(true);
    pair.link().cut();
    server.wait_empty();
    // Later it has a word for it, and then no more.
    *refused.lock().unwrap() = None;
    (2..=3).for_each(|n| assert!(room.write(&n).is_ok()));
    room.write("odd").unwrap();
    (4..=5).for_each(|n| assert!(room.write(&n).is_ok()));
    *refused.lock().unwrap() = Some("odd".into());
    pair.link().heal();
    pair.client().open().unwrap();
    wait_for("it is back", vec![("r".to_owned(), false, 4)], || got.told());
    assert_eq!(got.data(), [1, 2, 3, 4, 5].map(Value::from));
    // And the next time it is whole.
    pair.link().cut();
    wait_for("it is back", 2, || got.told().len());
    assert_eq!(got.told()[1], ("r".to_owned(), true, 0));
}
